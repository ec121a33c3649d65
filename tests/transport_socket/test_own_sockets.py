"""Whose socket it is: one that a user has given keeps to its methods, ours is read and written by its descriptor."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any

import pytest

from tests.transport_socket.support import HOST, TCP, connected, made, peer_of, running, serving, turns
from transport_abc import DescriptorTransport
from transport_abc.testing import Recorder


def _no_delay(transport: Any) -> int:
    value: int = transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    return value


async def test_a_socket_that_its_user_closed_is_noticed_though_its_number_is_another_file_s() -> None:
    protocol = Recorder()
    given, peer = socket.socketpair()
    ours, theirs = socket.socketpair()
    with peer, ours, theirs:
        transport, _ = await TCP.connect(running(), made(protocol), sock=given)
        fd = given.fileno()
        transport.pause_reading()
        given.close()
        assert os.dup2(ours.fileno(), fd) == fd  # any file that is opened now could get the number
        try:
            transport.write(b"secret")
            assert isinstance(await protocol.lost(), OSError)
            theirs.setblocking(False)
            with pytest.raises(BlockingIOError):
                theirs.recv(6)
        finally:
            os.close(fd)


async def test_an_accepted_connection_has_a_non_blocking_socket_object_once_it_is_asked_for() -> None:
    async with connected() as (_, far):
        assert far._socket is None
        sock = far.get_extra_info("socket")
        assert far.get_extra_info("socket") is sock
        assert (sock.fileno(), sock.gettimeout()) == (far._sock_fd, 0)
        assert not os.get_inheritable(sock.fileno())
        assert not os.get_blocking(sock.fileno())


@pytest.mark.parametrize("asked_before", [False, True])
async def test_the_socket_of_a_connection_that_has_ended_says_closed(asked_before: bool) -> None:
    right = Recorder()
    async with connected(None, right) as (_, far):
        if asked_before:
            assert far.get_extra_info("socket").fileno() >= 0
        far.abort()
        await right.lost()
        assert far.get_extra_info("socket").fileno() == -1


def _state(transport: Any) -> dict[str, Any]:
    slots = [name for cls in type(transport).__mro__ for name in vars(cls).get("__slots__", ())]
    return {name: getattr(transport, name) for name in slots if hasattr(transport, name)}


async def test_an_accepted_transport_begins_in_the_same_state_as_a_constructed_one() -> None:
    async with connected() as (near, far):
        await turns()  # until both receive
        constructed, accepted = _state(near), _state(far)
    own = {"_bound_name", "_peername", "_extra", "_known", "_protocol", "_context", "_server", "_socket"}
    own |= {"_fd", "_plain_fd", "_readiness"}
    functions = {"_receive", "_receive_into", "_send", "_send_lines"}
    assert constructed.keys() - accepted.keys() <= functions
    assert accepted.keys() <= constructed.keys()
    assert {name for name in accepted if accepted[name] != constructed[name]} <= own


@pytest.mark.parametrize("host", [HOST, "0.0.0.0"])
async def test_own_address_is_told_after_the_end_though_nobody_asked_before(host: str) -> None:
    protocol = Recorder()
    async with serving(made(protocol), where=(host, 0)) as server:
        with peer_of(server) as peer:
            address = peer.getpeername()
            await protocol.called("connection_made")
        await protocol.lost()
    assert protocol.transport.get_extra_info("sockname") == address


@pytest.mark.parametrize("inherited", [True, False])
async def test_nagle_s_algorithm_is_off_for_every_connection(inherited: bool) -> None:
    first, second = Recorder(), Recorder()
    async with serving(made(first, second)) as server:
        if not inherited:
            server.sockets[0].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
        for protocol in (first, second):
            with peer_of(server):
                await protocol.called("connection_made")
                assert _no_delay(protocol.transport)


class _Switching(Recorder):
    """Hand the connection over to another protocol with the first piece."""

    def __init__(self, successor: Any) -> None:
        super().__init__()
        self.successor = successor

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.transport.set_protocol(self.successor)


class _Filled(asyncio.BufferedProtocol):
    def __init__(self) -> None:
        self.buffer = bytearray(1000)
        self.got = b""
        self.ended = asyncio.get_running_loop().create_future()

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.got += self.buffer[:nbytes]

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set_result(exc)


async def test_bytes_that_have_arrived_already_go_to_the_successor_of_a_protocol() -> None:
    data = os.urandom(300_000)
    successor = _Filled()
    protocol = _Switching(successor)
    async with serving(made(protocol)) as server:
        with peer_of(server) as peer:
            await asyncio.to_thread(peer.sendall, data)
        assert await successor.ended is None
    assert bytes(protocol.data) + successor.got == data
    assert protocol.count("data_received") == 1


async def test_data_received_may_be_replaced_on_a_protocol_in_use() -> None:
    protocol = Recorder()
    async with serving(made(protocol)) as server:
        with peer_of(server) as peer:
            peer.sendall(b"one")
            await protocol.received(3)
            replaced = asyncio.get_running_loop().create_future()
            protocol.data_received = replaced.set_result  # type: ignore[method-assign, assignment]
            peer.sendall(b"two")
            assert await replaced == b"two"


async def test_a_fast_peer_does_not_keep_the_loop_from_other_work() -> None:
    """What one event may receive is bounded: a callback scheduled by the first piece runs before the last comes."""
    size = 32 * 2**20
    protocol = Recorder()
    seen: list[int] = []
    async with serving(made(protocol)) as server:
        with peer_of(server) as peer:
            sending = asyncio.to_thread(peer.sendall, bytes(size))
            task = asyncio.ensure_future(sending)
            await protocol.received(1)
            seen.append(len(protocol.data))
            await protocol.received(size)
            await task
    assert seen[0] < size


async def test_functions_for_a_descriptor_are_given_all_or_none() -> None:
    left, right = socket.socketpair()
    with left, right, pytest.raises(TypeError, match="all of receive, receive_into, send and send_lines"):
        DescriptorTransport(running(), Recorder(), left.fileno(), receive=left.recv)
