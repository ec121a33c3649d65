"""Files sent with os.sendfile, through the coroutine that ``loop.sendfile`` calls."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
from typing import IO, TYPE_CHECKING, Any

import pytest

from tests.transport_socket.support import connected, turns
from transport_abc.testing import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from transport_socket import SocketTransport

SIZE = 8 * 1024 * 1024 + 321  # more than the buffers of a connection on loopback take
CONTENT = bytes(range(256)) * (SIZE // 256) + bytes(SIZE % 256)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[IO[bytes]]:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    with path.open("rb") as opened:
        yield opened


async def _blocked_sender(near: SocketTransport, far: SocketTransport, file: IO[bytes]) -> asyncio.Task[int]:
    """Begin to send a file to a peer that does not read, and return when nothing more goes out."""
    far.pause_reading()
    task = asyncio.ensure_future(near._sendfile(file, 0, None))
    await turns(50)
    assert not task.done()
    return task


async def test_file_arrives_whole(file: IO[bytes]) -> None:
    right = Recorder()
    async with connected(None, right) as (near, _):
        assert await near._sendfile(file, 0, None) == SIZE
        await right.received(SIZE)
    assert right.data == CONTENT
    assert file.tell() == SIZE


@pytest.mark.parametrize(
    ("offset", "count", "expected"),
    [(0, 10, 10), (1000, 2000, 2000), (SIZE - 5, None, 5), (SIZE - 5, 100, 5), (SIZE, None, 0), (SIZE + 1, None, 0)],
)
async def test_part_of_a_file_arrives(file: IO[bytes], offset: int, count: int | None, expected: int) -> None:
    right = Recorder()
    async with connected(None, right) as (near, _):
        file.read(7)
        assert await near._sendfile(file, offset, count) == expected
        near.write(b"end")
        await right.received(expected + 3)
    assert right.data == CONTENT[offset : offset + expected] + b"end"
    assert file.tell() == (offset + expected if expected else 7)


async def test_empty_file_is_nothing(tmp_path: Path) -> None:
    async with connected() as (near, _):
        with open(tmp_path / "empty", "w+b") as empty:  # noqa: ASYNC230 - it is created in a moment
            assert await near._sendfile(empty, 0, None) == 0


async def test_what_was_written_before_goes_first_and_what_is_written_after_goes_last(file: IO[bytes]) -> None:
    right = Recorder()
    async with connected(None, right) as (near, far):
        far.pause_reading()
        before = bytes(6_000_000)
        near.write(before)
        assert near.get_write_buffer_size()
        task = asyncio.ensure_future(near._sendfile(file, 0, None))
        await turns()
        far.resume_reading()
        assert await task == SIZE
        assert near.get_write_buffer_size() == 0
        near.write(b"after")
        near.write_eof()
        await right.called("eof_received")
        assert right.data == before + CONTENT + b"after"


async def test_reading_is_paused_meanwhile_and_resumed(file: IO[bytes]) -> None:
    left = Recorder()
    async with connected(left) as (near, far):
        task = await _blocked_sender(near, far, file)
        assert not near.is_reading()
        far.write(b"meanwhile")
        await turns(20)
        assert left.data == b""
        far.resume_reading()
        await task
        assert near.is_reading()
        await left.received(9)


async def test_reading_that_was_paused_stays_paused(file: IO[bytes]) -> None:
    async with connected() as (near, _):
        near.pause_reading()
        await near._sendfile(file, 0, 1000)
        assert not near.is_reading()


async def test_nothing_else_can_be_written_meanwhile(file: IO[bytes]) -> None:
    async with connected() as (near, far):
        task = await _blocked_sender(near, far, file)
        for method, arguments in (("write", [b"x"]), ("writelines", [[b"x"]]), ("write_eof", [])):
            with pytest.raises(RuntimeError, match=f"^unable to {method}; sendfile is in progress$"):
                getattr(near, method)(*arguments)
        with pytest.raises(RuntimeError, match="sendfile is in progress"):
            await near._sendfile(file, 0, None)
        far.resume_reading()
        assert await task == SIZE


async def test_file_can_be_sent_twice(file: IO[bytes]) -> None:
    right = Recorder()
    async with connected(None, right) as (near, _):
        await near._sendfile(file, 0, 10)
        await near._sendfile(file, 10, 10)
        await right.received(20)
    assert right.data == CONTENT[:20]


async def test_peer_that_goes_away_is_an_error_and_the_position_is_right(file: IO[bytes]) -> None:
    left, right = Recorder(), Recorder()
    async with connected(left, right) as (near, far):
        task = await _blocked_sender(near, far, file)
        far.abort()
        with pytest.raises(ConnectionError):
            await task
        assert near.is_closing()
        assert isinstance(await left.lost(), ConnectionError)
        assert 0 < file.tell() < SIZE


@pytest.mark.parametrize("method", ["close", "abort"])
async def test_transport_closed_meanwhile_is_an_error(file: IO[bytes], method: str) -> None:
    left = Recorder()
    async with connected(left) as (near, far):
        task = await _blocked_sender(near, far, file)
        getattr(near, method)()
        with pytest.raises(ConnectionAbortedError, match="while a file was being sent"):
            await task
        assert await left.lost() is None


async def test_cancelling_leaves_the_transport_usable(file: IO[bytes]) -> None:
    right = Recorder()
    async with connected(None, right) as (near, far):
        task = await _blocked_sender(near, far, file)
        task.cancel()
        await asyncio.wait([task])
        sent = file.tell()
        assert task.cancelled()
        assert 0 < sent < SIZE
        assert near.is_reading()
        near.write(b"after")
        far.resume_reading()
        await right.received(sent + 5)
    assert right.data == CONTENT[:sent] + b"after"


async def test_cancelling_before_the_buffer_is_sent_leaves_the_transport_usable(file: IO[bytes]) -> None:
    right = Recorder()
    async with connected(None, right) as (near, far):
        far.pause_reading()
        before = bytes(6_000_000)
        near.write(before)
        task = asyncio.ensure_future(near._sendfile(file, 0, None))
        await turns()
        task.cancel()
        await asyncio.wait([task])
        near.write(b"after")
        far.resume_reading()
        await right.received(len(before) + 5)
    assert right.data == before + b"after"
    assert file.tell() == 0


async def test_file_that_the_system_does_not_send_is_left_to_others() -> None:
    reading, writing = os.pipe()
    with open(reading, "rb") as pipe, open(writing, "wb"):  # noqa: ASYNC230 - pipes
        right = Recorder()
        async with connected(None, right) as (near, _):
            with pytest.raises(asyncio.SendfileNotAvailableError):
                await near._sendfile(pipe, 0, 10)
            near.write(b"usable")
            await right.received(6)


async def test_what_has_no_descriptor_is_left_to_others() -> None:
    async with connected() as (near, _):
        no_file: Any = object()
        for file in (io.BytesIO(b"data"), no_file):
            with pytest.raises(asyncio.SendfileNotAvailableError):
                await near._sendfile(file, 0, None)


async def test_system_without_sendfile_leaves_it_to_others(file: IO[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sendfile")
    async with connected() as (near, _):
        with pytest.raises(asyncio.SendfileNotAvailableError, match=r"os\.sendfile\(\) is not available"):
            await near._sendfile(file, 0, None)


async def test_closing_transport_and_one_after_write_eof_refuse(file: IO[bytes]) -> None:
    async with connected() as (near, _):
        near.write_eof()
        with pytest.raises(RuntimeError, match=r"Cannot call sendfile\(\) after write_eof\(\)"):
            await near._sendfile(file, 0, None)
    async with connected() as (near, _):
        near.close()
        with pytest.raises(RuntimeError, match=r"^Transport is closing$"):
            await near._sendfile(file, 0, None)


async def test_loop_sends_through_it(file: IO[bytes]) -> None:
    loop = asyncio.get_running_loop()
    if type(loop).__module__.startswith("asyncio."):
        return  # stock asyncio knows only its own transports
    right = Recorder()
    async with connected(None, right) as (near, _):
        with contextlib.closing(file):
            assert await loop.sendfile(near, file, 5, SIZE - 10, fallback=False) == SIZE - 10
        await right.received(SIZE - 10)
    assert right.data == CONTENT[5:-5]
