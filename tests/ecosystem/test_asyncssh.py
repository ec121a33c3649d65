"""asyncssh, client and server on the loop: commands, files, and forwarded connections."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from loop_selector import run
from tests.ecosystem.support import PAYLOAD, assert_on_our_loop, library

asyncssh = library("asyncssh")
SSHServer: Any = asyncssh.SSHServer


class Server(SSHServer):  # type: ignore[misc]
    """Takes one password, and forwards whatever it is asked to."""

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("tester", "secret")

    def connection_requested(self, *_: object) -> bool:
        return True


async def execute(process: Any) -> None:
    """Answer a command: `cat` gives its input back, everything else its own name."""
    if process.command == "cat":
        process.stdout.write(await process.stdin.read())
        process.exit(0)
    else:
        process.stderr.write(process.command.encode())
        process.exit(3)


@contextlib.asynccontextmanager
async def connected(tmp_path: Path) -> AsyncIterator[Any]:
    assert_on_our_loop()
    key = asyncssh.generate_private_key("ssh-ed25519")
    options = {"server_host_keys": [key], "process_factory": execute, "encoding": None, "sftp_factory": True}
    server = await asyncssh.listen("127.0.0.1", 0, server_factory=Server, **options)
    async with server:
        trusted: tuple[list[Any], ...] = ([key.convert_to_public()], [], [])
        login = {"username": "tester", "password": "secret", "known_hosts": trusted, "config": None, "agent_path": None}
        async with asyncssh.connect("127.0.0.1", server.get_port(), **login) as connection:
            yield connection
    await server.wait_closed()


def test_commands_get_input_and_give_output_and_status(tmp_path: Path) -> None:
    async def main() -> None:
        async with connected(tmp_path) as connection:
            done = await connection.run("cat", input=PAYLOAD, encoding=None)
            assert (done.stdout, done.exit_status) == (PAYLOAD, 0)
            done = await connection.run("what", encoding=None)
            assert (done.stderr, done.exit_status) == (b"what", 3)

    run(main())


def test_files_go_both_ways_over_sftp(tmp_path: Path) -> None:
    async def main() -> None:
        (tmp_path / "here").write_bytes(PAYLOAD)
        async with connected(tmp_path) as connection, connection.start_sftp_client() as sftp:
            await sftp.put(str(tmp_path / "here"), str(tmp_path / "there"))
            await sftp.get(str(tmp_path / "there"), str(tmp_path / "back"))
        assert (tmp_path / "back").read_bytes() == PAYLOAD

    run(main())


@pytest.mark.parametrize("first", ["server", "client"])
def test_a_forwarded_connection_loses_nothing_whoever_speaks_first(tmp_path: Path, first: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if first == "server":
            writer.write(b"banner\n")
        writer.write(await reader.read())
        writer.close()
        await writer.wait_closed()

    async def main() -> None:
        async with connected(tmp_path) as connection, await asyncio.start_server(serve, "127.0.0.1", 0) as target:
            port = target.sockets[0].getsockname()[1]
            async with await connection.forward_local_port("127.0.0.1", 0, "127.0.0.1", port) as tunnel:
                reader, writer = await asyncio.open_connection("127.0.0.1", tunnel.get_port())
                if first == "server":
                    assert await reader.readline() == b"banner\n"
                writer.write(PAYLOAD)
                writer.write_eof()
                assert await reader.read() == PAYLOAD
                writer.close()
                await writer.wait_closed()

    run(main())


def test_a_wrong_password_is_the_librarys_error(tmp_path: Path) -> None:
    async def main() -> None:
        async with connected(tmp_path) as connection:
            port = connection.get_extra_info("peername")[1]
            login = {"username": "tester", "password": "wrong", "known_hosts": None, "config": None, "agent_path": None}
            with pytest.raises(asyncssh.PermissionDenied):
                await asyncssh.connect("127.0.0.1", port, **login)

    run(main())
