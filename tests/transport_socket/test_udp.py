"""UDP: addresses, errors, the queue, and bad input."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.transport_socket.support import HOST, UDP, made, reports, resolving_to, running, turns, until
from transport_abc.testing import DatagramRecorder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from transport_socket import DatagramSocketTransport

HOSTS = pytest.mark.parametrize("host", ["127.0.0.1", "::1"])


@asynccontextmanager
async def opened(
    protocol: DatagramRecorder | None = None, **options: Any
) -> AsyncIterator[tuple[DatagramSocketTransport, DatagramRecorder]]:
    """Open an endpoint, and abort it at the end."""
    options = options or {"local_addr": (HOST, 0)}
    transport, protocol = await UDP.open(running(), made(protocol or DatagramRecorder()), **options)
    yield transport, protocol
    transport.abort()
    await protocol.lost()


def name_of(transport: DatagramSocketTransport) -> Any:
    return transport.get_extra_info("sockname")


@contextlib.contextmanager
def nobody() -> Iterator[tuple[str, int]]:
    """An address at which nothing receives; ICMP says so."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind((HOST, 0))
        address = sock.getsockname()
    yield address


# -- from one end to the other -------------------------------------------------------------------------------------


@HOSTS
async def test_datagrams_travel_between_unconnected_endpoints(host: str) -> None:
    async with opened(local_addr=(host, 0)) as (near, one), opened(local_addr=(host, 0)) as (far, other):
        near.sendto(b"there", name_of(far))
        await other.received(1)
        far.sendto(b"and back", other.datagrams[0][1])
        await one.received(1)
        assert other.datagrams == [(b"there", name_of(near))]
        assert one.datagrams == [(b"and back", name_of(far))]


@HOSTS
async def test_connected_endpoint_needs_no_address_and_takes_its_peer_s(host: str) -> None:
    async with opened(local_addr=(host, 0)) as (far, other), opened(remote_addr=name_of(far)[:2]) as (near, _):
        assert near.get_extra_info("peername") == name_of(far)
        near.sendto(b"1")
        near.sendto(b"2", None)
        near.sendto(b"3", name_of(far))
        near.sendto(b"4", name_of(far)[:2])
        await other.received(4)
    assert [data for data, _ in other.datagrams] == [b"1", b"2", b"3", b"4"]


async def test_connected_endpoint_hears_nobody_else() -> None:
    async with opened() as (far, other), opened() as (stranger, _):
        async with opened(remote_addr=name_of(far)) as (near, one):
            stranger.sendto(b"from a stranger", name_of(near))
            near.sendto(b"question")
            await other.received(1)
            far.sendto(b"answer", name_of(near))
            await one.received(1)
            await turns()
        assert one.datagrams == [(b"answer", name_of(far))]


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
async def test_any_bytes_like_object_is_sent(kind: Any) -> None:
    async with opened() as (transport, protocol):
        transport.sendto(kind(b"data"), name_of(transport))
        transport.sendto(memoryview(bytes(range(10)))[::2], name_of(transport))
        await protocol.received(2)
    assert [data for data, _ in protocol.datagrams] == [b"data", bytes(range(0, 10, 2))]


async def test_empty_datagram_arrives() -> None:
    async with opened() as (transport, protocol):
        transport.sendto(b"", name_of(transport))
        await protocol.received(1)
    assert protocol.datagrams == [(b"", name_of(transport))]


async def test_largest_datagram_arrives() -> None:
    async with opened() as (transport, protocol):
        transport.sendto(b"x" * 65507, name_of(transport))
        await protocol.received(1)
    assert len(protocol.datagrams[0][0]) == 65507


async def test_many_waiting_datagrams_arrive_in_order() -> None:
    async with opened() as (transport, protocol):
        for number in range(150):
            transport.sendto(b"%d" % number, name_of(transport))
        await protocol.received(150)
    assert [int(data) for data, _ in protocol.datagrams] == list(range(150))


async def test_one_busy_endpoint_does_not_keep_others_from_their_turn() -> None:
    def busy(data: bytes, addr: Any) -> None:
        first.transport.sendto(data, addr)  # without end

    first = DatagramRecorder(datagram_received=busy)
    async with opened(first) as (transport, _), opened() as (other, quiet):
        for _ in range(50):
            transport.sendto(b".", name_of(transport))
        await first.received(2000)
        other.sendto(b"!", name_of(other))
        await quiet.received(1)


async def test_broadcast_address_is_the_only_one_to_send_to() -> None:
    target = ("255.255.255.255", 9)
    async with opened(remote_addr=target, allow_broadcast=True) as (transport, _):
        sock = transport.get_extra_info("socket")
        assert sock is not None
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST)
        assert transport.get_extra_info("peername") is None
        with pytest.raises(ValueError, match="Invalid address: must be None or"):
            transport.sendto(b"data", (HOST, 9))


async def test_fixed_address_without_a_connection_is_sent_to() -> None:
    async with opened() as (far, other), opened(remote_addr=name_of(far), allow_broadcast=True) as (near, _):
        near.sendto(b"1")
        near.sendto(b"2", name_of(far))
        await other.received(2)


async def test_unbound_endpoint_sends() -> None:
    async with opened() as (far, other), opened(family=socket.AF_INET) as (near, _):
        near.sendto(b"data", name_of(far))
        await other.received(1)


async def test_given_socket_is_used_and_made_non_blocking() -> None:
    sock = socket.socket(type=socket.SOCK_DGRAM)
    sock.bind((HOST, 0))
    async with opened(sock=sock) as (transport, protocol):
        assert not sock.getblocking()
        transport.sendto(b"data", sock.getsockname())
        await protocol.received(1)
    assert sock.fileno() == -1


async def test_reference_pages_callbacks_come_in_order() -> None:
    async with opened() as (transport, protocol):
        transport.sendto(b"data", name_of(transport))
        await protocol.received(1)
    assert protocol.order() == ["connection_made", "datagram_received", "connection_lost"]


async def test_names_of_the_socket_module_are_addresses() -> None:
    async with opened() as (transport, protocol):
        transport.sendto(b"to this machine", ("", name_of(transport)[1]))
        transport.sendto(b"to all", ("<broadcast>", 9))  # refused by the system, not by us
        await protocol.received(1)
    assert [error.errno for error in protocol.errors] == [errno.EACCES]


# -- errors --------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell of every ICMP message")
async def test_refusal_of_the_peer_is_told_and_the_endpoint_stays_open() -> None:
    with nobody() as address:
        async with opened(remote_addr=address) as (transport, protocol):
            transport.sendto(b"data")
            await protocol.called("error_received")
            assert isinstance(protocol.errors[0], ConnectionRefusedError)
            assert not transport.is_closing()
            transport.sendto(b"more")


async def test_datagram_over_the_maximum_size_is_told() -> None:
    async with opened() as (transport, protocol):
        transport.sendto(b"x" * 65508, name_of(transport))
        transport.sendto(b"small", name_of(transport))
        await protocol.received(1)
    assert [error.errno for error in protocol.errors] == [errno.EMSGSIZE]
    assert protocol.datagrams[0][0] == b"small"


@pytest.mark.parametrize("callback", ["datagram_received", "error_received"])
async def test_callback_that_raises_is_reported_and_ends_the_endpoint(callback: str) -> None:
    def fail(*args: Any) -> None:
        raise error

    error = ZeroDivisionError()
    protocol = DatagramRecorder(**{callback: fail})
    reported = reports()
    async with opened(protocol) as (transport, _):
        transport.sendto(b"data" if callback == "datagram_received" else bytes(70_000), name_of(transport))
        assert await protocol.lost() is error
    assert [(report["exception"], report["transport"]) for report in reported] == [(error, transport)]


async def test_factory_that_raises_closes_the_socket() -> None:
    def factory() -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await UDP.open(running(), factory, local_addr=(HOST, 0))


# -- the end -------------------------------------------------------------------------------------------------------


async def test_sendto_after_close_is_ignored_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    async with opened() as (far, other):
        async with opened() as (near, protocol):
            near.close()
            for _ in range(7):
                near.sendto(b"late", name_of(far))
            await protocol.lost()
            near.sendto(b"very late", name_of(far))
        far.sendto(b"in time", name_of(far))
        await other.received(1)
    assert [data for data, _ in other.datagrams] == [b"in time"]
    assert [record.getMessage() for record in caplog.records if "dropped" in record.getMessage()] == [
        f"<DatagramSocketTransport closed sockname={name_of(near)!r} fd={near._sock_fd} write_buffer=0>: "
        "data written after the connection was lost is dropped"
    ]


async def test_nothing_is_received_after_close() -> None:
    async with opened() as (far, _), opened() as (near, protocol):
        far.sendto(b"data", name_of(near))
        near.close()
        await protocol.lost()
    assert protocol.datagrams == []


@pytest.mark.parametrize("method", ["close", "abort"])
async def test_end_is_told_once_and_closes_the_socket(method: str) -> None:
    async with opened() as (transport, protocol):
        getattr(transport, method)()
        assert transport.is_closing()
        getattr(transport, method)()
        transport.close()
        transport.abort()
        assert await protocol.lost() is None
        await turns()
    assert protocol.order() == ["connection_made", "connection_lost"]
    assert transport._sock.fileno() == -1


async def test_endpoint_closed_in_a_callback_receives_no_more() -> None:
    protocol = DatagramRecorder(datagram_received=lambda data, addr: protocol.transport.close())
    async with opened(protocol) as (transport, _):
        for _ in range(10):
            transport.sendto(b"data", name_of(transport))
        await protocol.lost()
    assert len(protocol.datagrams) == 1


async def test_connecting_can_be_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    async def sock_connect(sock: socket.socket, address: Any) -> None:
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", sock_connect)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await UDP.open(running(), DatagramRecorder, remote_addr=(HOST, 9))


@pytest.mark.parametrize("steps", range(6))
async def test_cancellation_at_any_step_leaves_nothing(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    protocol = DatagramRecorder()
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolving_to((HOST, 9)))
    task = asyncio.ensure_future(UDP.open(running(), made(protocol), remote_addr=("name.invalid", 9)))
    await turns(steps)
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()[0].abort()
    await turns()
    assert protocol.names() in ([], ["connection_made", "connection_lost"])


# -- bad input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        ("localhost", 9),
        ("::1", 9),
        ("127.0.0.1", 65536),
        ("127.0.0.1", -1),
        ("127.0.0.1", "9"),
        ("127.0.0.1", 9, 0, 0),
        ("127.0.0.1",),
        ["127.0.0.1", 9],
        "127.0.0.1:9",
        b"/tmp/socket",
        9,
        (),
    ],
    ids=repr,
)
async def test_what_is_no_ipv4_address_is_refused_at_the_call(address: Any) -> None:
    async with opened() as (transport, protocol):
        with pytest.raises(ValueError, match=r"^expected an IPv4 address \(host, port\), got "):
            transport.sendto(b"data", address)
        transport.sendto(b"data", name_of(transport))
        await protocol.received(1)


@pytest.mark.parametrize(
    "address", [("localhost", 9), ("127.0.0.1", 9), ("::1", 9, "0", 0), ("::1", 9, 0, 0, 0), None], ids=repr
)
async def test_what_is_no_ipv6_address_is_refused_at_the_call(address: Any) -> None:
    async with opened(local_addr=("::1", 0)) as (transport, protocol):
        with pytest.raises(ValueError, match=r"^expected an (IPv6 address|address to send to, got None)"):
            transport.sendto(b"data", address)
        transport.sendto(b"data", ("::1%1", name_of(transport)[1]))
        transport.sendto(b"data", name_of(transport)[:3])
        await protocol.received(1)


async def test_missing_address_of_an_unconnected_endpoint_is_refused() -> None:
    async with opened() as (transport, _):
        with pytest.raises(ValueError, match="got None: the endpoint is not connected"):
            transport.sendto(b"data")


async def test_connected_endpoint_refuses_other_addresses() -> None:
    async with opened() as (far, _), opened(remote_addr=name_of(far)) as (transport, _):
        for address in (("127.0.0.1", 9), ("localhost", 9), (), "x", [HOST, 9]):
            with pytest.raises(ValueError, match=r"^Invalid address: must be None or \('127.0.0.1', \d+\), got "):
                transport.sendto(b"data", address)


@pytest.mark.parametrize("data", ["text", 5, None, [1]])
async def test_what_is_not_bytes_like_is_refused(data: Any) -> None:
    async with opened() as (transport, _):
        with pytest.raises(TypeError, match="data argument must be a bytes-like object, not"):
            transport.sendto(data, name_of(transport))


async def test_many_addresses_are_remembered_only_up_to_a_bound() -> None:
    async with opened() as (transport, protocol):
        for number in range(3000):
            transport._learn((f"127.0.{number >> 8}.{number & 255}", 9))
        assert len(transport._known) <= 1024
        transport.sendto(b"data", name_of(transport))
        await protocol.received(1)


async def test_stream_socket_is_refused() -> None:
    with socket.socket() as sock, pytest.raises(ValueError, match="A datagram socket was expected, got <socket"):
        await UDP.open(running(), DatagramRecorder, sock=sock)


async def test_socket_and_anything_else_exclude_each_other() -> None:
    message = (
        r"^socket modifier keyword arguments can not be used when sock is specified\. "
        r"\(reuse_port=True, local_addr=\('127.0.0.1', 0\)\)$"
    )
    with socket.socket(type=socket.SOCK_DGRAM) as sock, pytest.raises(ValueError, match=message):
        await UDP.open(running(), DatagramRecorder, (HOST, 0), sock=sock, reuse_port=True)


async def test_closed_socket_is_refused() -> None:
    sock = socket.socket(type=socket.SOCK_DGRAM)
    sock.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        await UDP.open(running(), DatagramRecorder, sock=sock)


async def test_neither_address_nor_family_is_refused() -> None:
    with pytest.raises(ValueError, match="unexpected address family"):
        await UDP.open(running(), DatagramRecorder)


async def test_addresses_of_different_families_are_refused() -> None:
    with pytest.raises(ValueError, match="can not get address information"):
        await UDP.open(running(), DatagramRecorder, (HOST, 0), ("::1", 9))


async def test_protocol_that_the_system_does_not_know_is_refused() -> None:
    with pytest.raises(OSError, match="not supported"):
        await UDP.open(running(), DatagramRecorder, (HOST, 0), proto=socket.IPPROTO_TCP)


@pytest.mark.parametrize("address", ["127.0.0.1", ("127.0.0.1",), (HOST, 9, 0)], ids=repr)
async def test_address_that_is_no_pair_is_refused(address: Any) -> None:
    with pytest.raises(TypeError, match="2-tuple is expected"):
        await UDP.open(running(), DatagramRecorder, address)


async def test_port_out_of_range_is_refused() -> None:
    with pytest.raises(OverflowError, match="port must be 0-65535, got 65536"):
        await UDP.open(running(), DatagramRecorder, (HOST, 65536))


async def test_address_in_use_is_named_because_it_is_not_shared() -> None:
    async with opened() as (transport, _):
        message = r"error while attempting to bind on address \('127.0.0.1', \d+\).*address already in use"
        with pytest.raises(OSError, match=message) as caught:
            await UDP.open(running(), DatagramRecorder, name_of(transport))
    assert caught.value.errno == errno.EADDRINUSE


async def test_port_is_shared_if_asked_for() -> None:
    async with (
        opened(local_addr=(HOST, 0), reuse_port=True) as (one, _),
        opened(local_addr=name_of(one), reuse_port=True) as (other, _),
    ):
        assert name_of(one) == name_of(other)


@pytest.mark.parametrize(("high", "low"), [(-1, None), (None, -1), (1, 2)])
async def test_impossible_limits_are_refused(high: int | None, low: int | None) -> None:
    async with opened() as (transport, _):
        with pytest.raises(ValueError, match="must be >="):
            transport.set_write_buffer_limits(high, low)


async def test_next_address_is_tried_when_one_cannot_be_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolving_to(("::2", 0), (HOST, 0)))
    async with opened(local_addr=("name.invalid", 0)) as (transport, _):
        assert name_of(transport)[0] == HOST
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolving_to(("::2", 0), ("192.0.2.1", 0)))
    with pytest.raises(OSError, match="'::2'"):
        await UDP.open(running(), DatagramRecorder, ("name.invalid", 0))


async def test_literal_address_is_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def getaddrinfo(*args: Any, **options: Any) -> Any:
        raise AssertionError("looked up")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    async with opened(local_addr=(HOST, 0), remote_addr=("127.0.0.2", 9)) as (transport, _):
        assert transport.get_extra_info("peername") == ("127.0.0.2", 9)


async def test_transport_is_of_asyncio_s_classes() -> None:
    async with opened() as (transport, _):
        assert isinstance(transport, asyncio.DatagramTransport)
        assert isinstance(transport, asyncio.Transport)


async def test_turns_are_enough_for_what_is_queued_nowhere() -> None:
    async with opened() as (transport, protocol):
        transport.sendto(b"data", name_of(transport))
        assert transport.get_write_buffer_size() == 0
        await until(lambda: protocol.datagrams)
