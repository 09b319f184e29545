"""What commands print: a name from a server is a word in a line, whatever is in it."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from instances.models import Instance
from tests.factories import AccountChangeFactory, InstanceFactory
from tests.toy_engine import TOY_SERVERS
from whalefall.core.commands import printable

pytestmark = pytest.mark.django_db

EVIL = "\x1b[2Japp\nroot\r\x9b31m\u202eevil\u2028x\x00"
SHOWN = "\\x1b[2Japp\\nroot\\r\\x9b31m\\u202eevil\\u2028x\\x00"


def output(*words: str) -> str:
    stream = io.StringIO()
    call_command(*words, stdout=stream)
    return stream.getvalue()


def test_control_characters_are_escaped_and_all_else_stays() -> None:
    assert printable(EVIL) == SHOWN
    assert printable("DOMAIN\\user ü 名 '\"") == "DOMAIN\\user ü 名 '\"'"[:-1]


def test_a_name_is_printed_in_its_line_and_exactly_in_json() -> None:
    AccountChangeFactory(account__name=EVIL.rstrip("\0"), account__instance__name="shop")
    shown, exact = SHOWN.removesuffix("\\x00"), EVIL.rstrip("\0")

    lines = output("account_changes").splitlines()
    assert len(lines) == 1
    assert f"  shop  {shown}  added" in lines[0]

    text = output("account_changes", "--json")
    assert not {"\x1b", "\x9b", "\u202e", "\u2028"} & set(text)
    assert json.loads(text)[0]["account"] == exact


def test_a_failure_names_it_in_one_line() -> None:
    InstanceFactory(name="a\nb\x1b")
    TOY_SERVERS.clear()
    with pytest.raises(CommandError) as caught:
        call_command("probe", stdout=io.StringIO())
    assert str(caught.value) == "Not reached: a\\nb\\x1b"


def test_import_prints_a_line_for_each_row(tmp_path: Path) -> None:
    file = tmp_path / "servers.csv"
    file.write_bytes(
        b"name,engine,host,username,password\n"
        b'"sh\x1bop",toy,a,u,pass-word\nbad,none,b,u,pass-word\n'
    )
    for words, expected, made in (
        (["--dry-run"], "valid", []),
        (["--all-or-nothing"], "", []),
        ([], "created", ["sh\x1bop"]),
    ):
        stream = io.StringIO()
        with pytest.raises(CommandError) as caught:
            call_command("import_instances", str(file), *words, stdout=stream)
        assert [one.name for one in Instance.objects.all()] == made
        if expected:
            assert stream.getvalue().splitlines() == [
                f"line 2: sh\\x1bop: {expected}",
                'line 3: bad: invalid; engine: "none" is not a valid choice.',
                f"2 total, 1 {expected}, 1 invalid",
            ]
            assert (str(caught.value), caught.value.returncode) == ("1 rows are wrong.", 1)
        else:
            assert str(caught.value).startswith("1 of 2 rows are wrong, so nothing was changed.")


def test_import_of_a_file_that_is_not_there_is_wrong_usage(tmp_path: Any) -> None:
    with pytest.raises(CommandError, match="can't be read") as caught:
        call_command("import_instances", str(tmp_path / "none.csv"))
    assert caught.value.returncode == 2
