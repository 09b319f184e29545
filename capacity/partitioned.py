"""Tables that PostgreSQL keeps in one part per month; plain tables on SQLite."""

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations import CreateModel
from django.db.migrations.state import ProjectState


class CreatePartitionedModel(CreateModel):
    """``CreateModel``, range-partitioned by ``measured_on`` on PostgreSQL.

    Makes only the default partition: a migration has no clock, so the months are the work of
    ``maintain_partitions``.
    """

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        editor: Any = schema_editor
        if editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, editor, from_state, to_state)
            return
        plain = editor.sql_create_table
        editor.sql_create_table = f"{plain} PARTITION BY RANGE (measured_on)"
        try:
            super().database_forwards(app_label, editor, from_state, to_state)
        finally:
            editor.sql_create_table = plain
        table = to_state.apps.get_model(app_label, self.name)._meta.db_table
        default = editor.quote_name(f"{table}_default")
        editor.execute(f"CREATE TABLE {default} PARTITION OF {editor.quote_name(table)} DEFAULT")
