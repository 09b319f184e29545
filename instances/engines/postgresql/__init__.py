"""PostgreSQL 12 to 18."""

from instances.engines.postgresql.engine import PostgreSQLEngine

ENGINE = PostgreSQLEngine
