"""PostgreSQL as Whalefall's own database, for the tests that SQLite can't fail."""

import atexit
from contextlib import ExitStack
from urllib.parse import quote

from whalefall.demo.machine import postgresql_build
from whalefall.demo.servers import start


def own_postgresql_url() -> str:
    stack = ExitStack()
    # As much memory as PostgreSQL takes by itself: throwaway servers have far less. And nobody who
    # counts rows between two looks of a test.
    options = ("--shared_buffers=128MB", "--autovacuum=off")
    server = stack.enter_context(start(postgresql_build(), *options))
    atexit.register(stack.close)
    user, password = quote(server.username), quote(server.password)
    return f"postgres://{user}:{password}@{server.host}:{server.port}/postgres"
