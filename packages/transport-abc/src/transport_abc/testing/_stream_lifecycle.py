"""Checks of a stream: what a transport is, and the order of a connection's callbacks."""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Any

from transport_abc.testing._check import check_into, expect, expect_equal
from transport_abc.testing._recorders import Recorder
from transport_abc.testing._trial import StreamTrial

if TYPE_CHECKING:
    from transport_abc.testing._check import Check
    from transport_abc.testing._subjects import StreamSubject

__all__ = ["CHECKS"]

CHECKS: list[Check[StreamSubject]] = []
check = check_into(CHECKS, StreamTrial)


@check(known_faults={"uvloop": "its transports inherit from none of asyncio's classes"})
async def transports_are_asyncio_transports(trial: StreamTrial) -> None:
    """A transport is an instance of asyncio's class, for the libraries that look."""
    left, right = await trial.pair()
    duplex = trial.subject.duplex
    for transport, kind in (
        (left, asyncio.Transport if duplex else asyncio.WriteTransport),
        (right, asyncio.Transport if duplex else asyncio.ReadTransport),
    ):
        expect(isinstance(transport, kind), f"{type(transport)!r} is no subclass of {kind!r}")


@check(known_faults={"uvloop": "its transports are extension types, without a dictionary"})
async def transports_take_attributes(trial: StreamTrial) -> None:
    """A transport takes attributes of its user and can be referred to weakly."""
    for transport in await trial.pair():
        expect(weakref.ref(transport)() is transport, "no weak reference")
        vars(transport)["note"] = "kept"
        expect_equal(getattr(transport, "note", None), "kept", "an attribute that the user set")


@check(known_faults={"uvloop": "the methods of its transports are read-only"})
async def write_can_be_replaced_on_an_instance(trial: StreamTrial) -> None:
    """A user may wrap a transport's write() by assigning to the instance."""
    arrival = Recorder()
    left, _ = await trial.pair(None, arrival)
    write, seen = left.write, []

    def spy(data: Any) -> None:
        seen.append(data)
        write(data)

    left.write = spy  # type: ignore[method-assign]
    left.write(b"through the spy")
    await arrival.received(15)
    expect_equal(seen, [b"through the spy"], "what the replaced write() saw")
    vars(left).pop("write", None)


@check()
async def callbacks_come_in_order(trial: StreamTrial) -> None:
    """connection_made once, data_received any number of times, eof_received at most once, connection_lost once."""
    writer, reader = Recorder(), Recorder()
    left, _ = await trial.pair(writer, reader)
    left.write(b"some bytes")
    await reader.received(10)
    left.write(b"and more")
    left.close()
    await reader.lost()
    await writer.lost()
    await trial.settle()
    expect_equal(
        reader.order(),
        ["connection_made", "data_received", "eof_received", "connection_lost"],
        "the reader's callbacks",
    )
    expect_equal(writer.order(), ["connection_made", "connection_lost"], "the writer's callbacks")
    for recorder in (writer, reader):
        expect_equal(recorder.count("connection_lost"), 1, "calls of connection_lost()")
    expect_equal(reader.count("eof_received"), 1, "calls of eof_received()")
    expect_equal(bytes(reader.data), b"some bytesand more", "the bytes received")


@check()
async def connection_made_gets_the_transport(trial: StreamTrial) -> None:
    """connection_made gets the transport, which knows its protocol."""
    writer, reader = Recorder(), Recorder()
    for transport, recorder in zip(await trial.pair(writer, reader), (writer, reader), strict=True):
        expect(recorder.transport is transport, "connection_made() got another object than the user")
        expect(transport.get_protocol() is recorder, f"get_protocol() returned {transport.get_protocol()!r}")
        expect(not transport.is_closing(), "a new transport says that it is closing")


@check()
async def nothing_follows_connection_lost(trial: StreamTrial) -> None:
    """Nothing is called after connection_lost, whatever is called on the transport."""
    writer, reader = Recorder(), Recorder()
    left, right = await trial.pair(writer, reader)
    left.abort()
    await writer.lost()
    await reader.lost()
    before = len(writer.events), len(reader.events)
    for transport in (left, right):
        _call_everything(transport)
    await trial.settle()
    for recorder, count in zip((writer, reader), before, strict=True):
        expect_equal(recorder.names()[count:], [], "callbacks after connection_lost()")


def _call_everything(transport: Any) -> None:
    """Call what a protocol that missed its connection_lost may still call."""
    for name in ("pause_reading", "resume_reading", "abort", "close", "get_write_buffer_size", "is_closing"):
        if hasattr(transport, name):
            getattr(transport, name)()


@check()
async def data_comes_as_bytes(trial: StreamTrial) -> None:
    """data_received gets bytes, at least one."""
    seen: list[bytes] = []
    arrival = Recorder(data_received=seen.append)
    left, _ = await trial.pair(None, arrival)
    for data in (b"x", b"y" * 100_000, b"z"):
        left.write(data)
    await arrival.received(100_002)
    expect(all(type(data) is bytes and data for data in seen), f"got {[type(data) for data in seen]!r}")


@check()
async def duck_typed_protocols_work(trial: StreamTrial) -> None:
    """A protocol need not inherit from anything."""

    class Duck:
        def __init__(self) -> None:
            self.notes = Recorder()
            for name in ("connection_made", "data_received", "eof_received", "connection_lost"):
                setattr(self, name, getattr(self.notes, name))

    duck = Duck()
    left, right = await trial.pair(None, duck)
    left.write(b"quack")
    await duck.notes.received(5)
    left.close()
    await duck.notes.lost()
    expect(duck.notes.transport is right, "connection_made() got another transport")
    expect_equal(
        duck.notes.order(), ["connection_made", "data_received", "eof_received", "connection_lost"], "the callbacks"
    )


@check()
async def set_protocol_moves_the_callbacks(trial: StreamTrial) -> None:
    """After set_protocol the callbacks go to the new protocol, and only to it; connection_made is not repeated."""
    first, second = Recorder(), Recorder()
    left, right = await trial.pair(None, first)
    left.write(b"one")
    await first.received(3)
    right.set_protocol(second)
    expect(right.get_protocol() is second, "get_protocol() does not return the new protocol")
    left.write(b"two")
    await second.received(3)
    left.close()
    await second.lost()
    expect_equal(second.order(), ["data_received", "eof_received", "connection_lost"], "the new one's callbacks")
    expect_equal(first.order(), ["connection_made", "data_received"], "the old one's callbacks")


@check()
async def unknown_extra_info_is_the_default(trial: StreamTrial) -> None:
    """get_extra_info returns the default, None if there is none, for a name that the transport does not know."""
    for transport in await trial.pair():
        expect_equal(transport.get_extra_info("no such thing"), None, "get_extra_info() of an unknown name")
        expect_equal(transport.get_extra_info("no such thing", 5), 5, "get_extra_info() with a default")


@check(needs=("addresses",))
async def addresses_are_those_of_the_peer(trial: StreamTrial) -> None:
    """The peername is the address that the other end calls sockname."""
    left, right = await trial.pair()
    for near, far in ((left, right), (right, left)):
        expect_equal(near.get_extra_info("peername"), far.get_extra_info("sockname"), "peername")


@check(needs=("addresses",))
async def addresses_outlive_the_connection(trial: StreamTrial) -> None:
    """The peername and the sockname stay the same when the connection is closed, for whoever writes the log."""
    seen: list[Any] = []
    transports: tuple[Any, ...] = ()

    def look(exc: Exception | None = None) -> None:
        seen.append([end.get_extra_info(name) for end in transports for name in ("peername", "sockname")])

    reader = Recorder(connection_lost=look)
    transports = await trial.pair(None, reader)
    look()
    transports[0].abort()
    await reader.lost()
    await trial.turns()
    look()
    expect(seen[0] == seen[1] == seen[2], f"open, in connection_lost() and after it: {seen!r}")
