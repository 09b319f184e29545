"""A worker in a process of its own; its arguments are SESSION FIRST LAST FLAG.

Its only server has the account ``old`` and answers once the file FLAG exists. The database is the
one of DATABASE_URL.
"""

import sys
import time
from pathlib import Path

import django

if __name__ == "__main__":
    django.setup()

    from accounts.tasks import sync_accounts_for_records
    from instances.engines import ENGINES
    from instances.models import Instance
    from tests.toy_engine import TOY_SERVERS, Toy, ToyServer, reading, user

    session, first, last, flag = sys.argv[1:]

    def wait_for_flag() -> None:
        while not Path(flag).exists():
            time.sleep(0.05)

    ENGINES["toy"] = Toy
    for instance in Instance.objects.all():
        TOY_SERVERS[instance.host] = ToyServer(reading([user("old")]), during_read=wait_for_flag)
    sync_accounts_for_records(session, int(first), int(last))
