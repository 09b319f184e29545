"""Reading a server in a thread of its own: a driver that hangs for good holds up nobody."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import Context, copy_context
from typing import TypeVar

from instances.engines.base import Engine
from instances.engines.errors import ServerTimeout

T = TypeVar("T")


def read_apart(
    engine: Engine, read: Callable[[Engine], T], future: "Future[T]", context: Context
) -> None:
    """Open ``engine`` and ``read`` it in a thread; ``future`` gets what came of it."""

    def run() -> None:
        try:
            engine.open()
            result = read(engine)
        except BaseException as error:  # noqa: BLE001 -- handed to whoever waits, who judges
            future.set_exception(error)
        else:
            future.set_result(result)
        finally:
            engine.close()

    # A daemon: a driver that hangs must not keep the process from ending either.
    threading.Thread(target=context.run, args=(run,), daemon=True).start()


def read_within(engine: Engine, read: Callable[[Engine], T], seconds: float) -> T:
    """What ``read`` says of the server. Raises EngineError, at the latest after ``seconds``."""
    future: Future[T] = Future()
    read_apart(engine, read, future, copy_context())
    try:
        return future.result(timeout=seconds)
    except TimeoutError:
        if future.done():  # the reading's own error, of that kind
            raise
        threading.Thread(target=engine.interrupt, daemon=True).start()
        raise ServerTimeout(
            f"{engine.target.host} did not answer within {seconds:g} s; the attempt was ended."
        ) from None
