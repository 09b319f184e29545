"""What every engine's folder must hold, today's and tomorrow's."""

import os
import re
import subprocess
import sys
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import pytest

from instances.engines import ENGINES, engine_choices

KINDS = sorted(ENGINES)
ROOT = Path(__file__).resolve().parents[2]


def sql_files(kind: str) -> list[Traversable]:
    folder = resources.files(f"instances.engines.{kind}").joinpath("sql")
    return [file for file in folder.iterdir() if file.name.endswith(".sql")]


def body(file: Traversable) -> str:
    return re.sub(r"--.*", "", file.read_text()).strip()


def test_every_folder_is_an_engine() -> None:
    folders = {path.parent.name for path in (ROOT / "instances/engines").glob("*/__init__.py")}

    assert set(KINDS) == folders


@pytest.mark.parametrize("kind", KINDS)
def test_engine_is_complete(kind: str) -> None:
    engine = ENGINES[kind]

    assert not getattr(engine, "__abstractmethods__", None)
    assert engine.label
    assert 0 < engine.default_port < 65536
    assert engine.driver_module().__name__ == engine.driver


@pytest.mark.parametrize("kind", KINDS)
def test_rules_are_complete_where_there_are_any(kind: str) -> None:
    rules = ENGINES[kind].effective

    assert rules is None or not getattr(rules, "__abstractmethods__", None)


@pytest.mark.parametrize("kind", KINDS)
def test_queries_state_needs_since_and_source(kind: str) -> None:
    for file in sql_files(kind):
        header = [line for line in file.read_text().splitlines() if line.startswith("--")]
        for key in ("Needs:", "Since:", "Source:"):
            assert any(key in line for line in header), f"{file.name} lacks {key}"


@pytest.mark.parametrize("kind", KINDS)
def test_queries_only_read_and_are_one_statement(kind: str) -> None:
    for file in sql_files(kind):
        assert re.match(r"(SELECT|WITH|SHOW)\b", body(file), re.IGNORECASE), file.name
        assert ";" not in body(file).rstrip(";"), file.name


def test_adding_an_engine_is_adding_a_folder(tmp_path: Path) -> None:
    """In a process of its own: a new folder on the package's path, and nothing else."""
    folder = tmp_path / "lighthouse"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "from tests.toy_engine import Toy\n\n\nclass Lighthouse(Toy):\n"
        "    label = 'Lighthouse'\n\n\nENGINE = Lighthouse\n"
    )
    script = f"""
import pkgutil, sys
sys.path.insert(0, {str(ROOT)!r})
iterated = pkgutil.iter_modules
import instances

def with_new_folder(path=None, prefix=""):
    path.append({str(tmp_path)!r})
    return iterated(path, prefix)
pkgutil.iter_modules = with_new_folder
import instances.engines
pkgutil.iter_modules = iterated
import django
django.setup()
from django.core.management import call_command
from instances.models import Instance
assert ("lighthouse", "Lighthouse") in Instance._meta.get_field("engine").flatchoices
call_command("makemigrations", check=True, dry_run=True, verbosity=0)
"""

    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "OWN_DATABASE": ""},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_choices_name_every_engine() -> None:
    assert engine_choices() == [(kind, engine.label) for kind, engine in sorted(ENGINES.items())]
