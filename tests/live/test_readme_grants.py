"""The GRANTs that the README gives complete a reading of accounts, and run as they are."""

import re
from pathlib import Path

import pytest

from instances.models import Section
from tests.engines.mysql.conftest import cleaned
from tests.factories import sync
from tests.live.mirrored import instance_of

pytestmark = pytest.mark.django_db

README = Path(__file__).parents[2] / "README.md"
LOGIN = {"credential__username": "whalefall", "credential__password": "hush-hush"}


@pytest.mark.parametrize("kind", ["mysql", "mariadb"])
def test_grants_of_the_readme_complete_a_reading(kind: str, request: pytest.FixtureRequest) -> None:
    heading = {"mysql": "For MySQL 8", "mariadb": "For MariaDB:"}[kind]
    block = README.read_text().split(heading)[1].split("\n\n")[1]
    statements = [re.sub(r"\s+", " ", one).strip() for one in block.split(";") if one.strip()]
    assert len(statements) > 7
    with cleaned(request.getfixturevalue(kind)) as server:
        for statement in statements:
            server.execute(statement.replace("…", "hush-hush"))
        instance = instance_of(server, **LOGIN)

        assert sync(instance).coverage == 1
        assert not Section.objects.unknown().filter(instance=instance).exists()
