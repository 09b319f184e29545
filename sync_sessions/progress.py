"""Show a run that happens in this process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from sync_sessions.models import SyncRecord
from sync_sessions.reports import record_line
from whalefall.core.commands import Lines, printable


@contextmanager
def progress_of(
    total: int, output: Lines, *, doing: str = "Syncing", is_silent: bool = False
) -> Iterator[Callable[[SyncRecord], None]]:
    """Something to call with each record that has ended.

    On a terminal it moves a bar called ``doing`` with a line per record above it, elsewhere it
    prints the lines.
    """
    if is_silent:
        yield lambda _record: None
    elif not output.isatty():
        yield lambda record: output.write(record_line(record))
    else:
        columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=Console(file=output.stream, markup=False)) as bar:
            task = bar.add_task("", total=total)

            def settled(record: SyncRecord) -> None:
                bar.console.print(printable(record_line(record)), highlight=False, soft_wrap=True)
                bar.advance(task)

            yield settled
