from __future__ import annotations

import contextlib
import os
import select
import selectors
import socket
import sys
from typing import TYPE_CHECKING

import pytest

from loop_selector import EpollPoller, KqueuePoller, SelectPoller
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
