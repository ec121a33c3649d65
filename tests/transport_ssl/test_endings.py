"""How TLS connections end: in good order, cut, stalled, half, late."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import struct
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from tests.support import read_until_eof
from tests.transport_ssl.support import Authority, Echo, connect, peer_of, serving
from transport_abc.testing import BufferedRecorder, Recorder
from transport_ssl import SslPlugin

Run = Callable[[Any], Any]
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]

in_thread = asyncio.to_thread


@pytest.fixture(params=VERSIONS, ids=lambda tls: tls.name)
def tls(request: pytest.FixtureRequest) -> ssl.TLSVersion:
    version: ssl.TLSVersion = request.param
    return version


def test_close_sends_what_was_written_then_close_notify_and_waits_for_the_answer(
    run: Run, authority: Authority, tls: ssl.TLSVersion
) -> None:
    async def main() -> None:
        near = Recorder()
        async with peer_of(near, authority, tls=tls) as (transport, peer):
            transport.write(b"last words")
            transport.close()
            assert await in_thread(peer.read) == b"last words"
            assert await in_thread(peer.read) == b""  # close_notify; an end without it would raise
            assert near.count("connection_lost") == 0
            await in_thread(peer.say_goodbye)
            assert await near.lost() is None
            assert near.order() == ["connection_made", "connection_lost"]

    run(main())


def test_close_notify_of_the_peer_is_an_end(run: Run, authority: Authority, tls: ssl.TLSVersion) -> None:
    async def main() -> None:
        near = Recorder()
        async with peer_of(near, authority, tls=tls) as (_, peer):
            await in_thread(peer.write, b"bye")
            await in_thread(peer.say_goodbye)
            assert await near.lost() is None
            assert near.order() == ["connection_made", "data_received", "eof_received", "connection_lost"]
            assert await in_thread(peer.read) == b""

    run(main())


def cut(peer: Any) -> None:
    """End the connection below, as somebody in between might."""
    peer.sock.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("said", [b"", b"Content-Length: 10"])
def test_an_end_without_close_notify_is_an_error(
    run: Run, authority: Authority, tls: ssl.TLSVersion, said: bytes
) -> None:
    async def main() -> None:
        near = Recorder()
        async with peer_of(near, authority, tls=tls) as (_, peer):
            if said:
                await in_thread(peer.write, said)
            await in_thread(cut, peer)
            error = await near.lost()
            assert isinstance(error, ssl.SSLEOFError)
            assert "without close_notify" in str(error)
            assert near.data == said
            assert near.count("eof_received") == 0

    run(main())


def test_an_end_in_the_middle_of_a_record_is_an_error(run: Run, authority: Authority) -> None:
    async def main() -> None:
        near = Recorder()
        async with peer_of(near, authority) as (_, peer):
            await in_thread(peer.sock.sendall, peer.sealed(b"never complete")[:-1])
            await in_thread(cut, peer)
            assert isinstance(await near.lost(), ssl.SSLEOFError)
            assert near.data == b""

    run(main())


def test_an_option_tolerates_an_end_without_close_notify(run: Run, authority: Authority, tls: ssl.TLSVersion) -> None:
    async def main() -> None:
        near = Recorder()
        async with peer_of(near, authority, tls=tls, suppress_ragged_eofs=True) as (_, peer):
            await in_thread(peer.write, b"until the end")
            await in_thread(cut, peer)
            assert await near.lost() is None
            assert near.order() == ["connection_made", "data_received", "eof_received", "connection_lost"]

    run(main())


@pytest.mark.parametrize("polite", [True, False])
def test_the_transport_tells_how_the_peer_ended(
    run: Run, authority: Authority, tls: ssl.TLSVersion, polite: bool
) -> None:
    async def main() -> None:
        near = Recorder(eof_received=lambda: told.append(near.transport.get_extra_info("close_notify")))
        told: list[bool | None] = []
        async with peer_of(near, authority, tls=tls, suppress_ragged_eofs=True) as (transport, peer):
            told.append(transport.get_extra_info("close_notify"))
            await (in_thread(peer.say_goodbye) if polite else in_thread(cut, peer))
            assert await near.lost() is None
            assert told == [None, polite]

    run(main())


def test_by_default_the_plugin_tolerates_an_end_without_close_notify(run: Run, authority: Authority) -> None:
    async def main() -> None:
        near = Recorder()
        async with peer_of(near, authority, plugin=SslPlugin()) as (_, peer):
            await in_thread(peer.write, b"until the end")
            await in_thread(cut, peer)
            assert await near.lost() is None
            assert near.order() == ["connection_made", "data_received", "eof_received", "connection_lost"]

    run(main())


def test_an_option_of_the_context_does_so_as_well(run: Run, authority: Authority) -> None:
    async def main() -> None:
        context = authority.client()
        context.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
        served = Recorder(eof_received=lambda: True)
        async with serving(lambda: served, authority.server()) as address:
            near = Recorder()
            await connect(near, context, address)
            await served.called("connection_made")
            served.transport.write(b"until the end")
            await near.received(13)
            served.transport.abort()
            assert await near.lost() is None
            assert near.order() == ["connection_made", "data_received", "eof_received", "connection_lost"]

    run(main())


@pytest.mark.parametrize("protocol", [Recorder, BufferedRecorder])
@pytest.mark.parametrize("tolerant", [False, True])
def test_an_end_while_reading_is_paused_comes_behind_the_data(
    run: Run, authority: Authority, protocol: Callable[..., Any], tolerant: bool
) -> None:
    async def main() -> None:
        near = protocol()
        async with peer_of(near, authority, suppress_ragged_eofs=tolerant) as (transport, peer):
            transport.pause_reading()
            await in_thread(peer.write, b"unread")
            await in_thread(cut, peer)
            assert near.data == b""
            transport.resume_reading()
            error = await near.lost()
            assert near.data == b"unread"
            assert error is None if tolerant else isinstance(error, ssl.SSLEOFError)

    run(main())


def test_a_protocol_that_pauses_before_the_last_data_gets_data_and_end_when_it_resumes(
    run: Run, authority: Authority
) -> None:
    async def main() -> None:
        near = BufferedRecorder(bytearray(10), buffer_updated=lambda count: near.transport.pause_reading())
        async with peer_of(near, authority) as (transport, peer):
            await in_thread(peer.sock.sendall, peer.sealed(b"0123456789") + peer.sealed(b"abcdef"))
            await in_thread(peer.say_goodbye)
            await near.received(10)
            assert near.count("buffer_updated") == 1
            transport.resume_reading()
            await near.received(16)
            assert near.count("eof_received") == 0
            transport.resume_reading()
            assert await near.lost() is None
            assert near.count("eof_received") == 1

    run(main())


# -- the peer does not play along ------------------------------------------------------------------------------------


def test_a_peer_that_never_answers_costs_the_shutdown_timeout_and_is_no_error(run: Run, authority: Authority) -> None:
    async def main() -> None:
        near = Recorder()
        async with peer_of(near, authority, ssl_shutdown_timeout=0.4) as (transport, _):
            transport.write(b"last words")
            begin = time.monotonic()
            transport.close()
            assert await near.lost() is None
            assert 0.35 <= time.monotonic() - begin <= 0.5

    run(main())


def test_a_peer_that_does_not_read_costs_the_shutdown_timeout_and_is_an_error(run: Run, authority: Authority) -> None:
    async def main() -> None:
        near = Recorder()
        async with peer_of(near, authority, ssl_shutdown_timeout=0.4) as (transport, _):
            transport.write(bytes(20_000_000))
            begin = time.monotonic()
            transport.close()
            error = await near.lost()
            assert isinstance(error, TimeoutError)
            assert str(error) == "SSL shutdown timed out"
            assert 0.35 <= time.monotonic() - begin <= 0.5

    run(main())


def test_a_peer_that_goes_on_sending_does_not_prolong_the_shutdown(run: Run, authority: Authority) -> None:
    def send_on(peer: Any) -> None:
        try:
            while True:
                peer.write(bytes(1000))
                time.sleep(0.01)  # no flood; what matters is that it never ends
        except OSError:
            pass

    async def main() -> None:
        near = Recorder()
        async with peer_of(near, authority, ssl_shutdown_timeout=0.4) as (transport, peer):
            sending = asyncio.create_task(in_thread(send_on, peer))
            await near.received(1000)
            begin = time.monotonic()
            transport.close()
            received = len(near.data)
            assert await near.lost() is None
            assert 0.35 <= time.monotonic() - begin <= 0.55
            assert len(near.data) == received
            await sending

    run(main())


@pytest.mark.parametrize("paused", [False, True])
def test_data_behind_our_close_notify_is_dropped_without_a_report(
    run: Run, authority: Authority, tls: ssl.TLSVersion, paused: bool
) -> None:
    async def main() -> None:
        near = Recorder()
        async with peer_of(near, authority, tls=tls) as (transport, peer):
            if paused:
                transport.pause_reading()
                await in_thread(peer.write, b"before")
            transport.close()
            await in_thread(peer.write, b"late data")
            await in_thread(peer.write, b"more of it")
            await in_thread(peer.say_goodbye)
            assert await near.lost() is None
            assert near.order() == ["connection_made", "connection_lost"]

    run(main())


def test_garbage_behind_our_close_notify_is_no_error(run: Run, authority: Authority) -> None:
    async def main() -> None:
        near = Recorder()
        async with peer_of(near, authority) as (transport, peer):
            transport.close()
            await in_thread(peer.sock.sendall, b"this is no TLS at all")
            assert await near.lost() is None

    run(main())


def test_a_peer_that_only_closes_the_connection_below_answers_as_well(run: Run, authority: Authority) -> None:
    async def main() -> None:
        near = Recorder()
        async with peer_of(near, authority) as (transport, peer):
            transport.close()
            assert await in_thread(peer.read) == b""
            peer.sock.close()
            assert await near.lost() is None

    run(main())


def test_a_reset_reaches_connection_lost(run: Run, authority: Authority) -> None:
    async def main() -> None:
        near = Recorder()
        async with peer_of(near, authority) as (_, peer):
            peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.sock.close()
            assert isinstance(await near.lost(), ConnectionResetError)

    run(main())


def test_a_record_that_was_tampered_with_ends_the_connection_with_an_alert(run: Run, authority: Authority) -> None:
    def read_alert(peer: Any) -> str:
        with pytest.raises(ssl.SSLError) as caught:
            peer.read()
        return str(caught.value.reason)

    async def main() -> None:
        near = Recorder()
        async with peer_of(near, authority) as (_, peer):
            good, bad = peer.sealed(b"good"), bytearray(peer.sealed(b"bad"))
            bad[-1] ^= 1
            await in_thread(peer.sock.sendall, good + bad)
            error = await near.lost()
            assert isinstance(error, ssl.SSLError)
            assert error.reason == "DECRYPTION_FAILED_OR_BAD_RECORD_MAC"
            assert near.data == b"good"
            assert await in_thread(read_alert, peer) == "SSLV3_ALERT_BAD_RECORD_MAC"

    run(main())


def test_abort_is_immediate(run: Run, authority: Authority) -> None:
    async def main() -> None:
        near = Recorder()
        async with peer_of(near, authority) as (transport, peer):
            transport.abort()
            assert await near.lost() is None
            assert await in_thread(read_until_eof, peer.sock) == b""

    run(main())


def begin_a_record(transport: Any, peer: Any) -> None:
    peer.sock.sendall(peer.sealed(b"never complete")[:-1])


def pause_with_data_waiting(transport: Any, peer: Any) -> None:
    transport.pause_reading()
    peer.write(b"unread")


def pause_with_an_end_waiting(transport: Any, peer: Any) -> None:
    transport.pause_reading()
    peer.say_goodbye()
    cut(peer)


def close_unanswered(transport: Any, peer: Any) -> None:
    transport.write(b"last words")
    transport.close()


def close_unread(transport: Any, peer: Any) -> None:
    transport.write(bytes(20_000_000))
    transport.close()


def end_and_be_kept_open(transport: Any, peer: Any) -> None:
    peer.say_goodbye()
    cut(peer)


STALLS = [
    *(begin_a_record, pause_with_data_waiting, pause_with_an_end_waiting),
    *(close_unanswered, close_unread, end_and_be_kept_open),
]


@pytest.mark.parametrize("stall", STALLS, ids=lambda stall: stall.__name__)
def test_a_connection_on_which_nothing_moves_does_not_keep_the_loop_busy(
    run: Run, authority: Authority, stall: Callable[[Any, Any], None]
) -> None:
    async def main() -> None:
        near = Recorder(eof_received=lambda: True)
        async with peer_of(near, authority, tls=ssl.TLSVersion.TLSv1_3) as (transport, peer):
            stall(transport, peer)  # sends little, so it does not block
            await asyncio.sleep(0.1)  # let everything arrive that will
            begin = time.process_time()
            await asyncio.sleep(0.4)  # what is measured is what happens meanwhile
            assert time.process_time() - begin < 0.1

    run(main())


# -- half-close ------------------------------------------------------------------------------------------------------


def test_write_eof_ends_one_direction(run: Run, authority: Authority) -> None:
    async def main() -> None:
        near = Recorder()
        async with peer_of(near, authority, tls=ssl.TLSVersion.TLSv1_3) as (transport, peer):
            assert transport.can_write_eof()
            transport.write(b"question")
            transport.write_eof()
            assert await in_thread(peer.read_exactly, 8) == b"question"
            assert await in_thread(peer.read) == b""
            with pytest.raises(RuntimeError, match=r"Cannot call write\(\) after write_eof\(\)"):
                transport.write(b"more")
            await in_thread(peer.write, b"answer")
            await near.received(6)
            await in_thread(peer.say_goodbye)
            assert await near.lost() is None
            assert near.order() == ["connection_made", "data_received", "eof_received", "connection_lost"]

    run(main())


@pytest.mark.parametrize("protocol", [Recorder, BufferedRecorder])
def test_write_eof_while_received_data_waits(run: Run, authority: Authority, protocol: Callable[..., Any]) -> None:
    async def main() -> None:
        near = protocol(connection_made=lambda transport: transport.pause_reading())
        if isinstance(near, BufferedRecorder):
            near.buffer = bytearray(4)
        async with peer_of(near, authority, tls=ssl.TLSVersion.TLSv1_3) as (transport, peer):
            await in_thread(peer.write, b"0123456789")
            transport.resume_reading()
            await near.received(1)
            transport.pause_reading()
            await in_thread(peer.write, b"abcdef")
            transport.write_eof()
            assert await in_thread(peer.read) == b""
            transport.resume_reading()
            await near.received(16)
            assert near.data == b"0123456789abcdef"

    run(main())


def test_a_protocol_may_go_on_writing_behind_the_peers_end(run: Run, authority: Authority) -> None:
    async def main() -> None:
        near = Recorder(eof_received=lambda: True)
        async with peer_of(near, authority, tls=ssl.TLSVersion.TLSv1_3) as (transport, peer):
            await in_thread(peer.say_goodbye)
            await near.called("eof_received")
            transport.write(b"still ")
            transport.write(b"here")
            assert await in_thread(peer.read_exactly, 10) == b"still here"
            assert not transport.is_closing()
            await in_thread(cut, peer)
            transport.close()
            assert await in_thread(peer.read) == b""
            assert await near.lost() is None

    run(main())


def test_in_tls_1_2_one_end_is_both_ends(run: Run, authority: Authority) -> None:
    async def main() -> None:
        near = Recorder(eof_received=lambda: True)
        async with peer_of(near, authority, tls=ssl.TLSVersion.TLSv1_2) as (transport, peer):
            assert not transport.can_write_eof()
            with pytest.raises(NotImplementedError, match=r"before version 1\.3"):
                transport.write_eof()
            await in_thread(peer.say_goodbye)
            assert await near.lost() is None
            assert await in_thread(peer.read) == b""

    run(main())


# -- nothing is left -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tolerant", [True, False])
@pytest.mark.parametrize("way", ["cut", "reset", "garbage", "shutdown timeout", "protocol raises"])
def test_a_connection_that_ended_badly_is_freed_without_the_cyclic_collector(
    run: Run, authority: Authority, tolerant: bool, way: str
) -> None:
    async def main() -> list[weakref.ref[Any]]:
        asyncio.get_running_loop().set_exception_handler(lambda loop, report: None)  # a log would keep the exception
        near = Recorder()
        options: dict[str, Any] = {"suppress_ragged_eofs": tolerant, "ssl_shutdown_timeout": 0.1}
        async with peer_of(near, authority, **options) as (transport, peer):
            if way == "reset":
                peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                peer.sock.close()
            elif way == "shutdown timeout":
                transport.write(bytes(20_000_000))
                transport.close()
            elif way == "protocol raises":
                near.react("data_received", lambda data: 1 / 0)
                await in_thread(peer.write, b"data")
            else:
                await (in_thread(cut, peer) if way == "cut" else in_thread(peer.sock.sendall, b"no TLS at all"))
            await near.lost()
            refs: list[weakref.ref[Any]] = [
                weakref.ref(near),
                weakref.ref(transport),
                weakref.ref(transport._engine.sslobj),
            ]
            near.error = None  # an exception of the protocol's own has a traceback
            del near, transport
        return refs

    gc.collect()
    gc.disable()
    try:
        refs = run(main())
        assert [ref() for ref in refs] == [None] * 3
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "end",
    [
        lambda transport: transport.close(),
        lambda transport: transport.abort(),
        lambda transport: (transport.pause_reading(), transport.close()),
        lambda transport: (transport.write(b"x" * 1000), transport.close()),
        lambda transport: (transport.write_eof(), transport.close()),
    ],
    ids=["close", "abort", "close while paused", "close behind data", "close behind write_eof"],
)
def test_a_closed_connection_is_freed_without_the_cyclic_collector(
    run: Run, authority: Authority, end: Callable[[Any], Any]
) -> None:
    alive: set[weakref.ref[Any]] = set()

    async def main() -> None:
        freed = asyncio.Event()

        def watched(thing: Any) -> Any:
            alive.add(weakref.ref(thing, forget))
            return thing

        def forget(ref: weakref.ref[Any]) -> None:
            alive.discard(ref)
            if not alive:
                freed.set()

        context = watched(authority.client())
        async with serving(lambda: watched(Echo()), authority.server()) as address:
            near = watched(Recorder())
            transport = watched(await connect(near, context, address))
            transport.write(b"hello")
            await near.received(5)
            end(transport)
            await near.lost()
            del near, transport, context
            async with asyncio.timeout(5):
                await freed.wait()

    gc.collect()
    gc.disable()
    try:
        run(main())
    finally:
        gc.enable()
    assert not alive
