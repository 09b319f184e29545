"""The default schedules, as django-q2 keeps them."""

from datetime import datetime

from croniter import croniter
from django.conf import settings
from django.utils import timezone
from django_q.models import Schedule

from whalefall.core.errors import InvalidRequest


def setup_schedules() -> list[str]:
    """Create the schedules of ``settings.SCHEDULES`` that are missing; their names.

    Those that exist stay as an operator left them. Raises InvalidRequest on a wrong cron
    expression: one broken row would stop every schedule. Call inside a transaction.
    """
    there = set(Schedule.objects.values_list("name", flat=True))
    missing = {name: one for name, one in settings.SCHEDULES.items() if name not in there}
    for name, (_, cron) in missing.items():
        if not croniter.is_valid(cron):
            raise InvalidRequest(f"The schedule {name} has no valid cron expression: {cron!r}.")
    now = timezone.localtime()
    Schedule.objects.bulk_create(
        Schedule(
            name=name,
            func=task,
            schedule_type=Schedule.CRON,
            cron=cron,
            # django-q2's own default is at once.
            next_run=croniter(cron, now).get_next(datetime),
        )
        for name, (task, cron) in missing.items()
    )
    return list(missing)
