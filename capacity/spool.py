"""Where the tables of a server wait between reading and writing: on disk, however many."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import astuple
from tempfile import TemporaryFile
from typing import Self
from weakref import finalize

from instances.engines.base import Section
from instances.engines.sizes import TableRecord

BATCH = 500


class TableSpool:
    """A stream of tables, kept in a nameless file of one batch per line; its sections aside.

    A batch is in memory at a time. The file goes with the spool: at the end of a ``with``, and
    also when a reading is thrown away and nobody ever looks at it.
    """

    def __init__(self) -> None:
        self.sections: list[Section] = []
        self._batch: list[TableRecord] = []
        self._file = TemporaryFile("w+", encoding="ascii")  # noqa: SIM115 -- it goes with us
        self.close = finalize(self, self._file.close)

    @classmethod
    def of(cls, stream: Iterable[TableRecord | Section]) -> Self:
        """A spool that holds all of ``stream``; none is left when that breaks."""
        spool = cls()
        try:
            for told in stream:
                spool.add(told)
            spool.flush()
        except BaseException:
            spool.close()
            raise
        return spool

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, told: TableRecord | Section) -> None:
        if isinstance(told, Section):
            self.sections.append(told)
            return
        self._batch.append(told)
        if len(self._batch) == BATCH:
            self.flush()

    def flush(self) -> None:
        if self._batch:
            self._file.write(json.dumps([astuple(table) for table in self._batch]) + "\n")
            self._batch = []

    def batches(self) -> Iterator[list[TableRecord]]:
        """The tables in the order of the stream."""
        self._file.seek(0)
        for line in self._file:
            yield [TableRecord(*parts) for parts in json.loads(line)]
