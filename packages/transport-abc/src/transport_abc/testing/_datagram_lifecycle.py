"""Checks of datagrams: what an endpoint is, its callbacks, their context, their errors, and the end."""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Any

from transport_abc.testing._check import CheckFailed, check_into, expect, expect_equal
from transport_abc.testing._recorders import DatagramRecorder
from transport_abc.testing._stream_errors import Trouble, raising
from transport_abc.testing._stream_memory import descriptors, no_collector
from transport_abc.testing._trial import DatagramTrial

if TYPE_CHECKING:
    from collections.abc import Callable

    from transport_abc._transports import DatagramTransport
    from transport_abc.testing._check import Check
    from transport_abc.testing._subjects import DatagramSubject

__all__ = ["CHECKS"]

CHECKS: list[Check[DatagramSubject]] = []
check = check_into(CHECKS, DatagramTrial)


@check(
    known_faults={
        "uvloop": "its transports inherit from none of asyncio's classes",
        "asyncio-3.11": "its datagram transports are no DatagramTransport, but a Transport",
    }
)
async def endpoints_are_asyncio_transports(trial: DatagramTrial) -> None:
    """An endpoint is an instance of asyncio's class for datagrams."""
    for transport in await trial.pair():
        expect(isinstance(transport, asyncio.DatagramTransport), f"{type(transport)!r} is no DatagramTransport")


@check(known_faults={"uvloop": "its transports are extension types, without a dictionary"})
async def endpoints_take_attributes(trial: DatagramTrial) -> None:
    """An endpoint takes attributes of its user and can be referred to weakly."""
    for transport in await trial.pair():
        expect(weakref.ref(transport)() is transport, "no weak reference")
        vars(transport)["note"] = "kept"


@check()
async def datagram_callbacks_come_in_order(trial: DatagramTrial) -> None:
    """connection_made once, datagram_received any number of times, connection_lost(None) once, never from within."""
    for end in ("close", "abort"):
        client, server = DatagramRecorder(), DatagramRecorder()
        left, right = await trial.pair(client, server)
        expect(client.transport is left and server.transport is right, "connection_made() got another object")
        expect(left.get_protocol() is client, f"get_protocol() returned {left.get_protocol()!r}")
        left.sendto(b"one")
        await server.received(1)
        getattr(right, end)()
        expect_equal(server.count("connection_lost"), 0, f"calls of connection_lost() when {end}() returns")
        expect(right.is_closing(), f"not is_closing() after {end}()")
        right.close()
        right.abort()
        expect_equal(await server.lost(), None, "the argument of connection_lost()")
        await trial.turns()
        expect_equal(server.order(), ["connection_made", "datagram_received", "connection_lost"], "the callbacks")
        expect_equal(server.count("connection_lost"), 1, "calls of connection_lost()")


@check()
async def a_closing_endpoint_receives_nothing(trial: DatagramTrial) -> None:
    """After close() no datagram is received, though one has arrived."""
    server = DatagramRecorder()
    left, right = await trial.pair(None, server)
    left.sendto(b"a moment too late")
    right.close()
    await server.lost()
    await trial.turns()
    expect_equal(server.order(), ["connection_made", "connection_lost"], "the callbacks")


@check()
async def endpoint_info_outlives_the_endpoint(trial: DatagramTrial) -> None:
    """The addresses stay the same when the endpoint is closed; an unknown name gives the default."""
    server = DatagramRecorder()
    left, right = await trial.pair(None, server)
    expect_equal(left.get_extra_info("peername"), right.get_extra_info("sockname"), "the peer of the connected end")
    expect_equal(right.get_extra_info("no such thing", 5), 5, "get_extra_info() with a default")
    before = right.get_extra_info("sockname")
    right.close()
    await server.lost()
    await trial.turns()
    expect_equal(right.get_extra_info("sockname"), before, "sockname after the end")


@check()
async def duck_typed_datagram_protocols_work(trial: DatagramTrial) -> None:
    """A datagram protocol need not inherit from anything."""

    class Duck:
        def __init__(self) -> None:
            self.notes = DatagramRecorder()
            for name in ("connection_made", "datagram_received", "error_received", "connection_lost"):
                setattr(self, name, getattr(self.notes, name))

    duck = Duck()
    left, _ = await trial.pair(None, duck)
    left.sendto(b"quack")
    await duck.notes.received(1)


@check()
async def set_protocol_moves_the_datagrams(trial: DatagramTrial) -> None:
    """After set_protocol the callbacks go to the new protocol."""
    first, second = DatagramRecorder(), DatagramRecorder()
    left, right = await trial.pair(None, first)
    left.sendto(b"one")
    await first.received(1)
    right.set_protocol(second)
    left.sendto(b"two")
    await second.received(1)
    right.close()
    await second.lost()
    expect_equal(second.order(), ["datagram_received", "connection_lost"], "the new one's callbacks")
    expect_equal(first.order(), ["connection_made", "datagram_received"], "the old one's callbacks")


_COPIES = "each callback may run in a context of its own, copied from whoever caused it"


@check(known_faults={"asyncio": _COPIES})
async def datagram_callbacks_share_one_context(trial: DatagramTrial) -> None:
    """All callbacks of an endpoint run in the same context, whoever caused them."""
    server = DatagramRecorder()
    left, right = await trial.pair(None, server)
    left.sendto(b"one")
    await server.received(1)
    await trial.elsewhere(right.close)
    await server.lost()
    foreign = [event.name for event in server.events if event.caller == "someone else"]
    expect(not foreign, f"in the context of another task ran: {', '.join(foreign)}")
    counts = [event.calls for event in server.events]
    expect_equal(counts, list(range(counts[0], counts[0] + len(counts))), "how many callbacks each one saw run")


async def _expect_the_rule(trial: DatagramTrial, recorder: DatagramRecorder, error: Exception) -> None:
    """Reported once, with transport and protocol; aborted; connection_lost gets the exception, once."""
    lost = await recorder.lost()
    await trial.turns()
    report = trial.take_report(error)
    expect(report.get("transport") is recorder.transport, f"the report names transport {report.get('transport')!r}")
    expect(report.get("protocol") is recorder, f"the report names protocol {report.get('protocol')!r}")
    expect(lost is error, f"connection_lost() got {lost!r} instead of {error!r}")
    expect_equal(recorder.count("connection_lost"), 1, "calls of connection_lost()")


_NOT_ABORTED = "reports the exception, but the endpoint stays open"
_UNNAMED = "reports without naming transport and protocol, and the endpoint stays open"


@check(known_faults={"asyncio": _UNNAMED, "uvloop": _NOT_ABORTED})
async def datagram_received_that_raises(trial: DatagramTrial) -> None:
    """datagram_received raises: reported once, aborted, connection_lost gets the exception."""
    error = Trouble("in datagram_received")
    server = DatagramRecorder(datagram_received=raising(error))
    left, _ = await trial.pair(None, server)
    left.sendto(b"cause")
    await _expect_the_rule(trial, server, error)


@check(known_faults={"asyncio": _UNNAMED, "uvloop": _UNNAMED})
async def connection_made_of_an_endpoint_that_raises(trial: DatagramTrial) -> None:
    """connection_made raises: reported once, aborted, connection_lost gets the exception."""
    error = Trouble("in connection_made")
    client = DatagramRecorder(connection_made=raising(error))
    await trial.pair(client)
    await _expect_the_rule(trial, client, error)


@check(needs=("refusals",), known_faults={"asyncio": _UNNAMED, "uvloop": _NOT_ABORTED})
async def error_received_that_raises(trial: DatagramTrial) -> None:
    """error_received raises: reported once, aborted, connection_lost gets the exception."""
    error = Trouble("in error_received")
    client, server = DatagramRecorder(error_received=raising(error)), DatagramRecorder()
    left, right = await trial.pair(client, server)
    right.close()
    await server.lost()
    left.sendto(b"cause")
    await _expect_the_rule(trial, client, error)


@check(known_faults={"asyncio": _UNNAMED, "uvloop": _UNNAMED})
async def connection_lost_of_an_endpoint_that_raises(trial: DatagramTrial) -> None:
    """connection_lost raises: reported once, and the endpoint is closed all the same."""
    error = Trouble("in connection_lost")
    server = DatagramRecorder(connection_lost=raising(error))
    _, right = await trial.pair(None, server)
    right.close()
    await server.lost()
    await trial.turns()
    report = trial.take_report(error)
    expect(report.get("transport") is right, f"the report names transport {report.get('transport')!r}")
    expect_equal(server.count("connection_lost"), 1, "calls of connection_lost()")


async def _live_and_die(trial: DatagramTrial, end: Callable[[DatagramTransport], object]) -> list[weakref.ref[Any]]:
    """Let two endpoints live and end; return weak references to transports and protocols."""
    client, server = DatagramRecorder(), DatagramRecorder()
    async with trial.subject.make_pair(lambda: client, lambda: server) as (left, right):
        left.sendto(b"some life")
        await server.received(1)
        end(left)
        end(right)
        await client.lost()
        await server.lost()
    return [weakref.ref(item) for item in (left, right, client, server)]


@check()
async def closed_endpoints_leave_nothing(trial: DatagramTrial) -> None:
    """A closed endpoint is freed without the cyclic collector, and leaves no descriptor."""
    await _live_and_die(trial, lambda transport: transport.close())  # what only the first one leaves
    with no_collector():
        before = descriptors()
        for end in (lambda transport: transport.close(), lambda transport: transport.abort()):
            refs = await _live_and_die(trial, end)
            await trial.turns()
            alive = [kind for ref, kind in zip(refs, ("left", "right", "client", "server"), strict=True) if ref()]
            if alive:
                raise CheckFailed(f"in memory until the cyclic collector runs: {', '.join(alive)}")
        expect_equal(descriptors(), before, "open descriptors")
