"""``pk__among=keys``: what ``pk__in=keys`` finds, with one parameter for any number of keys.

Thousands of parameters take longer to write, to send and to plan than their rows to find.
"""

import json
from typing import Any

from django.db import models


class Among(models.Lookup):
    lookup_name = "among"

    def get_prep_lookup(self) -> list[int]:
        return sorted(self.rhs)

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, parameters = self.process_lhs(compiler, connection)
        keys = json.dumps(self.rhs)
        return f"{column} IN (SELECT value FROM json_each(%s))", (*parameters, keys)  # noqa: S608 -- a column

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, parameters = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s::bigint[])", (*parameters, self.rhs)


models.BigAutoField.register_lookup(Among)
models.ForeignKey.register_lookup(Among)
