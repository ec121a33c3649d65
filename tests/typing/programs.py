"""Programs of users, right and wrong, for type checkers.

Where a checker must complain, the line ends in a comment with what it must say: ``# mypy: CODE, pyright: RULE``.
"""

# ruff: noqa: E501
from __future__ import annotations

RIGHT: dict[str, str] = {}
WRONG: dict[str, str] = {}

RIGHT["stream_protocol"] = """
from transport_abc import Protocol, Transport


class Echo(Protocol):
    def connection_made(self, transport: Transport) -> None:
        self.transport = transport
        transport.set_write_buffer_limits(high=1000)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data.upper())
        self.transport.writelines([data, bytearray(data), memoryview(data)])

    def eof_received(self) -> bool:
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        print("lost", exc, self.transport.is_closing())

    def pause_writing(self) -> None: ...

    def resume_writing(self) -> None: ...
"""

RIGHT["buffered_protocol"] = """
from transport_abc import BufferedProtocol, Transport


class Reader(BufferedProtocol):
    def __init__(self) -> None:
        self.buffer = bytearray(65536)

    def connection_made(self, transport: Transport) -> None:
        transport.pause_reading()

    def get_buffer(self, sizehint: int) -> memoryview:
        return memoryview(self.buffer)

    def buffer_updated(self, nbytes: int) -> None:
        print(self.buffer[:nbytes])
"""

RIGHT["datagram_protocol"] = """
from transport_abc import DatagramProtocol, DatagramTransport


class Answer(DatagramProtocol):
    def connection_made(self, transport: DatagramTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.transport.sendto(data, addr)

    def error_received(self, exc: OSError) -> None:
        print(exc.errno)
"""

RIGHT["subprocess_protocol"] = """
from typing import assert_type

from transport_abc import ReadTransport, SubprocessProtocol, SubprocessTransport, WriteTransport


class Child(SubprocessProtocol):
    def connection_made(self, transport: SubprocessTransport) -> None:
        stdin = transport.get_pipe_transport(0)
        assert_type(stdin, WriteTransport | None)
        assert_type(transport.get_pipe_transport(1), ReadTransport | None)
        if stdin is not None:
            stdin.write(b"input")
            stdin.write_eof()
        self.pid = transport.get_pid()

    def pipe_data_received(self, fd: int, data: bytes) -> None: ...

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None: ...

    def process_exited(self) -> None: ...
"""

RIGHT["extra_info"] = """
import ssl
from asyncio.trsock import TransportSocket
from typing import assert_type

from transport_abc import Transport


def look(transport: Transport) -> None:
    assert_type(transport.get_extra_info("socket"), TransportSocket | None)
    assert_type(transport.get_extra_info("socket", 0), TransportSocket | int)
    assert_type(transport.get_extra_info("cipher"), tuple[str, str, int] | None)
    assert_type(transport.get_extra_info("compression"), str | None)
    assert_type(transport.get_extra_info("sslcontext"), ssl.SSLContext | None)
    assert_type(transport.get_extra_info("ssl_object"), ssl.SSLObject | ssl.SSLSocket | None)
    host, port = transport.get_extra_info("peername")
    print(host, port, transport.get_extra_info("something of our own", "default"))
"""

RIGHT["loop"] = """
import asyncio
import ssl
from functools import partial
from typing import assert_type

from transport_abc import (
    BaseProtocol,
    DatagramProtocol,
    DatagramTransport,
    Protocol,
    ReadTransport,
    SubprocessProtocol,
    SubprocessTransport,
    Transport,
    WriteTransport,
    get_running_loop,
    typed,
)


class Client(Protocol):
    def __init__(self, name: str = "") -> None:
        self.name = name

    def connection_made(self, transport: Transport) -> None: ...


class Endpoint(DatagramProtocol):
    def connection_made(self, transport: DatagramTransport) -> None: ...


class Child(SubprocessProtocol): ...


class Pipe(BaseProtocol): ...


class Old(asyncio.Protocol): ...


async def main(context: ssl.SSLContext) -> None:
    loop = get_running_loop()
    transport, client = await loop.create_connection(Client, "localhost", 1, ssl=context)
    assert_type(transport, Transport)
    assert_type(client, Client)
    _, named = await loop.create_connection(lambda: Client("name"), "localhost", 1)
    assert_type(named.name, str)
    _, partly = await loop.create_connection(partial(Client, "name"), "localhost", 1)
    assert_type(partly, Client)
    _, old = await loop.create_connection(Old, "localhost", 1)
    assert_type(old, Old)
    unix, _ = await loop.create_unix_connection(Client, "/a/path")
    assert_type(unix, Transport)
    server = await loop.create_server(Client, "localhost", 1)
    assert_type(server, asyncio.Server)
    datagrams, endpoint = await loop.create_datagram_endpoint(Endpoint, local_addr=("localhost", 1))
    assert_type(datagrams, DatagramTransport)
    assert_type(endpoint, Endpoint)
    process, child = await loop.subprocess_exec(Child, "ls", "-l")
    assert_type(process, SubprocessTransport)
    assert_type(child, Child)
    reading, _ = await loop.connect_read_pipe(Pipe, open(0))
    assert_type(reading, ReadTransport)
    writing, _ = await loop.connect_write_pipe(Pipe, open(1))
    assert_type(writing, WriteTransport)
    upgraded = await loop.start_tls(transport, client, context)
    assert_type(upgraded, Transport | None)
    transport.set_protocol(Client())


def elsewhere(loop: asyncio.AbstractEventLoop, needed: asyncio.Event) -> None:
    typed(loop).call_soon(needed.set)
"""

RIGHT["asyncio_takes_our_transports"] = """
import asyncio

from transport_abc import DatagramTransport, SubprocessTransport, Transport


def stream(transport: asyncio.Transport) -> None: ...


def datagrams(transport: asyncio.DatagramTransport) -> None: ...


def process(transport: asyncio.SubprocessTransport) -> None: ...


def pass_on(first: Transport, second: DatagramTransport, third: SubprocessTransport) -> None:
    stream(first)
    datagrams(second)
    process(third)
"""

RIGHT["bytes_like_objects"] = """
import array
import mmap

from transport_abc import DatagramTransport, WriteTransport


def write(transport: WriteTransport, endpoint: DatagramTransport) -> None:
    for data in (b"", bytearray(), memoryview(b""), array.array("I"), mmap.mmap(-1, 8)):
        transport.write(data)
        endpoint.sendto(data)
    transport.writelines(line for line in (b"one", bytearray(b"two")))
"""

WRONG["transport_of_another_kind"] = """
from transport_abc import DatagramTransport, Protocol


class Wrong(Protocol):
    def connection_made(self, transport: DatagramTransport) -> None: ...  # mypy: override, pyright: reportIncompatibleMethodOverride
"""

WRONG["stream_transport_for_datagrams"] = """
from transport_abc import DatagramProtocol, Transport


class Wrong(DatagramProtocol):
    def connection_made(self, transport: Transport) -> None: ...  # mypy: override, pyright: reportIncompatibleMethodOverride
"""

WRONG["data_is_no_text"] = """
from transport_abc import Protocol


class Wrong(Protocol):
    def data_received(self, data: str) -> None: ...  # mypy: override, pyright: reportIncompatibleMethodOverride
"""

WRONG["data_is_no_bytearray"] = """
from transport_abc import Protocol


class Wrong(Protocol):
    def data_received(self, data: bytearray) -> None: ...  # mypy: override, pyright: reportIncompatibleMethodOverride
"""

WRONG["results"] = """
from transport_abc import Protocol


class Wrong(Protocol):
    def data_received(self, data: bytes) -> int:  # mypy: override, pyright: reportIncompatibleMethodOverride
        return len(data)

    def eof_received(self) -> str:  # mypy: override, pyright: reportIncompatibleMethodOverride
        return "keep it open"
"""

WRONG["missing_parameters"] = """
from transport_abc import BufferedProtocol, Protocol


class Wrong(BufferedProtocol):
    def get_buffer(self) -> bytearray:  # mypy: override, pyright: reportIncompatibleMethodOverride
        return bytearray(10)


class AlsoWrong(Protocol):
    def connection_lost(self) -> None: ...  # mypy: override, pyright: reportIncompatibleMethodOverride
"""

WRONG["forgotten_coroutine"] = """
from transport_abc import Protocol


class Wrong(Protocol):
    async def data_received(self, data: bytes) -> None: ...  # mypy: override, pyright: reportIncompatibleMethodOverride
"""

WRONG["arguments"] = """
from transport_abc import DatagramTransport, Transport


def use(transport: Transport, endpoint: DatagramTransport) -> None:
    transport.write("text")  # mypy: arg-type, pyright: reportArgumentType
    transport.writelines([1, 2])  # mypy: list-item, pyright: reportArgumentType
    endpoint.sendto("text")  # mypy: arg-type, pyright: reportArgumentType
    transport.set_write_buffer_limits("high")  # mypy: arg-type, pyright: reportArgumentType
    endpoint.write(b"data")  # mypy: attr-defined, pyright: reportAttributeAccessIssue
    transport.send(b"data")  # mypy: attr-defined, pyright: reportAttributeAccessIssue
"""

WRONG["what_may_be_missing"] = """
from transport_abc import SubprocessTransport, Transport


def use(transport: Transport, process: SubprocessTransport) -> None:
    transport.get_extra_info("socket").getsockname()  # mypy: union-attr, pyright: reportOptionalMemberAccess
    process.get_pipe_transport(0).write(b"input")  # mypy: union-attr, pyright: reportOptionalMemberAccess
    stdout = process.get_pipe_transport(1)
    assert stdout is not None
    stdout.write(b"input")  # mypy: attr-defined, pyright: reportAttributeAccessIssue
"""

WRONG["protocols_of_another_kind"] = """
from transport_abc import DatagramProtocol, Protocol, get_running_loop


async def main() -> None:
    loop = get_running_loop()
    await loop.create_connection(DatagramProtocol, "localhost", 1)  # mypy: type-var, pyright: reportArgumentType
    await loop.create_datagram_endpoint(Protocol, ("localhost", 1))  # mypy: type-var, pyright: reportArgumentType
    await loop.subprocess_exec(Protocol, "ls")  # mypy: type-var, pyright: reportArgumentType
    await loop.create_server(DatagramProtocol, "localhost", 1)  # mypy: arg-type, pyright: reportArgumentType
    await loop.create_connection(int, "localhost", 1)  # mypy: type-var, pyright: reportArgumentType
"""

WRONG["attributes_of_the_protocol"] = """
from transport_abc import Protocol, get_running_loop


class Client(Protocol):
    name = ""


async def main() -> None:
    _, client = await get_running_loop().create_connection(Client, "localhost", 1)
    print(client.nmae)  # mypy: attr-defined, pyright: reportAttributeAccessIssue
"""

WRONG["plugins"] = """
from transport_abc import StreamPlugin, Transport


class Unfinished(StreamPlugin):
    api_version = "1"  # mypy: assignment, pyright: reportAssignmentType


Unfinished()  # mypy: abstract, pyright: reportAbstractUsage
Transport()  # mypy: abstract, pyright: reportAbstractUsage
"""

RIGHT["extra_info_of_every_key_and_kind"] = """
import subprocess
from typing import Any, assert_type

from transport_abc import BaseTransport, DatagramTransport, ReadTransport, SubprocessTransport, WriteTransport


def look(datagrams: DatagramTransport, process: SubprocessTransport, reading: ReadTransport, writing: WriteTransport) -> None:
    assert_type(process.get_extra_info("subprocess"), subprocess.Popen[bytes] | None)
    assert_type(datagrams.get_extra_info("peercert"), dict[str, Any] | None)
    assert_type(reading.get_extra_info("compression", "none"), str)
    assert_type(writing.get_extra_info("cipher", ()), tuple[str, str, int] | tuple[()])
    host, port = datagrams.get_extra_info("sockname")
    print(host, port, reading.get_extra_info("pipe"))


def any_key(transport: BaseTransport, key: str) -> object:
    return transport.get_extra_info(key, None)
"""

RIGHT["duck_typed_protocol"] = """
import asyncio

from transport_abc import BaseProtocol, BaseTransport, Protocol, Transport


class Logged:
    def connection_lost(self, exc: Exception | None) -> None:
        print("lost", exc)


class Both(Logged, Protocol):
    def connection_made(self, transport: Transport) -> None:
        self.transport = transport


class Anything(BaseProtocol):
    def connection_made(self, transport: BaseTransport) -> None:
        print(transport.get_protocol())


assert isinstance(Both(), asyncio.Protocol)
"""

WRONG["protocol_where_asyncios_own_type_is_asked_for"] = """
import asyncio

from transport_abc import Protocol, typed


class Echo(Protocol): ...


def stock(protocol: asyncio.Protocol) -> None: ...


async def main(loop: asyncio.AbstractEventLoop) -> None:
    stock(Echo())  # mypy: arg-type, pyright: reportArgumentType
    await typed(loop).create_server(Echo, "localhost", 1)
"""

WRONG["kinds_that_do_not_mix"] = """
from transport_abc import BufferedProtocol, Protocol, ReadTransport, SubprocessProtocol, Transport, WriteTransport


class Wrong(SubprocessProtocol):
    def connection_made(self, transport: Transport) -> None: ...  # mypy: override, pyright: reportIncompatibleMethodOverride

    def pipe_data_received(self, fd: str, data: bytes) -> None: ...  # mypy: override, pyright: reportIncompatibleMethodOverride


class Narrow(Protocol):
    def connection_made(self, transport: WriteTransport) -> None: ...


class Buffered(BufferedProtocol):
    def get_buffer(self, sizehint: str) -> bytearray:  # mypy: override, pyright: reportIncompatibleMethodOverride
        return bytearray(100)

    def buffer_updated(self, nbytes: int) -> str:  # mypy: override, pyright: reportIncompatibleMethodOverride
        return "done"


def use(reading: ReadTransport, writing: WriteTransport) -> None:
    reading.write(b"data")  # mypy: attr-defined, pyright: reportAttributeAccessIssue
    writing.pause_reading()  # mypy: attr-defined, pyright: reportAttributeAccessIssue
"""

WRONG["extra_info_of_another_type"] = """
import ssl

from transport_abc import Transport


def look(transport: Transport) -> None:
    context: ssl.SSLContext = transport.get_extra_info("sslcontext")  # mypy: assignment, pyright: reportAssignmentType
    cipher: str = transport.get_extra_info("cipher", "none")  # mypy: assignment, pyright: reportAssignmentType
    transport.get_extra_info()  # mypy: call-overload, pyright: reportCallIssue
    transport.get_extra_info("ssl_object").version()  # mypy: union-attr, pyright: reportOptionalMemberAccess
    print(context, cipher)
"""

WRONG["other_overrides"] = """
from transport_abc import DatagramProtocol, Protocol


class Wrong(DatagramProtocol):
    def datagram_received(self, data: bytes) -> None: ...  # mypy: override, pyright: reportIncompatibleMethodOverride

    def error_received(self, exc: ValueError) -> None: ...  # mypy: override, pyright: reportIncompatibleMethodOverride


class AlsoWrong(Protocol):
    def connection_lost(self, exc: OSError) -> None: ...  # mypy: override, pyright: reportIncompatibleMethodOverride

    def pause_writing(self, size: int) -> None: ...  # mypy: override, pyright: reportIncompatibleMethodOverride

    data_received = 1  # mypy: assignment, pyright: reportAssignmentType
"""
