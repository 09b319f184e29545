"""A trial's own settings: keys made on first use, kept under ``var/``, never defaults in code.

No Django here: it runs before the settings are read.
"""

import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet

VAR_DIR = Path(__file__).resolve().parent.parent.parent / "var"
TRIAL_FILE = VAR_DIR / "trial.env"


def prepare_trial() -> None:
    """Write ``var/trial.env`` (readable by its owner only) unless it is there."""
    VAR_DIR.mkdir(exist_ok=True)
    if TRIAL_FILE.exists():
        return
    lines = (
        f"SECRET_KEY={secrets.token_urlsafe(48)}",
        f"WHALEFALL_ENCRYPTION_KEYS={Fernet.generate_key().decode()}",
        f"DATABASE_URL=sqlite:///{VAR_DIR / 'whalefall.sqlite3'}",
        f"TRIAL_ADMIN_PASSWORD={secrets.token_urlsafe(12)}",
    )
    descriptor = os.open(TRIAL_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write("\n".join(lines) + "\n")
