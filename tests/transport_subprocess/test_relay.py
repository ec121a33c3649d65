"""Much data through pipes that were found full: by way of sockets where the system can, and without them elsewhere."""

from __future__ import annotations

import errno
import math
import os
import random
import signal
import socket
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.transport_subprocess.support import (
    Recorder,
    end_input,
    output_of,
    spawn,
    spawn_shell,
    write_to,
)
from transport_subprocess import WritePipeTransport

if TYPE_CHECKING:
    from transport_subprocess import ProcessTransport

pytestmark = pytest.mark.skipif(not hasattr(os, "splice"), reason="this system has no splice(2)")

MIB = 1024 * 1024
SIZES = (300_000, 1, 262_144, 65_536, 70_001, 5, 65_535, 1_000_000, 3, 131_072)
"""Of pieces that are large and small, and of pages and not."""


def _moves(monkeypatch: pytest.MonkeyPatch, fail_after: float = math.inf) -> list[tuple[int, int, int]]:
    """Have splice(2) write down what it moved: source, destination, bytes. It fails after so many times."""
    splice, moved = os.splice, list[tuple[int, int, int]]()

    def watched(source: int, destination: int, count: int, **options: Any) -> int:
        if len(moved) >= fail_after:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        size = splice(source, destination, count, **options)
        moved.append((source, destination, size))
        return size

    monkeypatch.setattr(os, "splice", watched)
    return moved


def _descriptor(transport: ProcessTransport, fd: int) -> int:
    """Our end of one of the pipes."""
    pipe = transport.get_pipe_transport(fd)
    assert pipe is not None
    descriptor: int = pipe.get_extra_info("pipe").fileno()
    return descriptor


async def _echo_much(transport: ProcessTransport, protocol: Recorder) -> None:
    """Write pieces of many sizes to a process that echoes them, and compare."""
    output_of(transport).pause_reading()
    expected = bytearray()
    stdin = transport.get_pipe_transport(0)
    assert isinstance(stdin, WritePipeTransport)
    for number, size in enumerate(SIZES * 3):
        piece = random.Random(number).randbytes(size)
        expected += piece
        if number % 3:
            stdin.write(piece)
        else:
            changing = bytearray(piece)
            stdin.write(changing) if number % 2 else stdin.writelines([changing, b""])
            changing[:] = bytes(size)
    output_of(transport).resume_reading()
    await protocol.until(lambda: len(protocol.data.get(1, b"")) > MIB)
    for number, size in enumerate(SIZES):  # while the pipe is full, or is not
        piece = random.Random(number).randbytes(size)
        expected += piece
        stdin.writelines([piece[:100], piece[100:]])
    end_input(transport)
    await protocol.seen("connection_lost")
    assert protocol.data[1] == expected
    assert protocol.error() is None


async def test_much_goes_through_sockets_in_both_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = _moves(monkeypatch)
    transport, protocol = await spawn("cat", stderr=None)
    stdin, stdout = (_descriptor(transport, fd) for fd in (0, 1))
    await _echo_much(transport, protocol)
    assert sum(size for _, destination, size in moved if destination == stdin) > MIB // 4
    assert sum(size for source, _, size in moved if source == stdout) > MIB // 4


async def test_little_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = _moves(monkeypatch)
    transport, protocol = await spawn_shell("wc -c >&2", stdout=subprocess.DEVNULL)
    transport.send_signal(signal.SIGSTOP)
    stdin = transport.get_pipe_transport(0)
    assert isinstance(stdin, WritePipeTransport)
    written = 0
    while stdin.get_write_buffer_size() < 10_000:
        stdin.write(bytes(1000))
        written += 1000
    transport.send_signal(signal.SIGCONT)
    end_input(transport)
    await protocol.seen("connection_lost")
    assert int(protocol.data[2]) == written
    assert not moved


async def test_the_process_may_open_its_input_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = _moves(monkeypatch)
    transport, protocol = await spawn_shell("cat /dev/stdin > /dev/stdout", stderr=None)
    await _echo_much(transport, protocol)
    assert moved


@pytest.mark.parametrize("number", [0, 1, 2, 5, 10])
async def test_a_system_that_refuses_to_splice_moves_everything_all_the_same(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """At once, or with something in the sockets."""
    moved = _moves(monkeypatch, number)
    await _echo_much(*await spawn("cat", stderr=None))
    assert len(moved) == number


async def test_a_system_without_splice_moves_everything_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "splice")
    await _echo_much(*await spawn("cat", stderr=None))


async def test_a_process_without_descriptors_left_moves_everything_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    moved = _moves(monkeypatch)
    transport, protocol = await spawn("cat", stderr=None)
    with monkeypatch.context() as patch:
        patch.setattr(socket, "socketpair", refuse)
        await _echo_much(transport, protocol)
    assert not moved


async def test_what_the_reader_leaves_is_lost_with_it() -> None:
    transport, protocol = await spawn("head", "-c", "1", stderr=None)
    for _ in range(4):
        write_to(transport, bytes(MIB))
    await protocol.seen("connection_lost")
    (lost,) = [event[2] for event in protocol.events if event[:2] == ("pipe_connection_lost", 0)]
    assert isinstance(lost, BrokenPipeError)
    assert protocol.data == {1: b"\0"}


async def test_a_process_that_does_not_read_is_dropped_with_what_waits() -> None:
    transport, protocol = await spawn("sleep", "60", stderr=None)
    for _ in range(4):
        write_to(transport, bytes(MIB))
    stdin = transport.get_pipe_transport(0)
    assert isinstance(stdin, WritePipeTransport)
    assert stdin.get_write_buffer_size() >= 4 * MIB - 256 * 1024
    transport.close()
    await protocol.seen("connection_lost")
