"""Add many servers at once: look at every row first, then write those that are good, or none.

A row is a credential, an instance and its tags; it is written as a whole or not at all.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext as _

from instances.bulk_rows import Checker, Draft
from instances.engines import get_engine
from instances.hosts import spelled
from instances.models import Credential, Instance, UnreadableCredential
from instances.places import ADDRESS
from instances.recycling import recycle_all
from instances.tagging import known_instances
from tags.models import Tag
from whalefall.core.audit import CREATE, initial, note
from whalefall.core.errors import InvalidRequest
from whalefall.logs import keep_secrets

BATCH = 500
MOST_LINES = 5
Facts = Mapping[str, Any]
Errors = dict[str, list[str]]


class Status(StrEnum):
    """What became of a row; ``VALID`` and ``WITHHELD`` are good and were not written."""

    CREATED = "created"
    UNCHANGED = "unchanged"
    VALID = "valid"
    WITHHELD = "withheld"
    INVALID = "invalid"


@dataclass(slots=True)
class Planned:
    """A row and what is to become of it. ``facts`` only where it may be written."""

    line: int
    name: str
    status: Status
    facts: Facts = field(default_factory=dict)
    errors: Errors = field(default_factory=dict)
    instance_id: int | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What is stored already, of all that the rows name."""

    names: Mapping[str, Instance]
    places: Mapping[tuple[Any, ...], str]
    credentials: Mapping[str, Credential]


def plan_import(drafts: Sequence[Draft]) -> list[Planned]:
    """What each row would do. Reads our database only, and changes nothing."""
    keep_secrets(draft.password for draft in drafts)
    checker = Checker()
    rows = [planned(draft, checker) for draft in drafts]
    good = [row for row in rows if row.facts]
    refuse_doubles(rows)
    known = what_is_known(good)
    for row in good:
        compare(row, known)
    return rows


def planned(draft: Draft, checker: Checker) -> Planned:
    facts, errors = checker(draft)
    if errors:
        return Planned(draft.line, draft.name, Status.INVALID, errors=errors)
    port = facts["port"] or get_engine(facts["engine"]).default_port
    facts = {**facts, "port": port, "host": spelled(facts["host"])}
    return Planned(draft.line, draft.name, Status.VALID, facts=facts)


def place(facts: Facts) -> tuple[Any, ...]:
    return tuple(facts[part] for part in ADDRESS)


def refuse_doubles(rows: Sequence[Planned]) -> None:
    """Of two rows with one name or one address, nobody can say which is meant: neither counts."""
    names, places = defaultdict(list), defaultdict(list)
    for row in rows:
        if row.name:
            names[row.name].append(row)
        if row.facts:
            places[place(row.facts)].append(row)
    for part, groups in (("name", names), ("host", places)):
        for group in groups.values():
            near = group[: MOST_LINES + 2]  # of which one may be the row itself
            for row in group if len(group) > 1 else ():
                others = [str(one.line) for one in near if one is not row]
                refuse(row, part, _("Also in line %(lines)s.") % {"lines": shortened(others)})


def shortened(texts: Sequence[str]) -> str:
    return ", ".join([*texts[:MOST_LINES], *(["…"] if len(texts) > MOST_LINES else [])])


def refuse(row: Planned, part: str, why: str) -> None:
    row.status = Status.INVALID
    row.errors.setdefault(part, []).append(why)


def what_is_known(rows: Sequence[Planned]) -> Known:
    living = Instance.objects.living()
    stored = list(living.values_list("pk", "name", *ADDRESS).order_by())
    names = {row.name for row in rows}
    keys = [pk for pk, name, *_ in stored if name in names]
    called = names | {row.facts["credential"] for row in rows}
    return Known(
        names={one.name: one for one in in_batches(living.with_parts(), "pk__in", keys)},
        places={(*address,): name for _, name, *address in stored},
        credentials={
            one.name: one for one in in_batches(Credential.objects.all(), "name__in", called)
        },
    )


def in_batches(rows: Any, lookup: str, values: Iterable[Any]) -> Iterable[Any]:
    wanted = sorted(values)
    for start in range(0, len(wanted), BATCH):
        yield from rows.filter(**{lookup: wanted[start : start + BATCH]})


def compare(row: Planned, known: Known) -> None:
    """Refuse what is taken or not there; a row that says what is stored has nothing to do."""
    facts, there = row.facts, known.names.get(row.name)
    if there is not None:
        compare_with(row, there)
        return
    if holder := known.places.get(place(facts)):
        refuse(row, "host", _("%(name)s is at that address already.") % {"name": holder})
    if facts["credential"] and facts["credential"] not in known.credentials:
        refuse(row, "credential", _("There is no credential of this name."))
    if not facts["credential"] and row.name in known.credentials:
        text = _("There is a credential named %(name)s already; name it, without user name.")
        refuse(row, "credential", text % {"name": row.name})


def compare_with(row: Planned, there: Instance) -> None:
    differing = differences(row.facts, there)
    if differing:
        text = _("There is an instance of this name already, with another %(parts)s.")
        refuse(row, "name", text % {"parts": ", ".join(differing)})
    elif row.status is Status.VALID:
        row.status, row.instance_id = Status.UNCHANGED, there.pk


COMPARED = (
    *("engine", "host", "port", "service_name", "tls_mode", "tls_ca"),
    *("environment", "storage_limit_bytes", "is_active"),
)


def differences(facts: Facts, there: Instance) -> list[str]:
    found = [part for part in COMPARED if facts[part] != getattr(there, part)]
    if not has_sign_in(there.credential, facts):
        found.append("credential")
    if set(facts["tags"]) != {tag.name for tag in there.tags.all()}:
        found.append("tags")
    return found


def has_sign_in(credential: Credential, facts: Facts) -> bool:
    if facts["credential"]:
        return bool(credential.name == facts["credential"])
    try:
        stored = credential.stored_text()
    except UnreadableCredential:  # then it is not the one that is given
        return False
    return (credential.name, credential.username, stored) == (
        *(facts["name"], facts["username"], facts["password"]),
    )


# --- write ------------------------------------------------------------------------------------


def apply_import(rows: Sequence[Planned]) -> None:
    """Write the good rows of a plan. Call inside the transaction in which it was made."""
    good = [row for row in rows if row.status is Status.VALID]
    credentials = add_credentials(good)
    instances = {row.name: instance_of(row.facts, credentials) for row in good}
    Instance.objects.add(instances.values())
    add_tags(good, instances)
    note(((instances[row.name], told_of(row, instances)) for row in good), action=CREATE)
    for row in good:
        row.status, row.instance_id = Status.CREATED, instances[row.name].pk


def add_credentials(rows: Sequence[Planned]) -> Mapping[str, Credential]:
    """The credentials that ``rows`` name, and a new one for each that brings its own, by name."""
    new = [
        Credential(name=row.name, username=row.facts["username"], password=row.facts["password"])
        for row in rows
        if not row.facts["credential"]
    ]
    Credential.objects.add(new)
    note(((one, initial(one)) for one in new), action=CREATE)
    named = {row.facts["credential"] for row in rows} - {""}
    stored = in_batches(Credential.objects.all(), "name__in", named)
    return {one.name: one for one in (*new, *stored)}


def instance_of(facts: Facts, credentials: Mapping[str, Credential]) -> Instance:
    return Instance(
        name=facts["name"],
        credential=credentials[facts["credential"] or facts["name"]],
        **{part: facts[part] for part in COMPARED},
    )


def add_tags(rows: Sequence[Planned], instances: Mapping[str, Instance]) -> None:
    wanted = {name for row in rows for name in row.facts["tags"]}
    tags = Tag.objects.called(wanted)
    new = Tag.objects.add(sorted(wanted - tags.keys()))
    note(((tag, initial(tag)) for tag in new), action=CREATE)
    tags |= {tag.name: tag for tag in new}
    Instance.objects.add_tags(
        (instances[row.name].pk, tags[name].pk) for row in rows for name in row.facts["tags"]
    )


def told_of(row: Planned, instances: Mapping[str, Instance]) -> Facts:
    """A new instance's entry in the audit log."""
    names = row.facts["tags"]
    tags = {"tags": {"type": "m2m", "operation": "add", "objects": names}} if names else {}
    return {**initial(instances[row.name]), **tags}


# --- all of it --------------------------------------------------------------------------------


class RowsRefused(InvalidRequest):
    """All or nothing was asked for, and some rows are bad; ``extra["result"]`` has each."""


def run_import(
    drafts: Sequence[Draft], *, dry_run: bool = False, all_or_nothing: bool = False
) -> list[Planned]:
    """Plan, and unless it is a dry run, write. Call inside a transaction, or for a dry run.

    Raises RowsRefused where nothing was written for the sake of a bad row.
    """
    rows = plan_import(drafts)
    bad = sum(row.status is Status.INVALID for row in rows)
    if dry_run:
        return rows
    if bad and all_or_nothing:
        withhold(rows)
        text = _("%(bad)d of %(total)d rows are wrong, so nothing was changed.")
        raise RowsRefused(
            text % {"bad": bad, "total": len(rows)}, extra={"result": import_document(rows)}
        )
    apply_import(rows)
    return rows


def withhold(rows: Iterable[Planned]) -> None:
    for row in rows:
        if row.status is Status.VALID:
            row.status = Status.WITHHELD


def import_document(rows: Sequence[Planned]) -> dict[str, Any]:
    """What became of each row, and how many there are of each status."""
    found = Counter(row.status for row in rows)
    parts = ("line", "name", "status", "instance_id", "errors")
    return {
        "counts": {"total": len(rows), **{status.value: found[status] for status in Status}},
        "rows": [{part: getattr(row, part) for part in parts} for row in rows],
    }


def batch_delete(keys: Collection[int]) -> dict[str, int]:
    """Into the recycle bin. Raises InvalidRequest naming unknown ids; then nothing changes."""
    chosen = known_instances(keys)
    deleted = recycle_all(chosen)
    return {"deleted": deleted, "unchanged": len(chosen) - deleted}
