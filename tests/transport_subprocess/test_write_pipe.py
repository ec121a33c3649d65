"""Writing to pipes and what resembles them."""

from __future__ import annotations

import asyncio
import errno
import os
import pty
import socket
import tempfile
import tty
from typing import Any

import pytest

import transport_abc
from tests.transport_subprocess.support import PipeRecorder, connect_read, connect_write, pipe_files, raw

BIG = bytes(range(256)) * 4096  # 1 MiB: more than a pipe holds


async def test_what_is_written_arrives_and_end_of_file_follows() -> None:
    reading, writing = pipe_files()
    _, reader = await connect_read(reading)
    transport, protocol = await connect_write(writing)
    assert isinstance(transport, asyncio.WriteTransport)
    assert isinstance(transport, transport_abc.WriteTransport)
    assert transport.get_extra_info("pipe") is writing
    assert "open" in repr(transport)
    transport.write(b"abc")
    transport.writelines([b"def", bytearray(b"ghi"), memoryview(b"jkl")])
    assert transport.can_write_eof()
    transport.write_eof()
    assert transport.is_closing()
    await protocol.seen("connection_lost")
    await reader.seen("connection_lost")
    assert reader.received == b"abcdefghijkl"
    assert protocol.names() == ["connection_made", "connection_lost"]
    assert protocol.error() is None
    assert writing.closed


async def test_closing_sends_what_is_buffered_first() -> None:
    reading, writing = pipe_files()
    transport, protocol = await connect_write(writing)
    transport.write(BIG)
    assert transport.get_write_buffer_size() > 0
    transport.close()
    _, reader = await connect_read(reading)
    await reader.seen("connection_lost")
    await protocol.seen("connection_lost")
    assert reader.received == BIG
    assert protocol.error() is None


async def test_pause_and_resume_come_once_each() -> None:
    reading, writing = pipe_files()
    transport, protocol = await connect_write(writing)
    for _ in range(4):
        transport.write(BIG)
    assert protocol.count("pause_writing") == 1
    _, reader = await connect_read(reading)
    await protocol.seen("resume_writing")
    transport.close()
    await reader.seen("connection_lost")
    assert protocol.count("pause_writing") == protocol.count("resume_writing") == 1
    assert reader.received == BIG * 4


async def test_changing_a_buffer_after_writing_it_does_not_change_what_arrives() -> None:
    reading, writing = pipe_files()
    transport, _ = await connect_write(writing)
    data = bytearray(BIG)
    transport.write(data)
    data[:] = bytes(len(data))
    _, reader = await connect_read(reading)
    transport.close()
    await reader.seen("connection_lost")
    assert reader.received == BIG


async def test_abort_drops_what_is_buffered() -> None:
    reading, writing = pipe_files()
    transport, protocol = await connect_write(writing)
    transport.write(BIG)
    transport.abort()
    await protocol.seen("connection_lost")
    assert protocol.error() is None
    _, reader = await connect_read(reading)
    await reader.seen("connection_lost")
    assert 0 < len(reader.received) < len(BIG)


@pytest.mark.parametrize("kind", ["pipe", "socket"])
async def test_reader_that_goes_away_is_noticed_with_nothing_to_write(kind: str) -> None:
    reading: Any
    writing: Any
    reading, writing = pipe_files() if kind == "pipe" else socket.socketpair()
    _, protocol = await connect_write(writing)
    reading.close()
    await protocol.seen("connection_lost")
    assert protocol.error() is None


async def test_reader_that_goes_away_before_all_is_written_is_an_error() -> None:
    reading, writing = pipe_files()
    transport, protocol = await connect_write(writing)
    transport.write(BIG)
    reading.close()
    await protocol.seen("connection_lost")
    assert isinstance(protocol.error(), BrokenPipeError)


async def test_reader_that_goes_away_while_closing_ends_the_closing() -> None:
    reading, writing = pipe_files()
    transport, protocol = await connect_write(writing)
    transport.write(BIG)
    transport.close()
    reading.close()
    await protocol.seen("connection_lost")
    assert isinstance(protocol.error(), BrokenPipeError)


async def test_writing_to_a_reader_just_gone_is_an_error() -> None:
    reading, writing = pipe_files()
    transport, protocol = await connect_write(writing)
    reading.close()
    transport.write(b"abc")
    assert protocol.names() == ["connection_made"]
    await protocol.seen("connection_lost")
    assert isinstance(protocol.error(), BrokenPipeError)
    transport.write(b"dropped")


async def test_peer_of_a_socket_may_send_without_ending_the_connection() -> None:
    near, far = socket.socketpair()
    transport, protocol = await connect_write(near)
    far.send(b"not for us")
    other_reading, other_writing = pipe_files()
    _, other = await connect_read(other_reading)
    other_writing.close()
    await other.seen("connection_lost")  # the loop has seen by now that the socket is readable
    assert protocol.names() == ["connection_made"]
    transport.write(b"abc")
    assert far.recv(10) == b"abc"
    far.close()
    transport.write(b"nobody there")
    await protocol.seen("connection_lost")
    assert isinstance(protocol.error(), OSError)


async def test_fifo_opened_for_both_does_not_end_by_its_own_data(tmp_path: Any) -> None:
    os.mkfifo(tmp_path / "fifo")
    both = raw(tmp_path / "fifo", "r+b")
    transport, protocol = await connect_write(both)
    transport.write(b"abc")
    for _ in range(5):
        await asyncio.sleep(0)
    assert protocol.names() == ["connection_made"]
    assert os.read(both.fileno(), 10) == b"abc"
    transport.close()
    await protocol.seen("connection_lost")


async def test_write_after_write_eof_is_refused() -> None:
    reading, writing = pipe_files()
    transport, protocol = await connect_write(writing)
    transport.write_eof()
    transport.write_eof()
    with pytest.raises(RuntimeError, match=r"Cannot call write\(\) after write_eof\(\)"):
        transport.write(b"abc")
    await protocol.seen("connection_lost")
    reading.close()


async def test_regular_file_is_refused_and_left_open() -> None:
    with tempfile.TemporaryFile() as file:
        with pytest.raises(ValueError, match=r"^Pipe transport is only for pipes, sockets and character devices$"):
            await connect_write(file)
        file.write(b"still open")


async def test_devices_that_are_always_ready_can_be_written() -> None:
    transport, protocol = await connect_write(raw("/dev/null", "wb"))
    transport.write(BIG)
    transport.close()
    await protocol.seen("connection_lost")
    assert protocol.error() is None


async def test_error_of_a_device_ends_the_connection() -> None:
    transport, protocol = await connect_write(raw("/dev/full", "wb"))
    transport.write(b"abc")
    await protocol.seen("connection_lost")
    error = protocol.error()
    assert isinstance(error, OSError)
    assert error.errno == errno.ENOSPC


async def test_terminal_is_read_and_written_through_one_descriptor() -> None:
    master, slave = pty.openpty()
    tty.setraw(slave)
    writer, writing = await connect_write(raw(slave, "r+b", closefd=False))
    _, reading = await connect_read(raw(slave, "r+b"))
    writer.write(b"prompt")
    assert os.read(master, 10) == b"prompt"
    os.write(master, b"typed")
    await reading.until(lambda: reading.received == b"typed")
    writer.close()
    await writing.seen("connection_lost")
    os.write(master, b" more")
    await reading.until(lambda: reading.received == b"typed more")
    reading.transport.close()
    await reading.seen("connection_lost")
    os.close(master)


async def test_cancelled_connection_closes_the_pipe() -> None:
    reading, writing = pipe_files()
    recorder = PipeRecorder()
    task = asyncio.ensure_future(connect_write(writing, lambda: recorder))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await recorder.until(lambda: writing.closed)
    assert reading.read(1) == b""
    reading.close()
