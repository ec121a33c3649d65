"""Wake a loop that waits in its poller: from another thread, or from a signal.

Theory of operation. A pair of connected sockets: whoever wants to wake the loop sends a byte into one, the loop watches
the other. The loop needs to be told once per turn only, so a flag remembers that a byte is on its way:

* the waker hands over its work first, then looks at the flag, sets it, and sends;
* the loop reads first, then clears the flag, and only then looks at the work.

A waker that finds the flag set has handed its work over before the loop clears it, hence before the loop looks. Reading
after clearing would be wrong: the byte of a waker in between would be eaten with its flag left set, and nobody would
send again. An exception (Ctrl-C) in the middle of either side clears the flag, because a byte too many does no harm.

The C-level handler of the module ``signal`` writes into the same socket (``signal.set_wakeup_fd``). The bytes carry no
information. A full socket is no loss: there are bytes to read, so the loop wakes up.

If the pair breaks (end of file, reset, closed by somebody who closes descriptors that are not theirs), it is replaced
by a new one and the fault is reported. The old descriptors are closed only while they still are ours.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from loop_selector._readiness import Watches

__all__ = ["Wakeup"]


class Wakeup:
    """The means to interrupt a poll.

    Args:
        watches: where the receiving end is watched.
        on_broken: called in the loop's thread, with the reason, when the pair had to be replaced.
    """

    def __init__(self, watches: Watches, on_broken: Callable[[str], object]) -> None:
        self._watches = watches
        self._on_broken = on_broken
        self._lock = threading.Lock()
        self.pending = False
        """Whether a byte is on its way, so that :meth:`wake` has nothing to do."""
        self._open()

    def _open(self) -> None:
        receiver, sender = socket.socketpair()
        receiver.setblocking(False)
        sender.setblocking(False)
        self._receiver, self._sender = receiver, sender
        self._inodes = [os.fstat(sock.fileno()).st_ino for sock in (receiver, sender)]
        self.pending = False
        self._watches.start_reading(receiver.fileno(), self._drain)

    def fileno(self) -> int:
        """Return the descriptor that the module ``signal`` shall write to; -1 once closed."""
        return self._sender.fileno()

    def wake(self) -> None:
        """Make the current or next poll return at once; from any thread, and after :meth:`close` without effect."""
        if self.pending:
            return
        self.pending = True
        try:
            self._sender.send(b"\0")
        except BlockingIOError:  # full: the loop has bytes to read
            pass
        except OSError as exc:
            self._repair(self._sender, f"sending failed: {exc}")
        except BaseException:
            self.pending = False
            raise

    def reset(self) -> None:
        """Forget that a byte is on its way: the loop starts to run, whatever happened when it last stopped."""
        self.pending = False

    def _drain(self) -> None:
        """Take what was sent; called when the receiving end is readable."""
        receiver = self._receiver
        try:
            broken = None if receiver.recv(4096) else "unexpected end of file"
        except (BlockingIOError, InterruptedError):
            broken = None
        except OSError as exc:
            broken = f"receiving failed: {exc}"
        finally:
            self.pending = False
        if broken is not None:
            self._repair(receiver, broken)

    def _repair(self, failed: socket.socket, reason: str) -> None:
        """Replace the pair, once, whoever notices first."""
        with self._lock:
            if failed not in (self._receiver, self._sender) or failed.fileno() < 0:
                return  # replaced meanwhile, or closed with the loop
            self._release()
            self._open()
        self.wake()
        self._on_broken(reason)

    def renew(self) -> None:
        """Replace the pair without a word: after a fork the old one belongs to the parent as well."""
        self._lock = threading.Lock()  # another thread of the parent may have held the old one
        if self._sender.fileno() >= 0:
            self._release()
            self._open()

    def _release(self) -> None:
        """Close both ends, or let go of those whose descriptors were closed and given to somebody else."""
        fd = self._receiver.fileno()
        if self._watches.readers.get(fd) == self._drain:
            self._watches.stop_reading(fd)
        for sock, inode in zip((self._receiver, self._sender), self._inodes, strict=True):
            _close_if_same(sock, inode)

    def close(self) -> None:
        """Close both ends."""
        with self._lock:
            if self._sender.fileno() >= 0:
                self._release()


def _close_if_same(sock: socket.socket, inode: int) -> None:
    """Close a socket; only let go of its descriptor if that refers to another file by now."""
    with contextlib.suppress(OSError):
        if os.fstat(sock.fileno()).st_ino == inode:
            sock.close()
            return
    sock.detach()
