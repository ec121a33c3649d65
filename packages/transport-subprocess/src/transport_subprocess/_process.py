"""The transport of a child process.

Theory of operation. A process transport has one transport for each pipe, whose protocol passes everything on to the
process's protocol, and a descriptor that tells the exit (see ``_watcher``). All work in the one context of the process.

Two things come to an end, in any order, and each is reported when it does:

* the process exits: ``process_exited``; whoever awaits the exit goes on. The pipes may stay open, with data in them or
  with a grandchild at the other end;
* a pipe is lost: ``pipe_connection_lost``, after all data that was in it.

When both are complete, ``connection_lost`` is called, once and last. Only :meth:`ProcessTransport.close` makes the two
depend on each other: it drops the pipes when the process has exited, and kills the process.

Closing with a period of grace: the process gets SIGTERM and the end of file on its standard input. Its output goes on
being read, and is dropped, since SIGPIPE would cut short what it has to do. After the period, or when the process has
exited, everything ends as if there had been no grace.
"""

from __future__ import annotations

import signal
from functools import partial
from typing import TYPE_CHECKING, Any

from transport_abc import BaseTransport, Endpoint, Protocol, SubprocessTransport
from transport_subprocess._pipes import ReadPipeTransport, WritePipeTransport
from transport_subprocess._watcher import Child

if TYPE_CHECKING:
    import asyncio
    import subprocess
    from contextvars import Context

    from transport_abc import BaseProtocol, TransportLoop

__all__ = ["ProcessTransport"]


class ProcessTransport(Endpoint, SubprocessTransport):
    """Control a child process and the pipes to it.

    Args:
        loop: any asyncio loop.
        protocol: the receiver of the callbacks.
        popen: the process, just started, with ``bufsize=0``; the transport owns it and its pipes.
        grace_period: seconds that the process gets to end by itself after :meth:`close`; 0 to kill it at once.
        context: the context in which all callbacks run; a copy of the current one by default.

    Raises:
        OSError: if there is no descriptor left to watch the process with.
    """

    def __init__(
        self,
        loop: TransportLoop,
        protocol: BaseProtocol | asyncio.BaseProtocol,
        popen: subprocess.Popen[bytes],
        *,
        grace_period: float = 0.0,
        context: Context | None = None,
    ) -> None:
        self._child = Child(popen)
        self._pid = popen.pid
        self._returncode: int | None = None
        self._grace_period = grace_period
        self._timer: asyncio.TimerHandle | None = None
        self._loss: BaseException | None = None
        self._waiters: list[asyncio.Future[None]] = []
        super().__init__(loop, protocol, context=context, extra={"subprocess": popen})
        self._pipes: dict[int, ReadPipeTransport | WritePipeTransport] = {}
        for fd, pipe in enumerate((popen.stdin, popen.stdout, popen.stderr)):
            if pipe is not None:
                make = ReadPipeTransport if fd else WritePipeTransport
                self._pipes[fd] = make(loop, _PipeProtocol(self, fd), pipe, private=True, context=self._context)
        self._open_pipes = set(self._pipes)

    def _begin(self) -> None:
        """Call ``connection_made``; what follows comes after the task that awaits the transport has run."""
        for pipe in self._pipes.values():
            pipe._call_connection_made()
        self._loop.call_soon(self._begin_reading, context=self._context)
        self._call_connection_made()

    def _begin_reading(self) -> None:
        for pipe in self._pipes.values():
            pipe._begin_reading()
        if not self._conn_lost:
            self._readiness.start_reading(self._child.fd, partial(self._context.run, self._exit_ready))

    # -- what the protocol may ask ---------------------------------------------------------------------------------

    def get_pid(self) -> int:
        """Return the process id, also after the process has ended."""
        return self._pid

    def get_returncode(self) -> int | None:
        """Return the exit code, the negative signal number for a killed process, or None while it runs."""
        return self._returncode

    def get_pipe_transport(self, fd: int) -> BaseTransport | None:  # type: ignore[override]
        """Return the transport of one pipe; see :meth:`transport_abc.SubprocessTransport.get_pipe_transport`."""
        return self._pipes.get(fd)

    def send_signal(self, signal: int) -> None:
        """Send a signal to the process; no effect if it has ended and that was not noticed yet.

        Raises:
            ProcessLookupError: if the process has ended.
            PermissionError: if the process runs with another user's rights.
        """
        if self._returncode is not None or self._conn_lost:
            raise ProcessLookupError
        self._child.send_signal(signal)

    def terminate(self) -> None:
        """Send SIGTERM; see :meth:`send_signal`."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL; see :meth:`send_signal`."""
        self.send_signal(signal.SIGKILL)

    async def _wait(self) -> int:
        """Wait until the process has ended and return its code; :class:`asyncio.subprocess.Process` awaits it."""
        if self._returncode is None:
            waiter = self._loop.create_future()
            self._waiters.append(waiter)
            await waiter
        assert self._returncode is not None
        return self._returncode

    def _describe(self) -> list[str]:
        state = "running" if self._returncode is None else f"returncode={self._returncode}"
        return [*super()._describe(), f"pid={self._pid}", state]

    # -- what happens ----------------------------------------------------------------------------------------------

    def _tell(self, name: str, *args: Any) -> None:
        """Call a callback of the protocol from within the context, under the rule for callbacks that raise."""
        try:
            getattr(self._protocol, name)(*args)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:
            self._callback_failed(name, exc)

    def _exit_ready(self) -> None:
        """Read the exit status; called straight from the poll result."""
        returncode = self._child.reap()
        if returncode is None:
            return
        self._readiness.stop_reading(self._child.fd)
        self._child.close()
        self._returncode = returncode
        if self._timer is not None:
            self._timer.cancel()
        self._wake_waiters()
        try:
            self._tell("process_exited")
        finally:
            if self._closing:
                self._drop_pipes()
            self._finish_if_done()

    def _wake_waiters(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()

    def _pipe_lost(self, fd: int, exc: Exception | None) -> None:
        self._open_pipes.discard(fd)
        try:
            self._tell("pipe_connection_lost", fd, exc)
        finally:
            self._finish_if_done()

    def _finish_if_done(self) -> None:
        if self._returncode is not None and not self._open_pipes and not self._conn_lost:
            self._closing = True
            self._lose(self._loss)

    # -- the end ---------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """End the process, if it still runs, and close the pipes; what is in them is dropped.

        The process is killed at once, or asked to end (SIGTERM) and killed when the period of grace has passed.
        ``process_exited``, ``pipe_connection_lost`` and ``connection_lost`` follow.
        """
        if self._closing:
            return
        self._closing = True
        if self._grace_period and self._returncode is None and not self._loop.is_closed():
            self._ask_to_end()
        else:
            self._end()

    def _force_close(self, exc: BaseException | None) -> None:
        """End the process without grace; ``connection_lost`` tells the reason."""
        if not self._conn_lost:
            self._closing = True
            if self._loss is None:
                self._loss = exc
            self._end()

    def _ask_to_end(self) -> None:
        for pipe in self._pipes.values():
            if isinstance(pipe, WritePipeTransport):
                pipe.close()
            else:
                pipe.resume_reading()
        try:
            self._child.send_signal(signal.SIGTERM)
        except OSError as exc:
            self._report("cannot end the process", exc)
        self._timer = self._loop.call_later(self._grace_period, self._end, context=self._context)

    def _end(self) -> None:
        self._drop_pipes()
        if self._returncode is None:
            try:
                self._child.kill()
            except OSError as exc:
                self._report("cannot kill the process", exc)
        if self._loop.is_closed():  # nothing will tell the exit any more
            self._lose(self._loss)

    def _drop_pipes(self) -> None:
        for pipe in self._pipes.values():
            pipe.abort()

    def _close_resource(self) -> None:
        self._child.close()


class _PipeProtocol(Protocol):
    """Pass on to the process what happens on one of its pipes."""

    __slots__ = ("_fd", "_process")

    def __init__(self, process: ProcessTransport, fd: int) -> None:
        self._process = process
        self._fd = fd

    def data_received(self, data: bytes) -> None:
        if not self._process._closing:
            self._process._tell("pipe_data_received", self._fd, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._process._pipe_lost(self._fd, exc)

    def pause_writing(self) -> None:
        self._process._tell("pause_writing")

    def resume_writing(self) -> None:
        self._process._tell("resume_writing")
