"""Which grants a rule asks for, where a row may hold for more than what it names."""

from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import F, Lookup, Q, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Replace

from accounts.predicates.patterns import matches, tokens
from accounts.predicates.truth import EVERYBODY, NOBODY
from instances.engines import ENGINES

Found = tuple[Q, Q]
"""Of which grants something is true, and of which it may be."""


def such_grants(wanted: dict[str, Any]) -> Found:
    """Those of ``wanted``, a value of the predicate ``privilege``."""
    asked = Q(is_denied=wanted.get("denied", False))
    for part, column in (("name", "privilege"), ("scope", "securable__scope")):
        if part in wanted:
            asked &= Q(**{f"{column}__in": wanted[part]})
    if "grantable" in wanted:
        asked &= Q(grantable=wanted["grantable"])
    inside = EVERYBODY
    for part, column in (("schema", "schema"), ("object", "name")):
        if part in wanted:
            inside &= matches(f"securable__{column}", wanted[part])
    surely, maybe = (
        on_databases(wanted["database"]) if "database" in wanted else (EVERYBODY, EVERYBODY)
    )
    around = wider(wanted)
    return asked & (surely & inside | around(surely)), asked & (maybe & inside | around(maybe))


def wider(wanted: dict[str, Any]) -> Callable[[Q], Q]:
    """From the grants on the databases in question to those on more than the rule names.

    Where a right holds inside of what it is on, that on the whole server is one on each database,
    and that on a database one on each object, unless the rule asks for a scope of its own.
    """
    if wanted.get("denied") or not wanted.keys().isdisjoint(("scope", "schema")):
        return lambda on_database: NOBODY
    on_server = NOBODY if wanted.keys().isdisjoint(("database", "object")) else inside_of("server")
    if "object" not in wanted:
        return lambda on_database: on_server
    return lambda on_database: on_server | inside_of("database") & on_database


def inside_of(scope: str) -> Q:
    rules = {name: engine.effective for name, engine in ENGINES.items()}
    engines = [name for name, one in rules.items() if one is not None and one.holds_inside]
    return Q(account__instance__engine__in=engines, securable__scope=scope)


def on_databases(patterns: Sequence[str]) -> Found:
    """Grants on databases of these patterns, and in them.

    Whether a pattern of the server's and one of ours have a name in common is not decided.
    """
    spelled = inside_of("database")
    plain = ~spelled & matches("securable__database", patterns)
    surely = matches(replaced("securable__database", r"\{}", "{}"), patterns)
    maybe = NOBODY
    for pattern in patterns:
        if any(wild for wild, _ in tokens(pattern)):
            overlap = matches("securable__database", overlapping(pattern))
            maybe |= overlap & matches(replaced("securable__database", r"\{}", ""), ["*_*", "*%*"])
        else:
            name = "".join(character for _, character in tokens(pattern))
            surely |= Q(Covers(F("securable__database"), name))
    return plain | spelled & surely, plain | spelled & (surely | maybe)


def overlapping(pattern: str) -> list[str]:
    """What the server's patterns look like that may have a name in common with ``pattern``."""
    start, found = "", []
    for wild, character in tokens(pattern):
        found += [f"{start}%*", f"{start}_*"]
        if wild:
            break
        start += "\\\\" * (character in "_%") + f"\\{character}"
    return [*found, f"{start}*"]


def replaced(column: str, this: str, by: str) -> Combinable:
    """The name of a database with its wildcards, the ``{}`` of ``this`` and ``by``, replaced."""
    found: Combinable = F(column)
    for wildcard in "_%":
        found = Replace(found, Value(this.format(wildcard)), Value(by.format(wildcard)))
    return found


class Covers(Lookup):
    """``Covers(pattern, name)``: the stored pattern, in the style of LIKE, fits the name."""

    lookup_name = "covers"

    def get_prep_lookup(self) -> str:
        return str(self.rhs)

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        lhs, parameters = self.process_lhs(compiler, connection)
        # A pattern that ends with the mark is an error to PostgreSQL: it is read without.
        return f"UPPER(%s) LIKE RTRIM(UPPER({lhs}), '\\') ESCAPE '\\'", (self.rhs, *parameters)
