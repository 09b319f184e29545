"""How often somebody may try: the count in any window, told by a replay of all attempts."""

from collections import deque
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from whalefall.users.limits import LONGEST_WINDOW, Limit, RateLimited
from whalefall.users.models import Attempt

START = datetime(2026, 1, 1, tzinfo=UTC)
THRICE = Limit("thrice", 3, timedelta(seconds=10))


def admitted(limit: Limit, subject: str, at: datetime) -> int | None:
    """None, or how long to wait."""
    try:
        Attempt.objects.admit(limit, subject, at=at)
    except RateLimited as refusal:
        return refusal.wait
    return None


class Replay(TestCase):
    """In any order of names and at any pace, the same as a list of the latest times would say."""

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 12)), max_size=25))
    def test_limit_is_what_a_list_of_the_latest_times_says(
        self, tries: list[tuple[str, int]]
    ) -> None:
        latest: dict[str, deque[int]] = {"a": deque(maxlen=3), "b": deque(maxlen=3)}
        now = 0
        for name, pause in tries:
            now += pause
            times = latest[name]
            wait = times[0] + 10 - now if len(times) == 3 and times[0] + 10 > now else None
            if wait is None:
                times.append(now)
            assert admitted(THRICE, name, START + timedelta(seconds=now)) == wait


@pytest.mark.both_databases
def test_what_counts_no_more_is_deleted(db: None) -> None:
    for second in range(3):
        admitted(THRICE, "ada", START + timedelta(seconds=second))

    admitted(THRICE, "bob", START + LONGEST_WINDOW + timedelta(seconds=1))

    assert list(Attempt.objects.order_by("at").values_list("key", "at")) == [
        (THRICE.key_of("ada"), START + timedelta(seconds=2)),
        (THRICE.key_of("bob"), START + LONGEST_WINDOW + timedelta(seconds=1)),
    ]


def test_no_name_can_be_read_in_the_table(db: None) -> None:
    admitted(THRICE, "ada", START)

    assert "ada" not in str(list(Attempt.objects.values()))


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
def test_attempts_at_the_same_moment_see_each_other() -> None:
    together, results = Barrier(8), []

    def attempt() -> None:
        try:
            together.wait()
            results.append(admitted(THRICE, "ada", START))
        finally:
            connection.close()

    threads = [Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(results) == 8
    assert results.count(None) <= 3
    assert Attempt.objects.count() == results.count(None)
