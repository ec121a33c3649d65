from __future__ import annotations

import asyncio
import io
import os
import socket
from typing import IO, TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from loop_selector import SelectorEventLoop

DATA = os.urandom(1_500_000)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    with near, far:
        near.setblocking(False)
        far.setblocking(False)
        yield near, far


@pytest.fixture(params=["file", "memory"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[IO[bytes]]:
    """A file that the system can send, and one that must be read."""
    if request.param == "memory":
        yield io.BytesIO(DATA)
        return
    path = tmp_path / "data"
    path.write_bytes(DATA)
    with path.open("rb") as opened:
        yield opened


def send(
    loop: SelectorEventLoop, pair: tuple[socket.socket, socket.socket], file: IO[bytes], *args: Any, **kwargs: Any
) -> tuple[int, bytes]:
    """Send a file through one end of a pair and return the result with what came out at the other."""

    async def receive() -> bytes:
        parts = []
        while part := await loop.sock_recv(pair[1], 1 << 20):
            parts.append(part)
        return b"".join(parts)

    async def main() -> tuple[int, bytes]:
        receiving = asyncio.ensure_future(receive())
        sent = await loop.sock_sendfile(pair[0], file, *args, **kwargs)
        pair[0].shutdown(socket.SHUT_WR)
        got = await receiving
        await loop.shutdown_default_executor()
        return sent, got

    return loop.run_until_complete(main())


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until something is true that no callback tells."""
    while not condition():  # noqa: ASYNC110 - there is nothing that could set an event
        await asyncio.sleep(0.001)


@pytest.mark.parametrize(
    ("offset", "count", "start", "end"),
    [
        (0, None, 0, len(DATA)),
        (1000, None, 1000, len(DATA)),
        (1000, 500_000, 1000, 501_000),
        (0, 10, 0, 10),
        (1000, len(DATA), 1000, len(DATA)),
    ],
)
def test_what_was_asked_for_is_sent_and_the_position_is_behind_it(
    loop: SelectorEventLoop,
    pair: tuple[socket.socket, socket.socket],
    file: IO[bytes],
    offset: int,
    count: int | None,
    start: int,
    end: int,
) -> None:
    sent, got = send(loop, pair, file, offset, count)
    assert got == DATA[start:end]
    assert sent == len(got)
    assert file.tell() == end


def test_an_empty_file_sends_nothing(loop: SelectorEventLoop, pair: tuple[socket.socket, socket.socket]) -> None:
    with io.BytesIO() as empty:
        assert send(loop, pair, empty) == (0, b"")


def test_a_file_that_grows_while_it_is_sent_is_sent_to_its_end(
    loop: SelectorEventLoop, pair: tuple[socket.socket, socket.socket], tmp_path: Path
) -> None:
    path = tmp_path / "growing"
    path.write_bytes(DATA)
    with path.open("rb") as reader, path.open("ab") as writer:
        loop.call_soon(writer.write, b"more")
        loop.call_soon(writer.flush)
        sent, got = send(loop, pair, reader)
    assert got == DATA + b"more"
    assert sent == len(got)


def test_without_a_fallback_a_file_that_must_be_read_is_refused(
    loop: SelectorEventLoop, pair: tuple[socket.socket, socket.socket]
) -> None:
    with io.BytesIO(DATA) as memory, pytest.raises(asyncio.SendfileNotAvailableError, match="not a regular file"):
        loop.run_until_complete(loop.sock_sendfile(pair[0], memory, fallback=False))


def test_cancelling_leaves_the_position_behind_what_was_sent(
    loop: SelectorEventLoop, pair: tuple[socket.socket, socket.socket], tmp_path: Path
) -> None:
    path = tmp_path / "large"
    with path.open("wb") as large:
        large.truncate(100_000_000)

    async def main() -> None:
        with path.open("rb") as file:
            task = asyncio.ensure_future(loop.sock_sendfile(pair[0], file))
            await until(lambda: bool(loop._waits._waits))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert not loop._waits._waits
            position = file.tell()
            pair[0].shutdown(socket.SHUT_WR)
            received = 0
            while part := await loop.sock_recv(pair[1], 1 << 20):
                received += len(part)
            assert 0 < received == position

    loop.run_until_complete(main())


def test_a_peer_that_goes_away_is_an_error(
    loop: SelectorEventLoop, pair: tuple[socket.socket, socket.socket], tmp_path: Path
) -> None:
    path = tmp_path / "large"
    with path.open("wb") as large:
        large.truncate(100_000_000)

    async def main() -> None:
        with path.open("rb") as file:
            task = asyncio.ensure_future(loop.sock_sendfile(pair[0], file))
            await until(lambda: bool(loop._waits._waits))
            pair[1].close()
            with pytest.raises(ConnectionError):
                await task
            assert file.tell() > 0

    loop.run_until_complete(main())


@pytest.mark.parametrize(
    ("offset", "count", "error", "message"),
    [
        (0, 0, ValueError, r"count must be a positive integer \(got 0\)"),
        (0, -1, ValueError, r"count must be a positive integer \(got -1\)"),
        (0, "x", TypeError, r"count must be a positive integer \(got 'x'\)"),
        (-1, None, ValueError, r"offset must be a non-negative integer \(got -1\)"),
        ("x", None, TypeError, r"offset must be a non-negative integer \(got 'x'\)"),
    ],
)
def test_wrong_numbers_are_refused(
    loop: SelectorEventLoop,
    pair: tuple[socket.socket, socket.socket],
    offset: Any,
    count: Any,
    error: type[Exception],
    message: str,
) -> None:
    with io.BytesIO(DATA) as file, pytest.raises(error, match=message):
        loop.run_until_complete(loop.sock_sendfile(pair[0], file, offset, count))


def test_text_files_are_refused(
    loop: SelectorEventLoop, pair: tuple[socket.socket, socket.socket], tmp_path: Path
) -> None:
    path = tmp_path / "text"
    path.write_text("text")
    with path.open() as file, pytest.raises(ValueError, match="file should be opened in binary mode"):
        loop.run_until_complete(loop.sock_sendfile(pair[0], file))  # type: ignore[arg-type]


def test_datagram_sockets_are_refused(loop: SelectorEventLoop) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, io.BytesIO(DATA) as file:
        sock.setblocking(False)
        with pytest.raises(ValueError, match="only SOCK_STREAM type sockets are supported"):
            loop.run_until_complete(loop.sock_sendfile(sock, file))


# -- over a transport ------------------------------------------------------------------------------------------------


class Pipe(asyncio.Transport):
    """A transport that keeps what is written, and pauses its protocol above 20,000 bytes until it is emptied."""

    def __init__(self, protocol: Any) -> None:
        super().__init__()
        self.protocol = protocol
        self.buffer = bytearray()
        self.taken = bytearray()
        self.reading = True
        self.closing = False
        self.paused = False

    def get_protocol(self) -> Any:
        return self.protocol

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def is_reading(self) -> bool:
        return self.reading

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return self.closing

    def get_write_buffer_size(self) -> int:
        return len(self.buffer)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return 0, 20_000

    def write(self, data: Any) -> None:
        self.buffer += data
        if len(self.buffer) > 20_000 and not self.paused:
            self.paused = True
            self.protocol.pause_writing()

    def drain(self) -> None:
        self.taken += self.buffer
        self.buffer.clear()
        if self.paused:
            self.paused = False
            self.protocol.resume_writing()

    def lose(self, exc: Exception | None) -> None:
        self.closing = True
        self.protocol.connection_lost(exc)


class Recorder(asyncio.Protocol):
    """Notes what it is called with."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def pause_writing(self) -> None:
        self.log.append("pause")

    def resume_writing(self) -> None:
        self.log.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.log.append(f"lost {exc!r}")


async def _keep_draining(transport: Pipe) -> None:
    while True:
        await asyncio.sleep(0.0005)
        transport.drain()


def test_a_transport_that_cannot_gets_the_file_in_blocks(loop: SelectorEventLoop) -> None:
    protocol = Recorder()
    transport = Pipe(protocol)

    async def main() -> None:
        draining = asyncio.ensure_future(_keep_draining(transport))
        with io.BytesIO(DATA) as file:
            assert await loop.sendfile(transport, file, 1000, 500_000) == 500_000
            assert file.tell() == 501_000
        draining.cancel()
        transport.drain()
        assert transport.taken == DATA[1000:501_000]
        assert transport.get_protocol() is protocol
        assert transport.is_reading()
        await loop.shutdown_default_executor()

    loop.run_until_complete(main())
    assert protocol.log.count("pause") == protocol.log.count("resume")


def test_a_protocol_that_was_paused_before_is_resumed_when_it_is_back(loop: SelectorEventLoop) -> None:
    protocol = Recorder()
    transport = Pipe(protocol)
    transport.reading = False
    transport.write(b"x" * 30_000)
    assert protocol.log == ["pause"]

    async def main() -> None:
        with io.BytesIO(b"end") as file:
            sending = asyncio.ensure_future(loop.sendfile(transport, file))
            await asyncio.sleep(0.005)
            assert transport.buffer == b"x" * 30_000
            transport.drain()
            await sending
        await loop.shutdown_default_executor()

    loop.run_until_complete(main())
    transport.drain()
    assert transport.taken == b"x" * 30_000 + b"end"
    assert protocol.log == ["pause", "resume"]
    assert not transport.is_reading()


@pytest.mark.parametrize("reason", [None, ConnectionResetError("by peer")])
def test_a_connection_that_is_lost_meanwhile_ends_the_sending(
    loop: SelectorEventLoop, reason: Exception | None
) -> None:
    protocol = Recorder()
    transport = Pipe(protocol)

    async def main() -> None:
        with io.BytesIO(DATA) as file:
            sending = asyncio.ensure_future(loop.sendfile(transport, file))
            await until(lambda: transport.paused)
            transport.lose(reason)
            with pytest.raises(ConnectionError, match="by peer"):
                await sending
        await loop.shutdown_default_executor()

    loop.run_until_complete(main())
    assert f"lost {reason!r}" in protocol.log


def test_native_sending_is_left_to_the_transport(loop: SelectorEventLoop) -> None:
    calls: list[Any] = []

    class Native(Pipe):
        error: Exception | None = None

        async def _sendfile(self, file: Any, offset: int, count: int | None) -> int:
            calls.append((file, offset, count))
            if self.error is not None:
                raise self.error
            return 7

    async def main() -> None:
        transport = Native(Recorder())
        with io.BytesIO(b"data") as file:
            assert await loop.sendfile(transport, file, 1, 2) == 7
            assert calls == [(file, 1, 2)]
            transport.error = asyncio.SendfileNotAvailableError("not here")
            with pytest.raises(asyncio.SendfileNotAvailableError, match="not here"):
                await loop.sendfile(transport, file, fallback=False)
            assert await loop.sendfile(transport, file) == 4
            assert transport.buffer == b"data"
        await loop.shutdown_default_executor()

    loop.run_until_complete(main())


def test_what_cannot_be_done_is_refused(loop: SelectorEventLoop) -> None:
    transport = Pipe(Recorder())
    with io.BytesIO(b"data") as file:
        with pytest.raises(RuntimeError, match="fallback is disabled and native sendfile is not supported"):
            loop.run_until_complete(loop.sendfile(transport, file, fallback=False))
        with pytest.raises(ValueError, match="offset must be a non-negative integer"):
            loop.run_until_complete(loop.sendfile(transport, file, -1))
        transport.closing = True
        with pytest.raises(RuntimeError, match="Transport is closing"):
            loop.run_until_complete(loop.sendfile(transport, file))

        class OneWay(asyncio.WriteTransport):
            def is_closing(self) -> bool:
                return False

        with pytest.raises(RuntimeError, match="sendfile is not supported for transport"):
            loop.run_until_complete(loop.sendfile(OneWay(), file))
