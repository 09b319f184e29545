"""What a machine installs."""

import re
from pathlib import Path

LOCK = Path(__file__).resolve().parents[1] / "requirements.lock"


def test_lock_names_no_address():
    assert "://" not in LOCK.read_text()


def test_every_package_of_the_lock_has_a_hash():
    blocks = re.split(r"\n(?=[a-z])", LOCK.read_text().strip())

    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []
