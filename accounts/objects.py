"""How people write what a question is about: ``db.schema.table``, with quotes as in SQL."""

import json
import re
from collections.abc import Iterable

from whalefall.core.errors import InvalidRequest

PLAIN = re.compile(r"\w+")
PART = re.compile(r'"((?:[^"]|"")+)"|([^".]+)')


def parse_object(text: str) -> tuple[str, ...]:
    """The names of an object, from the outermost; () for ``*``, the whole server.

    A name with a dot or a quote in it stands in double quotes; or all of them are a JSON list.
    Raises InvalidRequest saying where it is wrong.
    """
    text = text.strip()
    if text == "*":
        return ()
    return from_json(text) if text.startswith("[") else from_sql(text)


def from_json(text: str) -> tuple[str, ...]:
    try:
        names = json.loads(text)
    except json.JSONDecodeError as error:
        raise wrong(f"It is no JSON list: {error.msg} at character {error.pos + 1}.") from error
    if not names or not all(isinstance(name, str) and name for name in names):
        raise wrong("A JSON list of names holds nothing but texts that are not empty.")
    return tuple(names)


def from_sql(text: str) -> tuple[str, ...]:
    names, at = [], 0
    while True:
        found = PART.match(text, at)
        if found is None:
            raise wrong(f"A name is missing, or its quote is not closed, at character {at + 1}.")
        quoted, plain = found.groups()
        names.append(plain if quoted is None else quoted.replace('""', '"'))
        at = found.end()
        if at == len(text):
            return tuple(names)
        if text[at] != ".":
            raise wrong(f"A dot belongs at character {at + 1}, before the next name.")
        at += 1


def wrong(why: str) -> InvalidRequest:
    return InvalidRequest(f"That is no object. {why}", extra={"fields": {"object": [why]}})


def object_text(names: Iterable[str]) -> str:
    """What ``parse_object`` reads as ``names``."""
    return ".".join(map(quoted, names)) or "*"


def quoted(name: str) -> str:
    return name if PLAIN.fullmatch(name) else '"' + name.replace('"', '""') + '"'
