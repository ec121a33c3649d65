"""Connect over TCP: resolution, order of attempts, errors, cancellation."""

from __future__ import annotations

import asyncio
import errno
import socket
from asyncio.trsock import TransportSocket
from typing import Any

import pytest

from tests.support import listening
from tests.transport_socket.support import (
    HOST,
    LIMIT,
    TCP,
    connected,
    made,
    port_of,
    refused,
    reports,
    resolving_to,
    running,
    serving,
    turns,
    unanswered,
)
from transport_abc.testing import Recorder


async def test_bytes_travel_in_both_directions() -> None:
    left, right = Recorder(), Recorder()
    async with connected(left, right) as (near, far):
        near.write(b"there")
        far.write(b"and back")
        await right.received(5)
        await left.received(8)
    assert (bytes(right.data), bytes(left.data)) == (b"there", b"and back")


async def test_addresses_of_both_ends_match_and_outlive_the_connection() -> None:
    async with connected() as (near, far):
        pass
    assert near.get_extra_info("peername") == far.get_extra_info("sockname")
    assert near.get_extra_info("sockname") == far.get_extra_info("peername")


async def test_socket_of_extra_info_says_that_it_is_closed_after_the_end() -> None:
    async with connected() as (near, _):
        sock = near.get_extra_info("socket")
        assert isinstance(sock, TransportSocket)
        assert sock is near.get_extra_info("socket")
        assert sock.getsockname() == near.get_extra_info("sockname")
    with pytest.raises(OSError, match="Bad file descriptor"):
        sock.getsockname()
    assert isinstance(near.get_extra_info("socket"), TransportSocket)


async def test_extra_info_has_a_default_for_what_is_not_known() -> None:
    async with connected() as (near, _):
        assert near.get_extra_info("peercert", "none") == "none"
        assert near.get_extra_info("peercred", "none") == "none"


async def test_nagle_is_off_on_both_ends() -> None:
    async with connected() as ends:
        for end in ends:
            sock = end.get_extra_info("socket")
            assert sock is not None
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_nagle_is_off_on_a_given_socket_that_does_not_say_that_it_is_tcp() -> None:
    with listening() as server, socket.create_connection(server.getsockname()) as sock:
        assert sock.proto == socket.IPPROTO_TCP
        plain = socket.socket(sock.family, sock.type, 0, fileno=sock.detach())
        transport, protocol = await TCP.connect(running(), Recorder, sock=plain)
        assert plain.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        transport.abort()
        await protocol.lost()


async def test_whoever_awaits_the_connection_runs_before_the_first_byte_comes() -> None:
    order: list[str] = []
    greeter = Recorder(connection_made=lambda transport: transport.write(b"hello"))
    listener = Recorder(data_received=lambda data: order.append("data"))
    async with serving(made(greeter)) as server:
        transport, _ = await TCP.connect(running(), made(listener), HOST, port_of(server))
        order.append("connected")
        await listener.received(5)
        transport.abort()
        await listener.lost()
    assert order == ["connected", "data"]


# -- names ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "port_as"),
    [(HOST, int), (HOST, str), (HOST.encode(), int), ("::1", int)],
    ids=["number", "text", "bytes", "IPv6"],
)
async def test_literal_address_is_not_looked_up(host: Any, port_as: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def getaddrinfo(*args: Any, **options: Any) -> Any:
        raise AssertionError("looked up")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    async with serving(Recorder, where=(host, 0)) as server:
        transport, protocol = await TCP.connect(running(), Recorder, host, port_as(port_of(server)))
        transport.abort()
        await protocol.lost()


async def test_replaced_resolver_and_sock_connect_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    sock_connect = loop.sock_connect
    seen = []

    async def connect(sock: socket.socket, address: Any) -> None:
        seen.append(address)
        await sock_connect(sock, address)

    async with serving(Recorder) as server:
        address = (HOST, port_of(server))
        monkeypatch.setattr(loop, "getaddrinfo", resolving_to(address))
        monkeypatch.setattr(loop, "sock_connect", connect)
        transport, protocol = await TCP.connect(running(), Recorder, "name.invalid", 80)
        transport.abort()
        await protocol.lost()
    assert seen == [address]


async def test_zone_of_an_ipv6_address_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    async def connect(sock: socket.socket, address: Any) -> None:
        seen.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", connect)
    with pytest.raises(ConnectionRefusedError):
        await TCP.connect(running(), Recorder, f"fe80::1%{socket.if_indextoname(1)}", 80)
    assert [(address[0].partition("%")[0], address[3]) for address in seen] == [("fe80::1", 1)]


async def test_unresolvable_name_and_service_are_reported_by_the_resolver() -> None:
    with pytest.raises(socket.gaierror):
        await TCP.connect(running(), Recorder, "not.numeric", 80, flags=socket.AI_NUMERICHOST)
    with pytest.raises(socket.gaierror):
        await TCP.connect(running(), Recorder, HOST, "no-such-service")


async def test_empty_answer_of_the_resolver_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolving_to())
    with pytest.raises(OSError, match=r"^getaddrinfo\(\) returned empty list$"):
        await TCP.connect(running(), Recorder, "name.invalid", 80)


@pytest.mark.parametrize("host", [HOST, "localhost"])
@pytest.mark.parametrize("port", [-1, 65536, "65537"])
async def test_port_out_of_range_is_refused_at_the_call(host: str, port: Any) -> None:
    with pytest.raises(OverflowError, match=r"port must be 0-65535, got "):
        await TCP.connect(running(), Recorder, host, port)


# -- several addresses ---------------------------------------------------------------------------------------------


async def _connect_to(monkeypatch: pytest.MonkeyPatch, addresses: list[Any], **options: Any) -> Any:
    """Connect to a name that has these addresses, and return the peer's address."""
    with monkeypatch.context() as patch:
        patch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolving_to(*addresses))
        transport, protocol = await TCP.connect(running(), Recorder, "name.invalid", 80, **options)
    transport.abort()
    await protocol.lost()
    return transport.get_extra_info("peername")


async def test_next_address_is_tried_after_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    with refused() as nobody, listening() as server:
        assert await _connect_to(monkeypatch, [nobody, server.getsockname()]) == server.getsockname()


async def test_refusals_of_all_addresses_are_in_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    message = r"^Multiple exceptions: .*Connect call failed.*, .*Connect call failed"
    with refused() as one, refused() as other, pytest.raises(OSError, match=message):
        await _connect_to(monkeypatch, [one, other])


async def test_same_refusal_of_all_addresses_is_raised_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with refused() as nobody, pytest.raises(ConnectionRefusedError, match="Connect call failed"):
        await _connect_to(monkeypatch, [nobody, nobody])


@pytest.mark.parametrize("delay", [None, 0.0])
async def test_all_errors_are_a_group(monkeypatch: pytest.MonkeyPatch, delay: float | None) -> None:
    with refused() as one, refused() as other, pytest.raises(ExceptionGroup) as caught:
        await _connect_to(monkeypatch, [one, other], all_errors=True, happy_eyeballs_delay=delay)
    assert caught.value.message == "create_connection failed"
    assert [type(error) for error in caught.value.exceptions] == [ConnectionRefusedError] * 2


async def test_next_address_is_tried_while_the_first_one_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    with unanswered() as hanging, listening() as server:
        addresses = [hanging, hanging, server.getsockname()]
        assert await _connect_to(monkeypatch, addresses, happy_eyeballs_delay=0.01) == server.getsockname()


async def test_next_address_is_tried_at_once_after_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    with refused() as nobody, listening() as server:
        async with asyncio.timeout(LIMIT):
            peer = await _connect_to(monkeypatch, [nobody, server.getsockname()], happy_eyeballs_delay=1000)
        assert peer == server.getsockname()


async def test_slow_first_address_wins_if_the_others_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    sock_connect = loop.sock_connect
    failed = asyncio.Event()

    async def connect(sock: socket.socket, address: Any) -> None:
        if address == nobody:
            failed.set()
        else:
            await failed.wait()
        await sock_connect(sock, address)

    with refused() as nobody, listening() as server:
        monkeypatch.setattr(loop, "sock_connect", connect)
        peer = await _connect_to(monkeypatch, [server.getsockname(), nobody], happy_eyeballs_delay=0.01)
        assert peer == server.getsockname()


async def test_socket_that_connects_together_with_the_winner_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    both = asyncio.Barrier(2)
    attempts: list[socket.socket] = []

    async def connect(sock: socket.socket, address: Any) -> None:
        attempts.append(sock)
        sock.setblocking(True)
        sock.connect(address)
        await both.wait()

    monkeypatch.setattr(loop, "sock_connect", connect)
    with listening() as one, listening() as other:
        addresses = [one.getsockname(), other.getsockname()]
        assert await _connect_to(monkeypatch, addresses, happy_eyeballs_delay=0.01) == addresses[0]
        await turns()
        assert [sock.fileno() for sock in attempts] == [-1, -1]


async def test_families_alternate_with_happy_eyeballs(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    async def connect(sock: socket.socket, address: Any) -> None:
        order.append(address[0])
        raise ConnectionRefusedError(errno.ECONNREFUSED, str(address))

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", connect)
    addresses = [("::1", 1), ("::2", 1), ("::3", 1), (HOST, 1), ("127.0.0.2", 1)]
    with pytest.raises(OSError, match="Multiple exceptions"):
        await _connect_to(monkeypatch, addresses, happy_eyeballs_delay=1000)
    assert order == ["::1", HOST, "::2", "127.0.0.2", "::3"]
    order.clear()
    with pytest.raises(OSError, match="Multiple exceptions"):
        await _connect_to(monkeypatch, addresses, interleave=2)
    assert order == ["::1", "::2", HOST, "::3", "127.0.0.2"]
    order.clear()
    with pytest.raises(OSError, match="Multiple exceptions"):
        await _connect_to(monkeypatch, addresses, happy_eyeballs_delay=1000, interleave=0)
    assert order == [address for address, _ in addresses]


async def test_error_that_is_no_connection_error_ends_the_race_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def connect(sock: socket.socket, address: Any) -> None:
        if address == hanging:
            await asyncio.get_running_loop().create_future()
        raise ZeroDivisionError

    with unanswered() as hanging:
        monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", connect)
        with pytest.raises(ZeroDivisionError):
            await _connect_to(monkeypatch, [hanging, (HOST, 1)], happy_eyeballs_delay=0.01)


async def test_address_of_a_family_that_the_system_does_not_know_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def getaddrinfo(host: Any, port: Any, **options: Any) -> list[Any]:
        return [(200, socket.SOCK_STREAM, 0, "", None), (socket.AF_INET, socket.SOCK_STREAM, 0, "", address)]

    with listening() as server:
        address = server.getsockname()
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
        transport, protocol = await TCP.connect(running(), Recorder, "name.invalid", 80)
        assert transport.get_extra_info("peername") == address
        transport.abort()
        await protocol.lost()


async def test_literal_address_of_another_family_is_left_to_the_resolver() -> None:
    with pytest.raises(socket.gaierror):
        await TCP.connect(running(), Recorder, HOST, 80, family=socket.AF_INET6)


# -- cancellation --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delay", [None, 0.01])
async def test_connecting_can_be_cancelled(monkeypatch: pytest.MonkeyPatch, delay: float | None) -> None:
    with unanswered() as hanging, pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await _connect_to(monkeypatch, [hanging, hanging], happy_eyeballs_delay=delay)


@pytest.mark.parametrize("steps", range(12))
@pytest.mark.parametrize("delay", [None, 0.0])
async def test_cancellation_at_any_step_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, steps: int, delay: float | None
) -> None:
    protocol = Recorder()
    with listening() as server:
        addresses = [server.getsockname()] * 2
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolving_to(*addresses))
        connecting = TCP.connect(running(), made(protocol), "name.invalid", 80, happy_eyeballs_delay=delay)
        task = asyncio.ensure_future(connecting)
        await turns(steps)
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()[0].abort()
        await turns()
    assert protocol.names() in ([], ["connection_made", "connection_lost"])


# -- the protocol --------------------------------------------------------------------------------------------------


async def test_factory_that_raises_closes_the_socket() -> None:
    def factory() -> Any:
        raise ZeroDivisionError

    with listening() as server:
        with pytest.raises(ZeroDivisionError):
            await TCP.connect(running(), factory, *server.getsockname())
        peer, _ = server.accept()
        with peer:
            assert peer.recv(1) == b""


async def test_connection_made_that_raises_is_reported_and_ends_the_connection() -> None:
    def fail(transport: Any) -> None:
        raise error

    error = ZeroDivisionError()
    reported = reports()
    with listening() as server:
        address = server.getsockname()
        transport, protocol = await TCP.connect(running(), made(Recorder(connection_made=fail)), *address)
        assert transport.is_closing()
        assert await protocol.lost() is error
    (report,) = reported
    assert (report["exception"], report["transport"], report["peername"]) == (error, transport, address)


# -- the local address ---------------------------------------------------------------------------------------------


async def test_local_address_is_bound() -> None:
    with listening() as server:
        transport, protocol = await TCP.connect(running(), Recorder, *server.getsockname(), local_addr=("127.0.0.2", 0))
        assert transport.get_extra_info("sockname")[0] == "127.0.0.2"
        transport.abort()
        await protocol.lost()


async def test_local_address_in_use_is_named() -> None:
    message = r"error while attempting to bind on address \('127.0.0.1', \d+\)"
    with listening() as server, listening() as taken, pytest.raises(OSError, match=message) as caught:
        await TCP.connect(running(), Recorder, *server.getsockname(), local_addr=taken.getsockname())
    assert caught.value.errno == errno.EADDRINUSE


async def test_local_address_of_another_family_is_refused() -> None:
    with listening() as server, pytest.raises(OSError, match="no matching local address with"):
        await TCP.connect(running(), Recorder, *server.getsockname(), local_addr=("::1", 0))


async def test_a_local_address_that_could_not_be_had_is_told_when_another_leads_nowhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def getaddrinfo(host: Any, port: Any, **options: Any) -> list[Any]:
        hosts = ["192.0.2.1", "127.0.0.1"] if host == "here" else ["127.0.0.1"]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port)) for host in hosts]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    message = r"Multiple exceptions: .*bind on address \('192.0.2.1', 0\).*Connect call failed"
    with refused() as (_, port), pytest.raises(OSError, match=message):
        await TCP.connect(running(), Recorder, "there", port, local_addr=("here", 0))


# -- arguments -----------------------------------------------------------------------------------------------------


async def test_host_or_port_and_socket_exclude_each_other() -> None:
    with socket.socket() as sock:
        for place in ((HOST, 80), (HOST, None), (None, 80)):
            with pytest.raises(ValueError, match="host/port and sock can not be specified at the same time"):
                await TCP.connect(running(), Recorder, *place, sock=sock)


async def test_nothing_to_connect_to_is_refused() -> None:
    with pytest.raises(ValueError, match="host and port was not specified and no sock specified"):
        await TCP.connect(running(), Recorder)


async def test_datagram_socket_is_refused() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        with pytest.raises(ValueError, match="A Stream Socket was expected, got <socket"):
            await TCP.connect(running(), Recorder, sock=sock)
        with pytest.raises(ValueError, match="A Stream Socket was expected, got <socket"):
            await TCP.adopt(running(), Recorder, sock)


async def test_blocking_socket_is_made_non_blocking() -> None:
    with listening() as server:
        sock = socket.create_connection(server.getsockname())
        assert sock.getblocking()
        transport, protocol = await TCP.connect(running(), Recorder, sock=sock)
        assert not sock.getblocking()
        transport.abort()
        await protocol.lost()
        assert sock.fileno() == -1


async def test_closed_socket_is_refused() -> None:
    sock = socket.socket()
    sock.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        await TCP.connect(running(), Recorder, sock=sock)


async def test_socket_that_is_not_connected_ends_in_an_error() -> None:
    transport, protocol = await TCP.connect(running(), Recorder, sock=socket.socket())
    error = await protocol.lost()
    assert isinstance(error, OSError)
    assert transport.get_extra_info("peername") is None


async def test_adopted_socket_carries_data() -> None:
    with listening() as server, socket.create_connection(server.getsockname(), LIMIT) as peer:
        sock, address = server.accept()
        transport, protocol = await TCP.adopt(running(), Recorder, sock)
        assert transport.get_extra_info("peername") == address
        peer.sendall(b"data")
        await protocol.received(4)
        transport.close()
        await protocol.lost()
        assert peer.recv(1) == b""


async def test_descriptor_can_be_used_again_after_close() -> None:
    for _ in range(3):
        left, right = Recorder(), Recorder()
        async with connected(left, right) as (near, far):
            far.write(b"x" * 1000)
            near.write(b"y" * 1000)
            await left.received(1000)
            await right.received(1000)


async def test_dup_of_a_closed_transport_s_socket_lives_on() -> None:
    async with connected() as (near, far):
        sock = near.get_extra_info("socket")
        assert sock is not None
        copy = sock.dup()
        near.close()
        await turns()
        transport, protocol = await TCP.connect(running(), Recorder, sock=copy)
        far.write(b"to the second one")
        await protocol.received(17)
        transport.abort()
        await protocol.lost()
