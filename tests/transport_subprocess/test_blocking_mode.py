"""The mode of open files that others share is left as it was found."""

from __future__ import annotations

import asyncio
import gc
import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.transport_subprocess.support import PipeRecorder, connect_read, connect_write, raw
from transport_subprocess import PipePlugin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def terminal() -> Iterator[int]:
    """One side of a terminal, which stays open while transports use copies of the descriptor."""
    master, slave = pty.openpty()
    yield slave
    os.close(master)
    os.close(slave)


async def test_mode_is_non_blocking_in_use_and_restored_when_the_transport_closes(terminal: int) -> None:
    transport, protocol = await connect_read(raw(os.dup(terminal), "rb"))
    assert not os.get_blocking(terminal)
    transport.close()
    await protocol.seen("connection_lost")
    await asyncio.sleep(0)
    assert os.get_blocking(terminal)


async def test_mode_is_restored_by_the_last_of_several_transports(terminal: int) -> None:
    reader, reading = await connect_read(raw(os.dup(terminal), "rb"))
    writer, writing = await connect_write(raw(os.dup(terminal), "wb"))
    reader.close()
    await reading.seen("connection_lost")
    await asyncio.sleep(0)
    assert not os.get_blocking(terminal)
    writer.close()
    await writing.seen("connection_lost")
    await asyncio.sleep(0)
    assert os.get_blocking(terminal)


async def test_non_blocking_file_stays_so(terminal: int) -> None:
    os.set_blocking(terminal, False)
    transport, protocol = await connect_read(raw(os.dup(terminal), "rb"))
    transport.close()
    await protocol.seen("connection_lost")
    await asyncio.sleep(0)
    assert not os.get_blocking(terminal)


async def test_ends_of_one_pipe_are_told_apart() -> None:
    reading, writing = os.pipe()
    reader, read_protocol = await connect_read(raw(os.dup(reading), "rb"))
    writer, write_protocol = await connect_write(raw(os.dup(writing), "wb"))
    writer.close()
    await write_protocol.seen("connection_lost")
    await asyncio.sleep(0)
    assert os.get_blocking(writing)
    assert not os.get_blocking(reading)
    reader.close()
    await read_protocol.seen("connection_lost")
    await asyncio.sleep(0)
    assert os.get_blocking(reading)
    os.close(reading)
    os.close(writing)


async def test_file_closed_by_its_owner_is_no_error(terminal: int) -> None:
    file = raw(os.dup(terminal), "rb")
    transport, protocol = await connect_read(file)
    transport.pause_reading()
    file.close()
    transport.close()
    await protocol.seen("connection_lost")


def test_mode_is_restored_when_a_forgotten_transport_is_collected(
    terminal: int, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    loop: Any = new_loop()
    loop.run_until_complete(PipePlugin().connect_read(loop, PipeRecorder, raw(os.dup(terminal), "rb")))
    loop.close()
    with pytest.warns(ResourceWarning, match="unclosed transport"):
        gc.collect()
    assert os.get_blocking(terminal)


SCRIPT = """
import asyncio, os, sys
from transport_subprocess import PipePlugin

async def main():
    loop = asyncio.get_running_loop()
    transport, _ = await PipePlugin().connect_write(loop, asyncio.BaseProtocol, sys.stdout)
    transport.write(str(os.get_blocking(1)).encode())
    return transport

transport = asyncio.run(main())
os.fork() or sys.exit()
os.wait()
{end}
"""


def test_mode_of_an_inherited_output_is_restored_when_the_program_ends(terminal: int) -> None:
    end = "os.write(1, str(os.get_blocking(1)).encode())"
    reading, writing = os.pipe()
    script = SCRIPT.format(end=end)
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], stdout=writing, check=True, timeout=20)
    assert os.get_blocking(writing)
    assert os.read(reading, 100) == b"FalseFalse"  # not restored by the end of a forked copy of the program
    os.close(reading)
    os.close(writing)
