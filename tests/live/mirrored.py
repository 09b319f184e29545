"""One server's mirror: what it holds now, what it held, and what its change log adds up to.

Edges are told in the keys of accounts, which stay when a name changes.
"""

from datetime import datetime
from itertools import groupby
from typing import Any

from django.utils import timezone

from accounts.models import Account, AccountChange, Grant, Membership, Securable
from instances.models import Instance, Section
from sync_sessions.models import SyncRecord
from tests.factories import InstanceFactory, sync
from whalefall.demo.servers import Server

Edge = tuple[Any, ...]
Diff = dict[str, Any]

PLACE = ("scope", "database", "schema", "name", "column")
PLACE_WORDS = ("scope", "database", "schema", "object", "column")
GRANT_OPTIONS = ("grantable", "denied", "owner")
MEMBERSHIP_OPTIONS = ("admin_option", "inherits", "can_set", "is_default")


def instance_of(server: Server, **fields: Any) -> Instance:
    """Register ``server``, reached as the superuser unless ``fields`` say otherwise."""
    made: Instance = InstanceFactory(
        **{
            "engine": server.engine,
            "host": server.host,
            "port": server.port,
            "credential__username": server.username,
            "credential__password": server.password,
            **fields,
        }
    )
    return made


def open_edges(instance: Instance, at: datetime | None = None) -> frozenset[Edge]:
    """The edges that hold now, or held ``at`` a moment."""
    grants = Grant.objects.filter(account__instance=instance)
    memberships = Membership.objects.filter(member__instance=instance)
    held = (
        (grants.open(), memberships.open()) if at is None else (grants.at(at), memberships.at(at))
    )
    return edges_in(*held)


def edges_in(grants: Any, memberships: Any) -> frozenset[Edge]:
    place = [f"securable__{part}" for part in PLACE]
    options = ("grantable", "is_denied", "is_owner")
    return frozenset(
        grants.values_list("account", "privilege", *place, "grantor", *options)
    ) | frozenset(memberships.values_list("member", "role", "grantor", *MEMBERSHIP_OPTIONS))


def tables(instance: Instance) -> dict[str, list[dict[str, Any]]]:
    """Every row of the mirror, with every column."""
    rows: dict[str, Any] = {
        "accounts": Account.objects.filter(instance=instance),
        "securables": Securable.objects.filter(instance=instance),
        "grants": Grant.objects.filter(account__instance=instance),
        "memberships": Membership.objects.filter(member__instance=instance),
        "changes": AccountChange.objects.filter(account__instance=instance),
    }
    return {name: list(found.order_by("pk").values()) for name, found in rows.items()}


def sections(instance: Instance) -> list[dict[str, Any]]:
    rows: Any = Section.objects.filter(instance=instance).order_by("pk").values()
    return list(rows)


class Mirrored:
    """A server that is synced again and again, and everything that was seen of it."""

    def __init__(self, server: Server) -> None:
        self.instance = instance_of(server)
        self.seen: list[tuple[datetime, frozenset[Edge]]] = []

    def sync(self) -> SyncRecord:
        record = self.complete_sync()
        self.seen.append((timezone.now(), open_edges(self.instance)))
        return record

    def complete_sync(self) -> SyncRecord:
        record = sync(self.instance)
        assert (record.status, record.coverage, record.error_message) == ("completed", 1.0, "")
        return record

    def check_history(self) -> None:
        """Nothing changes without a cause, and nothing that was seen is forgotten."""
        before = tables(self.instance)
        record = self.complete_sync()
        assert (record.counts["changes"], tables(self.instance)) == (0, before)
        for moment, edges in self.seen:
            assert open_edges(self.instance, moment) == edges
        assert Replay(self.instance).edges == open_edges(self.instance)

    def forget(self) -> None:
        Instance.objects.filter(pk=self.instance.pk).forget()


class Replay:
    """The change log, applied entry by entry to nothing."""

    def __init__(self, instance: Instance) -> None:
        self.edges: frozenset[Edge] = frozenset()
        self.names: dict[str, int] = {}
        entries = list(
            AccountChange.objects.filter(account__instance=instance)
            .select_related("account")
            .order_by("occurred_at", "pk")
        )
        self.known_as = {entry.account_id: entry.account.name for entry in entries}
        for entry in reversed(entries):
            if entry.kind == "renamed":
                self.known_as[entry.account_id] = entry.diff["attributes"]["name"][0]
        for moment, group in groupby(entries, key=lambda entry: entry.occurred_at):
            self.apply(list(group), moment)

    def apply(self, entries: list[AccountChange], moment: datetime) -> None:
        """All entries of one sync: what ends is told in the names of before."""
        before = dict(self.names)
        self.rename(entries)
        ended: set[Edge] = set()
        begun: set[Edge] = set()
        for entry in entries:
            if entry.cause == "first_seen":
                begun |= loaded(entry.account, moment)
            for edge in [*entry.diff.get("grants", []), *entry.diff.get("memberships", [])]:
                if "was" in edge:
                    ended.add(self.edge(entry.account_id, {**edge, **edge["was"]}, self.names))
                    begun.add(self.edge(entry.account_id, edge, self.names))
                elif entry.kind in {"revoked", "removed"}:
                    ended.add(self.edge(entry.account_id, edge, before))
                else:
                    begun.add(self.edge(entry.account_id, edge, self.names))
        assert ended <= self.edges, ended - self.edges
        assert not begun & (self.edges - ended)
        self.edges = self.edges - ended | begun

    def rename(self, entries: list[AccountChange]) -> None:
        for entry in entries:
            if entry.kind == "renamed":
                self.known_as[entry.account_id] = entry.diff["attributes"]["name"][1]
        present = set(self.names.values())
        present -= {entry.account_id for entry in entries if entry.kind == "removed"}
        appeared = {"added", "restored", "recreated"}
        present |= {entry.account_id for entry in entries if entry.kind in appeared}
        self.names = {self.known_as[account]: account for account in present}
        assert len(self.names) == len(present)

    def edge(self, account: int, edge: Diff, names: dict[str, int]) -> Edge:
        grantor = None if edge["grantor"] is None else names[edge["grantor"]]
        if "role" in edge:
            options = [edge[option] for option in MEMBERSHIP_OPTIONS]
            return (account, names[edge["role"]], grantor, *options)
        place = [edge[part] for part in PLACE_WORDS]
        return (account, edge["privilege"], *place, grantor, *(edge[one] for one in GRANT_OPTIONS))


def loaded(account: Account, moment: datetime) -> frozenset[Edge]:
    """The edges of the first load, which has one entry per account and does not repeat them."""
    return edges_in(
        Grant.objects.filter(account=account, valid_from=moment),
        Membership.objects.filter(member=account, valid_from=moment),
    )
