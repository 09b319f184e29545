"""``manage.py demo --no-serve`` in a tree of its own, twice."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from whalefall.demo.machine import ROOT, NoServer, postgresql_build

PARTS = ["manage.py", "whalefall", "accounts", "capacity", "instances", "sync_sessions", "tags"]
PARTS += ["templates", "static"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what the product needs, so that the demo's ``var`` is not the developer's."""
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / part)
    return tmp_path


def test_demo_tells_what_it_found_and_works_again(tree: Path) -> None:
    try:
        postgresql_build()
    except NoServer as reason:
        pytest.skip(str(reason))

    first, second = (demo(tree) for _ in range(2))

    for done in (first, second):
        assert (done.returncode, done.stderr) == (0, "")
        assert "First sync: what every account may do" in done.stdout
        assert re.search(r"lantern-postgresql: \d+ accounts, .* added", done.stdout)
        assert "The servers change, second sync: what is different" in done.stdout
        assert re.search(r"lantern-postgresql .* renamed", done.stdout)
        assert "grew by" in done.stdout
        assert re.search(r"limit of .* is reached about \d{4}-", done.stdout)
        assert "simulated" in done.stdout
    trial = (tree / "var" / "trial.env").read_text()
    secrets = [line.partition("=")[2] for line in trial.splitlines() if "sqlite" not in line]
    printed = first.stdout + second.stdout
    assert len(secrets) == 3
    assert [secret for secret in secrets if secret in printed] == []


def demo(tree: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", "demo", "--no-serve"],
        cwd=tree,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
