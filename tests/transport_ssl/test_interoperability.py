"""Other implementations as peers: asyncio's, the blocking ``ssl`` module, openssl's programs, curl."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support import TIMEOUT, listening
from tests.transport_ssl.support import HOST, Authority, Echo, connect, serving
from transport_abc import Protocol, Transport
from transport_abc.testing import Recorder

Run = Callable[[Any], Any]
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
DATA = random.Random(4).randbytes(300_000)

in_thread = asyncio.to_thread


@pytest.fixture(params=VERSIONS, ids=lambda tls: tls.name)
def tls(request: pytest.FixtureRequest) -> ssl.TLSVersion:
    version: ssl.TLSVersion = request.param
    return version


# -- the ssl module --------------------------------------------------------------------------------------------------


def exchange(sock: ssl.SSLSocket) -> None:
    """Send and receive at once, with blocking calls, and end in good order."""
    for start in range(0, len(DATA), 50_000):
        piece = DATA[start : start + 50_000]
        sock.sendall(piece)
        received = b""
        while len(received) < len(piece):
            received += sock.recv(65536)
        assert received == piece
    sock.unwrap().close()


def test_a_blocking_client(run: Run, authority: Authority, tls: ssl.TLSVersion) -> None:
    def client(address: Any) -> None:
        with (
            socket.create_connection(address, TIMEOUT) as sock,
            authority.client(tls=tls).wrap_socket(sock, server_hostname="localhost") as secure,
        ):
            exchange(secure)

    async def main() -> None:
        far = Echo()
        async with serving(lambda: far, authority.server()) as address:
            await in_thread(client, address[:2])
            assert await far.lost() is None

    run(main())


def test_a_blocking_server(run: Run, authority: Authority, tls: ssl.TLSVersion) -> None:
    def serve(listener: socket.socket) -> None:
        sock, _ = listener.accept()
        sock.settimeout(TIMEOUT)
        with authority.server(tls=tls).wrap_socket(sock, server_side=True) as secure:
            exchange(secure)

    async def main() -> None:
        near = Echo()
        with listening() as listener:
            serving = asyncio.create_task(in_thread(serve, listener))
            await connect(near, authority.client(), listener.getsockname())
            await serving
            assert await near.lost() is None

    run(main())


# -- asyncio ---------------------------------------------------------------------------------------------------------


async def stream_exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(DATA)
    await writer.drain()
    assert await reader.readexactly(len(DATA)) == DATA
    writer.close()
    await writer.wait_closed()


def test_a_client_of_asyncio(authority: Authority, tls: ssl.TLSVersion) -> None:
    async def main() -> None:
        far = Echo()
        async with serving(lambda: far, authority.server(tls=tls)) as address:
            reader, writer = await asyncio.open_connection(*address, ssl=authority.client(), server_hostname=HOST)
            await stream_exchange(reader, writer)
            assert await far.lost() is None

    asyncio.run(asyncio.wait_for(main(), 20))


def test_a_server_of_asyncio(authority: Authority, tls: ssl.TLSVersion) -> None:
    async def main() -> None:
        done = asyncio.get_running_loop().create_future()

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await stream_exchange(reader, writer)
            done.set_result(None)

        server = await asyncio.start_server(handle, HOST, 0, ssl=authority.server())
        near = Echo()
        await connect(near, authority.client(tls=tls), server.sockets[0].getsockname())
        await done
        assert await near.lost() is None
        server.close()

    asyncio.run(asyncio.wait_for(main(), 20))


# -- programs --------------------------------------------------------------------------------------------------------


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not shutil.which(program), reason=f"{program} is not installed")


class Answer(Protocol):
    """Answer the first line, then close."""

    def connection_made(self, transport: Transport) -> None:
        self.transport = transport
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        if self.received.endswith(b"\n"):
            self.transport.write(b"you said " + self.received)
            self.transport.close()


@needs("openssl")
def test_s_client_of_openssl(run: Run, authority: Authority, tls: ssl.TLSVersion, tmp_path: Path) -> None:
    _, _, trusted = authority.files(tmp_path)
    flag = "-tls1_2" if tls is ssl.TLSVersion.TLSv1_2 else "-tls1_3"

    def client(port: int) -> subprocess.CompletedProcess[bytes]:
        command = ["openssl", "s_client", "-connect", f"{HOST}:{port}", "-CAfile", trusted, "-verify_return_error"]
        command += ["-verify_ip", HOST, "-quiet", flag]
        return subprocess.run(command, input=b"hello\n", capture_output=True, timeout=TIMEOUT, check=False)

    async def main() -> None:
        async with serving(Answer, authority.server()) as (_, port):
            done = await in_thread(client, port)
            assert done.returncode == 0, done.stderr
            assert done.stdout == b"you said hello\n"

    run(main())


@needs("openssl")
def test_openssl_resumes_a_session(run: Run, authority: Authority, tls: ssl.TLSVersion, tmp_path: Path) -> None:
    _, _, trusted = authority.files(tmp_path)
    flag = "-tls1_2" if tls is ssl.TLSVersion.TLSv1_2 else "-tls1_3"

    def client(port: int, *options: str) -> bytes:
        command = ["openssl", "s_client", "-connect", f"{HOST}:{port}", "-CAfile", trusted, flag, "-ign_eof", *options]
        return subprocess.run(command, input=b"hello\n", capture_output=True, timeout=TIMEOUT, check=True).stdout

    async def main() -> None:
        async with serving(Answer, authority.server()) as (_, port):
            kept = str(tmp_path / "session")
            first = await in_thread(client, port, "-sess_out", kept)
            second = await in_thread(client, port, "-sess_in", kept)
            assert b"\nNew, TLS" in first
            assert b"\nReused, TLS" in second
            assert b"you said hello" in second

    run(main())


def output(process: Any, wanted: bytes) -> bytes:
    """Wait for a line of a program's output that contains something."""
    for line in process.stdout:
        if wanted in line:
            found: bytes = line
            return found
    raise AssertionError(f"the program ended without {wanted!r}")


@asynccontextmanager
async def s_server(authority: Authority, folder: Path, *options: str) -> AsyncIterator[tuple[Any, int]]:
    """Run openssl's server and enter with its process and its port."""
    key, chain, _ = authority.files(folder)
    command = ["openssl", "s_server", "-accept", f"{HOST}:0", "-key", key, "-cert", chain, *options]
    process: Any = await in_thread(
        subprocess.Popen, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        with process:
            try:
                accepting = await in_thread(output, process, b"ACCEPT")
                yield process, int(accepting.rpartition(b":")[2])
            finally:
                process.kill()
    finally:
        process.wait()


@needs("openssl")
def test_s_server_of_openssl(run: Run, authority: Authority, tls: ssl.TLSVersion, tmp_path: Path) -> None:
    async def main() -> None:
        async with s_server(authority, tmp_path, "-rev") as (_, port):
            near = Recorder()
            transport = await connect(near, authority.client(tls=tls), (HOST, port))
            transport.write(b"abc\n")
            await near.received(4)
            assert near.data == b"cba\n"
            transport.close()
            assert await near.lost() is None

    run(main())


def say(process: Any, line: bytes) -> None:
    """Write a line to openssl's server, which takes some letters for commands and sends everything else."""
    process.stdin.write(line + b"\n")
    process.stdin.flush()


@needs("openssl")
def test_a_server_that_renegotiates(run: Run, authority: Authority, tmp_path: Path) -> None:
    """What is written while the server renegotiates (TLS 1.2) waits, and arrives behind it, in order."""

    async def main() -> None:
        async with s_server(authority, tmp_path, "-tls1_2") as (process, port):
            near = Recorder()
            transport = await connect(near, authority.client(), (HOST, port))
            transport.write(b"first\n")
            await in_thread(output, process, b"first")
            say(process, b"r")
            written = 0
            while not near.paused:
                transport.write(b"line %d\n" % written)
                written += 1
                await asyncio.sleep(0)
            transport.writelines(b"line %d\n" % i for i in range(written, 2 * written))
            assert transport.get_write_buffer_size() > 0
            for i in range(2 * written):
                await in_thread(output, process, b"line %d\n" % i)
            assert near.count("pause_writing") == near.count("resume_writing") == 1
            transport.close()
            await near.lost()

    run(main())


@needs("openssl")
@pytest.mark.parametrize("letter", [b"K", b"k"], ids=["answered", "unanswered"])
def test_a_server_that_updates_its_keys(run: Run, authority: Authority, tmp_path: Path, letter: bytes) -> None:
    async def main() -> None:
        async with s_server(authority, tmp_path, "-tls1_3") as (process, port):
            near = Recorder()
            transport = await connect(near, authority.client(), (HOST, port))
            for i in range(5):
                say(process, letter)
                for part in (b"one", b"two"):
                    transport.write(b"%s %d\n" % (part, i))
                    await in_thread(output, process, b"%s %d" % (part, i))
            say(process, b"answer")
            await near.received(7)
            transport.close()
            await near.lost()

    run(main())


@needs("openssl")
def test_a_client_that_renegotiates_is_refused(run: Run, authority: Authority, tmp_path: Path) -> None:
    """OpenSSL 3 refuses; the connection goes on, or ends with an error that says so."""
    _, _, trusted = authority.files(tmp_path)

    def renegotiate(port: int) -> bytes:
        command = ["openssl", "s_client", "-connect", f"{HOST}:{port}", "-CAfile", trusted, "-tls1_2"]
        return subprocess.run(
            command, input=b"R\n", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT, check=False
        ).stdout

    async def main() -> None:
        far = Echo()
        async with serving(lambda: far, authority.server()) as (_, port):
            output = await in_thread(renegotiate, port)
            assert b"no renegotiation" in output
            await far.lost()

    run(main())


BODY = os.urandom(100_000)


class Http(Protocol):
    """Answer any request with the same body."""

    def connection_made(self, transport: Transport) -> None:
        self.transport = transport
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        if self.received.endswith(b"\r\n\r\n"):
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(BODY)}\r\nConnection: close\r\n\r\n"
            self.transport.writelines([head.encode(), BODY])
            self.transport.close()


@needs("curl")
def test_curl(run: Run, authority: Authority, tls: ssl.TLSVersion, tmp_path: Path) -> None:
    _, _, trusted = authority.files(tmp_path)
    most = "1.2" if tls is ssl.TLSVersion.TLSv1_2 else "1.3"

    def fetch(port: int) -> subprocess.CompletedProcess[bytes]:
        command = ["curl", "--silent", "--show-error", "--noproxy", "*", "--cacert", trusted, "--tls-max", most]
        return subprocess.run(
            [*command, f"https://localhost:{port}/"], capture_output=True, timeout=TIMEOUT, check=False
        )

    async def main() -> None:
        async with serving(Http, authority.server()) as (_, port):
            done = await in_thread(fetch, port)
            assert done.stderr == b""
            assert done.stdout == BODY

    run(main())
