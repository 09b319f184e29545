"""Give every account the classes that the rules say."""

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django_q.tasks import async_task

from accounts.facts import FACTS_VERSION
from accounts.models import Assignment, Classification, ClassificationDay, ClassificationRule
from accounts.predicates.compiling import Rule
from accounts.querysets import AccountQuerySet
from accounts.rules import judged_accounts, listed_accounts, world_of
from instances.models import Instance
from sync_sessions.fleet import run_fleet_record, step
from sync_sessions.launch import cancel_session, launch, open_session
from sync_sessions.models import SyncRecord, SyncSession
from sync_sessions.outcomes import Cancelled, Outcome
from sync_sessions.querysets import SyncRecordQuerySet
from sync_sessions.run import run_stored
from whalefall.core.fallbacks import FallbackReason, log_fallback

if TYPE_CHECKING:
    from whalefall.users.models import User

log = structlog.get_logger(__name__)

TASK = "accounts.tasks.classify_for_records"
FOLLOW_UP = "accounts.tasks.classify_after"
CATEGORY = SyncSession.Category.CLASSIFICATION
# After a sync of more instances than this, one set of statements for the fleet is quicker.
MOST_INSTANCES = 10
# A record names this many accounts without facts; it counts all.
MOST_NAMED = 500


def launch_classification(
    instances: Iterable[Instance | None] = (None,),
    *,
    trigger: str,
    requested_by: "User | None" = None,
) -> SyncSession:
    """Hand the classification of ``instances`` (None: of the whole fleet) to the workers."""
    return launch(CATEGORY, TASK, instances, trigger=trigger, requested_by=requested_by)


def classify_now(
    instances: Iterable[Instance | None] = (None,),
    *,
    trigger: str,
    requested_by: "User | None" = None,
) -> SyncSession:
    """Classify in this process; the finished session.

    Must not be called inside a transaction. Raises the expected failure of a record: AlreadyRunning
    or BrokenRule. Ctrl-C cancels the session.
    """
    session = open_session(CATEGORY, TASK, instances, trigger=trigger, requested_by=requested_by)
    try:
        run_stored(session, write_assignments)
    except KeyboardInterrupt:
        cancel_session(session)
        raise
    session.refresh_from_db()
    return session


def run_classification(session_id: UUID) -> None:
    """Run the records of a launched session."""
    run_fleet_record(session_id, write_assignments)


def write_assignments(record: SyncRecord) -> Outcome:
    """Swap what the rules have assigned on the record's instance, or in the fleet, for the new.

    In one transaction: a run that is cut off, or meets a broken rule, leaves everything as it was.
    Accounts without current facts keep what they had. Raises LeaseLost, Cancelled and BrokenRule.
    """
    on_record = {} if record.instance_id is None else {"instance": record.instance_id}
    with step(record):
        rules = [rule for rule in ClassificationRule.objects.lock() if rule.is_active]
        world = world_of(rules, now=timezone.now())
        listed = listed_accounts().filter(**on_record)
        judged = judged_accounts().filter(**on_record)
        missing = tell_missing(listed.exclude(facts_version=FACTS_VERSION))
        ours = Assignment.objects.open().filter(
            is_manual=False, **{f"account__{name}": one for name, one in on_record.items()}
        )
        assigned, revoked = 0, end_stale(ours, rules, listed, judged)
        for rule in rules:
            refuse_cancelled(record)
            truth = world.truth(Rule(rule.engine, rule.expression))
            came, went = Assignment.objects.settle(rule, judged, truth.yes, at=world.now)
            assigned, revoked = assigned + came, revoked + went
        ClassificationDay.objects.replace(
            timezone.localdate(world.now),
            rules,
            list(Classification.objects.all()),
            Assignment.objects.of_present(),
        )
        accounts = listed.count()
    counts = {"accounts": accounts, "rules": len(rules), "facts_missing": missing}
    coverage = (accounts - missing) / accounts if accounts else None
    return Outcome({**counts, "assigned": assigned, "revoked": revoked}, coverage)


def end_stale(
    ours: Any,
    rules: list[ClassificationRule],
    listed: AccountQuerySet,
    judged: AccountQuerySet,
) -> int:
    """End what rules out of force have assigned, and what accounts that are gone still have.

    What an older version has assigned to an account without facts stays, for want of a judgement.
    """
    now = timezone.now()
    here = OuterRef("account")
    gone: int = ours.exclude(rule__group__in=[rule.group for rule in rules]).revoke(at=now)
    gone += ours.filter(~Exists(listed.filter(pk=here))).revoke(at=now)
    older = ours.exclude(rule__in=[rule.pk for rule in rules])
    gone += older.filter(Exists(judged.filter(pk=here))).revoke(at=now)
    return gone


def tell_missing(accounts: AccountQuerySet) -> int:
    """How many accounts have no current facts; each is an event of the record."""
    number = accounts.count()
    for account in accounts.select_related("instance").order_by("pk")[:MOST_NAMED]:
        log_fallback(
            "facts_missing",
            FallbackReason.PERMISSION_FACTS_MISSING,
            code="PERMISSION_FACTS_MISSING",
            account=account.name,
            account_id=account.pk,
            on_instance=str(account.instance),
            facts_version=account.facts_version,
        )
    if number > MOST_NAMED:
        log.warning(
            "more_facts_missing", code="PERMISSION_FACTS_MISSING", accounts=number - MOST_NAMED
        )
    return number


def refuse_cancelled(record: SyncRecord) -> None:
    if not SyncSession.objects.filter(pk=record.session_id, cancel_requested_at=None).exists():
        raise Cancelled("The session was cancelled; every account has the classes it had.")


# --- after a sync -----------------------------------------------------------------------------


def queue_follow_up(sender: object, *, session: UUID, **_: Any) -> None:
    """A receiver of ``session_finished``: have the workers classify what has changed."""
    synced = SyncRecord.objects.filter(session=session, category=SyncSession.Category.ACCOUNTS)
    if moved(synced).exists():
        transaction.on_commit(partial(async_task, FOLLOW_UP, str(session)))


def moved(synced: SyncRecordQuerySet) -> SyncRecordQuerySet:
    """Those of the account syncs that have touched an account.

    What a rule says of an untouched one changes by the clock or the rule; the daily run sees it.
    """
    return synced.filter(status=SyncRecord.Status.COMPLETED, counts__touched__gt=0)


def classify_after(session: SyncSession) -> SyncSession:
    """Launch the classification of the instances on which ``session`` has found a change.

    All accounts of them: another role or grant changes accounts that have no change of their own.
    """
    changed = moved(session.records.all()).values("instance")
    instances: list[Instance | None] = [*Instance.objects.living().filter(pk__in=changed)]
    if len(instances) > MOST_INSTANCES:
        instances = [None]
    return launch_classification(
        instances, trigger=session.trigger, requested_by=session.requested_by
    )
