"""A stored password goes where it has gone so far, until somebody names its credential again."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext

from instances.models import Instance

SERVER = ("engine", "host", "port")
FROM_WEAK_TO_STRONG = tuple(Instance.TlsMode.values)
VERIFYING = (Instance.TlsMode.VERIFY_CA, Instance.TlsMode.VERIFY_FULL)


def why_to_ask(before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
    """Why the change needs the credential named again; None when it does not.

    ``after`` may hold a part of the fields: the others stay.
    """
    for name in SERVER:
        if name in after and after[name] != before[name]:
            text = gettext("Name the credential again: its password would go to another %(part)s.")
            return text % {"part": name}
    mode = after.get("tls_mode", before["tls_mode"])
    if mode in VERIFYING and after.get("tls_ca", before["tls_ca"]) != before["tls_ca"]:
        return gettext("Name the credential again: another authority would vouch for the server.")
    if is_weaker(before["tls_mode"], mode):
        return gettext("Name the credential again: its password would travel with weaker TLS.")
    return None


def is_weaker(before: str, after: str) -> bool:
    return FROM_WEAK_TO_STRONG.index(after) < FROM_WEAK_TO_STRONG.index(before)
