"""Checks of datagrams: what may be sent, and that it is what arrives."""

from __future__ import annotations

import array
import mmap
from typing import TYPE_CHECKING, Any

from transport_abc.testing._check import CheckFailed, check_into, expect, expect_equal
from transport_abc.testing._recorders import DatagramRecorder
from transport_abc.testing._trial import DatagramTrial

if TYPE_CHECKING:
    from collections.abc import Callable

    from transport_abc._transports import DatagramTransport
    from transport_abc.testing._check import Check
    from transport_abc.testing._subjects import DatagramSubject

__all__ = ["CHECKS"]

CHECKS: list[Check[DatagramSubject]] = []
check = check_into(CHECKS, DatagramTrial)


@check()
async def datagrams_keep_their_boundaries(trial: DatagramTrial) -> None:
    """Each sendto() is one datagram_received, never joined or cut, in either direction."""
    client, server = DatagramRecorder(), DatagramRecorder()
    left, right = await trial.pair(client, server)
    sent = [b"x" * size for size in (1, 2, 1000, 8000, 3)]
    for data in sent:
        left.sendto(data)
    await server.received(len(sent))
    expect_equal([len(data) for data, _ in server.datagrams], [len(data) for data in sent], "sizes received")
    for data in sent:
        right.sendto(data, server.datagrams[0][1])
    await client.received(len(sent))
    expect_equal([len(data) for data, _ in client.datagrams], [len(data) for data in sent], "sizes answered")


_NO_EMPTY = "sends no empty datagram"


@check(known_faults={"asyncio-3.11": _NO_EMPTY, "asyncio-3.12": _NO_EMPTY, "uvloop": _NO_EMPTY})
async def empty_datagrams_are_sent(trial: DatagramTrial) -> None:
    """An empty datagram is one: it is sent and received."""
    server = DatagramRecorder()
    left, _ = await trial.pair(None, server)
    for data in (b"", bytearray(), b"."):
        left.sendto(data)
    await server.received(1)
    await trial.turns()
    expect_equal([data for data, _ in server.datagrams], [b"", b"", b"."], "the datagrams received")


@check()
async def a_datagram_comes_with_its_sender(trial: DatagramTrial) -> None:
    """datagram_received gets bytes and the address of the sender, to which an answer can be sent."""
    client = DatagramRecorder()
    server = DatagramRecorder(datagram_received=lambda data, addr: server.transport.sendto(b"re: " + data, addr))
    left, right = await trial.pair(client, server)
    left.sendto(b"question")
    await client.received(1)
    data, address = server.datagrams[0]
    expect(type(data) is bytes, f"datagram_received() got {type(data)!r}")
    expect_equal(address, left.get_extra_info("sockname"), "the sender's address")
    expect_equal(client.datagrams, [(b"re: question", right.get_extra_info("sockname"))], "the answer")


def _of_each_kind(size: int) -> list[Any]:
    """Return bytes-like objects of every kind."""
    data = bytes(range(size))
    mapped = mmap.mmap(-1, size)
    mapped[:] = data
    return [data, bytearray(data), memoryview(data), memoryview(data).cast("I"), array.array("I", data), mapped]


_KINDS = "sendto() takes bytes, bytearray and memoryview only"


@check(known_faults={"asyncio": _KINDS})
async def bytes_like_objects_can_be_sent(trial: DatagramTrial) -> None:
    """sendto() takes any bytes-like object."""
    server = DatagramRecorder()
    left, _ = await trial.pair(None, server)
    kinds = [*_of_each_kind(64), memoryview(bytes(range(128)))[:64], memoryview(bytes(64)).cast("B", (8, 8))]
    for data in kinds:
        left.sendto(data)
    await server.received(len(kinds))
    for data, (received, _) in zip(kinds, server.datagrams, strict=True):
        expect_equal(received, memoryview(data).tobytes(), f"what arrived of {type(data)!r}")


@check(known_faults={"uvloop": "sendto(None) does nothing"})
async def only_bytes_like_objects_can_be_sent(trial: DatagramTrial) -> None:
    """sendto() raises TypeError for anything else, and the endpoint goes on."""
    server = DatagramRecorder()
    left, _ = await trial.pair(None, server)
    wrong: tuple[Any, ...] = ("text", 7, None, [1, 2])
    for data in wrong:
        try:
            left.sendto(data)
        except TypeError:
            continue
        raise CheckFailed(f"{data!r} was taken; expected TypeError")
    left.sendto(b"right")
    await server.received(1)
    expect_equal(server.datagrams[0][0], b"right", "the datagram received")


@check()
async def later_changes_of_a_datagram_are_not_sent(trial: DatagramTrial) -> None:
    """What the caller does to its buffer after sendto() does not reach the wire, and the buffer is let go."""
    server = DatagramRecorder()
    left, _ = await trial.pair(None, server)
    reused = bytearray(b"first")
    left.sendto(reused)
    reused[:] = b"later"
    reused.clear()
    await server.received(1)
    expect_equal(server.datagrams[0][0], b"first", "the datagram received")


@check()
async def a_connected_endpoint_sends_to_its_peer_only(trial: DatagramTrial) -> None:
    """A connected endpoint takes no address, or that of its peer; another one is a ValueError."""
    client, server = DatagramRecorder(), DatagramRecorder()
    left, right = await trial.pair(client, server)
    left.sendto(b"without")
    left.sendto(b"with", right.get_extra_info("sockname"))
    await server.received(2)
    try:
        left.sendto(b"elsewhere", left.get_extra_info("sockname"))
    except ValueError:
        pass
    else:
        raise CheckFailed("another address than the peer's was taken")
    expect_equal([data for data, _ in server.datagrams], [b"without", b"with"], "the datagrams received")


def _late(transport: DatagramTransport) -> None:
    for _ in range(20):
        transport.sendto(b"late")


_NOISE = "logs 'socket.send() raised exception.', without saying which endpoint"


@check(known_faults={"asyncio": _NOISE, "uvloop": _NOISE})
async def sending_after_close_has_no_effect(trial: DatagramTrial) -> None:
    """What is sent after close() or connection_lost is dropped, without an exception and without noise."""
    client, server = DatagramRecorder(), DatagramRecorder()
    left, _ = await trial.pair(client, server)
    left.close()
    _late(left)
    await client.lost()
    _late(left)
    await trial.turns()
    expect_equal(server.datagrams, [], "the datagrams received")
    name = type(left).__name__
    expect(all(name in text for text in trial.logged), f"logged without naming the endpoint: {trial.logged!r}")


@check(needs=("refusals",))
async def a_refusal_is_told_and_the_endpoint_stays(trial: DatagramTrial) -> None:
    """A datagram that the peer's system refuses leads to error_received(OSError); the endpoint stays open."""
    client, server = DatagramRecorder(), DatagramRecorder()
    left, right = await trial.pair(client, server)
    right.close()
    await server.lost()
    left.sendto(b"anybody there?")
    await client.called("error_received")
    expect(isinstance(client.errors[0], OSError), f"error_received() got {client.errors[0]!r}")
    expect(not left.is_closing(), "the endpoint was closed")
    expect_equal(client.count("connection_lost"), 0, "calls of connection_lost()")


async def _fill(trial: DatagramTrial, send: Callable[[bytes], None], left: DatagramTransport) -> None:
    """Send datagrams until they wait."""
    for _ in range(10_000):
        send(b"x" * 1000)
        if left.get_write_buffer_size():
            return
    raise CheckFailed("10,000 datagrams left the write buffer though the peer takes none")


@check(needs=("blocks",))
async def waiting_datagrams_pause_and_resume(trial: DatagramTrial) -> None:
    """pause_writing comes strictly over high, resume_writing at low or under, and every datagram arrives."""
    client, server = DatagramRecorder(), DatagramRecorder()
    left, _ = await trial.pair(client, server)
    left.set_write_buffer_limits(high=10_000)
    sent = 0
    while not client.paused:
        expect(left.get_write_buffer_size() <= 10_000, f"not paused at {left.get_write_buffer_size()} bytes")
        left.sendto(b"%05d" % sent + b"x" * 1000)
        sent += 1
    expect(left.get_write_buffer_size() > 10_000, f"paused at {left.get_write_buffer_size()} bytes")
    await client.called("resume_writing")
    await server.received(sent)
    expect_equal([int(data[:5]) for data, _ in server.datagrams], list(range(sent)), "the order of the datagrams")
    await trial.turns()
    expect_equal(left.get_write_buffer_size(), 0, "the size of the write buffer at the end")
    expect_equal(client.count("pause_writing"), 1, "calls of pause_writing()")


@check(needs=("blocks",))
async def closing_sends_waiting_datagrams(trial: DatagramTrial) -> None:
    """close() sends the datagrams that wait, then comes connection_lost(None)."""
    client, server = DatagramRecorder(), DatagramRecorder()
    left, _ = await trial.pair(client, server)
    left.set_write_buffer_limits(high=2**30)
    await _fill(trial, left.sendto, left)
    left.sendto(b"the last")
    left.close()
    expect_equal(await client.lost(), None, "the argument of connection_lost()")
    await server.until(lambda: server.datagrams[-1:] and server.datagrams[-1][0] == b"the last", "the last datagram")


@check(needs=("blocks",))
async def aborting_loses_waiting_datagrams(trial: DatagramTrial) -> None:
    """abort() drops the datagrams that wait, and connection_lost(None) follows."""
    client, server = DatagramRecorder(), DatagramRecorder()
    left, _ = await trial.pair(client, server)
    left.set_write_buffer_limits(high=2**30)
    await _fill(trial, left.sendto, left)
    left.sendto(b"the last")
    left.abort()
    expect_equal(await client.lost(), None, "the argument of connection_lost()")
    expect_equal(left.get_write_buffer_size(), 0, "the size of the write buffer after abort()")
    await trial.turns()
    expect(all(data != b"the last" for data, _ in server.datagrams), "a waiting datagram was sent after abort()")


@check(needs=("blocks",))
async def later_changes_of_waiting_datagrams_are_not_sent(trial: DatagramTrial) -> None:
    """What the caller does to its buffer while a datagram waits does not reach the wire."""
    server = DatagramRecorder()
    left, _ = await trial.pair(None, server)
    left.set_write_buffer_limits(high=2**30)
    await _fill(trial, left.sendto, left)
    reused = bytearray(b"waiting")
    left.sendto(reused)
    reused[:] = b"changed"
    await server.until(lambda: server.datagrams[-1:] and len(server.datagrams[-1][0]) == 7, "the last datagram")
    expect_equal(server.datagrams[-1][0], b"waiting", "the last datagram")


@check()
async def datagram_limits_are_those_of_asyncio(trial: DatagramTrial) -> None:
    """The marks are 16 KiB and 64 KiB by default, and refused with ValueError unless high >= low >= 0."""
    left, _ = await trial.pair()
    expect_equal(left.get_write_buffer_size(), 0, "the size of a new write buffer")
    left.set_write_buffer_limits(high=4000)
    for high, low in ((-1, None), (10, 11), (5, -5)):
        try:
            left.set_write_buffer_limits(high=high, low=low)
        except ValueError:
            continue
        raise CheckFailed(f"high={high}, low={low} was taken")
