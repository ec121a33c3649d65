"""Programs of others at the far end: socat, nc and curl."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
from typing import Any

import pytest

from tests.transport_socket.support import (
    HOST,
    LIMIT,
    TCP,
    UDP,
    UNIX,
    UNIX_DATAGRAM,
    made,
    port_of,
    running,
    serving,
)
from transport_abc.testing import DatagramRecorder, Recorder


def needs(program: str, package: str) -> pytest.MarkDecorator:
    reason = f"{program} is not installed; on Debian: apt-get install {package}"
    return pytest.mark.skipif(shutil.which(program) is None, reason=reason)


needs_socat = needs("socat", "socat")
needs_nc = needs("nc", "netcat-openbsd")
needs_curl = needs("curl", "curl")


async def run(*command: Any, data: bytes = b"") -> bytes:
    """Run a program to its end, with data on its standard input, and return what it wrote."""
    # In a thread: the loop under test need not be able to run programs.
    ended = await asyncio.to_thread(
        subprocess.run, [*map(str, command)], input=data, capture_output=True, timeout=LIMIT, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def echo() -> Recorder:
    """A protocol that sends everything back, and goes on writing after the end of what it receives."""
    protocol = Recorder(data_received=lambda data: protocol.transport.write(data), eof_received=lambda: False)
    return protocol


BULK = bytes(range(256)) * 8192


@needs_socat
@pytest.mark.parametrize("address", ["TCP4:127.0.0.1:{}", "TCP6:[::1]:{}"])
async def test_socat_gets_everything_back_over_tcp(address: str) -> None:
    host = "::1" if "TCP6" in address else HOST
    async with serving(echo, where=(host, 0)) as server:
        assert await run("socat", "-t10", "-", address.format(port_of(server)), data=BULK) == BULK


@needs_socat
async def test_socat_gets_everything_back_over_a_unix_socket(path: str) -> None:
    async with serving(echo, plugin=UNIX, where=(path,)):
        assert await run("socat", "-t10", "-", f"UNIX-CONNECT:{path}", data=BULK) == BULK


@needs_socat
async def test_socat_serves_our_client(path: str) -> None:
    protocol = Recorder()
    with subprocess.Popen(["socat", f"UNIX-LISTEN:{path}", "EXEC:cat"]):  # noqa: ASYNC220 - only started here
        async with asyncio.timeout(LIMIT):
            while protocol.names() == []:
                with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):  # socat does not listen yet
                    await UNIX.connect(running(), made(protocol), path)
                await asyncio.sleep(0.01)
        protocol.transport.write(b"to socat and back")
        protocol.transport.write_eof()
        await protocol.received(17)
        await protocol.lost()
    assert protocol.data == b"to socat and back"


@needs_socat
async def test_socat_exchanges_datagrams_over_udp() -> None:
    protocol = DatagramRecorder(datagram_received=lambda data, addr: protocol.transport.sendto(data.upper(), addr))
    transport, _ = await UDP.open(running(), made(protocol), (HOST, 0))
    port = transport.get_extra_info("sockname")[1]
    assert await run("socat", "-t1", "-", f"UDP4:{HOST}:{port}", data=b"question") == b"QUESTION"
    transport.close()
    await protocol.lost()


@needs_socat
async def test_socat_exchanges_datagrams_over_a_unix_socket(path: str) -> None:
    protocol = DatagramRecorder(datagram_received=lambda data, addr: protocol.transport.sendto(data.upper(), addr))
    transport, _ = await UNIX_DATAGRAM.open(running(), made(protocol), path)
    address = f"UNIX-SENDTO:{path},bind={path}.client"
    assert await run("socat", "-t1", "-", address, data=b"question") == b"QUESTION"
    transport.close()
    await protocol.lost()


@needs_nc
async def test_nc_gets_everything_back() -> None:
    async with serving(echo) as server:
        assert await run("nc", "-N", HOST, port_of(server), data=b"over nc\n") == b"over nc\n"


@needs_curl
async def test_curl_gets_a_page_over_http() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"

    def answering() -> Recorder:
        def reply(data: bytes) -> None:
            if protocol.data.endswith(b"\r\n\r\n"):
                protocol.transport.writelines([answer[:20], bytearray(answer[20:])])
                protocol.transport.close()

        protocol = Recorder(data_received=reply)
        return protocol

    async with serving(answering) as server:
        assert await run("curl", "-s", "--noproxy", "*", f"http://{HOST}:{port_of(server)}/") == b"hello"


@needs_curl
async def test_curl_telnets() -> None:
    def answer(data: bytes) -> None:
        protocol.transport.write(data)
        protocol.transport.close()  # curl goes on as long as the server does

    protocol = Recorder(data_received=answer)
    async with serving(made(protocol)) as server:
        assert await run("curl", "-s", f"telnet://{HOST}:{port_of(server)}", data=b"over curl\n") == b"over curl\n"


async def test_streams_of_asyncio_run_over_our_transports(path: str) -> None:
    """StreamReader and StreamWriter of the standard library, made by hand so that any loop can be below."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    def factory() -> asyncio.StreamReaderProtocol:
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(), serve)

    for plugin, where in ((TCP, (HOST, 0)), (UNIX, (path,))):
        async with serving(factory, plugin=plugin, where=where) as server:
            reader = asyncio.StreamReader()
            protocol = asyncio.StreamReaderProtocol(reader)
            there = where if plugin is UNIX else (HOST, port_of(server))
            transport, _ = await plugin.connect(running(), made(protocol), *there)
            writer = asyncio.StreamWriter(transport, protocol, reader, asyncio.get_running_loop())
            writer.write(b"a line\n")
            assert await reader.readline() == b"a line\n"
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()
