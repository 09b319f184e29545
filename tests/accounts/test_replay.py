"""Whatever happens on a server, the mirror equals it, and its history each mirror before."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from django.db.models import Count
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Account, AccountChange, Grant, Membership
from instances.models import Instance
from tests.accounts.company import Company
from tests.accounts.mirror import edges
from tests.factories import InstanceFactory, sync
from tests.toy_engine import TOY_SERVERS, ToyServer, reading

pytestmark = pytest.mark.django_db

NUMBERS = st.integers(0, 11)
EVENTS = ["create", "drop", "drop_and_create", "bring_back", "rename", "swap"]
EVENTS += ["grant", "join", "revoke"] * 2
HAPPENINGS = st.lists(
    st.tuples(st.sampled_from(EVENTS), NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=8
)
UNKNOWN = st.sets(st.integers(0, 2), max_size=2)
ROUNDS = st.lists(st.tuples(HAPPENINGS, UNKNOWN, st.integers(0, 3)), min_size=1, max_size=6)
CALM = st.tuples(HAPPENINGS, st.sets(st.nothing(), max_size=0), st.just(0))
CALM_ROUNDS = st.lists(CALM, min_size=1, max_size=6)
many = settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
some = settings(many, max_examples=4)

Snapshot = set[tuple[Any, ...]]


@pytest.fixture(autouse=True)
def _nothing_is_implausible(settings):
    settings.IMPLAUSIBLE_SHARE = 1.0


def start() -> tuple[Instance, ToyServer]:
    """An instance whose first reading found nobody: everything after it is a change."""
    instance: Instance = InstanceFactory()
    server = TOY_SERVERS[instance.host] = ToyServer(reading(databases=("shop", "web")))
    assert sync(instance).status == "completed"
    return instance, server


def rows(instance: Instance, moment: datetime | None = None) -> Snapshot:
    """The edges of now, or of a moment, by their keys, which no rename changes."""
    grants = Grant.objects.filter(account__instance=instance)
    memberships = Membership.objects.filter(member__instance=instance)
    grants, memberships = (
        (grants.open(), memberships.open())
        if moment is None
        else (grants.at(moment), memberships.at(moment))
    )
    return {
        *grants.values_list("account", "securable", "privilege", "grantor", "grantable"),
        *memberships.values_list("member", "role", "grantor", "admin_option"),
    }


def live(
    company: Company, instance: Instance, server: ToyServer, rounds: Sequence[Any]
) -> dict[datetime, Snapshot]:
    """Let ``rounds`` happen with a sync after each; the edges after each."""
    moments = {}
    for happenings, unknown, seen in rounds:
        for happening in happenings:
            company.do(*happening)
        server.reading = company.read(unknown, seen)
        record = sync(instance)
        assert (record.status, record.error_message) == ("completed", "")
        assert edges(instance) == company.expected()
        assert names(instance) == sorted(company.names.values())
        moments[timezone.now()] = rows(instance)
    return moments


def names(instance: Instance) -> list[str]:
    return sorted(
        Account.objects.present().filter(instance=instance).values_list("name", flat=True)
    )


@pytest.mark.parametrize("has_ids", [True, False])
@many
@given(rounds=ROUNDS)
def test_mirror_equals_the_server_and_history_equals_each_mirror_before(has_ids, rounds):
    instance, server = start()

    moments = live(Company(has_ids), instance, server, rounds)

    assert {moment: rows(instance, moment) for moment in moments} == moments
    grants = Grant.objects.open().filter(account__instance=instance)
    identities = grants.values("account", "securable", "privilege", "is_denied", "grantor")
    assert not identities.annotate(number=Count("pk")).filter(number__gt=1).exists()


@some
@given(before=ROUNDS, after=ROUNDS)
def test_upgrade_by_dump_and_restore_keeps_everybody(before, after):
    instance, server = start()
    company = Company(has_ids=True)
    live(company, instance, server, [*before, ([], set(), 0)])
    kept = set(Account.objects.present().filter(instance=instance).values_list("pk", "name"))
    entries = AccountChange.objects.count()

    company.upgrade()
    live(company, instance, server, [([], set(), 0)])

    assert AccountChange.objects.count() == entries
    assert (
        set(Account.objects.present().filter(instance=instance).values_list("pk", "name")) == kept
    )
    live(company, instance, server, after)


@pytest.mark.parametrize("has_ids", [True, False])
@many
@given(rounds=CALM_ROUNDS)
def test_change_log_replayed_from_empty_gives_the_edges(has_ids, rounds):
    instance, server = start()

    live(Company(has_ids), instance, server, rounds)

    assert replayed(instance) == edges(instance)


@pytest.mark.parametrize("has_ids", [True, False])
@many
@given(rounds=ROUNDS)
def test_a_section_seen_again_makes_log_and_mirror_equal(has_ids, rounds):
    """Rows that were seen in an unknown section are the only ones nobody was told of."""
    instance, server = start()
    blind = [(happenings, unknown, 0) for happenings, unknown, _ in rounds]

    live(Company(has_ids), instance, server, [*blind, ([], set(), 0)])

    assert replayed(instance) == edges(instance)


# --- the change log alone ---------------------------------------------------------------------


def replayed(instance: Instance) -> Snapshot:
    """The edges that the entries of the log add up to, in the names of now."""
    held: dict[tuple[Any, ...], bool] = {}
    entries_of_all = AccountChange.objects.filter(account__instance=instance).order_by("pk")
    by_moment: dict[datetime, list[AccountChange]] = {}
    for entry in entries_of_all:
        by_moment.setdefault(entry.occurred_at, []).append(entry)
    for entries in by_moment.values():
        apply(held, entries)
    now = dict(Account.objects.filter(instance=instance).values_list("pk", "name"))
    return {(now[key[0]], *key[1:], option) for key, option in held.items()}


def apply(held: dict[tuple[Any, ...], bool], entries: Sequence[AccountChange]) -> None:
    """What ended is told in the old names, what began in the new ones."""
    for entry in entries:
        for key, edge in documents(entry):
            if entry.kind in {"removed", "revoked"} and "was" not in edge:
                del held[key]
    renames = dict(entry.diff["attributes"]["name"] for entry in entries if entry.kind == "renamed")
    moved = {renamed(key, renames): option for key, option in held.items()}
    held.clear()
    held.update(moved)
    for entry in entries:
        for key, edge in documents(entry):
            if entry.kind not in {"removed", "revoked"} or "was" in edge:
                assert (key in held) == ("was" in edge)
                held[key] = edge.get("grantable", False) or edge.get("admin_option", False)


def documents(entry: AccountChange) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    grants = [
        (
            (
                entry.account_id,
                edge["privilege"],
                f"{edge['database']}.{edge['schema']}.{edge['object']}",
                edge["grantor"],
            ),
            edge,
        )
        for edge in entry.diff.get("grants", [])
    ]
    return grants + [
        ((entry.account_id, "∈", edge["role"], edge["grantor"]), edge)
        for edge in entry.diff.get("memberships", [])
    ]


def renamed(key: tuple[Any, ...], renames: dict[str, str]) -> tuple[Any, ...]:
    account, word, other, grantor = key
    role = renames.get(other, other) if word == "∈" else other
    return (account, word, role, renames.get(grantor, grantor))
