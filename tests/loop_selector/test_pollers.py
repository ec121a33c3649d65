from __future__ import annotations

import asyncio
import contextlib
import os
import select
import selectors
import socket
import sys
from typing import TYPE_CHECKING

import pytest

from loop_selector import EpollPoller, KqueuePoller, SelectorEventLoop, SelectPoller, _pollers
from loop_selector._pollers import READ, WRITE, Poller, default_poller

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def poller(make_poller: Callable[[], Poller]) -> Iterator[Poller]:
    poller = make_poller()
    yield poller
    poller.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        yield near, far


def test_a_readable_descriptor_is_reported_for_reading(
    poller: Poller, pair: tuple[socket.socket, socket.socket]
) -> None:
    near, far = pair
    poller.register(near.fileno(), READ)
    assert list(poller.poll(0)) == []
    far.send(b"x")
    assert list(poller.poll(None)) == [(near.fileno(), READ)]


def test_both_directions_are_reported_together(poller: Poller, pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    far.send(b"x")
    poller.register(near.fileno(), READ | WRITE)
    assert list(poller.poll(None)) == [(near.fileno(), READ | WRITE)]


def test_what_is_watched_can_be_changed(poller: Poller, pair: tuple[socket.socket, socket.socket]) -> None:
    near, _ = pair
    poller.register(near.fileno(), READ)
    poller.modify(near.fileno(), WRITE)
    assert list(poller.poll(None)) == [(near.fileno(), WRITE)]
    poller.modify(near.fileno(), READ)
    assert list(poller.poll(0)) == []
    poller.unregister(near.fileno())


def test_a_hang_up_concerns_both_directions(poller: Poller, pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    far.close()
    poller.register(near.fileno(), READ)
    [(fd, mask)] = poller.poll(None)
    assert fd == near.fileno()
    assert mask & ~WRITE


def test_unregistered_descriptors_are_not_reported(poller: Poller, pair: tuple[socket.socket, socket.socket]) -> None:
    near, _ = pair
    poller.register(near.fileno(), WRITE)
    poller.unregister(near.fileno())
    assert list(poller.poll(0)) == []


def test_errors_are_those_of_epoll(poller: Poller, pair: tuple[socket.socket, socket.socket]) -> None:
    fd = pair[0].fileno()
    with pytest.raises(FileNotFoundError):
        poller.modify(fd, READ)
    with pytest.raises(FileNotFoundError):
        poller.unregister(fd)
    poller.register(fd, READ)
    with pytest.raises(FileExistsError):
        poller.register(fd, READ)


def test_a_renewed_poller_is_empty_and_of_the_same_kind(
    make_poller: Callable[[], Poller], pair: tuple[socket.socket, socket.socket]
) -> None:
    poller = make_poller()
    poller.register(pair[0].fileno(), WRITE)
    renewed = poller.renew()
    assert type(renewed) is type(poller)
    assert list(renewed.poll(0)) == []
    renewed.register(pair[0].fileno(), WRITE)
    assert list(renewed.poll(None)) == [(pair[0].fileno(), WRITE)]
    renewed.close()


def test_select_drops_a_descriptor_that_was_closed_without_notice() -> None:
    poller = SelectPoller(selectors.SelectSelector())
    near, far = socket.socketpair()
    with far:
        poller.register(near.fileno(), READ)
        poller.register(far.fileno(), WRITE)
        near.close()
        assert list(poller.poll(None)) == [(far.fileno(), WRITE)]
    poller.close()


def test_the_default_is_the_best_of_the_system() -> None:
    poller = default_poller()
    if sys.platform == "linux":
        assert isinstance(poller, EpollPoller)
    elif hasattr(select, "kqueue"):
        assert isinstance(poller, KqueuePoller)
    else:
        assert isinstance(poller, SelectPoller)
    poller.close()


@pytest.mark.parametrize(
    ("kind", "available"),
    [(EpollPoller, sys.platform == "linux"), (KqueuePoller, sys.platform != "linux" and hasattr(select, "kqueue"))],
)
def test_what_the_system_lacks_says_so(kind: type, available: bool) -> None:
    if available:
        pytest.skip("this system has it")
    with pytest.raises(NotImplementedError, match=sys.platform):
        kind()


def test_closing_gives_the_descriptor_back(make_poller: Callable[[], Poller]) -> None:
    with contextlib.suppress(OSError):
        before = len(os.listdir("/dev/fd"))
        make_poller().close()
        assert len(os.listdir("/dev/fd")) == before


# -- kqueue where the system has none --------------------------------------------------------------------------------


class Event:
    """What ``select.kevent`` makes."""

    def __init__(self, ident: int, filter: int, flags: int = 1) -> None:  # noqa: A002 - the system's name
        self.ident, self.filter, self.flags = ident, filter, flags


class Queue:
    """As much of a kqueue as the poller uses, over poll(2): a filter for each direction."""

    def __init__(self) -> None:
        self.filters: set[tuple[int, int]] = set()
        self.closed = False

    def control(self, changes: list[Event] | None, most: int, timeout: float | None) -> list[Event]:
        for change in changes or ():
            key = (change.ident, change.filter)
            os.fstat(change.ident)
            if change.flags == System.KQ_EV_ADD:
                self.filters.add(key)
            elif key not in self.filters:
                raise FileNotFoundError
            else:
                self.filters.remove(key)
        return self.wait(timeout)[:most] if most else []

    def wait(self, timeout: float | None) -> list[Event]:
        poll = select.poll()
        for fd in {ident for ident, _ in self.filters}:
            wanted = {kind for ident, kind in self.filters if ident == fd}
            poll.register(fd, sum(select.POLLIN if it == System.KQ_FILTER_READ else select.POLLOUT for it in wanted))
        bits = {System.KQ_FILTER_READ: select.POLLIN, System.KQ_FILTER_WRITE: select.POLLOUT}
        failed = select.POLLHUP | select.POLLERR
        return [
            Event(fd, kind)
            for fd, mask in poll.poll(None if timeout is None else timeout * 1000)
            for ident, kind in sorted(self.filters)
            if ident == fd and mask & (bits[kind] | failed)
        ]

    def close(self) -> None:
        self.closed = True


class System:
    """The module ``select`` of a system with kqueue."""

    KQ_FILTER_READ, KQ_FILTER_WRITE = -1, -2
    KQ_EV_ADD, KQ_EV_DELETE = 1, 2
    kevent = Event
    kqueue = Queue


@pytest.fixture
def kqueue(monkeypatch: pytest.MonkeyPatch) -> KqueuePoller:
    if hasattr(select, "kqueue"):
        pytest.skip("the real one is tested above")
    monkeypatch.setattr(select, "kqueue", Queue, raising=False)
    monkeypatch.setattr(_pollers, "_system", System)
    return KqueuePoller()


def test_kqueues_filters_are_joined_and_follow_the_mask(
    kqueue: KqueuePoller, pair: tuple[socket.socket, socket.socket]
) -> None:
    near, far = pair
    fd = near.fileno()
    kqueue.register(fd, READ | WRITE)
    assert list(kqueue.poll(0)) == [(fd, WRITE)]
    far.send(b"x")
    assert list(kqueue.poll(None)) == [(fd, READ | WRITE)]
    kqueue.modify(fd, READ)
    assert list(kqueue.poll(None)) == [(fd, READ)]
    kqueue.modify(fd, WRITE)
    assert list(kqueue.poll(None)) == [(fd, WRITE)]
    kqueue.unregister(fd)
    assert list(kqueue.poll(0)) == []


def test_kqueues_errors_are_those_of_epoll(kqueue: KqueuePoller, pair: tuple[socket.socket, socket.socket]) -> None:
    test_errors_are_those_of_epoll(kqueue, pair)


def test_kqueue_forgets_what_was_closed(kqueue: KqueuePoller) -> None:
    near, far = socket.socketpair()
    fd = near.fileno()
    with far:
        kqueue.register(fd, READ)
        near.close()
        kqueue.unregister(fd)
        with pytest.raises(OSError, match="Bad file descriptor"):
            kqueue.register(fd, READ)
    with pytest.raises(FileNotFoundError):
        kqueue.unregister(fd)


def test_a_loop_runs_over_kqueue(kqueue: KqueuePoller) -> None:
    loop = SelectorEventLoop(poller=kqueue)
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        far.setblocking(False)

        async def main() -> None:
            receiving = asyncio.ensure_future(loop.sock_recv(near, 10))
            await asyncio.sleep(0.001)
            await loop.sock_sendall(far, b"x" * 10)
            assert await receiving == b"x" * 10
            assert await asyncio.to_thread(int, "7") == 7
            await loop.shutdown_default_executor()

        loop.run_until_complete(main())
    loop.close()


def test_kqueue_is_the_default_where_there_is_no_epoll(kqueue: KqueuePoller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(select, "epoll", raising=False)
    poller = default_poller()
    assert isinstance(poller, KqueuePoller)
    renewed = poller.renew()
    assert isinstance(renewed, KqueuePoller)
    assert poller._kqueue.closed
    monkeypatch.delattr(select, "kqueue")
    with pytest.raises(NotImplementedError, match=sys.platform):
        KqueuePoller()
    with pytest.raises(NotImplementedError, match=sys.platform):
        EpollPoller()
    fallback = default_poller()
    assert isinstance(fallback, SelectPoller)
    fallback.close()
