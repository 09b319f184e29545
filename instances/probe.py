"""What our login can and cannot see on a server, and the statements that would help."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.utils import timezone

from instances.deadline import read_within
from instances.engines import get_engine
from instances.engines.base import Engine, Section, Target
from instances.engines.errors import EngineError
from instances.models import Instance


@dataclass(frozen=True, slots=True)
class Preflight:
    """A server's version and the sections of readings that were made and thrown away.

    Reading for real, accounts, sizes and tables, is the only answer that can't be wrong; it takes
    seconds at most.
    """

    version: str
    sections: Sequence[Section]

    @property
    def coverage(self) -> float:
        known = sum(section.is_complete for section in self.sections)
        return known / len(self.sections)

    @property
    def unknown(self) -> list[Section]:
        return [section for section in self.sections if not section.is_complete]

    @property
    def needed_grants(self) -> list[str]:
        """The statements that would complete the reading, each once."""
        grants = (section.needed_grant for section in self.unknown)
        return list(dict.fromkeys(grant for grant in grants if grant))


def probe_target(engine: str, target: Target) -> Preflight:
    """Connect and read. Raises EngineError, within PROBE_TIMEOUT_SECONDS."""
    return read_within(get_engine(engine)(target), read_all, settings.PROBE_TIMEOUT_SECONDS)


def read_all(server: Engine) -> Preflight:
    accounts, sizes = server.read_accounts(), server.read_sizes()
    tables = [told for told in server.stream_tables() if isinstance(told, Section)]
    return Preflight(accounts.version, [*accounts.sections, *sizes.sections, *tables])


def probe(instance: Instance) -> Preflight:
    """Probe ``instance`` with its own credential, and note whether it was reached.

    Raises EngineError or UnreadableCredential. Must not be called inside a transaction.
    """
    target = instance.target()
    try:
        preflight = probe_target(instance.engine, target)
    except EngineError as error:
        Instance.objects.not_reached(instance.pk, error=str(error))
        raise
    Instance.objects.was_reached(instance.pk, at=timezone.now())
    return preflight
