"""Runs that classify and are cut off leave all of the old classes."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Account, Classification
from accounts.querysets import AssignmentQuerySet
from accounts.rules import BrokenRule
from sync_sessions.models import SyncRecord, SyncSession
from sync_sessions.outcomes import Cancelled
from tests.accounts.classes import account, everything, held, rule, run
from tests.factories import ClassificationFactory

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture(autouse=True)
def _no_shipped_rules(db: None) -> None:
    Classification.objects.all().delete()


@pytest.fixture
def changed() -> Iterator[Callable[[], None]]:
    """Accounts are classified, and then both rules would change something; the check is nothing."""
    one = account("a", is_locked=True)
    rule({"locked": True}, classification__code="locked")
    rule({"locked": False}, classification__code="open")
    run()
    Account.objects.filter(pk=one.pk).update(is_locked=False)
    before = everything()

    def is_whole() -> None:
        assert everything() == before

    yield is_whole
    run()
    assert held() == {("a", "open", 1)}


def after_first_rule(monkeypatch: pytest.MonkeyPatch, then: Callable[[], None]) -> None:
    settle = AssignmentQuerySet.settle
    calls: list[Any] = []

    def cut(self: Any, *args: Any, **kwargs: Any) -> Any:
        found = settle(self, *args, **kwargs)
        if not calls:
            calls.append(found)
            then()
        return found

    monkeypatch.setattr(AssignmentQuerySet, "settle", cut)


def test_a_crash_leaves_everything(
    changed: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash() -> None:
        raise RuntimeError("out of something")

    after_first_rule(monkeypatch, crash)
    with pytest.raises(RuntimeError):
        run()

    changed()
    assert SyncRecord.objects.latest("pk").error_code == "TASK_EXECUTION_FAILED"


def test_ctrl_c_leaves_everything(
    changed: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    after_first_rule(monkeypatch, stop)
    with pytest.raises(KeyboardInterrupt):
        run()

    changed()
    assert SyncRecord.objects.latest("pk").status == "cancelled"


def test_a_cancel_leaves_everything(
    changed: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancel() -> None:
        # As another process has it committed; ours is inside the run's transaction.
        SyncSession.objects.filter(status="running").update(cancel_requested_at=timezone.now())

    after_first_rule(monkeypatch, cancel)
    with pytest.raises(Cancelled):
        run()

    changed()
    assert SyncRecord.objects.latest("pk").status == "cancelled"


@pytest.mark.parametrize("match", [{"superusr": True}, {"classification": ["gone"]}])
def test_a_broken_rule_leaves_everything(changed: Callable[[], None], match: Any) -> None:
    broken = rule(match, name="the broken one")

    with pytest.raises(BrokenRule):
        run()

    changed()
    record = SyncRecord.objects.latest("pk")
    assert (record.status, record.error_code) == ("failed", BrokenRule.code)
    assert "the broken one" in record.error_message
    broken.delete()


def test_a_circle_of_stored_rules_is_broken(changed: Callable[[], None]) -> None:
    made = ClassificationFactory(code="a")
    circle = rule({"classification": ["a"]}, classification=made)

    with pytest.raises(BrokenRule):
        run()

    changed()
    circle.delete()
