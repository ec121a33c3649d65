"""A child process from its start to the moment when its exit status is read.

Theory of operation. A child that has exited stays a zombie, and keeps its process id, until its parent reads its status
with waitpid(2). Two rules follow:

* The status is read in the loop's thread and published there at once (``Popen.returncode``). Between the two no signal
  is sent, so none of ours can hit a stranger who got the same process id.
* Only our own process id is asked for. SIGCHLD is left to the program, and so are other children and their statuses.

What the loop watches is one descriptor per child that becomes readable when the child has exited: a pidfd where the
system has them (Linux 5.3, pidfd_open(2)); it needs no thread, works in any thread, and takes signals as well
(pidfd_send_signal(2)). Elsewhere it is a pipe, written to by a thread which waits for the exit and, where the system
can do that (waitid(2), WNOWAIT), leaves the status for the loop's thread. Both look the same from here on.

Somebody else may have read the status: a SIGCHLD handler that waits for any child, or a system told to ignore SIGCHLD.
If it was read through the Popen object itself, nothing is lost, nor where the pidfd still tells it (Linux 6.15).
Otherwise the return code is unknown, and reported as 255 with a warning, as asyncio does.

A child that is given up (its loop was closed, its transport collected) is killed and waited for, at most
:data:`PATIENCE` seconds. Should it still not be gone, which takes a process that the kernel cannot kill or one that we
may not kill, its status is read when the next child is started.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import signal
import struct
import subprocess
import threading
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    _Popen: TypeAlias = subprocess.Popen[bytes]

__all__ = ["PATIENCE", "Child", "give_up"]

_logger = logging.getLogger("asyncio")

PATIENCE = 1.0
"""Seconds that :func:`give_up` waits for a process that was killed."""

_UNKNOWN = 255

_NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)

_running: set[_Popen] = set()
"""Holds what is not waited for yet, since a Popen object warns when it is collected before."""

_given_up: set[_Popen] = set()


class Child:
    """Watch one process and send it signals.

    Args:
        popen: the process, just started; nobody else should wait for it.

    Raises:
        OSError: if there are no descriptors left.
    """

    __slots__ = ("_by_pidfd", "_popen", "fd")

    def __init__(self, popen: _Popen) -> None:
        self.fd = -1
        """Readable when the process has exited; -1 once that was noticed."""
        _reap_given_up()
        self._popen = popen
        pidfd = _open_pidfd(popen.pid)
        self._by_pidfd = pidfd is not None
        self.fd = _watch_in_thread(popen) if pidfd is None else pidfd
        _running.add(popen)

    def reap(self) -> int | None:
        """Read the exit status, if there is one.

        Returns:
            The return code, negative for a signal, as in :attr:`subprocess.Popen.returncode`; None while the process
            runs.
        """
        popen = self._popen
        if popen.returncode is None:
            try:
                pid, status = os.waitpid(popen.pid, os.WNOHANG)
            except ChildProcessError:
                popen.returncode = self._lost_returncode()
            else:
                if not pid:
                    return None
                popen.returncode = os.waitstatus_to_exitcode(status)
        _running.discard(popen)
        return popen.returncode

    def _lost_returncode(self) -> int:
        """Find out what somebody else has read."""
        status = _status_from_pidfd(self.fd) if self._by_pidfd else None
        if status is not None:
            return os.waitstatus_to_exitcode(status)
        _logger.warning(
            "child process pid %d exit status already read: will report returncode %d", self._popen.pid, _UNKNOWN
        )
        return _UNKNOWN

    def send_signal(self, number: int) -> None:
        """Send a signal; no effect on a process that has exited.

        Raises:
            PermissionError: if the process runs with another user's rights.
        """
        if self._by_pidfd:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.fd, number)
        elif self.reap() is None:
            self._popen.send_signal(number)  # safe, as the status was not read yet

    def kill(self) -> None:
        """Kill the process, unless it has exited; errors as :meth:`send_signal`."""
        if self.reap() is None:
            self._popen.kill()  # safe likewise; programs replace the method to see it called

    def close(self) -> None:
        """Stop watching; a process that still runs is given up."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
        if self._popen.returncode is None:
            give_up(self._popen)


def give_up(popen: _Popen) -> None:
    """Kill a process that nobody will wait for, and read its status; see the theory of operation."""
    _given_up.add(popen)
    try:
        popen.kill()
        popen.wait(PATIENCE)
    except (OSError, subprocess.TimeoutExpired):
        return
    _given_up.discard(popen)
    _running.discard(popen)


def _reap_given_up() -> None:
    for popen in list(_given_up):
        if popen.poll() is not None:
            _given_up.discard(popen)
            _running.discard(popen)


def _open_pidfd(pid: int) -> int | None:
    """Return a pidfd; None if the system has none to give.

    Raises:
        OSError: if there are no descriptors left.
    """
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError as exc:
        # An old kernel, a sandbox, or a status that was read by somebody else: the thread finds out.
        if exc.errno in _NO_DESCRIPTORS:
            raise
        return None


# <linux/pidfd.h>: struct pidfd_info begins with a mask of what is wanted, or given; the wait status follows the ids.
_PIDFD_GET_INFO = 0xC040FF0B
_PIDFD_INFO_EXIT = 1 << 3
_PIDFD_INFO = struct.Struct("=Q52xi")


def _status_from_pidfd(pidfd: int) -> int | None:
    """Return the wait status of a process for which somebody else has waited; None if the system does not tell."""
    info = bytearray(_PIDFD_INFO.pack(_PIDFD_INFO_EXIT, 0))
    try:
        fcntl.ioctl(pidfd, _PIDFD_GET_INFO, info)
    except OSError:
        return None
    given, status = _PIDFD_INFO.unpack(info)
    return status if given & _PIDFD_INFO_EXIT else None


def _watch_in_thread(popen: _Popen) -> int:
    """Return a descriptor that becomes readable when the process has exited."""
    ours, theirs = os.pipe()
    try:
        threading.Thread(
            target=_tell_exit, args=(popen, theirs), name=f"wait for process {popen.pid}", daemon=True
        ).start()
    except BaseException:
        os.close(ours)
        os.close(theirs)
        raise
    return ours


def _tell_exit(popen: _Popen, fd: int) -> None:
    """Wait for a process and say so through a descriptor; runs in a thread of its own."""
    try:
        if hasattr(os, "waitid"):
            with contextlib.suppress(ChildProcessError):
                os.waitid(os.P_PID, popen.pid, os.WEXITED | os.WNOWAIT)
        else:
            popen.wait()
    finally:
        # Written, not only closed: a process forked meanwhile holds the descriptor as well.
        with contextlib.suppress(BrokenPipeError):
            os.write(fd, b"\0")
        os.close(fd)
