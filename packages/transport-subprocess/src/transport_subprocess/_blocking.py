"""Non-blocking mode, lent and given back.

Theory of operation. O_NONBLOCK belongs to the open file, not to the descriptor (fcntl(2), "File status flags"): whoever
inherited the file or duplicated the descriptor has it as well. A program that connects its terminal as a pipe therefore
switches the shell's terminal too, and its own ``print`` may raise BlockingIOError. While a transport uses the file that
cannot be helped. Afterwards the mode is what it was: the last transport that lets go of an open file restores it, and
what still holds one when the interpreter exits is restored then.

Two descriptors are taken for the same open file when device, inode and access mode agree. That joins the three
descriptors of a terminal, and keeps the two ends of a pipe apart, which share an inode. A file that was opened twice is
taken for one, too; both modes are then restored when the last of them is closed.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import threading
from typing import TypeAlias

__all__ = ["give_back", "make_non_blocking"]

_File: TypeAlias = tuple[int, int, int]

_lock = threading.Lock()
_borrowed: dict[tuple[int, _File], list[int]] = {}
"""The descriptors in use of each open file that was in blocking mode, by process: a fork shares the files."""


def make_non_blocking(fd: int) -> _File | None:
    """Put an open file in non-blocking mode.

    Returns:
        What :func:`give_back` has to be told; None if there is nothing to give back.
    """
    status = os.fstat(fd)
    file = status.st_dev, status.st_ino, fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE
    key = os.getpid(), file
    with _lock:
        if os.get_blocking(fd):
            os.set_blocking(fd, False)
            _borrowed.setdefault(key, []).append(fd)
        elif key in _borrowed:
            _borrowed[key].append(fd)
        else:
            return None
    return file


def give_back(fd: int, file: _File) -> None:
    """Restore the mode of an open file, if nobody else uses it; to be called before the descriptor is closed."""
    with _lock:
        key = os.getpid(), file
        users = _borrowed.get(key, [])
        if fd in users:
            users.remove(fd)
            if not users:
                del _borrowed[key]
                _restore(fd)


def _restore(fd: int) -> None:
    with contextlib.suppress(OSError):  # closed by somebody else
        os.set_blocking(fd, True)


@atexit.register
def _restore_all() -> None:
    for (pid, _), users in _borrowed.items():
        if pid == os.getpid():
            _restore(users[-1])
