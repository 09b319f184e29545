"""Runs that classify: what they swap, and what survives."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import Case, When
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import classify
from accounts.classify import classify_after, launch_classification
from accounts.facts import FACTS_VERSION
from accounts.models import Account, Assignment, Classification, ClassificationDay
from accounts.querysets import mirror
from accounts.tasks import classify_for_records
from instances.models import Instance
from sync_sessions.launch import cancel_session
from sync_sessions.models import SyncEvent, SyncSession
from tests.accounts.classes import account, counts, held, revised, rule, run
from tests.factories import (
    AssignmentFactory,
    ClassificationFactory,
    InstanceFactory,
    SyncRecordFactory,
    SyncSessionFactory,
    sync,
)
from tests.toy_engine import reading, user

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture(autouse=True)
def _no_shipped_rules(db: None) -> None:
    Classification.objects.all().delete()


def test_a_run_assigns_and_the_next_one_takes_away() -> None:
    a, b = account("a", is_locked=True), account("b", is_locked=False)
    locked = rule({"locked": True}, classification__code="locked")
    rule({"not": {"classification": ["locked"]}}, classification__code="open")

    first = run()
    assert held() == {("a", "locked", 1), ("b", "open", 1)}
    since = Assignment.objects.get(account=b).assigned_at
    Account.objects.filter(pk=a.pk).update(is_locked=False)
    second = run()

    assert held() == {("a", "open", 1), ("b", "open", 1)}
    assert Assignment.objects.open().get(account=b).assigned_at == since
    ended = Assignment.objects.get(rule=locked)
    assert ended.revoked_at is not None
    assert ended.revoked_at > ended.assigned_at
    expected = {"accounts": 2, "rules": 2, "facts_missing": 0}
    assert counts(first) == {**expected, "assigned": 2, "revoked": 0}
    assert counts(second) == {**expected, "assigned": 1, "revoked": 1}
    assert (second.status, second.records.get().coverage) == ("completed", 1.0)


def test_a_quiet_run_writes_no_assignment() -> None:
    account("a", is_locked=True)
    rule({"locked": True})
    run()
    before = list(Assignment.objects.values())

    assert counts(run())["assigned"] == 0

    assert list(Assignment.objects.values()) == before


def test_each_rule_is_evaluated_once_by_any_run() -> None:
    here = account("a", is_locked=True, instance__environment="needle")
    account("b", instance=here.instance)
    rule({"environment": ["needle"]})

    def evaluations() -> int:
        with CaptureQueriesContext(connection) as queries:
            run(here.instance)
        return sum(query["sql"].count("'needle'") for query in queries)

    first, quiet = evaluations(), evaluations()
    Instance.objects.update(environment="needles")
    assert (first, quiet, evaluations(), held()) == (1, 1, 1, set())


def test_a_run_with_many_changes_takes_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror.batches, "__defaults__", (2,))
    instance = InstanceFactory()
    people = [account(f"p{n}", instance=instance, is_locked=n < 5) for n in range(11)]
    rule({"locked": True}, classification__code="c")
    run()
    Account.objects.update(is_locked=Case(When(is_locked=True, then=False), default=True))

    session = run()

    assert held() == {(one.name, "c", 1) for one in people[5:]}
    assert (counts(session)["assigned"], counts(session)["revoked"]) == (6, 5)


def test_unknown_is_neither() -> None:
    account("a", is_locked=None)
    rule({"locked": True}, classification__code="yes")
    rule({"not": {"locked": True}}, classification__code="no")

    run()

    assert held() == set()


def test_only_the_newest_active_version_counts() -> None:
    account("a")
    one = rule({"name": ["a"]}, classification__code="c")
    run()
    two = revised(one, expression={"version": 5, "match": {"name": ["a*"]}})
    run()
    assert held() == {("a", "c", 2)}

    revised(two, is_active=False)
    run()

    assert held() == set()


def test_what_was_assigned_by_hand_survives() -> None:
    one = account("a")
    by_hand = AssignmentFactory(account=one, classification__code="mine")
    rule({"not": {"name": ["a"]}}, classification=by_hand.classification)
    rule({"classification": ["mine"]}, classification__code="follows")

    run()

    assert held() == {("a", "mine", None), ("a", "follows", 1)}


def test_system_and_removed_accounts_have_no_classes() -> None:
    account("system", is_system=True)
    gone, deleted, here = account("gone"), account("deleted"), account("here")
    rule({"name": ["*"]}, classification__code="c")
    run()
    Account.objects.filter(pk=gone.pk).update(removed_at=timezone.now())
    deleted.instance.deleted_at = timezone.now()
    deleted.instance.save()

    run()

    assert held() == {(here.name, "c", 1)}


def test_accounts_without_current_facts_keep_their_classes() -> None:
    kept, judged = account("kept", is_locked=True), account("judged", is_locked=True)
    one = rule({"locked": True}, classification__code="locked")
    run()
    Account.objects.filter(pk=kept.pk).update(facts_version=FACTS_VERSION - 1, is_locked=None)
    account("new", is_locked=True, facts_version=0)
    revised(one, engine=judged.instance.engine)

    session = run()

    assert held() == {("kept", "locked", 1), ("judged", "locked", 2)}
    record = session.records.get()
    assert (record.status, record.counts["facts_missing"], record.coverage) == (
        "completed",
        2,
        1 / 3,
    )
    told = SyncEvent.objects.filter(record=record, event="facts_missing").order_by("pk")
    assert [(one.fields["account"], one.fields["code"]) for one in told] == [
        ("kept", "PERMISSION_FACTS_MISSING"),
        ("new", "PERMISSION_FACTS_MISSING"),
    ]


def test_only_so_many_accounts_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classify, "MOST_NAMED", 1)
    instance = InstanceFactory()
    for name in "abc":
        account(name, instance=instance, facts_version=0)

    record = run().records.get()

    assert record.counts["facts_missing"] == 3
    events = SyncEvent.objects.filter(record=record, event__contains="facts_missing")
    assert [(one.event, one.fields.get("accounts")) for one in events.order_by("pk")] == [
        ("facts_missing", None),
        ("more_facts_missing", 2),
    ]


def test_one_instance_leaves_the_others() -> None:
    here, there = account("here"), account("there")
    rule({"name": ["*"]}, classification__code="c")
    AssignmentFactory(account=there, classification__code="old", rule=rule({"name": ["none"]}))

    session = run(here.instance)

    assert held() == {("here", "c", 1), ("there", "old", 1)}
    assert session.records.get().instance == here.instance


def test_several_instances_have_a_record_each() -> None:
    one, two = account("one"), account("two")
    rule({"name": ["*"]}, classification__code="c")

    session = run(one.instance, two.instance)

    assert session.status == "completed"
    assert [record.counts["assigned"] for record in session.records.all()] == [1, 1]


def test_days_are_counted_by_rule_and_by_classification() -> None:
    instance = InstanceFactory()
    for name in ("ab", "a", "b", "c"):
        account(name, instance=instance)
    made = ClassificationFactory()
    a, b = (rule({"name": [f"*{name}*"]}, classification=made) for name in "ab")
    AssignmentFactory(account=Account.objects.get(name="c"), classification=made)
    empty = rule({"name": ["none"]})
    for _ in range(2):
        run()

    rows = ClassificationDay.objects.values_list("classification", "rule", "accounts", "day")

    today = timezone.localdate()
    assert set(rows) == {
        (made.pk, a.pk, 2, today),
        (made.pk, b.pk, 2, today),
        (made.pk, None, 4, today),
        (empty.classification_id, empty.pk, 0, today),
        (empty.classification_id, None, 0, today),
    }


# --- edges ------------------------------------------------------------------------------------


def work_off(session: SyncSession) -> None:
    keys = list(session.records.values_list("pk", flat=True))
    classify_for_records(str(session.pk), min(keys), max(keys))
    session.refresh_from_db()


def test_workers_do_the_same() -> None:
    account("a")
    rule({"name": ["a"]}, classification__code="c")

    session = launch_classification(trigger="api")
    work_off(session)

    assert (session.status, held()) == ("completed", {("a", "c", 1)})


def test_a_cancelled_session_does_nothing() -> None:
    account("a")
    rule({"name": ["a"]})
    session = launch_classification(trigger="api")
    cancel_session(session)

    work_off(session)

    assert (session.status, held()) == ("cancelled", set())


@pytest.mark.django_db(transaction=True)  # what is queued on commit is what is tested
def test_an_account_sync_is_followed(
    server_has: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    queued: list[tuple[Any, ...]] = []
    monkeypatch.setattr(classify, "async_task", lambda *args: queued.append(args))
    synced, failed = InstanceFactory(), InstanceFactory()
    server_has(synced, reading([user("ann")]))
    rule({"name": ["ann"]}, classification__code="c")

    record = sync(synced)
    sync(synced)  # nothing has changed
    sync(failed)

    assert queued == [("accounts.tasks.classify_after", str(record.session_id))]
    follow_up = classify_after(record.session)
    work_off(follow_up)
    assert (follow_up.trigger, follow_up.records.get().instance) == ("command", synced)
    assert held() == {("ann", "c", 1)}


def test_a_big_sync_is_followed_by_one_for_the_fleet(monkeypatch: pytest.MonkeyPatch) -> None:
    session = SyncSessionFactory()
    for _ in range(3):
        SyncRecordFactory(session=session, status="completed", counts={"touched": 1})
    SyncRecordFactory(session=session, status="completed", counts={"touched": 0})
    SyncRecordFactory(session=session, status="failed")

    several = classify_after(session)
    monkeypatch.setattr(classify, "MOST_INSTANCES", 2)
    fleet = classify_after(session)

    assert several.records.exclude(instance=None).count() == 3
    assert [record.instance for record in fleet.records.all()] == [None]


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    one = account("a")
    account("b")
    rule({"name": ["*"]}, classification__code="c")

    call_command("classify_accounts", one.instance.name, "--json")
    document = json.loads(capsys.readouterr().out)
    call_command("classify_accounts")

    assert document["status"] == "completed"
    assert [(one["instance"], one["counts"]) for one in document["records"]] == [
        (
            one.instance.name,
            {"accounts": 1, "rules": 1, "facts_missing": 0, "assigned": 1, "revoked": 0},
        )
    ]
    assert capsys.readouterr().out.startswith(
        "whole fleet: 2 accounts, 1 rules, 1 assigned, 0 revoked, 0 facts missing in "
    )
    assert held() == {("a", "c", 1), ("b", "c", 1)}
