"""What every test may ask for."""

from collections.abc import Callable, Iterator

import pytest

from instances.engines import ENGINES
from instances.engines.base import AccountsReading
from instances.models import Instance
from tests.factories import InstanceFactory
from tests.toy_engine import TOY_SERVERS, Toy, ToyServer
from tests.toy_engine import reading as toy_reading
from whalefall import logs

pytest_plugins = ["tests.servers"]


@pytest.fixture(autouse=True)
def _toy_engine() -> Iterator[None]:
    """Adding an engine is adding a name: nothing else of the product has to know."""
    ENGINES["toy"] = Toy
    yield
    del ENGINES["toy"]
    TOY_SERVERS.clear()


@pytest.fixture(autouse=True)
def _no_secrets_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A word that one test calls a password is an ordinary one in the next."""
    monkeypatch.setattr(logs, "_secrets", set())
    monkeypatch.setattr(logs, "_in_text", ())


@pytest.fixture
def server_has() -> Callable[..., ToyServer]:
    """Make ``instance``'s server answer with a reading, or with what ``script`` says."""

    def make(
        instance: Instance, reading: AccountsReading | None = None, **script: object
    ) -> ToyServer:
        server = ToyServer(reading or toy_reading(), **script)  # type: ignore[arg-type]
        TOY_SERVERS[instance.host] = server
        return server

    return make


@pytest.fixture
def instance(db: None) -> Instance:
    made: Instance = InstanceFactory()
    return made
