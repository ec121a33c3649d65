"""Data in both directions: buffers of every kind, borders of records, pauses, and how few records it takes."""

from __future__ import annotations

import array
import asyncio
import contextvars
import ctypes
import mmap
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from tests.transport_ssl.support import Authority, Echo, Peer, connect, peer_of, serving
from transport_abc.testing import BufferedRecorder, Recorder

Run = Callable[[Any], Any]
RECORD = 16 * 1024

in_thread = asyncio.to_thread


def pattern(size: int) -> bytes:
    """Make bytes of which no two blocks are alike."""
    return b"".join(i.to_bytes(4, "big") for i in range(-(-size // 4)))[:size]


BORDERS = [1, RECORD - 1, RECORD, RECORD + 1, 2 * RECORD, 4 * RECORD - 1, 4 * RECORD, 4 * RECORD + 1, 1_000_003]


@pytest.mark.parametrize("protocol", [Recorder, BufferedRecorder])
def test_sizes_around_the_borders_of_records_come_back_whole(
    run: Run, authority: Authority, protocol: Callable[[], Any]
) -> None:
    async def main() -> None:
        far = Echo()
        async with serving(lambda: far, authority.server()) as address:
            near = protocol()
            transport = await connect(near, authority.client(), address)
            for size in BORDERS:
                data = pattern(size)
                near.data.clear()
                transport.write(data)
                await near.received(size)
                assert near.data == data
            transport.close()
            await far.lost()

    run(main())


class Pair(ctypes.Structure):
    """Memory of some C library, as a program that parses in place may hand it out."""

    _fields_ = (("key", ctypes.c_uint16), ("value", ctypes.c_uint32))


BUFFERS: dict[str, Callable[[], Any]] = {
    "bytearray": lambda: bytearray(1000),
    "one byte": lambda: bytearray(1),
    "memoryview": lambda: memoryview(bytearray(5000))[1000:2000],
    "array of integers": lambda: array.array("I", bytes(4096)),
    "array of doubles": lambda: array.array("d", bytes(8 * 100)),
    "mmap": lambda: mmap.mmap(-1, 8192),
    "ctypes array": lambda: (ctypes.c_char * 3000)(),
    "ctypes structures": lambda: (Pair * 100)(),
    "two dimensions": lambda: memoryview(bytearray(600)).cast("B", (20, 30)),
}


@pytest.mark.parametrize("kind", BUFFERS)
def test_any_writable_buffer_is_filled(run: Run, authority: Authority, kind: str) -> None:
    async def main() -> None:
        buffer = BUFFERS[kind]()
        near = BufferedRecorder(buffer)
        async with peer_of(near, authority) as (_, peer):
            data = pattern(20_000)
            await in_thread(peer.write, data)
            await near.received(len(data))
            assert near.data == data
        if isinstance(buffer, mmap.mmap):
            buffer.close()

    run(main())


def test_a_buffer_may_be_resized_in_buffer_updated(run: Run, authority: Authority) -> None:
    async def main() -> None:
        def take(count: int) -> None:
            del near.buffer[:]
            near.buffer.extend(bytes(100))

        near = BufferedRecorder(bytearray(100), buffer_updated=take)
        async with peer_of(near, authority) as (_, peer):
            await in_thread(peer.write, b"x" * 1000)
            await near.received(1000)

    run(main())


def test_a_protocol_of_the_other_kind_takes_over_in_the_middle_of_a_record(run: Run, authority: Authority) -> None:
    async def main() -> None:
        second = Recorder()
        first = BufferedRecorder(bytearray(4), buffer_updated=lambda count: first.transport.set_protocol(second))
        async with peer_of(first, authority) as (transport, peer):
            await in_thread(peer.write, b"firstsecond")
            await second.received(7)
            assert (bytes(first.data), bytes(second.data)) == (b"firs", b"tsecond")
            third = BufferedRecorder()
            transport.set_protocol(third)
            await in_thread(peer.write, b"third")
            await third.received(5)

    run(main())


def test_several_records_received_at_once_are_delivered_at_once(run: Run, authority: Authority) -> None:
    async def main() -> None:
        near = Recorder()
        async with peer_of(near, authority) as (_, peer):
            await in_thread(peer.sock.sendall, b"".join(peer.sealed(b"%d" % i) for i in range(10)))
            await near.received(10)
            assert near.data == b"0123456789"
            assert near.count("data_received") == 1

    run(main())


# -- flow control ----------------------------------------------------------------------------------------------------


def test_a_paused_transport_stops_reading_from_the_network(run: Run, authority: Authority) -> None:
    def send_until_stuck(peer: Peer) -> int:
        peer.sock.settimeout(0.5)
        sent = 0
        try:
            while True:
                sent += peer.sock.send(peer.sealed(bytes(RECORD)))
        except TimeoutError:
            return sent

    async def main() -> None:
        near = Recorder(data_received=lambda data: near.transport.pause_reading())
        async with peer_of(near, authority) as (transport, peer):
            sent = await in_thread(send_until_stuck, peer)
            delivered = len(near.data)
            assert near.count("data_received") == 1
            assert 0 < delivered <= 5 * RECORD < sent
            assert not transport.is_reading()
            engine = transport._engine
            assert engine.incoming.pending <= 4 * RECORD  # documented: what is kept for a paused protocol

    run(main())


def test_what_is_kept_for_a_paused_protocol_is_bounded_also_if_much_has_come_at_once(
    run: Run, authority: Authority
) -> None:
    async def main() -> None:
        near = Recorder()
        async with peer_of(near, authority) as (transport, peer):
            size = 40 * RECORD
            transport.pause_reading()
            sending = asyncio.create_task(
                in_thread(peer.write, bytes(size))
            )  # waits in the kernel, all of it if it can
            near.react("data_received", lambda data: transport.pause_reading())
            while len(near.data) < size:
                before = len(near.data)
                transport.resume_reading()
                await near.received(before + 1)
                assert transport._engine.incoming.pending <= 4 * RECORD
            await sending

    run(main())


def test_pausing_in_the_middle_of_what_was_received_delivers_the_rest_later(run: Run, authority: Authority) -> None:
    async def main() -> None:
        near = BufferedRecorder(bytearray(4), buffer_updated=lambda count: near.transport.pause_reading())
        async with peer_of(near, authority) as (transport, peer):
            await in_thread(peer.sock.sendall, peer.sealed(b"abcdef") + peer.sealed(b"gh") + peer.sealed(b"ijklm"))
            for expected in (b"abcd", b"abcdef", b"abcdefgh", b"abcdefghijkl", b"abcdefghijklm"):
                await near.received(len(expected))
                assert bytes(near.data) == expected
                assert not transport.is_reading()
                transport.resume_reading()

    run(main())


def test_writing_is_paused_and_resumed_with_the_buffer_below(run: Run, authority: Authority) -> None:
    async def main() -> None:
        near = Recorder()
        async with peer_of(near, authority) as (transport, peer):
            transport.set_write_buffer_limits(high=10_000)
            written = 0
            while not near.paused:
                transport.write(bytes(5000))
                written += 5000
                assert transport.get_write_buffer_size() <= 10_000 or near.paused
            assert near.count("pause_writing") == 1
            await in_thread(peer.read_exactly, written)
            await near.called("resume_writing")
            assert transport.get_write_buffer_size() <= 2500

    run(main())


# -- few records -----------------------------------------------------------------------------------------------------


def records(raw: bytes) -> list[int]:
    """Return the lengths of the records of application data."""
    lengths = []
    while raw:
        size = int.from_bytes(raw[3:5], "big")
        if raw[0] == 23:
            lengths.append(size)
        raw = raw[5 + size :]
    return lengths


OVERHEAD = 17  # TLS 1.3: the type of the content, and the tag


@pytest.mark.parametrize("ways", ["write", "writelines", "both"])
def test_small_writes_of_one_turn_leave_in_one_record(run: Run, authority: Authority, ways: str) -> None:
    async def main() -> None:
        near = Recorder()
        async with peer_of(near, authority, tls=ssl.TLSVersion.TLSv1_3) as (transport, peer):
            peer.raw = b""
            pieces = [b"%3d" % i for i in range(100)]
            if ways == "write":
                for piece in pieces:
                    transport.write(piece)
            elif ways == "writelines":
                transport.writelines(pieces)
            else:
                transport.write(pieces[0])
                transport.writelines(map(bytearray, pieces[1:50]))
                transport.writelines(memoryview(piece) for piece in pieces[50:])
            assert await in_thread(peer.read_exactly, 300) == b"".join(pieces)
            assert records(peer.raw) == [300 + OVERHEAD]

    run(main())


def test_writes_of_one_turn_fill_records(run: Run, authority: Authority) -> None:
    async def main() -> None:
        near = Recorder()
        async with peer_of(near, authority, tls=ssl.TLSVersion.TLSv1_3) as (transport, peer):
            peer.raw = b""
            for _ in range(100):
                transport.write(bytes(1000))
            await in_thread(peer.read_exactly, 100_000)
            assert len(records(peer.raw)) <= 12

    run(main())


def test_an_answer_does_not_wait_for_the_next_turn(run: Run, authority: Authority) -> None:
    async def main() -> None:
        def answer(data: bytes) -> None:
            # Runs before anything that the transport could schedule from now on, and blocks until the answer is there.
            asyncio.get_running_loop().call_soon(lambda: got.set_result(peer.read_exactly(8)))
            near.transport.write(b"head")
            near.transport.write(b"body")

        got = asyncio.get_running_loop().create_future()
        near = Recorder(data_received=answer)
        async with peer_of(near, authority, tls=ssl.TLSVersion.TLSv1_3) as (_, peer):
            peer.raw = b""
            await in_thread(peer.write, b"question")
            assert await got == b"headbody"
            assert records(peer.raw) == [8 + OVERHEAD]

    run(main())


def test_a_buffer_that_changes_after_writing_does_not_change_what_is_sent(run: Run, authority: Authority) -> None:
    async def main() -> None:
        near = Recorder()
        async with peer_of(near, authority) as (transport, peer):
            for size in (10, 5 * RECORD):
                data = bytearray(b"a" * size)
                transport.write(data)
                data[:] = b"b" * size
            assert await in_thread(peer.read_exactly, 10 + 5 * RECORD) == b"a" * (10 + 5 * RECORD)

    run(main())


# -- contexts --------------------------------------------------------------------------------------------------------

VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="the connection's")


def test_every_callback_runs_in_the_context_of_the_connection(run: Run, authority: Authority) -> None:
    async def main() -> None:
        seen: list[str] = []

        def look(*args: Any) -> None:
            seen.append(VARIABLE.get())

        names = {"connection_made", "data_received", "eof_received", "connection_lost"}
        names |= {"pause_writing", "resume_writing"}
        near = Recorder(**dict.fromkeys(names, look))
        async with peer_of(near, authority) as (transport, peer):

            async def elsewhere() -> None:
                VARIABLE.set("a request's")
                transport.set_write_buffer_limits(high=0)
                transport.pause_reading()
                transport.resume_reading()
                transport.write(bytes(6_000_000))

            await asyncio.create_task(elsewhere())
            await in_thread(peer.write, b"data")
            await near.received(4)
            await in_thread(peer.read_exactly, 6_000_000)
            await near.called("resume_writing")
            await in_thread(peer.say_goodbye)
            await near.lost()
        assert names <= set(near.names())
        assert set(seen) == {"the connection's"}

    run(main())
