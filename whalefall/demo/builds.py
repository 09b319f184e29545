"""How each kind of database server is set up, started and spoken to."""

import os
import shutil
import signal
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import MySQLdb
import psycopg

from whalefall.demo import processes


@dataclass(frozen=True)
class Build(ABC):
    """One installed server. ``programs`` is the folder of its binaries."""

    programs: Path
    version: str

    kind: ClassVar[str]
    engine: ClassVar[str]
    superuser: ClassVar[str]
    stop_signal: ClassVar[int]
    death_signal: ClassVar[int] = signal.SIGKILL

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])

    @property
    def installed(self) -> list[Path]:
        """The folders, side by side, that must move together when the programs are copied."""
        return [self.programs]

    @abstractmethod
    def set_up(self, data: Path, password: str) -> None:
        """Fill the empty folder ``data``. Raises ServerFailed."""

    @abstractmethod
    def command(self, data: Path, port: int) -> list[str]: ...

    @abstractmethod
    def connect(self, **where: Any) -> Any:
        """A connection in autocommit, by host, port, user, password, database."""

    @abstractmethod
    def run(self, connection: Any, sql: str) -> list[tuple[Any, ...]]:
        """Run one or more statements; the rows of the last one that gave any."""


class PostgreSQL(Build):
    kind = "postgresql"
    engine = "postgresql"
    superuser = "postgres"
    stop_signal = signal.SIGINT
    death_signal = signal.SIGQUIT  # the postmaster then ends its children too

    @property
    def installed(self) -> list[Path]:
        package = self.programs.parents[1]
        if package.name == "postgresql":  # Debian's usr/lib/postgresql/15/bin needs usr/share
            return [self.programs.parents[3]]
        libraries = package.with_name(f"{package.name}.libs")  # where a wheel keeps them
        return [package, libraries] if libraries.exists() else [package]

    def set_up(self, data: Path, password: str) -> None:
        secret = written_for_runner(data.with_name("secret"), password)
        # A random password needs no stretching, which is most of the time of a connection.
        unstretched = ["--set=scram_iterations=1"] if self.major >= 16 else []
        processes.run(
            [
                f"{self.programs}/initdb",
                f"--pgdata={data}",
                f"--username={self.superuser}",
                f"--pwfile={secret}",
                "--auth=scram-sha-256",
                "--no-sync",
                "--no-locale",
                "--encoding=UTF8",
                "--wal-segsize=1",
                *unstretched,
            ],
            data.parent,
        )
        secret.unlink()

    def command(self, data: Path, port: int) -> list[str]:
        options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",  # a socket's path may be too long
            "fsync": "off",
            "full_page_writes": "off",
            "shared_buffers": "8MB",
            "max_connections": "30",
            "jit": "off",
            # Beside the data, where a server that is killed leaves nothing behind.
            "dynamic_shared_memory_type": "mmap",
        }
        settings = [f"--{name}={value}" for name, value in options.items()]
        return [
            f"{self.programs}/postgres",
            "-D",
            str(data),
            "-p",
            str(port),
            *settings,
        ]

    def connect(self, **where: Any) -> Any:
        database = where.pop("database") or "postgres"
        return psycopg.connect(**where, dbname=database, autocommit=True, connect_timeout=5)

    def run(self, connection: Any, sql: str) -> list[tuple[Any, ...]]:
        cursor = connection.execute(sql)
        rows: list[tuple[Any, ...]] = []
        while True:
            if cursor.description:
                rows = cursor.fetchall()
            if not cursor.nextset():
                return rows


class MariaDB(Build):
    kind = "mariadb"
    engine = "mysql"
    superuser = "root"
    stop_signal = signal.SIGTERM

    def set_up(self, data: Path, password: str) -> None:
        # The set-up runs without grant tables, and so without ALTER USER, until they are flushed.
        # It also makes roots without a password, for other names of this machine.
        statements = [
            "DELETE FROM mysql.global_priv WHERE User = 'root' AND Host <> 'localhost';",
            "DELETE FROM mysql.proxies_priv WHERE User = 'root' AND Host <> 'localhost';",
            "FLUSH PRIVILEGES;",
            root_password(password),
        ]
        secret = written_for_runner(data.with_name("secret"), "\n".join(statements))
        processes.run(
            [
                shutil.which("mariadb-install-db") or "/usr/bin/mariadb-install-db",
                "--no-defaults",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                "--skip-name-resolve",
                "--innodb-log-file-size=8M",
                f"--extra-file={secret}",
                f"--datadir={data}",
            ],
            data.parent,
        )
        secret.unlink()

    def command(self, data: Path, port: int) -> list[str]:
        return [
            f"{self.programs}/mariadbd",
            "--no-defaults",
            *mysql_options(data, port),
            "--performance-schema=OFF",
            "--skip-log-bin",
            "--innodb-log-file-size=8M",
        ]

    def connect(self, **where: Any) -> Any:
        return MySQLdb.connect(
            **where,
            autocommit=True,
            connect_timeout=5,
            charset="utf8mb4",
            ssl_mode="PREFERRED",
        )

    def run(self, connection: Any, sql: str) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        with connection.cursor() as cursor:
            cursor.execute(sql)
            while True:
                if cursor.description:
                    rows = list(cursor.fetchall())
                if not cursor.nextset():
                    return rows


class MySQL(MariaDB):
    kind = "mysql"

    def program(self) -> list[str]:
        """The server without the machine's own option files."""
        program = self.programs / "mysqld"
        with program.open("rb") as file:
            is_script = file.read(2) == b"#!"  # get-mysql's, which says --no-defaults itself
        return [str(program)] if is_script else [str(program), "--no-defaults"]

    def set_up(self, data: Path, password: str) -> None:
        secret = written_for_runner(data.with_name("secret"), root_password(password))
        processes.run(
            [
                *self.program(),
                "--initialize-insecure",
                "--innodb-redo-log-capacity=8M",
                f"--init-file={secret}",
                f"--datadir={data}",
            ],
            data.parent,
        )
        secret.unlink()
        (data / "auto.cnf").unlink(missing_ok=True)  # each copy is a server of its own

    def command(self, data: Path, port: int) -> list[str]:
        return [
            *self.program(),
            *mysql_options(data, port),
            "--mysqlx=OFF",
            "--disable-log-bin",
            "--innodb-redo-log-capacity=8M",
        ]


def mysql_options(data: Path, port: int) -> list[str]:
    return [
        f"--datadir={data}",
        f"--port={port}",
        "--bind-address=127.0.0.1",
        "--socket=s.sock",  # beside the data: a whole path may be too long
        f"--pid-file={data}/pid",
        "--innodb-buffer-pool-size=16M",
        "--innodb-flush-log-at-trx-commit=0",
    ]


def root_password(password: str) -> str:
    return f"ALTER USER root@localhost IDENTIFIED BY '{password}';\n"


def written_for_runner(path: Path, text: str) -> Path:
    path.touch(0o600)
    path.write_text(text)
    os.chown(path, *processes.runner())
    return path
