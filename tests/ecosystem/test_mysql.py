"""aiomysql against a real MariaDB: TLS is put on a copy of the descriptor of a transport that has just been closed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from loop_selector import run
from tests.ecosystem.conftest import CertificateFiles
from tests.ecosystem.support import (
    PAYLOAD,
    assert_on_our_loop,
    free_port,
    library,
    program,
    running,
    wait_for_line,
)

pytestmark = pytest.mark.server
aiomysql = library("aiomysql")

FOLDERS = (Path("/usr/sbin"), Path("/usr/bin"))
ACCESS = """
create database if not exists test;
create user tester@'%' identified by 'secret';
create user tester@localhost identified by 'secret';
grant all on *.* to tester@'%';
grant all on *.* to tester@localhost;
"""


@dataclass(frozen=True)
class Database:
    """Where a server listens, and whom its clients trust."""

    port: int
    path: Path
    authority: Path

    def options(self, how: str) -> dict[str, Any]:
        login = {"user": "tester", "password": "secret", "db": "test", "charset": "utf8mb4"}
        if how == "unix":
            return {"unix_socket": str(self.path), **login}
        tls = {"ssl": ssl.create_default_context(cafile=str(self.authority))} if how == "tls" else {}
        return {"host": "localhost", "port": self.port, **login, **tls}


@pytest.fixture(scope="module")
def database(certificate_files: CertificateFiles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Start a server in a folder of its own."""
    server = program("mariadbd", "mariadb-server", *FOLDERS)
    install = program("mariadb-install-db", "mariadb-server", *FOLDERS)
    folder, port = tmp_path_factory.mktemp("mysql"), free_port()
    user = ["--user=root"] if os.getuid() == 0 else []
    data = ["--no-defaults", f"--datadir={folder / 'data'}", *user]
    made = subprocess.run([install, *data, "--auth-root-authentication-method=normal"], capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr
    (folder / "access.sql").write_text(ACCESS.lstrip())
    options = [f"--socket={folder / 'db.sock'}", f"--port={port}", "--bind-address=127.0.0.1", "--skip-name-resolve"]
    tls = [f"--ssl-cert={certificate_files.certificate}", f"--ssl-key={certificate_files.key}"]
    start = [server, *data, *options, *tls, f"--init-file={folder / 'access.sql'}", f"--pid-file={folder / 'pid'}"]
    with running(start) as process:
        wait_for_line(process, "ready for connections")
        yield Database(port, folder / "db.sock", certificate_files.authority)


@pytest.fixture(params=["tcp", "tls", "unix"])
def how(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def farewell(writer: asyncio.StreamWriter) -> None:
    """Wait for the end of TLS, which the library does not; the server may be gone before that."""
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


def test_rows_go_there_and_back_and_roll_back(database: Database, how: str) -> None:
    async def main() -> None:
        assert_on_our_loop()
        async with aiomysql.connect(**database.options(how)) as connection, connection.cursor() as cursor:
            await cursor.execute("show status like 'Ssl_cipher'")
            assert bool((await cursor.fetchone())[1]) is (how == "tls")
            await cursor.execute("select %s", [PAYLOAD.hex()])
            assert await cursor.fetchone() == (PAYLOAD.hex(),)
            await cursor.execute("create temporary table numbers (n int, t text)")
            rows = [(number, f"row {number}") for number in range(20_000)]
            await cursor.executemany("insert into numbers values (%s, %s)", rows)
            await connection.commit()
            await cursor.execute("delete from numbers")
            await connection.rollback()
            await cursor.execute("select * from numbers order by n")
            assert list(await cursor.fetchall()) == rows
            writer = connection._writer
        await farewell(writer)

    run(main())


def test_a_pool_answers_many_at_once(database: Database, how: str) -> None:
    async def ask(pool: Any, number: int) -> int:
        async with pool.acquire() as connection, connection.cursor() as cursor:
            await cursor.execute("select %s * 2", [number])
            answer: int = (await cursor.fetchone())[0]
            return answer

    async def main() -> None:
        async with aiomysql.create_pool(minsize=1, maxsize=4, **database.options(how)) as pool:
            answers = await asyncio.gather(*(ask(pool, number) for number in range(40)))
            writers = [connection._writer for connection in pool._free]
        for writer in writers:
            await farewell(writer)
        assert answers == [2 * number for number in range(40)]

    run(main())
