"""Fixtures of the tests that run the whole product against real servers."""

import pytest
from pytest_django import Settings


@pytest.fixture
def _believe_everything(settings: Settings) -> None:
    """The breaker is not what is tested here: a program may drop nearly everything."""
    settings.IMPLAUSIBLE_SHARE = 1
