"""Signals whose handlers run in the loop.

Theory of operation. A signal interrupts the process at any point. CPython's C-level handler only notes it, and writes a
byte to the descriptor of ``signal.set_wakeup_fd``; the Python-level handler runs later, in the main thread, between two
instructions. Two things follow:

* Without the wake-up descriptor, a signal that arrives after the last instruction before the poller's system call would
  not be seen until something else wakes the loop. The byte goes to the loop's wake-up, which ends the call.
* The byte itself may be lost when the socket is full. So it carries nothing: the Python-level handler is what puts the
  callback into the loop's queue. It is called for every signal (those of one kind that come faster are one, as always),
  whether the loop runs or not; a loop that does not run finds the callback when it next does.

The wake-up descriptor belongs to the process. It is taken only while the loop has handlers, and given back to whom it
belonged, if that one is still the same file. When a loop starts to run it takes it again, because another loop may have
had it in between.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import warnings
from typing import TYPE_CHECKING, Any

from loop_selector._debug import refuse_coroutine
from loop_selector._handles import make_handle

if TYPE_CHECKING:
    from collections.abc import Callable

    from loop_selector._handles import Handle
    from loop_selector._loop import SelectorEventLoop


class Signals:
    """The signal handlers of a loop.

    Args:
        loop: the loop in which the handlers run.
    """

    def __init__(self, loop: SelectorEventLoop) -> None:
        self._loop = loop
        self.handlers: dict[int, Handle] = {}
        self._fd = -1
        """The descriptor that was given to the module signal, as long as it is ours."""
        self._previous = _Descriptor(-1)

    def add(self, sig: int, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        """Run a callback when a signal arrives."""
        refuse_coroutine(callback, "add_signal_handler")
        _check_signal(sig)
        self._loop._check_closed()
        try:
            self._arm()
        except (ValueError, OSError) as exc:  # ValueError: this is not the main thread
            raise RuntimeError(str(exc)) from exc
        before = self.handlers.get(sig)
        self.handlers[sig] = make_handle(callback, args, self._loop)
        try:
            _install(sig, self._arrived)
        except BaseException:
            del self.handlers[sig]
            if before is not None:
                self.handlers[sig] = before
            self._disarm_if_unused()
            raise

    def remove(self, sig: int) -> bool:
        """Put the default behaviour back."""
        _check_signal(sig)
        if self.handlers.pop(sig, None) is None:
            return False
        try:
            _install(sig, signal.default_int_handler if sig == signal.SIGINT else signal.SIG_DFL)
        finally:
            self._disarm_if_unused()
        return True

    def close(self) -> None:
        """Remove all handlers; a loop closed outside the main thread can only forget them."""
        if self.handlers and sys.is_finalizing():
            warnings.warn(
                f"Closing the loop {self._loop!r} on interpreter shutdown stage, skipping signal handlers removal",
                ResourceWarning,
                source=self._loop,
                stacklevel=2,
            )
        elif self.handlers and threading.current_thread() is threading.main_thread():
            for sig in list(self.handlers):
                self.remove(sig)
        self.handlers.clear()

    def _arrived(self, signum: int, frame: object) -> None:
        """Queue the callback of a signal; called by Python in the main thread, between any two instructions."""
        handle = self.handlers.get(signum)
        if handle is not None and handle._callback is not None:
            # A handle for each arrival: the scheduler tells the last one of a pass by which object it is.
            self._loop._ready.append(make_handle(handle._callback, handle._args, self._loop, handle._context))
            self._loop._wakeup.wake()

    # -- the wake-up descriptor of the process -----------------------------------------------------------------------

    def _arm(self) -> None:
        """Take the wake-up descriptor of the process."""
        fd = self._loop._wakeup.fileno()
        previous = signal.set_wakeup_fd(fd, warn_on_full_buffer=False)
        if previous not in (fd, self._fd):
            self._previous = _Descriptor(previous)
        self._fd = fd

    def rearm(self) -> None:
        """Take it again, where it was taken; outside the main thread nothing is possible or needed."""
        if self.handlers and threading.current_thread() is threading.main_thread():
            self._arm()

    def _disarm_if_unused(self) -> None:
        """Give the wake-up descriptor back to whom it belonged, unless somebody else has taken it meanwhile."""
        if self.handlers or self._fd < 0:
            return
        restored = self._previous.fd if self._previous.is_same() else -1
        current = signal.set_wakeup_fd(restored, warn_on_full_buffer=False)
        if current != self._fd and current != restored and current >= 0:
            signal.set_wakeup_fd(current, warn_on_full_buffer=False)
        self._fd, self._previous = -1, _Descriptor(-1)

    def forked(self) -> None:
        """Do not write to the parent's wake-up any more; called in the child of a fork."""
        if self._fd >= 0 and threading.current_thread() is threading.main_thread():
            self._previous = _Descriptor(-1)
            self._arm()


class _Descriptor:
    """A descriptor together with the file that it refers to now."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._file = _identity(fd)

    def is_same(self) -> bool:
        """Return whether the descriptor still refers to the same file."""
        return self._file is not None and _identity(self.fd) == self._file


def _identity(fd: int) -> tuple[int, int] | None:
    if fd < 0:
        return None
    try:
        status = os.fstat(fd)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _check_signal(sig: object) -> None:
    if not isinstance(sig, int):
        raise TypeError(f"sig must be an int, not {sig!r}")
    if sig not in signal.valid_signals():
        raise ValueError(f"invalid signal number {sig}")


def _install(sig: int, handler: Any) -> None:
    try:
        signal.signal(sig, handler)
        if callable(handler):
            signal.siginterrupt(sig, False)  # system calls go on where they can: fewer errors of kind EINTR
    except OSError as exc:
        if exc.errno == errno.EINVAL:
            raise RuntimeError(f"sig {sig} cannot be caught") from exc
        raise
