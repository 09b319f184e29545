"""Which privileges make an account all-powerful, or able to hand out what it does not hold.

Only what an account can do at once and alone counts; each way was tried. Rights that need more
than that (FILE, SET_ANY_DEFINER, writing to the schema ``mysql`` without RELOAD) do not.
"""

from collections.abc import Collection
from functools import lru_cache

from instances.engines.mysql.words import GRANT_OPTION, Words

FLUSH = ("RELOAD", "FLUSH_PRIVILEGES")
GRANTING = ("CREATE USER", GRANT_OPTION, "ROLE_ADMIN")

Reasons = tuple[tuple[str, ...], tuple[str, ...]]


@lru_cache(maxsize=4096)
def reasons_of(
    static: Words, dynamic: tuple[str, ...], *, writes_mysql: bool, has_system_user: bool
) -> Reasons:
    """Why an account is all-powerful, and why it may grant; few accounts of a server differ."""
    words, grantable = static
    held = {*words, *dynamic, *([GRANT_OPTION] if grantable else [])}
    reasons = superuser_reasons(held, writes_mysql=writes_mysql, has_system_user=has_system_user)
    return tuple(reasons), tuple(grant_reasons(held, reasons))


def superuser_reasons(
    words: Collection[str], *, writes_mysql: bool, has_system_user: bool
) -> list[str]:
    """``words`` are the account's global privileges.

    SUPER is all-powerful by name. CREATE USER, or UPDATE where it reaches the schema ``mysql``
    (``writes_mysql``), sets the password of any other account and so becomes it. From MySQL 8.0.16
    (``has_system_user``) accounts with SYSTEM_USER are safe from those without it; but who may
    UPDATE the grant tables and reload them writes SYSTEM_USER into its own row.
    """
    ways = ["UPDATE"] if writes_mysql and "UPDATE" in words else []
    reloads = [word for word in FLUSH if ways and word in words]
    if "CREATE USER" in words:
        ways.insert(0, "CREATE USER")
    if has_system_user:
        ways = [*ways, "SYSTEM_USER"] if ways and "SYSTEM_USER" in words else []
        if reloads:
            ways = [*dict.fromkeys([*ways, "UPDATE", *reloads])]
    return ["SUPER", *ways] if "SUPER" in words else ways


def grant_reasons(words: Collection[str], reasons: list[str]) -> list[str]:
    """An all-powerful account can grant everything, so its reasons count here too."""
    granting = [word for word in GRANTING if word in words]
    return list(dict.fromkeys([*granting, *reasons]))
