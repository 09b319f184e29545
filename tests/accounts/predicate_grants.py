"""Which grants a rule asks for, read from the schema's words: no product code."""

from typing import Any

Thing = tuple[str, str, str, str]


def all_of(told: list[bool | None]) -> bool | None:
    if not told:
        return None
    return False if False in told else None if None in told else True


def any_of(told: list[bool | None]) -> bool | None:
    if not told:
        return None
    return True if True in told else None if None in told else False


def grant_fits(
    wanted: dict[str, Any], engine: str, grant: tuple[str, Thing, bool, bool]
) -> bool | None:
    privilege, (scope, database, schema, name), grantable, denied = grant
    if (
        denied != wanted.get("denied", False)
        or ("name" in wanted and privilege not in wanted["name"])
        or ("scope" in wanted and scope not in wanted["scope"])
        or ("grantable" in wanted and grantable != wanted["grantable"])
    ):
        return False
    holds_inside = engine == "mysql" and not denied and not wanted.keys() & {"scope", "schema"}
    if holds_inside and scope == "server" and wanted.keys() & {"database", "object"}:
        return True
    told: list[bool | None] = [True]
    if "database" in wanted:
        is_pattern = engine == "mysql" and scope == "database"
        meet = databases_meet if is_pattern else fits
        told.append(any_of([meet(pattern, database) for pattern in wanted["database"]]))
    if "schema" in wanted:
        told.append(any(fits(pattern, schema) for pattern in wanted["schema"]))
    if "object" in wanted and not (holds_inside and scope == "database"):
        told.append(any(fits(pattern, name) for pattern in wanted["object"]))
    return all_of(told)


def databases_meet(pattern: str, named: str) -> bool | None:
    """Whether ``named``, in the style of LIKE, names databases of ``pattern``, in shell style."""
    if fits(pattern, named.replace("\\_", "_").replace("\\%", "%")):
        return True
    ours, is_ours_open = beginning(pattern, "*?")
    theirs, are_theirs_open = beginning(named, "%_")
    if not is_ours_open:
        return like(named.upper(), ours.upper())
    if not are_theirs_open:
        return False
    return None if ours.startswith(theirs) or theirs.startswith(ours) else False


def beginning(pattern: str, wildcards: str) -> tuple[str, bool]:
    """What comes before the first wildcard, and whether there is one."""
    found, rest = "", pattern
    while rest:
        if rest[0] in wildcards:
            return found, True
        escaped = rest[0] == "\\" and len(rest) > 1
        found, rest = found + rest[escaped], rest[1 + escaped :]
    return found, False


def like(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "%":
        return any(like(pattern[1:], text[n:]) for n in range(len(text) + 1))
    if pattern[0] == "\\" and len(pattern) > 1:
        return text[:1] == pattern[1] and like(pattern[2:], text[1:])
    return bool(text) and pattern[0] in ("_", text[0]) and like(pattern[1:], text[1:])


def fits(pattern: str, text: str) -> bool:
    """Shell style with \\ as the escape, by trying every way."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(fits(pattern[1:], text[n:]) for n in range(len(text) + 1))
    if pattern[0] == "\\" and len(pattern) > 1:
        return text[:1] == pattern[1] and fits(pattern[2:], text[1:])
    if not text:
        return False
    return pattern[0] in ("?", text[0]) and fits(pattern[1:], text[1:])
