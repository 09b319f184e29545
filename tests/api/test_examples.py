"""The documented clients work as they stand in docs/examples."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from pytest_django.live_server_helper import LiveServer

from tags.models import Tag
from tests.factories import UserFactory
from whalefall.users.models import ApiToken

SCRIPT = Path(__file__).resolve().parents[2] / "docs/examples/api_clients.sh"


@pytest.mark.skipif(
    shutil.which("curl") is None and "CI" not in os.environ, reason="curl is not installed"
)
@pytest.mark.django_db(transaction=True)
def test_three_clients_do_what_they_say(live_server: LiveServer, tmp_path: Path) -> None:
    user = UserFactory(username="ada", password="let me in, please")
    user.groups.add(Group.objects.get(name="operator"))
    variables = {
        "PATH": os.environ["PATH"],
        "TMPDIR": str(tmp_path),
        "WHALEFALL_URL": live_server.url,
        "WHALEFALL_USER": "ada",
        "WHALEFALL_PASSWORD": "let me in, please",
    }

    ran = subprocess.run(
        ["sh", SCRIPT], env=variables, capture_output=True, text=True, timeout=60, check=False
    )

    assert (ran.returncode, ran.stderr) == (0, "curl: (22) The requested URL returned error: 401\n")
    assert re.sub(r"tag \d+", "tag N", ran.stdout).splitlines() == [
        "curl: signed in as ada",
        "curl: made and deleted tag N",
        "python: made and deleted tag N",
        "script: scope operate",
        "script: made and deleted tag N",
        "script: then AUTHENTICATION_REQUIRED",
        "done",
    ]
    assert not Tag.objects.exists()
    assert [token.state_at(token.expires_at) for token in ApiToken.objects.all()] == ["revoked"]
    assert list(tmp_path.iterdir()) == []
