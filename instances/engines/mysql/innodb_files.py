"""Which database and table each InnoDB file belongs to.

InnoDB knows tables by the names of their files, in which all but ASCII letters, digits and ``_``
are escaped: ``sz@002dd/t#p#p0`` is the partition p0 of the table ``t`` of ``sz-d``.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

ESCAPE = re.compile(r"@[0-9a-f]{4}|@..")
TOKEN = re.compile(rf"{ESCAPE.pattern}|.")
PARTITION = re.compile("#p#", re.IGNORECASE)
FULL_TEXT = re.compile(r"fts_([0-9a-f]{16})_", re.IGNORECASE)
UNSAFE = re.compile(r"[^0-9A-Za-z_@]")
OLD_STYLE = "#mysql50#"
"""What the server puts before a name whose file's is not escaped as it would do it."""

SYSTEM_SPACE = 0

Fold = Callable[[str], str]


@dataclass(slots=True)
class Files:
    """Bytes of files: ``of_tables`` by database and table, ``of_databases`` all that is theirs.

    A database in ``mixed`` has tables in a file that it shares: then no file of many tables counts.
    ``unplaced`` are databases of which a file may be, but its name does not tell.
    """

    fold: Fold
    of_tables: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    of_databases: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    mixed: set[str] = field(default_factory=set)
    unplaced: set[str] = field(default_factory=set)

    def of_table(self, database: str, table: str) -> int | None:
        return self.of_tables.get((self.fold(database), self.fold(table)))

    def of_database(self, database: str) -> int:
        return self.of_databases.get(self.fold(database), 0)


@dataclass(slots=True)
class Space:
    """A tablespace that may hold many tables."""

    size: int
    folders: set[str] = field(default_factory=set)


def innodb_files(rows: Iterable[Any], databases: Collection[str], *, fold: Fold) -> Files:
    """``rows`` of innodb_files.sql, of which one at a time is looked at."""
    files = Files(fold)
    spaces: dict[int, Space] = {}
    full_text: dict[int, int] = defaultdict(int)
    for encoded, decoded, table_id, space, space_type, size in rows:
        folder, _, file = encoded.partition("/")
        if space == SYSTEM_SPACE or space_type != "Single":
            spaces.setdefault(space, Space(size or 0)).folders.add(folder)
        elif decoded is None or len(decoded) != length(encoded):
            files.unplaced |= owners(folder, databases, fold)
        else:
            parent = FULL_TEXT.match(file)
            if parent:
                full_text[int(parent[1], 16)] += size or 0
            database, table = names(folder, file, decoded)
            files.of_databases[fold(database)] += size or 0
            # A table may look like a full-text file by its name, so each also counts for itself.
            whole = (size or 0) + full_text.pop(table_id, 0)
            files.of_tables[fold(database), fold(table)] += whole
    place(files, spaces, databases)
    return files


def names(folder: str, file: str, decoded: str) -> tuple[str, str]:
    """Database and table; in ``decoded`` one character stands for each of theirs."""
    base = PARTITION.split(file)[0]
    database = decoded[: length(folder)]
    table = decoded[length(folder) + 1 :][: length(base)]
    return (
        OLD_STYLE + folder if UNSAFE.search(folder) else database,
        OLD_STYLE + base if UNSAFE.search(base) else table,
    )


def length(encoded: str) -> int:
    return len(ESCAPE.sub(".", encoded))


def place(files: Files, spaces: Mapping[int, Space], databases: Collection[str]) -> None:
    """Give each space to the database of its tables, unless others share that, or another one."""
    folders = {folder for space in spaces.values() for folder in space.folders}
    found = {folder: owners(folder, databases, files.fold) for folder in folders}
    for number, space in spaces.items():
        if number == SYSTEM_SPACE or len(space.folders) > 1:
            files.mixed.update(*(found[folder] for folder in space.folders))
    for number, space in spaces.items():
        if number == SYSTEM_SPACE or len(space.folders) > 1:
            continue
        [folder] = space.folders
        if len(found[folder]) > 1:
            files.unplaced |= found[folder]
        for database in found[folder] - files.mixed - files.unplaced:
            files.of_databases[files.fold(database)] += space.size


def owners(folder: str, databases: Collection[str], fold: Fold) -> set[str]:
    """The databases that ``folder`` may be of: a two-letter escape does not tell its character."""
    if UNSAFE.search(folder):
        return {OLD_STYLE + folder}
    pattern = ""
    for part in TOKEN.findall(folder):
        if len(part) == 3:
            pattern += "[^\x00-\x7f]"
        else:
            pattern += re.escape(chr(int(part[1:], 16)) if len(part) == 5 else part)
    return {one for one in databases if re.fullmatch(pattern, fold(one), re.DOTALL)}
