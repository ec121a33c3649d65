"""Protocols that write down what they are told, and short ways to make transports."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any, cast

import transport_abc
from transport_subprocess import (
    PipePlugin,
    ProcessTransport,
    ReadPipeTransport,
    SubprocessPlugin,
    WritePipeTransport,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

LIMIT = 20.0
"""Seconds after which an event that must come is taken not to come."""


class _Events:
    """The calls of a protocol, in their order, and a way to wait for one."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.data: dict[int, bytearray] = {}
        self._changed = asyncio.Event()

    def add(self, *event: Any) -> None:
        self.events.append(event)
        self._changed.set()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(LIMIT):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def seen(self, *event: Any) -> None:
        """Wait for an event, given by the beginning of its tuple."""
        await self.until(lambda: any(one[: len(event)] == event for one in self.events))

    def names(self) -> list[str]:
        return [event[0] for event in self.events]

    def count(self, name: str) -> int:
        return self.names().count(name)

    def error(self) -> BaseException | None:
        """What ``connection_lost`` was told."""
        (error,) = [event[1] for event in self.events if event[0] == "connection_lost"]
        assert error is None or isinstance(error, BaseException)
        return error


class PipeRecorder(_Events, transport_abc.Protocol):
    """Writes down what happens on a pipe; data is joined."""

    received = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.add("connection_made")

    def data_received(self, data: bytes) -> None:
        self.received += data
        self.add("data_received")

    def eof_received(self) -> bool | None:
        self.add("eof_received")
        return True  # what asyncio's StreamReaderProtocol answers

    def connection_lost(self, exc: Exception | None) -> None:
        self.add("connection_lost", exc)

    def pause_writing(self) -> None:
        self.add("pause_writing")

    def resume_writing(self) -> None:
        self.add("resume_writing")


class Recorder(_Events, transport_abc.SubprocessProtocol):
    """Writes down what happens to a process; data is joined by descriptor."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.add("connection_made")

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        assert type(data) is bytes
        assert data
        self.data.setdefault(fd, bytearray()).extend(data)
        self.add("pipe_data_received", fd)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self.add("pipe_connection_lost", fd, exc)

    def process_exited(self) -> None:
        self.add("process_exited")

    def connection_lost(self, exc: Exception | None) -> None:
        self.add("connection_lost", exc)

    def pause_writing(self) -> None:
        self.add("pause_writing")

    def resume_writing(self) -> None:
        self.add("resume_writing")


async def spawn(*args: str, **options: Any) -> tuple[ProcessTransport, Recorder]:
    """Start a program with three pipes."""
    return await SubprocessPlugin().spawn(asyncio.get_running_loop(), Recorder, args, **options)


async def spawn_shell(command: str, **options: Any) -> tuple[ProcessTransport, Recorder]:
    return await SubprocessPlugin().spawn(asyncio.get_running_loop(), Recorder, command, shell=True, **options)


async def spawn_with(factory: Callable[[], Any], *args: str, **options: Any) -> tuple[ProcessTransport, Any]:
    """Start a program with a protocol of the caller's."""
    return await SubprocessPlugin().spawn(asyncio.get_running_loop(), factory, args, **options)


async def wait(transport: ProcessTransport) -> int:
    async with asyncio.timeout(LIMIT):
        return await transport._wait()


def write_to(transport: ProcessTransport, data: bytes) -> None:
    stdin = transport.get_pipe_transport(0)
    assert isinstance(stdin, WritePipeTransport)
    stdin.write(data)


def end_input(transport: ProcessTransport) -> None:
    stdin = transport.get_pipe_transport(0)
    assert isinstance(stdin, WritePipeTransport)
    stdin.write_eof()


def output_of(transport: ProcessTransport, fd: int = 1) -> ReadPipeTransport:
    pipe = transport.get_pipe_transport(fd)
    assert isinstance(pipe, ReadPipeTransport)
    return pipe


def pipe_files() -> tuple[BinaryIO, BinaryIO]:
    """The two ends of a pipe as file objects, unbuffered."""
    reading, writing = os.pipe()
    return raw(reading, "rb"), raw(writing, "wb")


def raw(file: Any, mode: str, *, closefd: bool = True) -> BinaryIO:
    """Open a path or a descriptor as a file object without a buffer."""
    return cast("BinaryIO", open(file, mode, 0, closefd=closefd))


async def connect_read(pipe: Any, factory: Callable[[], Any] = PipeRecorder) -> tuple[ReadPipeTransport, Any]:
    return await PipePlugin().connect_read(asyncio.get_running_loop(), factory, pipe)


async def connect_write(pipe: Any, factory: Callable[[], Any] = PipeRecorder) -> tuple[WritePipeTransport, Any]:
    return await PipePlugin().connect_write(asyncio.get_running_loop(), factory, pipe)


def reports_to(errors: list[dict[str, Any]]) -> None:
    """Have the running loop put its reports of errors into a list."""
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
