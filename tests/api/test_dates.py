"""No day of the calendar, and no moment, is too early or too late to be asked about."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from tests.factories import AccountFactory, SyncSessionFactory

DAYS = ("0001-01-01", "9999-12-31", "2026-02-30")
MOMENTS = (
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59Z"),
    *("0001-01-01T00:00:00Z", "2026-03-31T01:00:00+23:59"),
)


def questions(account: int, session: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Every list with every extreme of its dates, alone and from the first to the last."""
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    for path, operations in paths.items():
        parameters = operations.get("get", {}).get("parameters", [])
        timed: dict[str, tuple[str, ...]] = {
            one["name"]: DAYS if one["schema"]["format"] == "date" else MOMENTS
            for one in parameters
            if one["in"] == "query" and one["schema"].get("format") in ("date", "date-time")
        }
        others = {
            one["name"]: REQUIRED.get(one["name"], "1")
            for one in parameters
            if one["in"] == "query" and one.get("required") and one["name"] not in timed
        }
        periods = next(
            (one["schema"]["enum"] for one in parameters if one["name"] == "period"), [None]
        )
        place = path.format(id=account, account=account, session=session, job="clean_up")
        for period in periods:
            more = {**others, **({"period": period} if period else {})}
            for name, values in timed.items():
                yield from ((place, {**more, name: value}) for value in values)
            for pair in itertools.permutations(timed, 2):
                ends = [timed[name][position] for position, name in enumerate(pair)]
                yield place, {**more, **dict(zip(pair, ends, strict=True))}


REQUIRED = {"privilege": "SELECT", "object": "shop.public.orders"}


@pytest.mark.both_databases
def test_no_date_is_an_error_of_ours(admin: APIClient) -> None:
    account, session = AccountFactory(), SyncSessionFactory()
    asked = list(questions(account.pk, str(session.pk)))
    assert len({path for path, _ in asked}) > 5

    found: dict[int, Any] = {}
    for path, query in asked:
        response = admin.get(path, query)
        found.setdefault(response.status_code, (path, query))

    assert found.keys() <= {200, 400, 404, 409}, found
