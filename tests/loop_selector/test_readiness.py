from __future__ import annotations

import asyncio
import gc
import os
import socket
from typing import TYPE_CHECKING, Any

import pytest

from loop_selector._pollers import READ, WRITE
from loop_selector._readiness import Watches
from transport_abc import RECEIVE_BUFFER_SIZE, readiness_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from loop_selector import Poller, SelectorEventLoop


@pytest.fixture
def watches(make_poller: Callable[[], Poller]) -> Iterator[Watches]:
    watches = Watches(make_poller())
    yield watches
    watches.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        far.setblocking(False)
        yield near, far


def turn(loop: SelectorEventLoop) -> None:
    """Run the loop once through: everything that is ready now, nothing that comes later."""
    loop.stop()
    loop.run_forever()


class Owner(asyncio.Transport):
    """A transport that is open until it is closed."""

    closing = False

    def is_closing(self) -> bool:
        return self.closing


def ready(watches: Watches) -> dict[int, int]:
    return dict(watches.poller.poll(0))


def test_the_loop_offers_it_to_transports(loop: SelectorEventLoop) -> None:
    offered: object = readiness_of(loop)
    assert offered is loop.readiness


def test_there_is_one_receive_buffer(loop: SelectorEventLoop) -> None:
    assert len(loop.readiness.buffer) == RECEIVE_BUFFER_SIZE
    assert loop.readiness.buffer is loop.readiness.buffer


def test_directions_are_watched_independently(watches: Watches, pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    fd = near.fileno()
    far.send(b"x")
    watches.start_reading(fd, print)
    assert ready(watches) == {fd: READ}
    watches.start_writing(fd, print)
    assert ready(watches) == {fd: READ | WRITE}
    assert watches.stop_reading(fd)
    assert ready(watches) == {fd: WRITE}
    assert watches.stop_writing(fd)
    assert ready(watches) == {}


def test_stopping_what_was_not_started_has_no_effect(
    watches: Watches, pair: tuple[socket.socket, socket.socket]
) -> None:
    assert not watches.stop_reading(pair[0].fileno())
    assert not watches.stop_writing(pair[0].fileno())
    watches.release(pair[0].fileno())


def test_a_paused_descriptor_that_hangs_up_does_not_wake_the_loop(
    watches: Watches, pair: tuple[socket.socket, socket.socket]
) -> None:
    near, far = pair
    watches.start_reading(near.fileno(), print)
    watches.stop_reading(near.fileno())
    far.close()
    assert ready(watches) == {}


def test_releasing_forgets_callbacks_and_owner(watches: Watches, pair: tuple[socket.socket, socket.socket]) -> None:
    fd = pair[0].fileno()
    owner: Any = Owner()
    watches.claim(fd, owner)
    watches.start_reading(fd, print)
    watches.start_writing(fd, print)
    watches.release(fd)
    assert watches.owner(fd) is None
    assert fd not in watches.readers
    assert fd not in watches.writers
    assert ready(watches) == {}


def test_an_owner_counts_while_it_lives_and_is_open(watches: Watches) -> None:
    owner: Any = Owner()
    watches.claim(7, owner)
    found: Any = watches.owner(7)
    assert (found is owner) is True
    owner.closing = True
    assert watches.owner(7) is None
    owner.closing = False
    del owner, found
    gc.collect()
    assert watches.owner(7) is None


def test_a_number_that_belongs_to_another_file_now_is_watched(watches: Watches) -> None:
    old, far = socket.socketpair()
    fd = old.fileno()
    watches.start_reading(fd, print)
    old.close()  # without notice
    new, peer = socket.socketpair()
    with far, new, peer:
        if new.fileno() != fd:
            os.dup2(new.fileno(), fd)
        peer.send(b"x")
        watches.start_reading(fd, print)
        assert ready(watches)[fd] & READ
        watches.release(fd)
        if new.fileno() != fd:
            os.close(fd)


def test_a_closed_descriptor_can_be_released(watches: Watches) -> None:
    near, far = socket.socketpair()
    fd = near.fileno()
    watches.start_reading(fd, print)
    near.close()
    far.close()
    watches.release(fd)
    assert ready(watches) == {}


def test_a_stale_writer_does_not_come_back_with_another_file(loop: SelectorEventLoop) -> None:
    calls: list[str] = []
    old, far = socket.socketpair()
    fd = old.fileno()
    loop.readiness.start_writing(fd, lambda: calls.append("stale"))
    old.close()
    far.close()
    new, peer = socket.socketpair()
    with new, peer:
        if new.fileno() != fd:
            pytest.skip("the system did not use the number again")
        owner: Any = Owner()
        loop.readiness.claim(fd, owner)
        loop.readiness.start_reading(fd, lambda: calls.append("read"))
        peer.send(b"x")
        turn(loop)
        assert calls == ["read"]
        loop.readiness.release(fd)


def test_a_file_that_lives_on_under_another_number_does_not_spin(loop: SelectorEventLoop) -> None:
    near, far = socket.socketpair()
    with far:
        fd = near.fileno()
        loop.readiness.start_reading(fd, print)
        copy = near.dup()
        near.close()  # epoll goes on watching the file, and cannot be told otherwise any more
        loop.readiness.release(fd)
        far.send(b"x")
        with copy:
            turn(loop)
            turn(loop)
            assert dict(loop.readiness.poller.poll(0)) == {}


def test_renewing_drops_what_was_closed_and_keeps_the_rest(
    watches: Watches, pair: tuple[socket.socket, socket.socket]
) -> None:
    near, far = pair
    gone, peer = socket.socketpair()
    gone_fd = gone.fileno()
    watches.start_reading(near.fileno(), print)
    watches.start_reading(gone_fd, print)
    gone.close()
    peer.close()
    far.send(b"x")
    watches.renew()
    assert ready(watches).get(near.fileno()) == READ
    watches.release(near.fileno())


def test_renewing_keeps_both_directions(watches: Watches, pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    watches.start_reading(near.fileno(), print)
    watches.start_writing(near.fileno(), print)
    watches.start_writing(far.fileno(), print)
    far.send(b"x")
    watches.renew()
    assert ready(watches) == {near.fileno(): READ | WRITE, far.fileno(): WRITE}
    watches.stop_writing(near.fileno())
    assert ready(watches) == {near.fileno(): READ, far.fileno(): WRITE}


# -- add_reader and its relatives ------------------------------------------------------------------------------------


def test_a_reader_is_called_with_its_arguments_until_it_is_removed(
    loop: SelectorEventLoop, pair: tuple[socket.socket, socket.socket]
) -> None:
    near, far = pair
    got: list[Any] = []
    loop.add_reader(near, lambda *args: got.append(args), 1, 2)
    far.send(b"x")
    turn(loop)
    turn(loop)
    assert got == [(1, 2), (1, 2)]
    assert loop.remove_reader(near) is True
    turn(loop)
    assert len(got) == 2
    assert loop.remove_reader(near) is False


def test_a_writer_is_called_until_it_is_removed(
    loop: SelectorEventLoop, pair: tuple[socket.socket, socket.socket]
) -> None:
    near, _ = pair
    got: list[int] = []
    loop.add_writer(near.fileno(), got.append, 1)
    turn(loop)
    assert got == [1]
    assert loop.remove_writer(near.fileno()) is True
    assert loop.remove_writer(near.fileno()) is False


def test_a_later_reader_replaces_the_earlier(
    loop: SelectorEventLoop, pair: tuple[socket.socket, socket.socket]
) -> None:
    near, far = pair
    got: list[str] = []
    loop.add_reader(near, got.append, "first")
    loop.add_reader(near, got.append, "second")
    far.send(b"x")
    turn(loop)
    assert got == ["second"]
    loop.remove_reader(near)


def test_a_reader_may_remove_and_add_itself(loop: SelectorEventLoop, pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    got: list[bytes] = []

    def read() -> None:
        got.append(near.recv(1))
        loop.remove_reader(near)
        loop.add_reader(near, read)

    loop.add_reader(near, read)
    far.send(b"ab")
    turn(loop)
    turn(loop)
    assert got == [b"a", b"b"]
    loop.remove_reader(near)


def test_a_descriptor_with_nothing_but_an_error_calls_the_reader(loop: SelectorEventLoop) -> None:
    """As messages in a socket's error queue do, which datagram clients read there."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody,
    ):
        nobody.bind(("127.0.0.1", 0))
        address = nobody.getsockname()
        nobody.close()
        sock.setblocking(False)
        sock.connect(address)
        called = loop.create_future()

        def read() -> None:
            loop.remove_reader(sock)
            called.set_result(None)

        loop.add_reader(sock, read)
        sock.send(b"x")
        loop.run_until_complete(asyncio.wait_for(called, 10))


@pytest.mark.parametrize("thing", [None, "fd", 1.5, object()])
@pytest.mark.parametrize("method", ["add_reader", "add_writer", "remove_reader", "remove_writer"])
def test_what_is_no_descriptor_is_refused(loop: SelectorEventLoop, thing: Any, method: str) -> None:
    with pytest.raises(ValueError, match="Invalid file object"):
        getattr(loop, method)(thing, *[print] * method.startswith("add"))


def test_a_negative_descriptor_is_refused(loop: SelectorEventLoop) -> None:
    with pytest.raises(ValueError, match="-1"):
        loop.add_reader(-1, print)


@pytest.mark.parametrize("method", ["add_reader", "add_writer", "remove_reader", "remove_writer"])
def test_a_descriptor_that_a_live_transport_owns_is_refused(
    loop: SelectorEventLoop, pair: tuple[socket.socket, socket.socket], method: str
) -> None:
    owner: Any = Owner()
    loop.readiness.claim(pair[0].fileno(), owner)
    with pytest.raises(RuntimeError, match=r"File descriptor .* is used by transport <.*Owner"):
        getattr(loop, method)(pair[0], *[print] * method.startswith("add"))
    owner.closing = True
    getattr(loop, method)(pair[0], *[print] * method.startswith("add"))


def test_a_closed_loop_takes_no_readers_and_has_none(
    loop: SelectorEventLoop, pair: tuple[socket.socket, socket.socket]
) -> None:
    loop.add_reader(pair[0], print)
    loop.add_writer(pair[0], print)
    loop.close()
    assert loop.remove_reader(pair[0]) is False
    assert loop.remove_writer(pair[0]) is False
    with pytest.raises(RuntimeError, match="closed"):
        loop.add_reader(pair[0], print)
    with pytest.raises(RuntimeError, match="closed"):
        loop.add_writer(pair[0], print)
