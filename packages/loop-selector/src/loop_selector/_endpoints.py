"""Datagrams, pipes and subprocesses: the checks of arguments that asyncio makes, and the plug-in that does the work.

Source of the behaviour: Python documentation, "Event Loop", sections "Opening network connections", "Working with
pipes" and "Running Subprocesses".
"""

from __future__ import annotations

import logging
import socket
import subprocess
from typing import IO, TYPE_CHECKING, Any, TypeVar

from transport_abc import DatagramPlugin, PipePlugin, ProcessPlugin

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from typing import TypeAlias

    from loop_selector._loop import SelectorEventLoop
    from transport_abc import (
        BaseProtocol,
        DatagramProtocol,
        DatagramTransport,
        ReadTransport,
        SubprocessProtocol,
        SubprocessTransport,
        WriteTransport,
    )

    _Datagram = TypeVar("_Datagram", bound=DatagramProtocol | asyncio.BaseProtocol)
    _Process = TypeVar("_Process", bound=SubprocessProtocol | asyncio.BaseProtocol)
    _Pipe = TypeVar("_Pipe", bound=BaseProtocol | asyncio.BaseProtocol)
    _File: TypeAlias = int | IO[Any] | None

_logger = logging.getLogger("asyncio")


async def create_datagram_endpoint(
    loop: SelectorEventLoop,
    protocol_factory: Callable[[], _Datagram],
    local_addr: tuple[str, int] | str | None = None,
    remote_addr: tuple[str, int] | str | None = None,
    *,
    family: int = 0,
    proto: int = 0,
    flags: int = 0,
    reuse_port: bool | None = None,
    allow_broadcast: bool | None = None,
    sock: socket.socket | None = None,
) -> tuple[DatagramTransport, _Datagram]:
    """Open a datagram socket and return the transport with the protocol that the factory made.

    Raises:
        OSError: if an address cannot be used.
        ValueError: if the arguments contradict each other.
        MissingTransportError: if the transport is not installed.
    """
    options: dict[str, Any] = {
        "local_addr": local_addr,
        "remote_addr": remote_addr,
        "family": family,
        "proto": proto,
        "flags": flags,
        "reuse_port": reuse_port,
        "allow_broadcast": allow_broadcast,
    }
    if sock is not None:
        _check_datagram_socket(sock, options)
        family = sock.family
    name = "unix-datagram" if family == getattr(socket, "AF_UNIX", None) else "udp"
    transport, protocol = await loop.plugin(name, DatagramPlugin).open(loop, protocol_factory, sock=sock, **options)
    if loop._debug:
        _logger.debug(
            "Datagram endpoint local_addr=%r remote_addr=%r created: (%r, %r)",
            local_addr,
            remote_addr,
            transport,
            protocol,
        )
    return transport, protocol


def _check_datagram_socket(sock: socket.socket, options: dict[str, Any]) -> None:
    if sock.type == socket.SOCK_STREAM:
        raise ValueError(f"A datagram socket was expected, got {sock!r}")
    given = ", ".join(f"{name}={value}" for name, value in options.items() if value)
    if given:
        raise ValueError(f"socket modifier keyword arguments can not be used when sock is specified. ({given})")


async def connect_read_pipe(
    loop: SelectorEventLoop, protocol_factory: Callable[[], _Pipe], pipe: Any
) -> tuple[ReadTransport, _Pipe]:
    """Read from a pipe, socket or character device and return the transport with its protocol.

    Args:
        loop: the loop.
        protocol_factory: makes the protocol.
        pipe: a file object, which belongs to the transport from now on.

    Raises:
        ValueError: if it is another kind of file.
        MissingTransportError: if the transport is not installed.
    """
    transport, protocol = await loop.plugin("pipe", PipePlugin).connect_read(loop, protocol_factory, pipe)
    if loop._debug:
        _logger.debug("Read pipe %r connected: (%r, %r)", pipe, transport, protocol)
    return transport, protocol


async def connect_write_pipe(
    loop: SelectorEventLoop, protocol_factory: Callable[[], _Pipe], pipe: Any
) -> tuple[WriteTransport, _Pipe]:
    """Write to a pipe, socket or character device; see :meth:`connect_read_pipe`."""
    transport, protocol = await loop.plugin("pipe", PipePlugin).connect_write(loop, protocol_factory, pipe)
    if loop._debug:
        _logger.debug("Write pipe %r connected: (%r, %r)", pipe, transport, protocol)
    return transport, protocol


async def subprocess_exec(
    loop: SelectorEventLoop,
    protocol_factory: Callable[[], _Process],
    program: Any,
    *args: Any,
    stdin: _File = subprocess.PIPE,
    stdout: _File = subprocess.PIPE,
    stderr: _File = subprocess.PIPE,
    **kwargs: Any,
) -> tuple[SubprocessTransport, _Process]:
    """Start a program and return the transport of its process with the protocol.

    Args:
        loop: the loop.
        protocol_factory: makes the protocol.
        program: the program's name.
        args: its arguments.
        stdin: as for :class:`subprocess.Popen`; a pipe by default.
        stdout: likewise.
        stderr: likewise.
        kwargs: other arguments of :class:`subprocess.Popen`, except those of text.

    Raises:
        OSError: if the program cannot be started.
        ValueError: if the pipes were to be buffered or to carry text, or a shell is asked for.
        MissingTransportError: if the transport is not installed.
    """
    if kwargs.pop("shell", False):
        raise ValueError("shell must be False")
    _check_binary(kwargs)
    return await _spawn(
        loop, protocol_factory, (program, *args), stdin=stdin, stdout=stdout, stderr=stderr, shell=False, **kwargs
    )


async def subprocess_shell(
    loop: SelectorEventLoop,
    protocol_factory: Callable[[], _Process],
    cmd: bytes | str,
    *,
    stdin: _File = subprocess.PIPE,
    stdout: _File = subprocess.PIPE,
    stderr: _File = subprocess.PIPE,
    **kwargs: Any,
) -> tuple[SubprocessTransport, _Process]:
    """Run a command in a shell; see :meth:`subprocess_exec`."""
    if not isinstance(cmd, (bytes, str)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError("cmd must be a string")
    if not kwargs.pop("shell", True):
        raise ValueError("shell must be True")
    _check_binary(kwargs)
    return await _spawn(loop, protocol_factory, cmd, stdin=stdin, stdout=stdout, stderr=stderr, shell=True, **kwargs)


def _check_binary(kwargs: dict[str, Any]) -> None:
    """Take out the arguments that must have their defaults; refuse others."""
    if kwargs.pop("universal_newlines", False):
        raise ValueError("universal_newlines must be False")
    if kwargs.pop("bufsize", 0) != 0:
        raise ValueError("bufsize must be 0")
    if kwargs.pop("text", None):
        raise ValueError("text must be False")
    if kwargs.pop("encoding", None) is not None:
        raise ValueError("encoding must be None")
    if kwargs.pop("errors", None) is not None:
        raise ValueError("errors must be None")


async def _spawn(
    loop: SelectorEventLoop, protocol_factory: Callable[[], _Process], args: Any, **options: Any
) -> tuple[SubprocessTransport, _Process]:
    plugin = loop.plugin("subprocess", ProcessPlugin)
    transport, protocol = await plugin.spawn(loop, protocol_factory, args, bufsize=0, **options)
    if loop._debug:
        # The arguments may hold a password; the program's name is enough to know it again.
        _logger.info("subprocess %r created: %r", args if options["shell"] else args[0], transport)
    return transport, protocol
