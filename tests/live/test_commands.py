"""The commands as a DBA runs them: real processes, a real server, an own database in a file."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from cryptography.fernet import Fernet

from tests.engines.postgresql.conftest import cleaned
from tests.live.installation import Done, Installation
from whalefall.demo.servers import Server

PASSWORD = "hush-sw0rdfish"
CROWD = [f"crowd{number}" for number in range(12)]
RECORD = {
    *("instance", "status", "coverage", "counts", "seconds", "statements"),
    *("error_code", "error_message"),
}
PRIVILEGE = {
    *("privilege", "scope", "database", "schema", "object", "column"),
    *("grantable", "denied", "owner", "reachable", "via"),
}


@pytest.fixture(scope="module")
def server(postgresql: Server) -> Iterator[Server]:
    with cleaned(postgresql):
        postgresql.execute(
            f"CREATE ROLE eye LOGIN PASSWORD '{PASSWORD}'; GRANT pg_read_all_stats TO eye;"
            'CREATE ROLE "Ada L."'
        )
        postgresql.execute("CREATE DATABASE shop")
        postgresql.execute('CREATE TABLE t (a int); GRANT SELECT (a) ON t TO "Ada L."', "shop")
        yield postgresql


@pytest.fixture(scope="module")
def installation(
    tmp_path_factory: pytest.TempPathFactory, server: Server
) -> Iterator[Installation]:
    """Migrated, with the server as ``shop`` in it, which was read once."""
    made = Installation(tmp_path_factory.mktemp("installation"), secrets={PASSWORD})
    assert made.manage("migrate", "-v0").code == 0
    assert add(made, server, "--password-env", "SHOP_PASSWORD", SHOP_PASSWORD=PASSWORD).code == 0
    assert made.manage("sync_accounts", "shop").code == 0
    yield made
    made.close()


def add(installation: Installation, server: Server, *how: str, **more: str) -> Done:
    address = ["--engine", "postgresql", "--host", server.host, "--port", str(server.port)]
    return installation.manage(
        *("add_instance", "shop", *address, "--username", "eye", *how), **more
    )


def test_adding_again_changes_and_does_not_add(installation: Installation, server: Server) -> None:
    done = add(installation, server, "--password-stdin", "--tag", "books", stdin=f"{PASSWORD}\n")

    assert done == Done(0, "Updated shop. Next: probe shop\n", "")
    assert installation.ask("SELECT count(*) FROM instances_instance") == [(1,)]
    [(stored,)] = installation.ask("SELECT password FROM instances_credential")
    assert PASSWORD not in stored


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (("--password-env", "NOWHERE"), "There is no password in the variable NOWHERE."),
        (("--password-stdin",), "There is no password in the standard input."),
        ((), "one of the arguments --password-env --password-stdin is required"),
    ],
)
def test_adding_without_a_password_is_wrong_usage(
    installation: Installation, server: Server, how: tuple[str, ...], message: str
) -> None:
    done = add(installation, server, *how)

    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_probe_says_what_is_missing(installation: Installation, server: Server) -> None:
    server.execute("REVOKE pg_read_all_stats FROM eye")

    done = installation.manage("probe")
    server.execute("GRANT pg_read_all_stats TO eye")

    assert (done.code, done.err) == (0, "")
    assert re.match(r"shop: PostgreSQL \d+\.\d+, (\d+) of \d+ sections readable\n", done.out)
    assert 'would help: GRANT pg_read_all_stats TO "eye"' in done.out


def test_sync_prints_plain_lines_where_nobody_watches(installation: Installation) -> None:
    done = installation.manage("sync_accounts")

    record, session = done.out.splitlines()
    assert (done.code, done.err) == (0, "")
    assert re.fullmatch(
        r"shop: \d+ accounts, 0 added, 0 removed, 0 granted, 0 revoked in \d+\.\d\d s", record
    )
    assert re.fullmatch(r"Session [-0-9a-f]{36}: completed\.", session)


def test_json_of_a_sync_is_the_contract_s(installation: Installation) -> None:
    document = installation.manage("sync_accounts", "shop", "--json").json()

    [record] = document["records"]
    assert document.keys() == {"session_id", "status", "records"}
    assert record.keys() == RECORD
    assert record["seconds"].keys() == {"read", "write", "total"}
    assert record["statements"].keys() == {"remote", "own"}
    assert (document["status"], record["status"], record["coverage"]) == ("completed",) * 2 + (1,)
    assert (record["instance"], record["error_code"], record["error_message"]) == ("shop", "", "")
    assert record["counts"]["changes"] == 0


def test_exit_code_tells_a_failure_from_wrong_usage(
    installation: Installation, silent_server: tuple[str, int]
) -> None:
    host, port = silent_server
    installation.manage(
        *("add_instance", "deaf", "--engine", "mysql", "--host", host, "--port", str(port)),
        *("--username", "eye", "--password-stdin"),
        stdin=PASSWORD,
    )

    failed = installation.manage("sync_accounts", "shop", "deaf", "--json")
    unknown = installation.manage("sync_accounts", "nowhere")
    not_reached = installation.manage("probe", "deaf")

    ends = {one["instance"]: one["error_code"] for one in failed.json()["records"]}
    assert ends == {"shop": "", "deaf": "DATABASE_TIMEOUT"}
    assert (failed.code, failed.json()["status"]) == (1, "partial")
    assert "Not synced: deaf." in failed.err
    assert (unknown.code, unknown.out) == (2, "")
    assert "There is no instance named 'nowhere'." in unknown.err
    assert not_reached.code == 1
    assert "Not reached: deaf" in not_reached.err


def test_worker_completes_what_was_queued(installation: Installation) -> None:
    queued = installation.manage("sync_accounts", "shop", "--queue")
    session = queued.out.split()[-1].strip(".").replace("-", "")
    status = f"SELECT status FROM sync_sessions_syncsession WHERE id = '{session}'"
    assert (queued.code, installation.ask(status)) == (0, [("pending",)])

    with installation.worker():
        installation.wait_for(status, [("completed",)])


def test_session_without_a_worker_can_be_cancelled(installation: Installation) -> None:
    queued = installation.manage("sync_accounts", "shop", "--queue", "--json").json()
    session = queued["session_id"]

    cancelled = installation.manage("cancel_session", session)
    again = installation.manage("cancel_session", session)

    [newest] = installation.manage("sessions", "--limit", "1", "--json").json()
    assert cancelled == Done(0, f"Session {session} is being cancelled.\n", "")
    assert (again.code, "is over already" in again.err) == (1, True)
    assert (newest["session_id"], newest["status"]) == (session, "cancelled")
    assert [record["status"] for record in newest["records"]] == ["cancelled"]


def test_privileges_now_and_then(installation: Installation, server: Server) -> None:
    column = ("SELECT", "column", "shop", "public", "t", "a")
    then = datetime.now(UTC).isoformat()
    server.execute('REVOKE SELECT (a) ON t FROM "Ada L."', "shop")
    installation.manage("sync_accounts")

    now = installation.manage("privileges", "shop", "Ada L.", "--json").json()
    before = installation.manage("privileges", "shop", "Ada L.", "--at", then, "--json").json()
    changes = installation.manage("account_changes", "--since", then, "--json").json()
    nobody = installation.manage("privileges", "shop", "ada l.")
    server.execute('GRANT SELECT (a) ON t TO "Ada L."', "shop")

    assert now == []
    [privilege] = before
    assert privilege.keys() == PRIVILEGE
    assert tuple(privilege.values())[:6] == column
    assert [(one["account"], one["kind"], one["cause"]) for one in changes] == [
        ("Ada L.", "revoked", "observed")
    ]
    assert (nobody.code, "has no account 'ada l.'" in nobody.err) == (2, True)


def test_breaker_waits_for_a_decision(installation: Installation, server: Server) -> None:
    server.execute(";".join(f"CREATE ROLE {name}" for name in CROWD))
    installation.manage("sync_accounts", "shop")
    server.execute(f"DROP ROLE {', '.join(CROWD)}")

    held = installation.manage("sync_accounts", "shop", "--json")
    [first] = installation.manage("held_readings", "--json").json()
    rejected = installation.manage("reject_reading", str(first["id"]))
    installation.manage("sync_accounts", "shop")
    [second] = installation.manage("held_readings", "--json").json()
    accepted = installation.manage("accept_reading", str(second["id"]))
    again = installation.manage("accept_reading", str(second["id"]))

    assert held.code == 1
    assert [one["error_code"] for one in held.json()["records"]] == ["SYNC_IMPLAUSIBLE"]
    assert (first["instance"], first["lost_accounts"], first["names"]) == (
        *("shop", len(CROWD)),
        sorted(CROWD),
    )
    assert (rejected.code, accepted.code, again.code) == (0, 0, 1)
    assert installation.ask(
        "SELECT count(*) FROM accounts_account WHERE name LIKE 'crowd%' AND removed_at IS NULL"
    ) == [(0,)]


def test_new_key_takes_over_from_the_old_one(installation: Installation) -> None:
    [old] = installation.keys
    installation.keys = [Fernet.generate_key().decode(), old]
    rotated = installation.manage("rotate_credentials")
    new = installation.keys[0]

    installation.keys = [new]
    with_new = installation.manage("sync_accounts", "shop")
    installation.keys = [old]
    with_old = installation.manage("sync_accounts", "shop")
    installation.keys = [new]

    assert rotated.code == 0
    assert "encrypted with the newest key" in rotated.out
    assert (with_new.code, with_old.code) == (0, 1)
    assert "The password of credential 'shop' can't be decrypted" in with_old.out


def test_schedules_are_set_up_once(installation: Installation) -> None:
    first, second = (installation.manage("setup_schedules") for _ in range(2))

    assert first.out.startswith("Created: ")
    assert second == Done(0, "Every schedule is there.\n", "")
