"""Database engines, one sub-package each; the folder's name is the engine's kind."""

import pkgutil
from importlib import import_module

from instances.engines.base import Engine
from instances.engines.errors import UnknownEngine

ENGINES: dict[str, type[Engine]] = {
    module.name: import_module(f"{__name__}.{module.name}").ENGINE
    for module in pkgutil.iter_modules(__path__)
    if module.ispkg
}


def get_engine(kind: str) -> type[Engine]:
    try:
        return ENGINES[kind]
    except KeyError:
        known = ", ".join(sorted(ENGINES))
        raise UnknownEngine(
            f"There is no engine named {kind!r}; known are {known}.",
            extra={"fields": {"engine": [f"One of {known}."]}},
        ) from None


def engine_choices() -> list[tuple[str, str]]:
    return [(kind, engine.label) for kind, engine in sorted(ENGINES.items())]
