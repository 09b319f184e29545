"""No password in use reaches a log line, however it is spelt there."""

import io
import json
import logging

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from instances.engines.base import Target
from instances.engines.errors import ConnectionFailed
from sync_sessions.models import SyncEvent
from tests.factories import CredentialFactory, InstanceFactory
from tests.sync_sessions.scripts import run
from tests.toy_engine import reading
from whalefall import logs
from whalefall.logs import keep_secret, logging_config, scrub, scrub_text

SECRET = "correct-horse-7"
HOSTILE = [
    "it's",
    'say "hush"',
    "back\\slash",
    "two\nlines",
    "ключ-пароль",
    "tab\t'\"\\ü",
    "p@ss w/rd",
]


@pytest.fixture(autouse=True)
def _forget_secrets(monkeypatch):
    monkeypatch.setattr(logs, "_secrets", set())
    monkeypatch.setattr(logs, "_in_text", ())


@pytest.fixture(params=["json", "console"])
def output(request):
    """What the pipeline writes, in both of its formats."""
    stream = io.StringIO()
    config = logging_config(request.param, "INFO")["formatters"]["pipeline"]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(config.pop("()")(**config))
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


def fail(text):
    raise ConnectionFailed(f"cannot connect with {text}")


@pytest.mark.parametrize(
    "value",
    [
        SECRET,
        f"dsn: postgres://app:{SECRET}@db/x",
        ["a", (SECRET, {"b": SECRET})],
        {"outer": {"inner": SECRET}},
        RuntimeError(SECRET),
        SECRET.encode(),
        {SECRET},
    ],
)
def test_secret_in_use_is_scrubbed_by_value_however_deep(value):
    keep_secret(SECRET)

    assert SECRET not in repr(scrub(value))


@pytest.mark.parametrize(
    "key", ["password", "PASSWORD", "db_passwd", "api_token", "Authorization", "cookie", "dsn"]
)
def test_what_a_secret_key_holds_is_scrubbed_unseen(key):
    said = scrub({key: "never kept", "deep": [{key: 7}], "name": "app", "absent": None})

    assert said == {
        key: "[scrubbed]",
        "deep": [{key: "[scrubbed]"}],
        "name": "app",
        "absent": None,
    }


@pytest.mark.parametrize("secret", HOSTILE)
@pytest.mark.parametrize(
    "spell",
    [
        str,
        repr,
        ascii,
        json.dumps,
        lambda text: json.dumps({"password is": text}, ensure_ascii=False),
        lambda text: repr(text.encode()),
        lambda text: repr({"a": [text, "'", '"']}),
        lambda text: repr(f'it\'s "{text}"'),
        lambda text: f"IDENTIFIED BY '{text.replace(chr(39), chr(39) * 2)}'",
        lambda text: repr(Target("db", 1, "app", "other", service_name=text)),
    ],
)
def test_secret_is_found_in_any_spelling(secret, spell):
    keep_secret(secret)

    assert "[scrubbed]" in scrub_text(spell(secret))


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=4))
def test_any_secret_is_found_in_a_representation(secret):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs, "_secrets", set())
        patch.setattr(logs, "_in_text", ())
        keep_secret(secret)

        assert "[scrubbed]" in scrub_text(f"<{secret}>")
        assert "[scrubbed]" in scrub_text(repr([secret]))


def test_short_secret_is_scrubbed_where_it_is_the_whole_text():
    keep_secret("abc")

    assert (scrub_text("abc"), scrub_text("abcdef")) == ("[scrubbed]", "abcdef")


def test_secret_that_contains_another_leaves_nothing_of_itself():
    keep_secret("hunter")
    keep_secret("hunter-two")

    assert scrub_text("hunter-two, hunter") == "[scrubbed], [scrubbed]"


def test_empty_password_scrubs_nothing():
    keep_secret("")

    assert scrub_text("all of it") == "all of it"


def test_what_no_database_can_store_is_spelt_out():
    assert scrub_text("a\0b\udcffc") == r"a\x00b\udcffc"


@pytest.mark.parametrize("secret", [SECRET, *HOSTILE])
def test_structlog_line_shows_no_secret_not_even_in_its_traceback(output, secret):
    keep_secret(secret)
    log = structlog.get_logger("tests")

    log.info("something_done", note=f"with {secret}", password="other", nested={"x": secret})
    try:
        fail(secret)
    except ConnectionFailed:
        log.exception("something_failed")

    assert "something_done" in output.getvalue()
    assert "ConnectionFailed: cannot connect with [scrubbed]" in output.getvalue()
    for spelling in logs.spellings(secret):
        assert spelling not in output.getvalue()


@pytest.mark.parametrize("secret", [SECRET, *HOSTILE])
def test_line_of_the_standard_library_shows_no_secret_either(output, secret):
    keep_secret(secret)
    log = logging.getLogger("some.library")

    log.warning("connecting with %s and %r", secret, {"key": secret})
    try:
        fail(repr(secret))
    except ConnectionFailed:
        log.exception("failed with %s", secret, stack_info=True)

    assert "connecting with [scrubbed]" in output.getvalue()
    assert "ConnectionFailed: cannot connect with" in output.getvalue()
    for spelling in logs.spellings(secret):
        assert spelling not in output.getvalue()


@pytest.mark.django_db
@pytest.mark.both_databases
@pytest.mark.parametrize("secret", [SECRET, *HOSTILE])
def test_events_and_errors_of_a_record_show_no_secret(server_has, secret):
    instance = InstanceFactory(credential=CredentialFactory(password=secret))
    cause = RuntimeError(f"password={secret!r}")
    error = ConnectionFailed(f"The driver said {secret}.")
    error.__cause__ = cause
    server_has(instance, reading(), fails_with=error)

    record = run([instance]).records.get()

    instance.refresh_from_db()
    stored = json.dumps(list(SyncEvent.objects.values_list("event", "fields")), ensure_ascii=False)
    assert record.error_message == instance.last_error == "The driver said [scrubbed]."
    assert "RuntimeError" not in stored  # the traceback is in the log alone
    for spelling in logs.spellings(secret):
        assert spelling not in stored
