"""Checks of a stream that has servers: accepting, connecting, and protocol factories that raise."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from transport_abc.testing._check import CheckFailed, check_into, expect, expect_equal
from transport_abc.testing._recorders import Recorder
from transport_abc.testing._stream_errors import Trouble
from transport_abc.testing._stream_memory import descriptors, no_collector
from transport_abc.testing._trial import StreamTrial

if TYPE_CHECKING:
    from transport_abc.testing._check import Check
    from transport_abc.testing._subjects import Serve, StreamSubject

__all__ = ["CHECKS"]

CHECKS: list[Check[StreamSubject]] = []
check = check_into(CHECKS, StreamTrial)


def _serve(trial: StreamTrial) -> Serve:
    serve = trial.subject.serve
    if serve is None:
        raise CheckFailed("the subject has no server")
    return serve


@check(needs=("serve",), known_faults={"uvloop": "data_received may come before the connecting task runs"})
async def connecting_comes_before_the_first_byte(trial: StreamTrial) -> None:
    """Whoever awaits the connection runs before the first data_received, however soon the peer sends."""
    greeter = Recorder(connection_made=lambda transport: transport.write(b"hello"))
    async with _serve(trial)(lambda: greeter) as connect:
        for _ in range(5):
            client = Recorder()
            transport, protocol = await connect(lambda client=client: client)  # type: ignore[misc]
            seen = client.order()
            expect(protocol is client, f"connecting returned {protocol!r} instead of the factory's protocol")
            expect_equal(seen, ["connection_made"], "the callbacks when the connecting task runs")
            await client.received(5)
            transport.abort()
            await client.lost()
    await greeter.called("connection_lost", 5)


@check(needs=("serve",))
async def each_connection_has_a_protocol_of_its_own(trial: StreamTrial) -> None:
    """A server makes one protocol for each connection."""
    served: list[Recorder] = []

    def factory() -> Recorder:
        recorder = Recorder(data_received=lambda data: recorder.transport.write(data))
        served.append(recorder)
        return recorder

    async with _serve(trial)(factory) as connect:
        clients = [Recorder() for _ in range(10)]
        for number, client in enumerate(clients):
            transport, _ = await connect(lambda client=client: client)  # type: ignore[misc]
            transport.write(b"%d" % number)
        for number, client in enumerate(clients):
            await client.received(1)
            expect_equal(bytes(client.data), b"%d" % number, "the echo")
            client.transport.abort()
            await client.lost()
        for recorder in served:
            await recorder.lost()
    expect_equal(len(served), 10, "protocols made by the server")


_SILENT = "reports nothing and leaks the socket until it is collected (reports in debug mode only)"


@check(
    needs=("serve",),
    known_faults={"asyncio": _SILENT, "uvloop": "reports it, but leaves the peer connected to nobody"},
)
async def a_servers_factory_that_raises(trial: StreamTrial) -> None:
    """A server's protocol factory raises: reported once, the connection closed, and the server goes on."""
    error = Trouble("in the factory")
    served = Recorder(data_received=lambda data: served.transport.write(data))
    results: list[Any] = [error, served]

    def factory() -> Any:
        result = results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    with no_collector():
        async with _serve(trial)(factory) as connect:
            refused, client = Recorder(), Recorder()
            with contextlib.suppress(OSError):  # where connecting takes an answer of the peer, as with TLS, it fails
                await connect(lambda: refused)
            await trial.settle()
            made, lost = refused.count("connection_made"), refused.count("connection_lost")
            if made:
                refused.transport.abort()
            report = trial.take_report(error)
            expect("transport" not in report or report["transport"] is None, "names a transport that cannot be there")
            expect_equal(lost, made, "calls of connection_lost() of the client, whose server has no protocol")
            transport, _ = await connect(lambda: client)
            transport.write(b"still there?")
            await client.received(12)
            transport.abort()
            await served.lost()


@check(needs=("serve",), known_faults={"asyncio": "leaves the connected socket to its destructor"})
async def a_clients_factory_that_raises(trial: StreamTrial) -> None:
    """A client's protocol factory raises: so does connecting, and no descriptor is left."""
    error = Trouble("in the factory")

    def factory() -> Any:
        raise error

    served = Recorder()
    with no_collector():
        async with _serve(trial)(lambda: served) as connect:
            before = descriptors()
            try:
                await connect(factory)
            except Trouble as exc:
                expect(exc is error, f"connecting raised {exc!r}")
                del exc
            else:
                raise CheckFailed("connecting raised nothing")
            error.__traceback__ = None
            if served.count("connection_made"):
                await served.lost()
            await trial.settle()
            expect_equal(descriptors(), before, "open descriptors")
