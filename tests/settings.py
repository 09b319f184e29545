"""The product's settings with keys that mean nothing."""

import os

from tests.own_database import own_postgresql_url

os.environ.setdefault("SECRET_KEY", "only-for-tests")
os.environ.setdefault("WHALEFALL_ENCRYPTION_KEYS", "sKe0TmPplmgmNqUuvP3VxlLNNQ5mQWbjbGTqLdNNrtM=")
os.environ.setdefault("DATABASE_URL", "sqlite://:memory:")

if os.environ.get("OWN_DATABASE") == "postgresql":
    # Races show only there. The server ends with this process.
    os.environ["DATABASE_URL"] = own_postgresql_url()

from whalefall.settings import *  # noqa: F403 -- the variables come first

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STATIC_ROOT = None
# Otherwise each client of a test, which has middleware of its own, lists every static file.
WHITENOISE_AUTOREFRESH = True
