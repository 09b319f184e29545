"""What accounts are called in the mirror, and how the server wants them quoted."""

PUBLIC = "public"


def account_name(user: str, host: str) -> str:
    """``user@host``. A host holds no ``@``, so the last one always separates."""
    return f"{user}@{host}"


def mariadb_name(user: str, host: str) -> str:
    """Like ``account_name``, except that MariaDB's roles have no host.

    A role is called by its bare name. One that holds an ``@`` gets another at its end, because
    ``app@%`` may also be a user; no user's name ends so, as MariaDB makes an empty host ``%``.
    PUBLIC is reserved in any case, so nothing else can be called ``public``.
    """
    if host:
        return f"{user}@{host}"
    if user == "PUBLIC":
        return PUBLIC
    return f"{user}@" if "@" in user else user


def identifier(name: str) -> str:
    return f"`{name.replace('`', '``')}`"


def quoted(current_user: str) -> str:
    """The answer of CURRENT_USER() as a GRANT statement takes it, under any ``sql_mode``."""
    user, _, host = current_user.rpartition("@")
    return f"{identifier(user)}@{identifier(host)}"


def quoted_grantee(name: str, *, is_mariadb: bool) -> str:
    """The name of an account or a role in the mirror as a GRANT statement takes it."""
    if is_mariadb and name == PUBLIC:
        return "PUBLIC"
    if is_mariadb and ("@" not in name or name.endswith("@")):
        return identifier(name.removesuffix("@"))
    return quoted(name)


def parts_of_grantee(grantee: str) -> tuple[str, str]:
    """User and host of an information_schema GRANTEE: ``'u'@'h'``, with nothing escaped."""
    user, _, host = grantee[1:-1].rpartition("'@'")
    return user, host
