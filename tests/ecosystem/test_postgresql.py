"""asyncpg and psycopg against a real PostgreSQL, which takes TLS only over TCP, and over its Unix socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import ssl
import subprocess
import tempfile
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
asyncpg = library("asyncpg")
psycopg = library("psycopg")

DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
ACCESS = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n"


@dataclass(frozen=True)
class Database:
    """Where a server listens, and whom its clients trust."""

    folder: Path
    port: int
    authority: Path

    def options(self, how: str) -> dict[str, Any]:
        host = "127.0.0.1" if how == "tls" else str(self.folder)
        return {"host": host, "port": self.port, "user": "tester", "password": "secret"}


def unprivileged() -> dict[str, Any]:
    """Name the user to run as: the server refuses to run as root."""
    return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}


@contextlib.contextmanager
def private_folder(files: CertificateFiles) -> Iterator[Path]:
    """Make a folder that the server's user owns, with key, certificate and password in it."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    shutil.copy(files.key, folder / "key.pem")
    shutil.copy(files.certificate, folder / "certificate.pem")
    (folder / "password").write_text("secret\n")
    try:
        for path in [folder, *folder.iterdir()]:
            path.chmod(0o700 if path.is_dir() else 0o600)
            if os.getuid() == 0:
                shutil.chown(path, "postgres", "postgres")
        yield folder
    finally:
        shutil.rmtree(folder)


def prepare(folder: Path) -> None:
    initdb = [program("initdb", "postgresql", *DEBIAN), "-D", str(folder / "data"), "-U", "tester", "--no-sync"]
    password = ["--auth=scram-sha-256", f"--pwfile={folder / 'password'}"]
    made = subprocess.run([*initdb, *password], cwd=folder, capture_output=True, text=True, **unprivileged())
    assert made.returncode == 0, made.stdout + made.stderr
    (folder / "data" / "pg_hba.conf").write_text(ACCESS)


@pytest.fixture(scope="module")
def database(certificate_files: CertificateFiles) -> Iterator[Database]:
    """Start a server in a folder of its own."""
    server = program("postgres", "postgresql", *DEBIAN)
    with private_folder(certificate_files) as folder:
        prepare(folder)
        port = free_port()
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": folder,
            "ssl": "on",
            "ssl_cert_file": folder / "certificate.pem",
            "ssl_key_file": folder / "key.pem",
            "fsync": "off",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [server, "-D", str(folder / "data"), *options]
        with running(command, cwd=folder, **unprivileged()) as process:
            wait_for_line(process, "ready to accept connections")
            yield Database(folder, port, certificate_files.authority)


@pytest.fixture(params=["tls", "unix"])
def how(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def asyncpg_options(database: Database, how: str) -> dict[str, Any]:
    context = ssl.create_default_context(cafile=str(database.authority))
    return database.options(how) | {"database": "postgres", "ssl": context if how == "tls" else None}


async def delete_and_fail(connection: Any) -> None:
    async with connection.transaction():
        await connection.execute("delete from numbers")
        await connection.execute("select 1 / 0")


def test_asyncpg_queries_copies_and_rolls_back(database: Database, how: str) -> None:
    async def main() -> None:
        assert_on_our_loop()
        connection = await asyncpg.connect(**asyncpg_options(database, how))
        tls = await connection.fetchval("select ssl from pg_stat_ssl where pid = pg_backend_pid()")
        assert tls is (how == "tls")
        assert await connection.fetchval("select $1::bytea", PAYLOAD) == PAYLOAD
        await connection.execute("create temporary table numbers (n int, t text)")
        rows = [(number, f"row {number}") for number in range(20_000)]
        assert await connection.copy_records_to_table("numbers", records=rows) == "COPY 20000"
        with pytest.raises(asyncpg.DivisionByZeroError):
            await delete_and_fail(connection)
        assert [tuple(row) for row in await connection.fetch("select * from numbers order by n")] == rows
        await connection.close()

    run(main())


def test_asyncpg_cancels_a_query_and_goes_on(database: Database, how: str) -> None:
    async def main() -> None:
        connection = await asyncpg.connect(**asyncpg_options(database, how))
        with pytest.raises(TimeoutError):
            await connection.fetch("select pg_sleep(60)", timeout=0.05)
        assert await connection.fetchval("select 2 + 2") == 4
        await connection.close()

    run(main())


def test_asyncpg_pool_and_notifications(database: Database, how: str) -> None:
    async def main() -> None:
        async with asyncpg.create_pool(**asyncpg_options(database, how), min_size=1, max_size=4) as pool:
            answers = await asyncio.gather(*(pool.fetchval("select $1::int * 2", number) for number in range(40)))
            assert answers == [2 * number for number in range(40)]
            async with pool.acquire() as listener:
                heard: asyncio.Queue[str] = asyncio.Queue()
                await listener.add_listener("news", lambda *args: heard.put_nowait(args[3]))
                for number in range(10):
                    await pool.execute(f"notify news, '{number}'")
                assert [await heard.get() for _ in range(10)] == [str(number) for number in range(10)]
                await listener.reset()

    run(main())


def psycopg_options(database: Database, how: str) -> dict[str, Any]:
    tls = {"sslmode": "verify-full", "sslrootcert": str(database.authority)} if how == "tls" else {}
    return database.options(how) | {"dbname": "postgres"} | tls


def test_psycopg_queries_copies_and_pipelines(database: Database, how: str) -> None:
    async def main() -> None:
        connect = psycopg.AsyncConnection.connect
        async with await connect(**psycopg_options(database, how)) as connection, connection.cursor() as cursor:
            assert connection.pgconn.ssl_in_use is (how == "tls")
            await cursor.execute("select %s::bytea", [PAYLOAD], binary=True)
            assert await cursor.fetchone() == (PAYLOAD,)
            await cursor.execute("create temporary table numbers (n int, t text)")
            rows = [(number, f"row {number}") for number in range(20_000)]
            async with cursor.copy("copy numbers from stdin") as copy:
                for row in rows:
                    await copy.write_row(row)
            await cursor.execute("select * from numbers order by n")
            assert await cursor.fetchall() == rows
            async with connection.pipeline():
                cursors = [await connection.execute("select %s::int", [number]) for number in range(50)]
                assert [(await cursor.fetchone())[0] for cursor in cursors] == list(range(50))

    run(main())


def test_psycopg_cancels_a_query_and_hears_notifications(database: Database, how: str) -> None:
    async def main() -> None:
        connect = psycopg.AsyncConnection.connect
        options = psycopg_options(database, how) | {"autocommit": True}
        async with await connect(**options) as one, await connect(**options) as two:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(one.execute("select pg_sleep(60)"), 0.1)
            await one.execute("listen news")
            for number in range(10):
                await two.execute(f"notify news, '{number}'")
            heard = [notice.payload async for notice in one.notifies(stop_after=10, timeout=20)]
            assert heard == [str(number) for number in range(10)]

    run(main())
