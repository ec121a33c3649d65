"""What loops ask of this package: a pipe, a process."""

from __future__ import annotations

import asyncio
import subprocess
from typing import TYPE_CHECKING, Any, TypeVar, cast

import transport_abc
from transport_subprocess._pipes import ReadPipeTransport, WritePipeTransport
from transport_subprocess._process import ProcessTransport
from transport_subprocess._watcher import give_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from transport_abc import BaseProtocol, TransportLoop

    _P = TypeVar("_P", bound=BaseProtocol | asyncio.BaseProtocol)
    _End = TypeVar("_End", ReadPipeTransport, WritePipeTransport)

__all__ = ["PipePlugin", "SubprocessPlugin"]


class PipePlugin(transport_abc.PipePlugin):
    """Make transports of pipes, FIFOs, sockets, terminals and other character devices."""

    api_version = 1

    async def connect_read(
        self, loop: TransportLoop, protocol_factory: Callable[[], _P], pipe: Any, **options: Any
    ) -> tuple[ReadPipeTransport, _P]:
        """Read from a file object; the transport owns it and closes it.

        Source of the behaviour: Python documentation, "Event Loop", ``loop.connect_read_pipe``.

        Args:
            loop: any asyncio loop.
            protocol_factory: called without arguments for the protocol.
            pipe: a file object with ``fileno()`` and ``close()``; it is put in non-blocking mode, and back when the
                transport closes.
            options: none.

        Raises:
            ValueError: if ``pipe`` is a regular file; it is left open.
        """
        protocol = protocol_factory()
        return await _connected(ReadPipeTransport(loop, protocol, pipe, **options)), protocol

    async def connect_write(
        self, loop: TransportLoop, protocol_factory: Callable[[], _P], pipe: Any, **options: Any
    ) -> tuple[WritePipeTransport, _P]:
        """Write to a file object; the transport owns it and closes it.

        Source of the behaviour: Python documentation, "Event Loop", ``loop.connect_write_pipe``. Arguments and errors
        as in :meth:`connect_read`.
        """
        protocol = protocol_factory()
        return await _connected(WritePipeTransport(loop, protocol, pipe, **options)), protocol


async def _connected(transport: _End) -> _End:
    """Start a transport and return it after ``connection_made``."""
    waiter = transport._loop.create_future()
    transport._start(waiter)
    try:
        await waiter
    except BaseException:
        transport.abort()
        raise
    return transport


class SubprocessPlugin(transport_abc.ProcessPlugin):
    """Start processes and make their transports."""

    api_version = 1

    async def spawn(
        self,
        loop: TransportLoop,
        protocol_factory: Callable[[], _P],
        args: Any,
        *,
        shell: bool = False,
        stdin: Any = subprocess.PIPE,
        stdout: Any = subprocess.PIPE,
        stderr: Any = subprocess.PIPE,
        grace_period: float = 0.0,
        **options: Any,
    ) -> tuple[ProcessTransport, _P]:
        """Start a process.

        Source of the behaviour: Python documentation, "Event Loop", ``loop.subprocess_exec`` and
        ``loop.subprocess_shell``.

        Once the process is started this never waits, so that no cancellation can come between a process and the one
        who asked for it.

        Args:
            loop: any asyncio loop.
            protocol_factory: called without arguments for the protocol.
            args: a sequence of strings; with ``shell=True`` one string.
            shell: whether the shell interprets ``args``.
            stdin: ``subprocess.PIPE``, ``subprocess.DEVNULL``, a file object, a descriptor, or None to inherit ours.
            stdout: as ``stdin``.
            stderr: as ``stdin``, or ``subprocess.STDOUT``.
            grace_period: seconds that the process gets to end by itself after ``close()``; 0 to kill it at once.
            options: those of :class:`subprocess.Popen`, save those that would make its pipes carry text.

        Raises:
            ValueError: for an option that is not supported.
            OSError: if the process cannot be started, with the name of the file that is to blame.
        """
        _check_options(options)
        if not grace_period >= 0:
            raise ValueError(f"expected a grace_period of 0 seconds or more, not {grace_period!r}")
        await asyncio.sleep(0)  # starting processes in a row must not keep everybody else waiting
        protocol = protocol_factory()
        options.update(shell=shell, stdin=stdin, stdout=stdout, stderr=stderr, bufsize=0)
        # Blocking, but as short as a start can be: handing it to a thread would take longer.
        popen = cast("subprocess.Popen[bytes]", subprocess.Popen(args, **options))  # noqa: ASYNC220
        try:
            process = ProcessTransport(loop, protocol, popen, grace_period=grace_period)
        except BaseException:
            _discard(popen)
            raise
        process._begin()
        return process, protocol


_UNSUPPORTED = {"universal_newlines": False, "bufsize": 0, "text": False, "encoding": None, "errors": None}


def _check_options(options: dict[str, Any]) -> None:
    """Refuse what would make the pipes carry text or be buffered, in asyncio's words, and take it out."""
    for name, only in _UNSUPPORTED.items():
        if (options.pop(name, only) or only) != only:
            raise ValueError(f"{name} must be {only}")


def _discard(popen: subprocess.Popen[bytes]) -> None:
    """End a process that has no transport."""
    give_up(popen)
    for pipe in (popen.stdin, popen.stdout, popen.stderr):
        if pipe is not None:
            pipe.close()
