"""Unix datagrams, whose peers can block: the queue, flow control, and paths."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.transport_socket.support import UNIX_DATAGRAM, made, reports, running, turns, until
from transport_abc.testing import DatagramRecorder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from transport_socket import DatagramSocketTransport

HEADER = 8


@asynccontextmanager
async def opened(
    protocol: DatagramRecorder | None = None, **options: Any
) -> AsyncIterator[tuple[DatagramSocketTransport, DatagramRecorder]]:
    """Open an endpoint, and abort it at the end."""
    transport, protocol = await UNIX_DATAGRAM.open(running(), made(protocol or DatagramRecorder()), **options)
    yield transport, protocol
    transport.abort()
    await protocol.lost()


@asynccontextmanager
async def blocked(
    connected: bool, path: str, protocol: DatagramRecorder | None = None
) -> AsyncIterator[tuple[DatagramSocketTransport, DatagramRecorder, socket.socket, Any]]:
    """Open an endpoint and fill its peer's queue until one datagram waits in ours.

    Enters with the transport, its protocol, the peer, and what to give to ``sendto``.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as peer:
        peer.bind(path)
        async with opened(protocol, remote_addr=path if connected else None) as (transport, recorder):
            address = None if connected else path
            while not transport.get_write_buffer_size():
                transport.sendto(b"first", address)
            peer.setblocking(False)
            yield transport, recorder, peer, address


def drain(peer: socket.socket, found: list[bytes] | None = None) -> list[bytes]:
    """Receive all that waits, without blocking; also add it to a list."""
    found = [] if found is None else found
    while True:
        try:
            found.append(peer.recv(65536))
        except BlockingIOError:
            return found


both_kinds = pytest.mark.parametrize("connected", [True, False], ids=["connected", "unconnected"])


# -- the queue -----------------------------------------------------------------------------------------------------


@both_kinds
async def test_queue_counts_each_datagram_with_a_header(connected: bool, path: str) -> None:
    async with blocked(connected, path) as (transport, _, _, address):
        assert transport.get_write_buffer_size() == len(b"first") + HEADER
        transport.sendto(b"", address)
        assert transport.get_write_buffer_size() == len(b"first") + 2 * HEADER


@both_kinds
async def test_queue_is_sent_in_order_when_the_peer_receives(connected: bool, path: str) -> None:
    async with blocked(connected, path) as (transport, _, peer, address):
        for number in range(100):
            transport.sendto(b"%d" % number, address)
        found: list[bytes] = []
        await until(lambda: b"99" in drain(peer, found))
        assert transport.get_write_buffer_size() == 0
        assert found[-100:] == [b"%d" % number for number in range(100)]
        transport.sendto(b"direct again", address)
        assert drain(peer) == [b"direct again"]


@both_kinds
async def test_writing_is_paused_and_resumed(connected: bool, path: str) -> None:
    async with blocked(connected, path) as (transport, protocol, peer, address):
        transport.set_write_buffer_limits(high=100, low=50)
        for _ in range(20):
            transport.sendto(b"", address)
        assert protocol.count("pause_writing") == 1
        found: list[bytes] = []
        await until(lambda: drain(peer, found) and protocol.count("resume_writing"))
        assert protocol.count("resume_writing") == 1
        assert not protocol.paused


@both_kinds
async def test_limits_are_checked_when_they_are_set(connected: bool, path: str) -> None:
    async with blocked(connected, path) as (transport, protocol, _, _):
        transport.set_write_buffer_limits(high=1)
        assert protocol.paused
        transport.set_write_buffer_limits(high=1000, low=500)
        assert not protocol.paused


@both_kinds
async def test_close_sends_what_is_queued(connected: bool, path: str) -> None:
    async with blocked(connected, path) as (transport, protocol, peer, address):
        transport.sendto(b"last", address)
        transport.close()
        transport.sendto(b"too late", address)
        await turns()
        assert protocol.count("connection_lost") == 0
        found: list[bytes] = []
        await until(lambda: drain(peer, found) and protocol.count("connection_lost"))
    assert found[-1] == b"last"
    assert protocol.error is None


@both_kinds
async def test_abort_drops_what_is_queued(connected: bool, path: str) -> None:
    async with blocked(connected, path) as (transport, protocol, peer, address):
        transport.sendto(b"last", address)
        transport.abort()
        await protocol.lost()
        assert transport.get_write_buffer_size() == 0
        assert b"last" not in drain(peer)


@both_kinds
async def test_waiting_for_the_peer_does_not_spin(connected: bool, path: str) -> None:
    async with blocked(connected, path):
        used = time.process_time()
        await asyncio.sleep(0.3)
        assert time.process_time() - used < 0.15


@both_kinds
async def test_queued_datagram_is_not_changed_by_its_owner(connected: bool, path: str) -> None:
    async with blocked(connected, path) as (transport, _, peer, address):
        data = bytearray(b"right")
        transport.sendto(data, address)
        data[:] = b"wrong"
        found: list[bytes] = []
        await until(lambda: drain(peer, found) and not transport.get_write_buffer_size())
        assert found[-1] == b"right" or drain(peer)[-1] == b"right"


@both_kinds
async def test_peer_that_goes_away_is_told_for_each_datagram(connected: bool, path: str) -> None:
    async with blocked(connected, path) as (transport, protocol, peer, address):
        transport.sendto(b"second", address)
        peer.close()
        await until(lambda: not transport.get_write_buffer_size())
        assert {error.errno for error in protocol.errors} <= {errno.ECONNREFUSED, errno.ECONNRESET, errno.ENOTCONN}
        assert len(protocol.errors) >= 2
        assert not transport.is_closing()


@both_kinds
async def test_endpoint_aborted_by_its_own_pause_writing_is_left_alone(connected: bool, path: str) -> None:
    protocol = DatagramRecorder(pause_writing=lambda: protocol.transport.abort())
    async with blocked(connected, path, protocol) as (transport, _, _, address):
        transport.set_write_buffer_limits(high=0)
        transport.sendto(b"ignored", address)
        assert await protocol.lost() is None
    assert protocol.count("resume_writing") == 0


async def test_endpoint_aborted_while_the_first_datagram_is_queued(path: str) -> None:
    protocol = DatagramRecorder(pause_writing=lambda: protocol.transport.abort())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as peer:
        peer.bind(path)
        async with opened(protocol) as (transport, _):
            transport.set_write_buffer_limits(high=0)
            while not transport.is_closing():
                transport.sendto(b"data", path)
            assert await protocol.lost() is None


async def test_error_received_that_raises_is_reported_while_the_queue_is_sent(path: str) -> None:
    def fail(exc: OSError) -> None:
        raise error

    error = ZeroDivisionError()
    protocol = DatagramRecorder(error_received=fail)
    reported = reports()
    async with blocked(True, path, protocol) as (transport, _, peer, _):
        transport.sendto(b"second")
        peer.close()
        assert await protocol.lost() is error
    assert [report["exception"] for report in reported] == [error]


# -- addresses -----------------------------------------------------------------------------------------------------


async def test_datagrams_travel_between_paths(tmp_path: Path) -> None:
    near_path, far_path = str(tmp_path / "near"), str(tmp_path / "far")
    async with (
        opened(local_addr=near_path) as (near, one),
        opened(local_addr=Path(far_path)) as (far, other),
    ):
        near.sendto(b"there", far_path)
        near.sendto(b"again", os.fsencode(far_path))
        await other.received(2)
        far.sendto(b"and back", other.datagrams[0][1])
        await one.received(1)
        assert other.datagrams == [(b"there", near_path), (b"again", near_path)]


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has abstract names")
async def test_abstract_names_are_addresses(path: str) -> None:
    name = f"\0{path}"
    async with opened(local_addr=name) as (_, other), opened(remote_addr=name) as (near, _):
        assert near.get_extra_info("peername") == os.fsencode(name)
        near.sendto(b"1")
        near.sendto(b"2", name)
        near.sendto(b"3", os.fsencode(name))
        await other.received(3)


async def test_connected_pair_needs_no_addresses() -> None:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    async with opened(sock=near) as (one, protocol), opened(sock=far) as (other, _):
        one.sendto(b"there")
        other.sendto(b"and back")
        await protocol.received(1)
        assert protocol.datagrams[0][0] == b"and back"
        with pytest.raises(ValueError, match="Invalid address: must be None or ''"):
            one.sendto(b"data", "/elsewhere")


async def test_stale_path_is_replaced_and_a_live_one_is_not(path: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(path)
    async with opened(local_addr=path) as (_, protocol):
        with pytest.raises(OSError, match="is already in use"):
            await UNIX_DATAGRAM.open(running(), DatagramRecorder, path)
        async with opened(remote_addr=path) as (near, _):
            near.sendto(b"data")
            await protocol.received(1)


@pytest.mark.parametrize("address", [("127.0.0.1", 9), 5, ["/path"]], ids=repr)
async def test_what_is_no_path_is_refused_at_the_call(address: Any) -> None:
    async with opened() as (transport, _):
        with pytest.raises(ValueError, match=r"^expected a path as str or bytes, got "):
            transport.sendto(b"data", address)
    with pytest.raises(TypeError, match="string is expected"):
        await UNIX_DATAGRAM.open(running(), DatagramRecorder, address)


async def test_path_where_nobody_receives_is_told(path: str) -> None:
    async with opened() as (transport, protocol):
        transport.sendto(b"data", path)
        assert [error.errno for error in protocol.errors] == [errno.ENOENT]
    with pytest.raises(FileNotFoundError):
        await UNIX_DATAGRAM.open(running(), DatagramRecorder, None, path)


@pytest.mark.parametrize(
    ("family", "kind"), [(socket.AF_INET, socket.SOCK_DGRAM), (socket.AF_UNIX, socket.SOCK_STREAM)]
)
async def test_socket_of_another_kind_is_refused(family: int, kind: int) -> None:
    with (
        socket.socket(family, kind) as sock,
        pytest.raises(ValueError, match=r"datagram socket was|Datagram Socket was"),
    ):
        await UNIX_DATAGRAM.open(running(), DatagramRecorder, sock=sock)
