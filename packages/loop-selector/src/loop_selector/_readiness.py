"""Which descriptors are watched, for whom, and what is called when they are ready.

Theory of operation. Two tables, from descriptor to callable, are all that the scheduler looks at when a poll returns;
the poller is told the union of both. Three things make this less simple than it looks:

* A poll's result is a snapshot. A callback early in it may close a descriptor that comes later, and the number may be
  in use again by then, for another file. Descriptors that cease to be watched are therefore noted in ``changed`` until
  the next poll, and events for them are skipped, even if they are watched again by then: readiness is level-triggered,
  so what is true is told again.
* A descriptor may be closed by its owner without notice. epoll then forgets it silently, and the next file with that
  number would never be reported. So each registration speaks to the poller, even where the tables say that nothing
  changes, and repairs what the poller did not know.
* epoll watches the open file, not the number. A file closed without notice that lives on under another number keeps
  being reported, and cannot be unregistered any more. :meth:`Watches.orphaned` then starts over with a new poller.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING
from weakref import ref

from loop_selector._pollers import READ, WRITE

if TYPE_CHECKING:
    from collections.abc import Callable

    from loop_selector._pollers import Poller
    from transport_abc import BaseTransport

__all__ = ["Watches"]


class Watches:
    """The watched descriptors of a loop; implements :class:`transport_abc.Readiness`.

    Args:
        poller: where descriptors are registered; closed with this object.
    """

    def __init__(self, poller: Poller) -> None:
        self.poller = poller
        self.readers: dict[int, Callable[[], object]] = {}
        self.writers: dict[int, Callable[[], object]] = {}
        self.changed: set[int] = set()
        """Descriptors whose events, if already polled, must not be delivered."""
        self._owners: dict[int, ref[BaseTransport]] = {}
        self._buffer: memoryview | None = None

    @property
    def buffer(self) -> memoryview:
        """Return the receive buffer that all transports of the loop share; made when first asked for."""
        if self._buffer is None:
            from transport_abc import RECEIVE_BUFFER_SIZE  # who asks for the buffer has imported it

            self._buffer = memoryview(bytearray(RECEIVE_BUFFER_SIZE))
        return self._buffer

    # -- owners ----------------------------------------------------------------------------------------------------

    def claim(self, fd: int, owner: BaseTransport) -> None:
        """Note that a transport owns a descriptor; what others registered for the number is stale."""
        if fd in self.readers or fd in self.writers:
            self.release(fd)
        self._owners[fd] = ref(owner)

    def owner(self, fd: int) -> BaseTransport | None:
        """Return the transport that owns a descriptor and is not closing, if there is one."""
        known = self._owners.get(fd)
        if known is None:
            return None
        owner = known()
        return None if owner is None or owner.is_closing() else owner

    def release(self, fd: int) -> None:
        """Stop watching a descriptor and forget its owner."""
        self._owners.pop(fd, None)
        reader = self.readers.pop(fd, None)
        if self.writers.pop(fd, None) is not None or reader is not None:
            self.changed.add(fd)
            try:  # as in _unwatch(); every connection ends here
                self.poller.unregister(fd)
            except (OSError, ValueError) as exc:
                _allow_closed(exc)

    # -- readers and writers ---------------------------------------------------------------------------------------

    def start_reading(self, fd: int, callback: Callable[[], object]) -> None:
        """Call a function whenever the descriptor is readable, at end of file or in error."""
        if fd in self.readers or fd in self.writers:
            self._rewatch(fd, READ)
        else:
            try:  # as in _watch(); every connection begins here
                self.poller.register(fd, READ)
            except FileExistsError:
                self.poller.modify(fd, READ)
        self.readers[fd] = callback

    def stop_reading(self, fd: int) -> bool:
        """Stop calling; return whether something was registered."""
        if self.readers.pop(fd, None) is None:
            return False
        self._unwatch(fd, WRITE if fd in self.writers else 0)
        return True

    def start_writing(self, fd: int, callback: Callable[[], object]) -> None:
        """Call a function whenever the descriptor is writable or in error."""
        if fd in self.readers or fd in self.writers:
            self._rewatch(fd, WRITE)
        else:
            self._watch(fd, WRITE)
        self.writers[fd] = callback

    def stop_writing(self, fd: int) -> bool:
        """Stop calling; return whether something was registered."""
        if self.writers.pop(fd, None) is None:
            return False
        self._unwatch(fd, READ if fd in self.readers else 0)
        return True

    # -- the poller ------------------------------------------------------------------------------------------------

    def _mask(self, fd: int) -> int:
        """Return the directions in which a descriptor is watched."""
        return (READ if fd in self.readers else 0) | (WRITE if fd in self.writers else 0)

    def _watch(self, fd: int, mask: int) -> None:
        """Have a descriptor watched that was not."""
        try:
            self.poller.register(fd, mask)
        except FileExistsError:  # the same open file, which was closed under this number and came back
            self.poller.modify(fd, mask)

    def _rewatch(self, fd: int, bit: int) -> None:
        """Have a descriptor watched in one direction more, whatever the poller knows of it."""
        try:
            self.poller.modify(fd, self._mask(fd) | bit)
        except FileNotFoundError:  # closed without notice: what is registered was meant for another file
            self._lost(fd)
            self.changed.add(fd)
            self._watch(fd, bit)

    def _unwatch(self, fd: int, mask: int) -> None:
        """Have a descriptor watched in one direction less; not watched at all without any, not even for hang-ups."""
        try:
            if mask:
                self.poller.modify(fd, mask)
            else:
                self.changed.add(fd)
                self.poller.unregister(fd)
        except (OSError, ValueError) as exc:
            _allow_closed(exc)

    def orphaned(self, fd: int) -> None:
        """Get rid of a descriptor that the poller reports and nobody watches."""
        self.changed.add(fd)
        self.renew()

    def renew(self) -> None:
        """Start over with a new poller and watch everything in it that is still open."""
        self.poller = self.poller.renew()
        for fd in {*self.readers, *self.writers}:
            self.changed.add(fd)
            try:
                self.poller.register(fd, self._mask(fd))
            except OSError:
                self._lost(fd)

    def _lost(self, fd: int) -> None:
        """Forget a descriptor that was closed without notice."""
        self.readers.pop(fd, None)
        self.writers.pop(fd, None)

    def close(self) -> None:
        """Forget everything and close the poller."""
        self.readers.clear()
        self.writers.clear()
        self._owners.clear()
        self._buffer = None
        self.poller.close()


def _allow_closed(exc: Exception) -> None:
    """Raise an error of the poller again, unless it says that the descriptor was closed before: nothing is left."""
    if isinstance(exc, OSError) and exc.errno not in (errno.EBADF, errno.ENOENT, errno.EPERM):
        raise exc
