"""What commands refuse as wrong usage, with a sentence."""

import pytest
from django.core.management import CommandError, call_command

from instances.models import Credential, Instance

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["account_changes", "--since", "99999999999d"], "is before all time"),
        (["account_changes", "--since", "9" * 5000 + "d"], "is before all time"),
        (["account_changes", "--since", "²d"], "is no moment"),
        (["sessions", "--limit", "-1"], "is no number from 1 on"),
        (["sessions", "--limit", "0"], "is no number from 1 on"),
        (["privileges", "db", "ada", "--at", "2999-01-01"], "is in the future"),
        (["who_can", "SELECT", "shop.public.t", "--at", "2999-01-01"], "is in the future"),
    ],
)
def test_argument_that_makes_no_sense_is_refused(words: list[str], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        call_command(*words)


@pytest.mark.parametrize("port", ["0", "-1", "65536", "99999"])
def test_port_that_no_server_has_is_refused(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "x")
    words = ["add_instance", "db", "--engine", "mysql", "--host", "h", "--username", "u"]
    with pytest.raises(CommandError, match="from 1 to 65535") as caught:
        call_command(*words, "--password-env", "SHOP_PASSWORD", f"--port={port}")

    assert caught.value.returncode == 2
    assert not Instance.objects.exists()
    assert not Credential.objects.exists()
