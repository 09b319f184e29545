"""MySQL 5.7 to 9.x and MariaDB 10.5 and newer, which share a driver and most grant tables."""

from instances.engines.mysql.engine import MySQLEngine

ENGINE = MySQLEngine
