"""Reading from pipes and what resembles them."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import pty
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import transport_abc
from tests.transport_subprocess.support import PipeRecorder, connect_read, pipe_files, raw, reports_to
from transport_subprocess import PipePlugin, ReadPipeTransport

if TYPE_CHECKING:
    from collections.abc import Callable


async def test_data_end_of_file_and_loss_come_once_in_this_order() -> None:
    reading, writing = pipe_files()
    transport, protocol = await connect_read(reading)
    assert protocol.names() == ["connection_made"]
    writing.write(b"abc")
    await protocol.seen("data_received")
    writing.close()
    await protocol.seen("connection_lost")
    assert protocol.received == b"abc"
    assert protocol.names() == ["connection_made", "data_received", "eof_received", "connection_lost"]
    assert protocol.error() is None
    assert reading.closed
    assert transport.is_closing()


async def test_end_of_file_closes_though_the_protocol_asks_to_keep_the_connection() -> None:
    reading, writing = pipe_files()
    _, protocol = await connect_read(reading)
    writing.close()
    await protocol.seen("connection_lost")


async def test_transport_is_one_of_asyncio_and_of_the_contract() -> None:
    reading, writing = pipe_files()
    transport, protocol = await connect_read(reading)
    assert isinstance(transport, asyncio.ReadTransport)
    assert isinstance(transport, transport_abc.ReadTransport)
    assert transport.get_extra_info("pipe") is reading
    assert transport.get_protocol() == protocol
    transport.close()
    writing.close()
    await protocol.seen("connection_lost")


async def test_nothing_is_received_while_reading_is_paused() -> None:
    class Pausing(PipeRecorder):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            transport.pause_reading()

    reading, writing = pipe_files()
    transport, protocol = await connect_read(reading, Pausing)
    writing.write(b"abc")
    other_reading, other_writing = pipe_files()
    _, other = await connect_read(other_reading)
    other_writing.close()
    await other.seen("connection_lost")  # the loop has looked at the pipes since
    assert protocol.names() == ["connection_made"]
    assert not transport.is_reading()
    transport.resume_reading()
    transport.resume_reading()
    assert transport.is_reading()
    await protocol.seen("data_received")
    writing.close()
    await protocol.seen("connection_lost")


async def test_closing_drops_what_is_not_received_and_closes_the_file() -> None:
    reading, writing = pipe_files()
    transport, protocol = await connect_read(reading)
    transport.close()
    transport.close()
    writing.write(b"abc")
    assert protocol.names() == ["connection_made"]
    await protocol.seen("connection_lost")
    assert protocol.names() == ["connection_made", "connection_lost"]
    assert reading.closed
    writing.close()


class Buffered(transport_abc.BufferedProtocol):
    """Receives into a memory of four bytes."""

    def __init__(self) -> None:
        self.memory = bytearray(4)
        self.received = b""
        self.lost = asyncio.get_running_loop().create_future()

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.memory

    def buffer_updated(self, nbytes: int) -> None:
        self.received += self.memory[:nbytes]

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)


async def test_buffered_protocol_receives_into_its_own_memory() -> None:
    reading, writing = pipe_files()
    _, protocol = await connect_read(reading, Buffered)
    writing.write(b"0123456789")
    writing.close()
    assert await protocol.lost is None
    assert protocol.received == b"0123456789"


def _fifo() -> tuple[Any, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "fifo")
        os.mkfifo(path)
        reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        return open(reading, "rb", 0), path.open("wb", 0)


def _sockets() -> tuple[Any, Any]:
    near, far = socket.socketpair()
    file = far.makefile("wb", 0)
    far.close()
    return near, file


def _terminal() -> tuple[Any, Any]:
    master, slave = pty.openpty()
    return open(master, "rb", 0), raw(slave, "wb")


@pytest.mark.parametrize("make", [pipe_files, _fifo, _sockets, _terminal], ids=["pipe", "fifo", "socket", "terminal"])
async def test_every_kind_of_file_that_can_be_waited_for_is_read_to_its_end(
    make: Callable[[], tuple[Any, Any]],
) -> None:
    reading, writing = make()
    _, protocol = await connect_read(reading)
    writing.write(b"abc")
    await protocol.seen("data_received")
    writing.close()
    await protocol.seen("connection_lost")
    assert protocol.received == b"abc"
    assert protocol.names() == ["connection_made", "data_received", "eof_received", "connection_lost"]
    assert protocol.error() is None


async def test_hang_up_of_a_terminal_is_its_end_for_a_buffered_protocol_too() -> None:
    reading, writing = _terminal()
    _, protocol = await connect_read(reading, Buffered)
    writing.write(b"abcdef")
    writing.close()
    assert await protocol.lost is None
    assert protocol.received == b"abcdef"


async def test_device_that_is_always_ready_is_read() -> None:
    _, protocol = await connect_read(raw("/dev/null", "rb"))
    await protocol.seen("connection_lost")
    assert protocol.names() == ["connection_made", "eof_received", "connection_lost"]


async def test_device_that_never_ends_leaves_the_loop_to_others_and_can_be_paused() -> None:
    transport, protocol = await connect_read(raw("/dev/zero", "rb"))
    await protocol.until(lambda: protocol.count("data_received") >= 3)
    transport.pause_reading()
    transport.resume_reading()
    transport.pause_reading()
    count = protocol.count("data_received")
    for _ in range(5):
        await asyncio.sleep(0)
    assert protocol.count("data_received") == count
    transport.resume_reading()
    await protocol.until(lambda: protocol.count("data_received") > count)
    transport.close()
    await protocol.seen("connection_lost")


async def test_regular_file_is_refused_and_left_open() -> None:
    with tempfile.TemporaryFile() as file:
        with pytest.raises(ValueError, match=r"^Pipe transport is for pipes/sockets only\.$"):
            await connect_read(file)
        file.write(b"still open")


async def test_failing_protocol_factory_leaves_the_pipe_open() -> None:
    reading, writing = pipe_files()
    with pytest.raises(ZeroDivisionError):
        await connect_read(reading, lambda: 1 // 0)
    writing.write(b"abc")
    assert reading.read(3) == b"abc"
    reading.close()
    writing.close()


async def test_cancelled_connection_closes_the_pipe() -> None:
    reading, writing = pipe_files()
    recorder = PipeRecorder()
    task = asyncio.ensure_future(connect_read(reading, lambda: recorder))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await recorder.until(lambda: reading.closed)
    assert recorder.names() in ([], ["connection_made", "connection_lost"])
    writing.close()


async def test_failing_callback_is_reported_once_and_ends_the_connection() -> None:
    class Failing(PipeRecorder):
        def data_received(self, data: bytes) -> None:
            raise ZeroDivisionError

    errors: list[dict[str, Any]] = []
    reports_to(errors)
    reading, writing = pipe_files()
    transport, protocol = await connect_read(reading, Failing)
    writing.write(b"abc")
    await protocol.seen("connection_lost")
    assert isinstance(protocol.error(), ZeroDivisionError)
    (report,) = errors
    assert report["transport"] is transport
    assert report["protocol"] is protocol
    assert report["exception"] is protocol.error()
    writing.close()


async def test_callbacks_run_in_the_context_of_the_connection() -> None:
    who = contextvars.ContextVar("who", default="nobody")
    seen = []

    class Looking(PipeRecorder):
        def add(self, *event: Any) -> None:
            seen.append(who.get())
            super().add(*event)

    reading, writing = pipe_files()
    who.set("maker")
    transport, protocol = await connect_read(reading, Looking)
    transport.pause_reading()
    who.set("somebody else")
    transport.resume_reading()
    writing.write(b"abc")
    await protocol.seen("data_received")
    writing.close()
    await protocol.seen("connection_lost")
    assert set(seen) == {"maker"}


def _collect(things: list[Any]) -> None:
    things.clear()
    gc.collect()


def test_transport_left_open_warns_and_closes_its_file(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    loop = new_loop()
    reading, writing = pipe_files()
    pair: list[Any] = [*loop.run_until_complete(PipePlugin().connect_read(loop, PipeRecorder, reading))]
    loop.close()
    assert "open" in repr(pair[0])
    with pytest.warns(ResourceWarning, match="unclosed transport <ReadPipeTransport open"):
        _collect(pair)
    assert reading.closed
    writing.close()


def test_transport_whose_pipe_was_taken_away_is_silent(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    loop = new_loop()
    reading, writing = pipe_files()
    pair: list[Any] = [*loop.run_until_complete(PipePlugin().connect_read(loop, PipeRecorder, reading))]
    loop.close()
    pair[0]._pipe = None
    _collect(pair)  # a warning would be an error
    reading.close()
    writing.close()


async def test_closed_transport_is_freed_without_the_cyclic_collector() -> None:
    reading, writing = pipe_files()
    transport, protocol = await connect_read(reading)
    writing.close()
    await protocol.seen("connection_lost")
    await asyncio.sleep(0)
    gc.collect()
    gc.disable()
    try:
        del transport, protocol
        assert not any(isinstance(one, ReadPipeTransport) for one in gc.get_objects())
    finally:
        gc.enable()
