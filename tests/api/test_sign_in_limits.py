"""How often somebody may guess, and that nothing of it can be read in the log."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.api.envelopes import failure
from tests.api.signing import (
    AUTH,
    NEW,
    attempt,
    change,
    renewed,
    signed_in,
    status,
    token_of,
)
from whalefall.logs import scrub_text
from whalefall.users.models import Attempt, User
from whalefall.users.tokens import RefreshToken

# --- limits -------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let seconds pass for whoever counts attempts."""
    start, passed = timezone.now(), [0]
    admit = Attempt.objects.all().__class__.admit

    def later(self: Any, limit: Any, subject: str, *, at: Any) -> None:
        admit(self, limit, subject, at=start + timedelta(seconds=passed[0]))

    monkeypatch.setattr(Attempt.objects.all().__class__, "admit", later)

    def wait(seconds: int) -> None:
        passed[0] += seconds

    return wait


def test_eleventh_attempt_in_a_minute_is_refused_even_with_the_right_password(
    ada: User, clock: Callable[[int], None]
) -> None:
    statuses = [attempt().status_code for _ in range(9)]
    clock(20)
    statuses.append(attempt(password="let-me-in").status_code)
    refused = attempt(password="let-me-in")

    assert statuses == [401] * 9 + [200]
    text = "Too many attempts. Wait 40 seconds, then try again."
    assert (refused.status_code, refused.json()) == (429, failure("RATE_LIMIT_EXCEEDED", text))
    assert refused.headers["Retry-After"] == "40"
    # Another name, and the same name from another address, have counts of their own.
    assert attempt("nobody").status_code == 401
    assert attempt(REMOTE_ADDR="10.0.0.9").status_code == 401
    clock(39)
    assert attempt().status_code == 429
    clock(1)
    assert [attempt().status_code for _ in range(9)] == [401] * 9
    assert attempt().status_code == 429


@pytest.mark.parametrize(
    ("hops", "expected"), [(0, 429), (1, 401), (2, 429)], ids=["none", "one", "two"]
)
def test_only_the_configured_number_of_proxies_is_believed(
    ada: User, hops: int, expected: int, settings: Any
) -> None:
    """A caller can write what he likes before what the proxies add."""
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": hops}
    for number in range(10):
        attempt(HTTP_X_FORWARDED_FOR=f"1.1.1.{number}, 7.7.7.7, 10.0.0.1")

    answer = attempt(HTTP_X_FORWARDED_FOR="2.2.2.2, 7.7.7.7, 10.0.0.2")

    assert answer.status_code == expected


def test_three_changes_of_the_password_in_an_hour(ada: User, clock: Callable[[int], None]) -> None:
    client, _ = signed_in()
    statuses = [change(client, "wrong").status_code for _ in range(3)]
    clock(600)

    refused = change(client)

    assert statuses == [400] * 3
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "3000")
    assert refused.json() == failure("RATE_LIMIT_EXCEEDED")
    clock(3000)
    assert change(client).status_code == 200


# --- what the log says --------------------------------------------------------------------


def test_no_secret_reaches_the_log(
    ada: User, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    client, pair = signed_in()
    attempt(password="nearly-let-me-in")
    made = client.post(
        f"{AUTH}/tokens",
        {"name": "script", "scope": "read", "expires_at": timezone.now() + timedelta(days=1)},
        headers=token_of(client),
    ).json()["data"]["value"]
    assert status(made) == 200
    change(client, "wrong-old-one", "password")
    change(client)
    _, again = signed_in(password=NEW)
    renewed(again["refresh"])
    renewed(again["refresh"])

    log = capsys.readouterr().err + caplog.text
    # What somebody tries is no word to scrub: messages would lose their sense.
    assert scrub_text("the password") == "the password"
    secrets = [
        *(one[name] for one in (pair, again) for name in ("access", "refresh")),
        made,
        NEW,
        "let-me-in",
        "wrong-old-one",
    ]
    assert "request_finished" in log
    assert [secret for secret in secrets if secret in log] == []


def test_the_log_scrubs_tokens_that_nobody_remembered(ada: User) -> None:
    token, api_token = str(RefreshToken.for_user(ada)), "wf_" + "aB3_-" * 9

    assert scrub_text(f"GET /?t={token}&u={api_token} wf_tiny") == (
        "GET /?t=[scrubbed]&u=[scrubbed] wf_tiny"
    )


def test_a_bearer_s_lines_in_the_log_name_him(ada: User, caplog: pytest.LogCaptureFixture) -> None:
    status(str(RefreshToken.for_user(ada).access_token))

    last = caplog.records[-1].msg
    assert isinstance(last, dict)
    assert (last["event"], last["user_id"]) == ("request_finished", ada.pk)
