"""Ask the system which descriptors are ready: over epoll, over kqueue, or over a selector of the standard library.

All give the same thing: pairs of a descriptor and a mask, in which :data:`READ` and :data:`WRITE` stand for what can be
done now. epoll's own bits for errors and hang-ups may be set as well; whoever reads the mask takes any unknown bit as
"both", because it is the next read or write that tells the error.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import selectors
import sys
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["READ", "WRITE", "EpollPoller", "KqueuePoller", "Poller", "SelectPoller", "default_poller"]

READ = 1
"""The descriptor can be read; the value of EPOLLIN."""

WRITE = 4
"""The descriptor can be written; the value of EPOLLOUT."""


class Poller(Protocol):
    """Watch descriptors; all methods raise OSError as epoll_ctl(2) does."""

    def poll(self, timeout: float | None, most: int = -1, /) -> Sequence[tuple[int, int]]:
        """Wait for descriptors to be ready, and return them with their masks.

        Args:
            timeout: how long to wait at most, in seconds; None: for ever.
            most: how many are wanted at a time, -1 for any number. A system that takes turns among those that are
                ready returns no more; any other may return all of them.
        """
        ...

    def register(self, fd: int, mask: int, /) -> None:
        """Start to watch a descriptor. Raises FileExistsError if it is being watched."""

    def modify(self, fd: int, mask: int, /) -> None:
        """Watch a descriptor for something else. Raises FileNotFoundError if it is not being watched."""

    def unregister(self, fd: int, /) -> None:
        """Stop watching. Raises FileNotFoundError if the descriptor is not being watched."""

    def renew(self) -> Poller:
        """Return a new, empty poller of the same kind, and close this one in this process only."""
        ...

    def close(self) -> None:
        """Let go of the system's object; no other method is called afterwards."""


# Type checkers know only what the system that they run on has.
_system: Any = select


class EpollPoller:
    """Watch over epoll(7), level-triggered.

    Raises:
        NotImplementedError: if this system has no epoll.
    """

    def __init__(self) -> None:
        if not hasattr(select, "epoll"):
            raise NotImplementedError(f"epoll is not available on {sys.platform!r}")
        epoll = _system.epoll()
        # The methods of the C object themselves: a frame of Python less per call.
        self.poll: Callable[..., list[tuple[int, int]]] = epoll.poll
        self.register: Callable[[int, int], None] = epoll.register
        self.modify: Callable[[int, int], None] = epoll.modify
        self.unregister: Callable[[int], None] = epoll.unregister
        self.close: Callable[[], None] = epoll.close

    def renew(self) -> EpollPoller:
        """Return a new epoll set; closing this descriptor of a set shared after a fork does not change the set."""
        self.close()
        return EpollPoller()


class KqueuePoller:
    """Watch over kqueue(2); each direction is a filter of its own.

    Raises:
        NotImplementedError: if this system has no kqueue.
    """

    def __init__(self) -> None:
        if not hasattr(select, "kqueue"):
            raise NotImplementedError(f"kqueue is not available on {sys.platform!r}")
        self._kqueue = _system.kqueue()
        self._filters = ((READ, _system.KQ_FILTER_READ), (WRITE, _system.KQ_FILTER_WRITE))
        self._masks: dict[int, int] = {}
        self.close: Callable[[], None] = self._kqueue.close

    def poll(self, timeout: float | None, most: int = -1, /) -> Sequence[tuple[int, int]]:
        """Wait for filters to fire and join those of one descriptor."""
        ready: dict[int, int] = {}
        for event in self._kqueue.control(None, max(2 * len(self._masks), 1), timeout):
            bit = READ if event.filter == _system.KQ_FILTER_READ else WRITE
            ready[event.ident] = ready.get(event.ident, 0) | bit
        return list(ready.items())

    def register(self, fd: int, mask: int, /) -> None:
        """Add one filter for each direction."""
        if fd in self._masks:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        self._change(fd, 0, mask)

    def modify(self, fd: int, mask: int, /) -> None:
        """Add the filters that are wanted and delete the others."""
        if fd not in self._masks:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        # Adding what is there already costs nothing, and watches again when the number was given to another file.
        self._change(fd, self._masks[fd] & ~mask, mask)

    def unregister(self, fd: int, /) -> None:
        """Delete all filters of a descriptor."""
        if fd not in self._masks:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        self._change(fd, self._masks[fd], 0)

    def _change(self, fd: int, drop: int, add: int) -> None:
        for bit, kind in self._filters:
            if drop & bit:
                with contextlib.suppress(OSError):  # closed: the system has deleted the filter itself
                    self._kqueue.control([_system.kevent(fd, kind, _system.KQ_EV_DELETE)], 0, 0)
            if add & bit:
                self._kqueue.control([_system.kevent(fd, kind, _system.KQ_EV_ADD)], 0, 0)
        if add:
            self._masks[fd] = add
        else:
            self._masks.pop(fd, None)

    def renew(self) -> KqueuePoller:
        """Return a new queue; a child of a fork does not inherit its parent's."""
        with contextlib.suppress(OSError):
            self.close()
        return KqueuePoller()


class SelectPoller:
    """Watch over a selector of the module ``selectors``: poll(2) where there is one, select(2) elsewhere.

    Args:
        selector: the selector to use; the poller closes it.
    """

    def __init__(self, selector: selectors.BaseSelector | None = None) -> None:
        self._selector = _plain_selector() if selector is None else selector
        self.close: Callable[[], None] = self._selector.close

    def poll(self, timeout: float | None, most: int = -1, /) -> Sequence[tuple[int, int]]:
        """Wait with ``select``; descriptors that were closed without notice are dropped."""
        try:
            found = self._selector.select(timeout)
        except OSError as exc:
            if exc.errno != errno.EBADF or not self._forget_closed():
                raise
            return self.poll(0)
        return [(key.fd, (mask & 1) | (mask & 2) << 1) for key, mask in found]

    def register(self, fd: int, mask: int, /) -> None:
        """Register with the selector."""
        try:
            self._selector.register(fd, _selector_events(mask))
        except KeyError:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None

    def modify(self, fd: int, mask: int, /) -> None:
        """Modify the selector's entry."""
        try:
            self._selector.modify(fd, _selector_events(mask))
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)) from None

    def unregister(self, fd: int, /) -> None:
        """Remove the selector's entry."""
        try:
            self._selector.unregister(fd)
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)) from None

    def _forget_closed(self) -> bool:
        """Unregister what is not open any more and makes select(2) fail; return whether there was something."""
        closed = [key.fd for key in self._selector.get_map().values() if not _is_open(key.fd)]
        for fd in closed:
            self._selector.unregister(fd)
        return bool(closed)

    def renew(self) -> SelectPoller:
        """Return an empty poller over a selector of the same class."""
        kind = type(self._selector)
        self.close()
        return SelectPoller(kind())


def _plain_selector() -> selectors.BaseSelector:
    """Return a selector that every system has and that keeps no state in the kernel."""
    kind: type[selectors.BaseSelector] = getattr(selectors, "PollSelector", selectors.SelectSelector)
    return kind()


def _selector_events(mask: int) -> int:
    return (mask & READ and selectors.EVENT_READ) | (mask & WRITE and selectors.EVENT_WRITE)


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def default_poller() -> Poller:
    """Return the best poller of this system."""
    if hasattr(select, "epoll"):
        return EpollPoller()
    if hasattr(select, "kqueue"):
        return KqueuePoller()
    return SelectPoller()
