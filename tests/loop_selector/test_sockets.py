from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from loop_selector import SelectorEventLoop

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        far.setblocking(False)
        yield near, far


@pytest.fixture
def datagrams() -> Iterator[Pair]:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far,
    ):
        for sock in (near, far):
            sock.setblocking(False)
            sock.bind(("127.0.0.1", 0))
        yield near, far


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as sock:
        sock.setblocking(False)
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield sock


async def later(coro: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Start something that will wait, and let it get that far."""
    task = asyncio.ensure_future(coro)
    for _ in range(3):
        await asyncio.sleep(0)
    assert not task.done()
    return task


def fill(sock: socket.socket) -> None:
    """Send until the socket takes no more."""
    with contextlib.suppress(BlockingIOError):
        while sock.send(b"x" * 65536):
            pass


def registered(loop: SelectorEventLoop) -> set[int]:
    """What is watched, except the loop's own wake-up."""
    own = loop._wakeup._receiver.fileno()
    return {*loop.readiness.readers, *loop.readiness.writers} - {own}


# -- receiving -------------------------------------------------------------------------------------------------------


RECEIVERS: dict[str, Callable[[SelectorEventLoop, socket.socket], Coroutine[Any, Any, Any]]] = {
    "sock_recv": lambda loop, sock: loop.sock_recv(sock, 100),
    "sock_recv_into": lambda loop, sock: loop.sock_recv_into(sock, bytearray(100)),
    "sock_recvfrom": lambda loop, sock: loop.sock_recvfrom(sock, 100),
    "sock_recvfrom_into": lambda loop, sock: loop.sock_recvfrom_into(sock, bytearray(100)),
}


def test_what_is_there_is_received_at_once(loop: SelectorEventLoop, pair: Pair) -> None:
    async def main() -> None:
        pair[1].send(b"hello")
        assert await loop.sock_recv(pair[0], 2) == b"he"
        buffer = bytearray(2)
        assert await loop.sock_recv_into(pair[0], buffer) == 2
        assert buffer == b"ll"
        assert await loop.sock_recv(pair[0], 100) == b"o"

    loop.run_until_complete(main())


def test_what_comes_later_is_waited_for(loop: SelectorEventLoop, pair: Pair) -> None:
    async def main() -> None:
        task = await later(loop.sock_recv(pair[0], 100))
        pair[1].send(b"hello")
        assert await task == b"hello"
        buffer = bytearray(100)
        task = await later(loop.sock_recv_into(pair[0], buffer))
        pair[1].send(b"again")
        assert await task == 5
        assert buffer[:5] == b"again"
        task = await later(loop.sock_recv(pair[0], 100))
        pair[1].close()
        assert await task == b""
        assert registered(loop) == set()

    loop.run_until_complete(main())


def test_datagrams_are_received_with_their_senders(loop: SelectorEventLoop, datagrams: Pair) -> None:
    near, far = datagrams

    async def main() -> None:
        task = await later(loop.sock_recvfrom(near, 100))
        assert await loop.sock_sendto(far, b"hello", near.getsockname()) == 5
        assert await task == (b"hello", far.getsockname())
        buffer = bytearray(100)
        task = await later(loop.sock_recvfrom_into(near, buffer))
        await loop.sock_sendto(far, b"again", near.getsockname())
        assert await task == (5, far.getsockname())
        task = await later(loop.sock_recvfrom_into(near, buffer, 2))
        await loop.sock_sendto(far, b"cut off", near.getsockname())
        assert await task == (2, far.getsockname())

    loop.run_until_complete(main())


@pytest.mark.parametrize("method", RECEIVERS)
def test_cancelling_leaves_no_registration_and_loses_nothing(loop: SelectorEventLoop, pair: Pair, method: str) -> None:
    async def main() -> None:
        task = await later(RECEIVERS[method](loop, pair[0]))
        assert registered(loop) == {pair[0].fileno()}
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert registered(loop) == set()
        pair[1].send(b"kept")
        assert await loop.sock_recv(pair[0], 100) == b"kept"

    loop.run_until_complete(main())


@pytest.mark.parametrize("method", RECEIVERS)
def test_cancelling_when_the_data_is_just_there_loses_nothing(loop: SelectorEventLoop, pair: Pair, method: str) -> None:
    async def main() -> None:
        task = await later(RECEIVERS[method](loop, pair[0]))
        pair[1].send(b"kept")
        # Called after the wait has ended, and before the task's step.
        group: Any = loop.readiness.readers[pair[0].fileno()]
        group()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await loop.sock_recv(pair[0], 100) == b"kept"
        assert registered(loop) == set()

    loop.run_until_complete(main())


def test_receiving_again_right_after_cancelling_works(loop: SelectorEventLoop, pair: Pair) -> None:
    async def main() -> None:
        task = await later(loop.sock_recv(pair[0], 100))
        task.cancel()
        again = asyncio.ensure_future(loop.sock_recv(pair[0], 100))
        await asyncio.wait([task, again], timeout=0.01)
        pair[1].send(b"x")
        assert await again == b"x"
        assert registered(loop) == set()

    loop.run_until_complete(main())


def test_several_tasks_may_wait_for_one_socket(loop: SelectorEventLoop, pair: Pair) -> None:
    async def main() -> None:
        tasks = [await later(loop.sock_recv(pair[0], 1)) for _ in range(3)]
        pair[1].send(b"abc")
        assert sorted(await asyncio.gather(*tasks)) == [b"a", b"b", b"c"]
        assert registered(loop) == set()

    loop.run_until_complete(main())


@pytest.mark.parametrize("method", RECEIVERS)
def test_a_socket_that_its_owner_closes_ends_the_wait(loop: SelectorEventLoop, pair: Pair, method: str) -> None:
    async def main() -> None:
        task = await later(RECEIVERS[method](loop, pair[0]))
        pair[0].close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            await asyncio.wait_for(task, 5)
        assert registered(loop) == set()

    loop.run_until_complete(main())


def test_a_socket_that_its_owner_closes_ends_the_wait_among_very_many(loop: SelectorEventLoop) -> None:
    async def main() -> None:
        pairs = [socket.socketpair() for _ in range(100)]
        for near, _ in pairs:
            near.setblocking(False)
        tasks = [asyncio.ensure_future(loop.sock_recv(near, 1)) for near, _ in pairs]
        for _ in range(2):
            await asyncio.sleep(0.01)
            near, far = pairs.pop()
            task = tasks.pop()
            near.close()
            with pytest.raises(OSError, match="Bad file descriptor"):
                await asyncio.wait_for(task, 5)
            far.close()
        for (near, far), task in zip(pairs, tasks, strict=True):
            task.cancel()
            near.close()
            far.close()
        await asyncio.wait(tasks)
        assert registered(loop) == set()

    loop.run_until_complete(main())


def test_a_number_used_again_does_not_confuse_old_and_new(loop: SelectorEventLoop) -> None:
    async def main() -> None:
        old, old_far = socket.socketpair()
        old.setblocking(False)
        number = old.fileno()
        old_task = await later(loop.sock_recv(old, 10))
        old.close()
        new, new_far = socket.socketpair()
        new.setblocking(False)
        with old_far, new, new_far:
            if new.fileno() != number:
                pytest.skip("the system did not use the number again")
            new_task = asyncio.ensure_future(loop.sock_recv(new, 10))
            with pytest.raises(OSError, match="Bad file descriptor"):
                await asyncio.wait_for(old_task, 5)
            new_far.send(b"new")
            assert await asyncio.wait_for(new_task, 5) == b"new"

    loop.run_until_complete(main())


def test_a_reader_that_takes_the_place_of_a_wait_ends_it(loop: SelectorEventLoop, pair: Pair) -> None:
    async def main() -> None:
        task = await later(loop.sock_recv(pair[0], 10))
        loop.add_reader(pair[0], print)
        with pytest.raises(RuntimeError, match="another callback was registered"):
            await asyncio.wait_for(task, 5)
        assert loop.remove_reader(pair[0])

    loop.run_until_complete(main())


# -- sending ---------------------------------------------------------------------------------------------------------


def test_more_than_the_kernel_takes_is_sent(loop: SelectorEventLoop, pair: Pair) -> None:
    data = os.urandom(3_000_000)

    async def receive() -> bytes:
        got = b""
        while len(got) < len(data):
            got += await loop.sock_recv(pair[1], 1 << 20)
        return got

    async def main() -> None:
        receiving = asyncio.ensure_future(receive())
        await loop.sock_sendall(pair[0], memoryview(data))
        assert await receiving == data
        assert registered(loop) == set()

    loop.run_until_complete(main())


@pytest.mark.parametrize("data", [b"", bytearray(b"abc"), memoryview(b"abc"), memoryview(bytes(12)).cast("I")])
def test_any_bytes_like_object_is_sent(loop: SelectorEventLoop, pair: Pair, data: Any) -> None:
    loop.run_until_complete(loop.sock_sendall(pair[0], data))
    if memoryview(data).nbytes:
        assert pair[1].recv(100) == bytes(data)


def test_cancelling_a_send_leaves_no_registration(loop: SelectorEventLoop, pair: Pair) -> None:
    async def main() -> None:
        fill(pair[0])
        task = await later(loop.sock_sendall(pair[0], b"x" * 1000))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert registered(loop) == set()

    loop.run_until_complete(main())


def test_a_peer_that_is_gone_is_an_error_of_the_sender(loop: SelectorEventLoop, pair: Pair) -> None:
    async def main() -> None:
        fill(pair[0])
        task = await later(loop.sock_sendall(pair[0], b"x" * 1000))
        pair[1].close()
        with pytest.raises(OSError, match=r"Broken pipe|reset"):
            await task
        assert registered(loop) == set()

    loop.run_until_complete(main())


def test_closing_a_socket_ends_a_waiting_send(loop: SelectorEventLoop, pair: Pair) -> None:
    async def main() -> None:
        fill(pair[0])
        task = await later(loop.sock_sendall(pair[0], b"x" * 1000))
        pair[0].close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            await asyncio.wait_for(task, 5)

    loop.run_until_complete(main())


def test_reading_and_writing_one_socket_go_together(loop: SelectorEventLoop, pair: Pair) -> None:
    async def main() -> None:
        fill(pair[0])
        reading = await later(loop.sock_recv(pair[0], 10))
        writing = await later(loop.sock_sendall(pair[0], b"end"))
        pair[1].send(b"hello")
        assert await reading == b"hello"
        while not writing.done():
            await loop.sock_recv(pair[1], 1 << 20)
        assert registered(loop) == set()

    loop.run_until_complete(main())


# -- connecting and accepting ----------------------------------------------------------------------------------------


def test_connecting_and_accepting(loop: SelectorEventLoop, listener: socket.socket) -> None:
    async def main() -> None:
        accepting = await later(loop.sock_accept(listener))
        with socket.socket() as client:
            client.setblocking(False)
            await loop.sock_connect(client, listener.getsockname())
            server, address = await accepting
            with server:
                assert address == client.getsockname()
                assert server.gettimeout() == 0
                await loop.sock_sendall(client, b"hello")
                assert await loop.sock_recv(server, 10) == b"hello"
        assert registered(loop) == set()

    loop.run_until_complete(main())


def test_names_are_resolved_before_connecting(loop: SelectorEventLoop, listener: socket.socket) -> None:
    async def main() -> None:
        with socket.socket() as client:
            client.setblocking(False)
            await loop.sock_connect(client, ("localhost", listener.getsockname()[1]))
            (await loop.sock_accept(listener))[0].close()

    loop.run_until_complete(main())


def test_a_refused_connection_names_the_address(loop: SelectorEventLoop) -> None:
    async def main() -> None:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            address = nobody.getsockname()
        with socket.socket() as client:
            client.setblocking(False)
            with pytest.raises(ConnectionRefusedError):
                await loop.sock_connect(client, address)
        assert registered(loop) == set()

    loop.run_until_complete(main())


@pytest.mark.parametrize("port", [-1, 65536, 1 << 40])
def test_a_port_out_of_range_is_an_error(loop: SelectorEventLoop, port: int) -> None:
    with socket.socket() as client:
        client.setblocking(False)
        with pytest.raises(OverflowError):
            loop.run_until_complete(loop.sock_connect(client, ("127.0.0.1", port)))


def test_a_connected_socket_is_refused_by_the_system(loop: SelectorEventLoop, listener: socket.socket) -> None:
    with socket.create_connection(listener.getsockname()) as client:
        client.setblocking(False)
        with pytest.raises(OSError, match="already connected"):
            loop.run_until_complete(loop.sock_connect(client, listener.getsockname()))
        listener.accept()[0].close()


def test_a_closed_socket_is_an_error(loop: SelectorEventLoop) -> None:
    client = socket.socket()
    client.close()
    for use in (
        loop.sock_connect(client, ("127.0.0.1", 1)),
        loop.sock_recv(client, 1),
        loop.sock_sendall(client, b"x"),
        loop.sock_accept(client),
    ):
        with pytest.raises(OSError, match="Bad file descriptor"):
            loop.run_until_complete(use)


def test_cancelling_a_connect_leaves_no_registration(loop: SelectorEventLoop, tmp_path: Any) -> None:
    """A Unix socket whose listener's queue is full makes the client wait until there is room."""
    path = str(tmp_path / "s")

    async def main() -> None:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)
            server.listen(0)
            clients = []
            waiting = None
            for _ in range(5):
                client = socket.socket(socket.AF_UNIX)
                client.setblocking(False)
                clients.append(client)
                task = asyncio.ensure_future(loop.sock_connect(client, path))
                await asyncio.sleep(0.005)
                if not task.done():
                    waiting = task
                    break
            assert waiting is not None
            server.accept()[0].close()
            await asyncio.wait_for(waiting, 5)
            last = socket.socket(socket.AF_UNIX)
            last.setblocking(False)
            task = asyncio.ensure_future(loop.sock_connect(last, path))
            await asyncio.sleep(0.005)
            task.cancel()
            await asyncio.wait([task])
            for client in [*clients, last]:
                client.close()
        assert registered(loop) == set()

    loop.run_until_complete(main())


def test_cancelling_an_accept_loses_no_connection(loop: SelectorEventLoop, listener: socket.socket) -> None:
    async def main() -> None:
        task = await later(loop.sock_accept(listener))
        with socket.create_connection(listener.getsockname()):
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()[0].close()
            else:
                (await loop.sock_accept(listener))[0].close()
        assert registered(loop) == set()

    loop.run_until_complete(main())


def test_a_closed_listener_ends_the_wait_of_all(loop: SelectorEventLoop, listener: socket.socket) -> None:
    async def main() -> None:
        tasks = [await later(loop.sock_accept(listener)) for _ in range(2)]
        listener.close()
        results = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
        assert [type(result) for result in results] == [OSError, OSError]

    loop.run_until_complete(main())


# -- bad input -------------------------------------------------------------------------------------------------------


def test_tls_sockets_are_refused(loop: SelectorEventLoop, pair: Pair) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    with context.wrap_socket(pair[0], do_handshake_on_connect=False) as sock:
        for use in (loop.sock_recv(sock, 1), loop.sock_sendall(sock, b"x"), loop.sock_accept(sock)):
            with pytest.raises(TypeError, match="Socket cannot be of type SSLSocket"):
                loop.run_until_complete(use)


def test_sockets_of_transports_are_refused(loop: SelectorEventLoop, pair: Pair) -> None:
    class Owner(asyncio.Transport):
        def is_closing(self) -> bool:
            return False

    owner: Any = Owner()
    loop.readiness.claim(pair[0].fileno(), owner)
    with pytest.raises(RuntimeError, match="is used by transport"):
        loop.run_until_complete(loop.sock_recv(pair[0], 1))
    loop.readiness.release(pair[0].fileno())


def test_waiting_works_while_other_threads_wake_the_loop(loop: SelectorEventLoop, pair: Pair) -> None:
    stop = threading.Event()

    def disturb() -> None:
        while not stop.is_set():
            loop.call_soon_threadsafe(int)

    async def main() -> None:
        for number in range(200):
            task = asyncio.ensure_future(loop.sock_recv(pair[0], 10))
            await asyncio.sleep(0)
            await loop.sock_sendall(pair[1], b"%d" % number)
            assert await task == b"%d" % number
        stop.set()

    thread = threading.Thread(target=disturb)
    thread.start()
    loop.run_until_complete(main())
    thread.join()
