"""A small company in a throwaway server: Lantern Books, which sells books by post."""

import re
import secrets
from collections.abc import Iterator
from pathlib import Path

from instances.engines.base import Target
from whalefall.demo.servers import Server

SQL = Path(__file__).with_name("sql")
LOGIN = "whalefall"


def open_company(server: Server) -> Target:
    """Fill an empty server with the company; how our own login reaches it.

    The login has the least rights that read everything but one PostgreSQL database.
    """
    password = secrets.token_urlsafe(18)
    run(server, "company", password)
    return server.target(username=LOGIN, password=password)


def change_company(server: Server) -> None:
    """What happens there between two syncs: a hire, a rename, rights given, taken and lost."""
    run(server, "changes", secrets.token_urlsafe(18))


def grow_company(server: Server) -> None:
    """A busy day: some tables get bigger."""
    run(server, "growth", "")


def run(server: Server, name: str, password: str) -> None:
    script = (SQL / f"{name}_{server.engine}.sql").read_text().replace("{password}", password)
    for database, statements in parts(script):
        server.execute(statements, database)


def parts(script: str) -> Iterator[tuple[str, str]]:
    """The script cut at its "-- in DATABASE" lines; a script without any is one part."""
    pieces = re.split(r"^-- in (\w+)$", script, flags=re.MULTILINE)
    if len(pieces) == 1:
        yield "", script
    yield from zip(pieces[1::2], pieces[2::2], strict=True)
