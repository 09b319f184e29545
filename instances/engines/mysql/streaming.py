"""Rows that are never all in memory."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from instances.engines.mysql.catalogue import Row
from instances.engines.mysql.queries import Query

if TYPE_CHECKING:
    from instances.engines.mysql.engine import MySQLEngine

BATCH_ROWS = 2000


def stream(engine: "MySQLEngine", query: Query) -> Iterator[Row]:
    """The rows of one statement, a batch in memory at a time. Raises EngineError.

    Nothing else can be asked meanwhile. The server's time-out is for the statement as a whole,
    the reader's own time included.
    """
    engine.statements += 1
    driver = engine.driver_module()
    cursor = engine.connection.cursor(driver.cursors.SSCursor)
    started = time.monotonic()
    try:
        cursor.execute(query.text)
        while rows := cursor.fetchmany(BATCH_ROWS):
            yield from rows
            started = time.monotonic()
    except driver.Error as error:
        seconds = time.monotonic() - started
        raise engine.failure(error, query.name, query.right, seconds) from error
    except GeneratorExit:
        # Closing the cursor would first fetch whatever is left.
        if engine.wire is not None:
            with suppress(OSError):  # it may be closed already
                engine.wire.shutdown(socket.SHUT_RDWR)
        raise
    finally:
        with suppress(driver.Error):  # a broken connection may refuse to close it
            cursor.close()
