"""TCP servers: binding, accepting, closing, and what goes wrong there."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import importlib
import logging
import os
import resource
import socket
import struct
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest

import transport_socket._accept
from tests.coroutines import LOOPS
from tests.support import tcp_pair
from tests.transport_socket.support import (
    HOST,
    LIMIT,
    TCP,
    connected,
    made,
    peer_of,
    port_of,
    reports,
    running,
    serving,
    turns,
    until,
)
from transport_abc import WrapperTransport
from transport_abc.testing import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transport_abc import Transport


def _reset(sock: socket.socket) -> None:
    """Close a connection with a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


# -- binding -------------------------------------------------------------------------------------------------------


async def test_several_hosts_are_bound_each_once() -> None:
    async with serving(Recorder, where=(["127.0.0.1", "127.0.0.2", "127.0.0.1"], 0)) as server:
        assert [sock.getsockname()[0] for sock in server.sockets] == ["127.0.0.1", "127.0.0.2"]


@pytest.mark.parametrize("host", [None, "", b""], ids=["None", "empty", "empty bytes"])
async def test_no_host_means_all_interfaces_of_both_families(host: Any) -> None:
    async with serving(Recorder, where=(host, 0)) as server:
        found = {sock.getsockname()[0] for sock in server.sockets}
    assert found == ({"0.0.0.0", "::"} if socket.has_dualstack_ipv6() else {"0.0.0.0"})


async def test_ipv6_socket_leaves_the_port_to_ipv4() -> None:
    with socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        port = probe.getsockname()[1]
    async with serving(Recorder, where=(["::", "0.0.0.0"], port)) as server:
        assert [sock.getsockname()[:2] for sock in server.sockets] == [("::", port), ("0.0.0.0", port)]


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this system has no sockets for both families")
@pytest.mark.parametrize("address", ["::", "::ffff:0.0.0.0"])
async def test_a_connection_knows_its_own_address_where_any_was_bound(address: str) -> None:
    sock = socket.socket(socket.AF_INET6)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.bind((address, 0))
    recorder = Recorder()
    async with serving(made(recorder), where=(), sock=sock) as server:
        with peer_of(server):
            await recorder.called("connection_made")
        await recorder.lost()
        assert recorder.transport.get_extra_info("sockname")[0] == "::ffff:127.0.0.1"  # asked for the first time


async def test_name_of_a_host_may_be_bytes() -> None:
    async with serving(Recorder, where=(b"127.0.0.1", 0)) as server:
        assert server.sockets[0].getsockname()[0] == HOST


async def test_family_restricts_the_addresses() -> None:
    async with serving(Recorder, where=(None, 0), family=socket.AF_INET) as server:
        assert [sock.family for sock in server.sockets] == [socket.AF_INET]


@pytest.mark.parametrize("given", [None, True, False])
async def test_address_is_reused_unless_forbidden(given: bool | None) -> None:
    async with serving(Recorder, reuse_address=given) as server:
        option = server.sockets[0].getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
    assert bool(option) is (given is not False)


async def test_port_is_shared_if_asked_for() -> None:
    async with (
        serving(Recorder, reuse_port=True) as one,
        serving(Recorder, where=(HOST, port_of(one)), reuse_port=True) as other,
    ):
        assert port_of(other) == port_of(one)


async def test_keep_alive_is_set_if_asked_for() -> None:
    async with serving(Recorder, keep_alive=True) as server:
        assert server.sockets[0].getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


async def test_address_in_use_is_named() -> None:
    async with serving(Recorder) as server:
        message = (
            r"error while attempting to bind on address \('127.0.0.1', \d+\): \[errno \d+\] address already in use"
        )
        with pytest.raises(OSError, match=message) as caught:
            await TCP.listen(running(), Recorder, HOST, port_of(server))
    assert caught.value.errno == errno.EADDRINUSE


async def test_no_socket_is_left_when_one_of_several_addresses_cannot_be_bound() -> None:
    async with serving(Recorder, where=("127.0.0.2", 0)) as server:
        with pytest.raises(OSError, match=r"127\.0\.0\.2"):
            await TCP.listen(running(), Recorder, [HOST, "127.0.0.2"], port_of(server))


async def test_address_of_another_machine_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(Recorder, where=(["192.0.2.1", HOST], 0)) as server:
        assert [sock.getsockname()[0] for sock in server.sockets] == [HOST]
    assert "error while attempting to bind on address ('192.0.2.1', 0)" in caplog.text


async def test_no_host_in_a_list_is_an_error_and_not_all_interfaces() -> None:
    with pytest.raises(OSError, match=r"could not bind on any address out of \[\]"):
        await TCP.listen(running(), Recorder, [], 0)


async def test_system_that_cannot_share_ports_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(socket, "SO_REUSEPORT", 0x7FFF)
        with pytest.raises(ValueError, match="SO_REUSEPORT defined but not implemented"):
            await TCP.listen(running(), Recorder, HOST, 0, reuse_port=True)
    monkeypatch.delattr(socket, "SO_REUSEPORT")
    with pytest.raises(ValueError, match="reuse_port not supported by socket module"):
        await TCP.listen(running(), Recorder, HOST, 0, reuse_port=True)


async def test_address_of_a_family_that_the_system_does_not_know_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def getaddrinfo(host: Any, port: Any, **options: Any) -> list[Any]:
        return [(200, socket.SOCK_STREAM, 0, "", None), (socket.AF_INET, socket.SOCK_STREAM, 0, "", (HOST, 0))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    async with serving(Recorder, where=("name.invalid", 0)) as server:
        assert [sock.getsockname()[0] for sock in server.sockets] == [HOST]


async def test_no_address_at_all_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(OSError, match=r"could not bind on any address out of \[\('192.0.2.1', 0\)\]"):
        await TCP.listen(running(), Recorder, "192.0.2.1", 0)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@pytest.mark.parametrize("port", [-1, 65536])
async def test_port_out_of_range_is_refused(port: int) -> None:
    with pytest.raises(OverflowError, match=rf"port must be 0-65535, got {port}"):
        await TCP.listen(running(), Recorder, HOST, port)


async def test_unresolvable_service_is_reported_by_the_resolver() -> None:
    with pytest.raises(socket.gaierror):
        await TCP.listen(running(), Recorder, HOST, "no-such-service")


# -- given sockets -------------------------------------------------------------------------------------------------


async def test_given_socket_is_served() -> None:
    sock = socket.create_server((HOST, 0))
    assert sock.getblocking()
    protocol = Recorder()
    async with serving(made(protocol), where=(), sock=sock) as server:
        assert not sock.getblocking()
        assert [one.fileno() for one in server.sockets] == [sock.fileno()]
        with peer_of(server) as peer:
            peer.sendall(b"data")
            await protocol.received(4)
    assert sock.fileno() == -1


async def test_place_and_socket_exclude_each_other() -> None:
    with socket.socket() as sock:
        for place in ((HOST, 80), (HOST, None), (None, 80)):
            with pytest.raises(ValueError, match="host/port and sock can not be specified at the same time"):
                await TCP.listen(running(), Recorder, *place, sock=sock)


async def test_nowhere_to_listen_is_refused() -> None:
    with pytest.raises(ValueError, match="Neither host/port nor sock were specified"):
        await TCP.listen(running(), Recorder)


async def test_datagram_socket_is_refused() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock, pytest.raises(ValueError, match="A Stream Socket was expected"):
        await TCP.listen(running(), Recorder, sock=sock)


async def test_connected_socket_is_refused() -> None:
    with tcp_pair() as (sock, _), pytest.raises(OSError, match="Invalid argument"):
        await TCP.listen(running(), Recorder, sock=sock)


async def test_closed_socket_is_refused() -> None:
    sock = socket.socket()
    sock.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        await TCP.listen(running(), Recorder, sock=sock)


# -- serving -------------------------------------------------------------------------------------------------------


async def test_server_says_what_it_does() -> None:
    protocol = Recorder()
    async with serving(made(protocol), start_serving=False) as server:
        assert server.get_loop() is asyncio.get_running_loop()
        assert not server.is_serving()
        address = server.sockets[0].getsockname()
        assert repr(server) == f"<Server not serving sockets=({address!r}) connections=0>"
        await server.start_serving()
        assert server.is_serving()
        with peer_of(server):
            await protocol.called("connection_made")
            assert repr(server) == f"<Server serving sockets=({address!r}) connections=1>"
    assert not server.is_serving()
    assert server.sockets == ()
    assert repr(server) == "<Server closed sockets=() connections=0>"


async def test_nobody_can_connect_before_serving_starts() -> None:
    async with serving(Recorder, start_serving=False) as server:
        with pytest.raises(ConnectionRefusedError):
            await TCP.connect(running(), Recorder, HOST, port_of(server))


async def test_starting_twice_is_harmless() -> None:
    protocol = Recorder()
    async with serving(made(protocol)) as server:
        await server.start_serving()
        with peer_of(server):
            await protocol.called("connection_made")


async def test_closed_server_cannot_start() -> None:
    async with serving(Recorder) as server:
        pass
    for starting in (server.start_serving, server.serve_forever):
        with pytest.raises(RuntimeError, match=r"^server <Server closed .*> is closed$"):
            await starting()


async def test_more_connections_are_served_than_one_wake_up_takes() -> None:
    protocols: list[Recorder] = []

    def factory() -> Recorder:
        protocols.append(Recorder())
        return protocols[-1]

    async with serving(factory, backlog=200) as server:
        with contextlib.ExitStack() as stack:
            peers = [stack.enter_context(peer_of(server)) for _ in range(100)]
            for peer in peers:
                peer.sendall(b".")
            async with asyncio.timeout(LIMIT):
                await until(lambda: len(protocols) == 100)
                await asyncio.gather(*(protocol.received(1) for protocol in protocols))


async def test_server_closed_by_a_protocol_accepts_no_more() -> None:
    protocols = [Recorder(connection_made=lambda transport: server.close()), Recorder()]
    async with serving(made(*protocols)) as server:
        with peer_of(server), peer_of(server):
            await protocols[0].called("connection_made")
            await turns()
    assert protocols[1].names() == []


async def test_each_connection_has_a_copy_of_the_server_s_context() -> None:
    variable: ContextVar[str] = ContextVar("variable")
    seen: list[str] = []

    def factory() -> Recorder:
        seen.append(variable.get())
        variable.set(f"of the connection {len(seen)}")
        return Recorder(
            connection_made=lambda transport: seen.append(variable.get()),
            data_received=lambda data: seen.append(variable.get()),
        )

    variable.set("of the server")
    async with serving(factory) as server:
        variable.set("of nobody")
        for count in (3, 6):
            with peer_of(server) as peer:
                peer.sendall(b".")
                await until(lambda count=count: len(seen) == count)
    assert seen == [
        *("of the server", "of the connection 1", "of the connection 1"),
        *("of the server", "of the connection 4", "of the connection 4"),
    ]


# -- what goes wrong -----------------------------------------------------------------------------------------------


async def test_factory_that_raises_is_reported_with_the_peer_and_the_server_goes_on() -> None:
    error = ZeroDivisionError()
    protocol = Recorder()
    outcomes = iter((error, protocol))

    def factory() -> Any:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    reported = reports()
    async with serving(factory) as server:
        with peer_of(server) as one, peer_of(server) as other:
            await protocol.called("connection_made")
            assert one.recv(1) == b""
            (report,) = reported
            assert report["message"] == "Error on transport creation for incoming connection"
            assert (report["exception"], report["peername"]) == (error, one.getsockname())
            assert report["server"] is server
            assert protocol.transport.get_extra_info("peername") == other.getsockname()


async def test_connection_made_that_raises_is_reported_and_the_server_goes_on() -> None:
    def fail(transport: Transport) -> None:
        raise error

    error = ZeroDivisionError()
    first, second = Recorder(connection_made=fail), Recorder()
    reported = reports()
    async with serving(made(first, second)) as server:
        with peer_of(server) as one, peer_of(server):
            assert await first.lost() is error
            await second.called("connection_made")
            assert one.recv(1) == b""
            assert [report["peername"] for report in reported] == [one.getsockname()]


async def test_peer_that_resets_before_it_is_accepted_is_survived() -> None:
    gone, protocol = Recorder(), Recorder()
    async with serving(made(gone, protocol)) as server:
        lost = socket.create_connection((HOST, port_of(server)))
        address = lost.getsockname()
        _reset(lost)
        with peer_of(server) as peer:
            peer.sendall(b"data")
            await protocol.received(4)
            assert isinstance(await gone.lost(), ConnectionResetError)
    assert gone.transport.get_extra_info("peername") == address


class _Aborting(socket.socket):
    """A listening socket of a system on which accept(2) tells of connections that are gone again."""

    failures = 3

    def accept(self) -> Any:
        if self.failures:
            self.failures -= 1
            raise ConnectionAbortedError(errno.ECONNABORTED, "Software caused connection abort")
        return super().accept()


async def test_connection_that_is_gone_when_it_is_accepted_is_passed_over() -> None:
    protocol = Recorder()
    sock = _Aborting()
    sock.bind((HOST, 0))
    async with serving(made(protocol), where=(), sock=sock) as server:
        with peer_of(server):
            await protocol.called("connection_made")
    assert sock.failures == 0


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("name", LOOPS)
def test_interruption_of_a_factory_passes_through_and_closes_the_socket(error: type[BaseException], name: str) -> None:
    def factory() -> Any:
        raise error

    loop = importlib.import_module(name).new_event_loop()
    try:
        server = loop.run_until_complete(TCP.listen(loop, factory, HOST, 0))
        with peer_of(server) as peer:
            with pytest.raises(error):
                loop.run_forever()
            assert peer.recv(1) == b""
        server.close()
    finally:
        loop.close()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("name", LOOPS)
def test_interruption_of_eof_received_passes_through_and_it_is_not_called_again(
    error: type[BaseException], name: str
) -> None:
    def interrupt() -> None:
        raise error

    protocol = Recorder(eof_received=interrupt)
    loop = importlib.import_module(name).new_event_loop()
    try:
        server = loop.run_until_complete(TCP.listen(loop, made(protocol), HOST, 0))
        with peer_of(server) as peer:
            peer.shutdown(socket.SHUT_WR)
            with pytest.raises(error):
                loop.run_forever()
            loop.run_until_complete(turns())
        assert protocol.count("eof_received") == 1
        server.close()
        server.abort_clients()
        loop.run_until_complete(server.wait_closed())
    finally:
        loop.close()


@pytest.fixture
def no_more_descriptors() -> Iterator[Any]:
    """Use up all descriptors when the function is called; they are there again at the end of its context."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    @contextlib.contextmanager
    def used_up() -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            filler = stack.enter_context(open(os.devnull))
            resource.setrlimit(resource.RLIMIT_NOFILE, (filler.fileno() + 20, hard))
            with contextlib.suppress(OSError):
                while True:
                    stack.enter_context(open(os.devnull))
            yield
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    yield used_up
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_running_out_of_descriptors_is_reported_once_and_survived_without_spinning(
    no_more_descriptors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport_socket._accept, "_RETRY_DELAY", 0.02)
    protocol = Recorder()
    reported = reports()
    async with serving(made(protocol)) as server:
        with peer_of(server):
            with no_more_descriptors():
                await until(lambda: reported)
                used = time.process_time()
                await asyncio.sleep(0.3)  # several tries, none of which is reported
                used = time.process_time() - used
            await protocol.called("connection_made")
    (report,) = reported
    assert report["exception"].errno == errno.EMFILE
    assert "out of system resource" in report["message"]
    assert used < 0.15


async def test_server_can_be_closed_while_descriptors_are_short(no_more_descriptors: Any) -> None:
    reported = reports()
    async with serving(Recorder) as server:
        with peer_of(server), no_more_descriptors():
            await until(lambda: reported)
            server.close()
            assert not server.is_serving()


async def test_listening_socket_that_breaks_is_reported_once() -> None:
    reported = reports()
    async with serving(Recorder) as server:
        # A listening socket that was shut down by someone who has a copy of it: accept() says EINVAL from now on.
        with server.sockets[0].dup() as copy:
            copy.shutdown(socket.SHUT_RD)
        await until(lambda: reported)
        await turns(20)
    (report,) = reported
    assert report["message"] == "Fatal error: socket.accept() failed, the socket accepts no more"
    assert report["exception"].errno == errno.EINVAL


# -- the end -------------------------------------------------------------------------------------------------------


async def test_wait_closed_waits_for_close_and_for_the_last_connection() -> None:
    protocol = Recorder()
    async with serving(made(protocol)) as server:
        waiting = asyncio.ensure_future(server.wait_closed())
        with peer_of(server):
            await protocol.called("connection_made")
            server.close()
            await turns()
            assert not waiting.done()
            protocol.transport.close()
            await waiting
        await server.wait_closed()


async def test_server_is_an_asynchronous_context_manager() -> None:
    async with await TCP.listen(running(), Recorder, HOST, 0) as server:
        assert server.is_serving()
    assert not server.is_serving()


async def test_connections_outlive_close() -> None:
    protocol = Recorder()
    async with serving(made(protocol)) as server:
        with peer_of(server) as peer:
            await protocol.called("connection_made")
            server.close()
            peer.sendall(b"still there")
            await protocol.received(11)


async def test_close_clients_sends_what_is_buffered() -> None:
    left, right = Recorder(), Recorder()
    async with connected(left, right) as (near, far):
        server = far._server
        assert server is not None
        near.pause_reading()
        size = 0
        while not far.get_write_buffer_size():
            far.write(bytes(100_000))
            size += 100_000
        server.close_clients()
        assert far.is_closing()
        near.resume_reading()
        await left.received(size)
        assert await right.lost() is None
        assert len(left.data) == size


async def test_abort_clients_does_not_wait_for_the_buffer() -> None:
    right = Recorder()
    async with connected(None, right) as (near, far):
        server = far._server
        assert server is not None
        near.pause_reading()
        while not far.get_write_buffer_size():
            far.write(bytes(100_000))
        server.abort_clients()
        assert await right.lost() is None


async def test_close_clients_closes_what_is_wrapped_around_a_connection() -> None:
    closed: list[str] = []

    class Wrapper(WrapperTransport):
        def close(self) -> None:
            closed.append("wrapper")
            super().close()

    protocol = Recorder()
    async with serving(lambda: Wrapper(running(), protocol)) as server:
        with peer_of(server):
            await protocol.called("connection_made")
            server.close_clients()
            await protocol.lost()
    assert closed == ["wrapper"]


async def test_paused_connection_that_nobody_knows_can_be_collected() -> None:
    forgotten = asyncio.Event()

    class Forgetful(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            transport.pause_reading()
            forgotten.set()

    async def collect() -> None:
        await forgotten.wait()
        await turns()
        gc.collect()

    async with serving(Forgetful) as server:
        with peer_of(server) as peer:
            with pytest.warns(ResourceWarning, match="unclosed transport"):
                await collect()
            assert "connections=0" in repr(server)
            assert peer.recv(1) == b""


async def test_serve_forever_ends_when_its_task_is_cancelled() -> None:
    protocol = Recorder()
    async with serving(made(protocol), start_serving=False) as server:
        task = asyncio.ensure_future(server.serve_forever())
        await turns()
        assert server.is_serving()
        with peer_of(server):
            await protocol.called("connection_made")
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
    assert protocol.count("connection_lost") == 1


async def test_serve_forever_ends_when_the_server_is_closed() -> None:
    async with serving(Recorder) as server:
        task = asyncio.ensure_future(server.serve_forever())
        await turns()
        asyncio.get_running_loop().call_soon(server.close)
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.wait_closed()


async def test_only_one_task_serves_forever() -> None:
    async with serving(Recorder) as server:
        task = asyncio.ensure_future(server.serve_forever())
        await turns()
        with pytest.raises(RuntimeError, match="is already being awaited on serve_forever"):
            await server.serve_forever()
        task.cancel()
        await asyncio.wait([task])


async def test_closing_twice_is_harmless() -> None:
    async with serving(Recorder) as server:
        server.close()
        server.close()
        await server.wait_closed()
