"""What the loop checks before it hands over to a plug-in, and what it hands over."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import socket
import ssl
import subprocess
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from loop_selector import MissingTransportError, SelectorEventLoop
from tests.loop_selector.plugins import Datagrams, Pipes, Processes, Streams, Wrapping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class World:
    """A loop with plug-ins that only note."""

    def __init__(self) -> None:
        self.tcp, self.unix, self.tls = Streams(), Streams(), Wrapping()
        self.udp, self.unix_datagram = Datagrams(), Datagrams()
        self.pipe, self.process = Pipes(), Processes()
        self.loop = SelectorEventLoop(
            transports={
                "tcp": self.tcp,
                "unix": self.unix,
                "ssl": self.tls,
                "udp": self.udp,
                "unix-datagram": self.unix_datagram,
                "pipe": self.pipe,
                "subprocess": self.process,
            }
        )

    def run(self, coro: Any) -> Any:
        return self.loop.run_until_complete(coro)


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.loop.close()


@pytest.fixture(scope="module")
def client_context() -> ssl.SSLContext:
    return ssl.create_default_context()


@pytest.fixture(scope="module")
def server_context() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


class Sockets:
    """One socket of each kind."""

    def __init__(self) -> None:
        self.tcp = socket.socket()
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.unix = socket.socket(socket.AF_UNIX)
        self.unix_datagram = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)


@pytest.fixture
def socks() -> Iterator[Sockets]:
    with contextlib.ExitStack() as stack:
        socks = Sockets()
        for sock in vars(socks).values():
            stack.enter_context(sock)
        yield socks


def called(plugin: Any) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """The one call of a plug-in."""
    assert plugin.called is not None
    found: tuple[str, tuple[Any, ...], dict[str, Any]] = plugin.called
    return found


# -- TCP -------------------------------------------------------------------------------------------------------------


def test_connecting_hands_every_option_over(world: World) -> None:
    options: dict[str, Any] = {
        "family": socket.AF_INET,
        "proto": 6,
        "flags": 1,
        "local_addr": ("127.0.0.1", 0),
        "happy_eyeballs_delay": 0.25,
        "interleave": 2,
        "all_errors": True,
    }
    transport, protocol = world.run(world.loop.create_connection(asyncio.Protocol, "host", 80, **options))
    assert isinstance(transport, asyncio.Transport)
    assert isinstance(protocol, asyncio.Protocol)
    assert called(world.tcp) == ("connect", ("host", 80), {**options, "sock": None})


def test_listening_hands_every_option_over(world: World) -> None:
    options: dict[str, Any] = {
        "family": socket.AF_INET,
        "flags": 1,
        "backlog": 7,
        "reuse_address": True,
        "reuse_port": True,
        "keep_alive": True,
        "start_serving": False,
    }
    server: Any = world.run(world.loop.create_server(asyncio.Protocol, "host", 80, **options))
    assert called(world.tcp) == ("listen", ("host", 80), {**options, "sock": None})
    assert world.tcp.factory is asyncio.Protocol
    assert server._ssl_context is None


def test_an_accepted_connection_is_handed_over(world: World, socks: Sockets) -> None:
    world.run(world.loop.connect_accepted_socket(asyncio.Protocol, socks.tcp))
    assert called(world.tcp) == ("adopt", (socks.tcp,), {})


def test_unix_sockets_may_be_connected_as_streams(world: World, socks: Sockets) -> None:
    world.run(world.loop.create_connection(asyncio.Protocol, sock=socks.unix))
    assert called(world.tcp)[2]["sock"] is socks.unix


def _tcp_mistakes(loop: SelectorEventLoop, socks: Sockets) -> dict[str, tuple[Any, type[Exception], str]]:
    connect, serve, adopt = loop.create_connection, loop.create_server, loop.connect_accepted_socket
    protocol = asyncio.Protocol
    both = "host/port and sock can not be specified at the same time"
    stream = "A Stream Socket was expected"
    return {
        "connect nowhere": (connect(protocol), ValueError, "host and port was not specified and no sock specified"),
        "connect twice": (connect(protocol, "host", 1, sock=socks.tcp), ValueError, both),
        "connect by port and sock": (connect(protocol, port=1, sock=socks.tcp), ValueError, both),
        "connect a datagram socket": (connect(protocol, sock=socks.udp), ValueError, stream),
        "hostname without ssl": (
            connect(protocol, "host", 1, server_hostname="x"),
            ValueError,
            "server_hostname is only meaningful with ssl",
        ),
        "ssl without a name": (
            connect(protocol, ssl=True, sock=socks.tcp),
            ValueError,
            "You must set server_hostname when using ssl without a host",
        ),
        "handshake timeout without ssl": (
            connect(protocol, "host", 1, ssl_handshake_timeout=1),
            ValueError,
            "ssl_handshake_timeout is only meaningful with ssl",
        ),
        "shutdown timeout without ssl": (
            connect(protocol, "host", 1, ssl_shutdown_timeout=1),
            ValueError,
            "ssl_shutdown_timeout is only meaningful with ssl",
        ),
        "serve nowhere": (serve(protocol), ValueError, "Neither host/port nor sock were specified"),
        "serve twice": (serve(protocol, "host", 1, sock=socks.tcp), ValueError, both),
        "serve a datagram socket": (serve(protocol, sock=socks.udp), ValueError, stream),
        "serve with ssl=True": (
            serve(protocol, "host", 1, ssl=True),
            TypeError,
            "ssl argument must be an SSLContext or None",
        ),
        "serve with a timeout without ssl": (
            serve(protocol, "host", 1, ssl_shutdown_timeout=1),
            ValueError,
            "ssl_shutdown_timeout is only meaningful with ssl",
        ),
        "adopt a datagram socket": (adopt(protocol, socks.udp), ValueError, stream),
        "adopt with a timeout without ssl": (
            adopt(protocol, socks.tcp, ssl_handshake_timeout=1),
            ValueError,
            "ssl_handshake_timeout is only meaningful with ssl",
        ),
    }


def _unix_mistakes(loop: SelectorEventLoop, socks: Sockets) -> dict[str, tuple[Any, type[Exception], str]]:
    connect, serve = loop.create_unix_connection, loop.create_unix_server
    protocol = asyncio.Protocol
    both = "path and sock can not be specified at the same time"
    kind = "A UNIX Domain Stream Socket was expected"
    return {
        "connect nowhere": (connect(protocol), ValueError, "no path and sock were specified"),
        "connect twice": (connect(protocol, "path", sock=socks.unix), ValueError, both),
        "connect a TCP socket": (connect(protocol, sock=socks.tcp), ValueError, kind),
        "connect a datagram socket": (connect(protocol, sock=socks.unix_datagram), ValueError, kind),
        "hostname without ssl": (
            connect(protocol, "path", server_hostname="x"),
            ValueError,
            "server_hostname is only meaningful with ssl",
        ),
        "ssl without a name": (
            connect(protocol, "path", ssl=True),
            ValueError,
            "you have to pass server_hostname when using ssl",
        ),
        "timeout without ssl": (
            connect(protocol, "path", ssl_handshake_timeout=1),
            ValueError,
            "ssl_handshake_timeout is only meaningful with ssl",
        ),
        "serve nowhere": (serve(protocol), ValueError, "path was not specified, and no sock specified"),
        "serve twice": (serve(protocol, "path", sock=socks.unix), ValueError, both),
        "serve a TCP socket": (serve(protocol, sock=socks.tcp), ValueError, kind),
        "serve with ssl=False": (
            serve(protocol, "path", ssl=False),
            TypeError,
            "ssl argument must be an SSLContext or None",
        ),
    }


@pytest.mark.parametrize("table", [_tcp_mistakes, _unix_mistakes])
def test_arguments_that_contradict_each_other_are_refused_in_asyncios_words(
    world: World, socks: Sockets, table: Callable[..., dict[str, tuple[Any, type[Exception], str]]]
) -> None:
    for name, (coro, error, message) in table(world.loop, socks).items():
        with pytest.raises(error) as caught:
            world.run(coro)
        assert message in str(caught.value), name
    assert world.tcp.called is None
    assert world.unix.called is None


def test_tls_sockets_are_refused(world: World, socks: Sockets, client_context: ssl.SSLContext) -> None:
    sock = client_context.wrap_socket(socks.tcp, server_hostname="x", do_handshake_on_connect=False)
    with sock:
        for coro in (
            world.loop.create_connection(asyncio.Protocol, sock=sock),
            world.loop.create_server(asyncio.Protocol, sock=sock),
            world.loop.connect_accepted_socket(asyncio.Protocol, sock),
        ):
            with pytest.raises(TypeError, match="Socket cannot be of type SSLSocket"):
                world.run(coro)


# -- Unix sockets ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [str, os.fsencode, lambda path: path], ids=["str", "bytes", "Path"])
def test_paths_are_handed_over_as_text_or_bytes(world: World, tmp_path: Path, make: Callable[[Path], Any]) -> None:
    path = tmp_path / "s"
    world.run(world.loop.create_unix_connection(asyncio.Protocol, make(path)))
    assert called(world.unix) == ("connect", (os.fspath(make(path)),), {"sock": None})
    world.run(world.loop.create_unix_server(asyncio.Protocol, make(path), cleanup_socket=False))
    assert called(world.unix) == (
        "listen",
        (os.fspath(make(path)),),
        {"sock": None, "backlog": 100, "start_serving": True, "cleanup_socket": False},
    )


def test_unix_sockets_are_handed_over(world: World, socks: Sockets) -> None:
    world.run(world.loop.create_unix_connection(asyncio.Protocol, sock=socks.unix))
    assert called(world.unix) == ("connect", (None,), {"sock": socks.unix})


# -- TLS -------------------------------------------------------------------------------------------------------------


def test_a_tls_connection_is_wrapped_and_waited_for(world: World, client_context: ssl.SSLContext) -> None:
    transport, protocol = world.run(
        world.loop.create_connection(
            asyncio.Protocol, "host", 443, ssl=client_context, ssl_handshake_timeout=5, ssl_shutdown_timeout=6
        )
    )
    assert transport is world.tls.wrapper
    assert protocol is world.tls.wrapper.protocol
    assert called(world.tls) == (
        "wrap",
        (protocol,),
        {
            "sslcontext": client_context,
            "server_side": False,
            "server_hostname": "host",
            "ssl_handshake_timeout": 5,
            "ssl_shutdown_timeout": 6,
        },
    )


@pytest.mark.parametrize(
    ("given", "expected", "checked"), [(None, "host", True), ("other", "other", True), ("", "", False)]
)
def test_the_default_context_checks_the_hosts_name(
    world: World, given: str | None, expected: str, checked: bool
) -> None:
    world.run(world.loop.create_connection(asyncio.Protocol, "host", 443, ssl=True, server_hostname=given))
    options = called(world.tls)[2]
    assert options["server_hostname"] == expected
    assert options["sslcontext"].check_hostname is checked


def test_a_failed_handshake_is_raised_and_the_connection_aborted(world: World, client_context: ssl.SSLContext) -> None:
    world.tls.error = ssl.SSLError("on purpose")
    with pytest.raises(ssl.SSLError, match="on purpose"):
        world.run(world.loop.create_connection(asyncio.Protocol, "host", 443, ssl=client_context))
    assert world.tls.wrapper.aborted


def test_a_cancelled_handshake_aborts_the_connection(world: World, client_context: ssl.SSLContext) -> None:
    async def main() -> None:
        task = asyncio.ensure_future(world.loop.create_connection(asyncio.Protocol, "host", 443, ssl=client_context))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    world.run(main())
    assert world.tls.wrapper.aborted


def test_accepted_and_unix_connections_are_wrapped_as_well(
    world: World, socks: Sockets, client_context: ssl.SSLContext, server_context: ssl.SSLContext
) -> None:
    transport, _ = world.run(
        world.loop.connect_accepted_socket(asyncio.Protocol, socks.tcp, ssl=server_context, ssl_handshake_timeout=5)
    )
    assert transport is world.tls.wrapper
    assert called(world.tls)[2]["server_side"] is True
    assert called(world.tls)[2]["server_hostname"] is None
    transport, _ = world.run(
        world.loop.create_unix_connection(asyncio.Protocol, "path", ssl=client_context, server_hostname="name")
    )
    assert transport is world.tls.wrapper
    assert called(world.tls)[2]["server_hostname"] == "name"


def test_a_server_wraps_each_connection_and_keeps_none(world: World, server_context: ssl.SSLContext) -> None:
    class Protocol(asyncio.Protocol):
        """Can be referred to weakly, which asyncio's cannot."""

    server: Any = world.run(world.loop.create_server(Protocol, "host", 443, ssl=server_context))
    assert server._ssl_context is server_context
    wrapper = world.tcp.factory()
    assert wrapper is world.tls.wrapper
    assert called(world.tls)[2]["server_side"] is True
    protocol = weakref.ref(wrapper.protocol)
    world.tls.called = None
    del world.tls.wrapper, wrapper
    gc.collect()
    assert protocol() is None


def test_servers_need_a_context(world: World, socks: Sockets) -> None:
    with pytest.raises(ValueError, match="Server side SSL needs a valid SSLContext"):
        world.run(world.loop.connect_accepted_socket(asyncio.Protocol, socks.tcp, ssl=True))


def test_a_missing_tls_plugin_is_noticed_before_connecting(client_context: ssl.SSLContext) -> None:
    tcp = Streams()
    loop = SelectorEventLoop(transports={"tcp": tcp})

    def missing(name: str) -> Any:
        raise MissingTransportError(name)

    assert loop._plugins is not None
    loop._plugins._load = missing  # type: ignore[method-assign]
    with pytest.raises(MissingTransportError, match="ssl"):
        loop.run_until_complete(loop.create_connection(asyncio.Protocol, "host", 443, ssl=client_context))
    assert tcp.called is None
    loop.close()


def test_upgrading_is_left_to_the_plugin(world: World, client_context: ssl.SSLContext) -> None:
    transport, protocol = asyncio.Transport(), asyncio.Protocol()
    upgraded: object = world.run(
        world.loop.start_tls(transport, protocol, client_context, server_hostname="x", ssl_handshake_timeout=1)
    )
    assert upgraded == "upgraded"
    assert called(world.tls) == (
        "upgrade",
        (transport, protocol),
        {
            "sslcontext": client_context,
            "server_side": False,
            "server_hostname": "x",
            "ssl_handshake_timeout": 1,
            "ssl_shutdown_timeout": None,
        },
    )


def test_upgrading_needs_a_context_and_a_stream(world: World, client_context: ssl.SSLContext) -> None:
    protocol = asyncio.Protocol()
    wrong: Any = True
    with pytest.raises(TypeError, match=r"sslcontext is expected to be an instance of ssl.SSLContext, got True"):
        world.run(world.loop.start_tls(asyncio.Transport(), protocol, wrong))

    class Unfit(asyncio.Transport):
        _start_tls_compatible = False

    for transport in (asyncio.WriteTransport(), Unfit()):
        with pytest.raises(TypeError, match=r"is not supported by start_tls\(\)"):
            world.run(world.loop.start_tls(transport, protocol, client_context))


# -- datagrams -------------------------------------------------------------------------------------------------------


def test_datagram_options_are_handed_over(world: World) -> None:
    options: dict[str, Any] = {
        "family": socket.AF_INET,
        "proto": 17,
        "flags": 1,
        "reuse_port": True,
        "allow_broadcast": True,
    }
    local, remote = ("127.0.0.1", 0), ("127.0.0.1", 1)
    world.run(world.loop.create_datagram_endpoint(asyncio.DatagramProtocol, local, remote, **options))
    expected = {**options, "local_addr": local, "remote_addr": remote, "sock": None}
    assert called(world.udp) == ("open", (), expected)


def test_unix_datagrams_have_a_plugin_of_their_own(world: World, socks: Sockets) -> None:
    world.run(world.loop.create_datagram_endpoint(asyncio.DatagramProtocol, "path", family=socket.AF_UNIX))
    assert called(world.unix_datagram)[2]["local_addr"] == "path"
    world.run(world.loop.create_datagram_endpoint(asyncio.DatagramProtocol, sock=socks.unix_datagram))
    assert called(world.unix_datagram)[2]["sock"] is socks.unix_datagram
    assert world.udp.called is None
    world.run(world.loop.create_datagram_endpoint(asyncio.DatagramProtocol, sock=socks.udp))
    assert called(world.udp)[2]["sock"] is socks.udp


def test_wrong_datagram_arguments_are_refused(world: World, socks: Sockets) -> None:
    endpoint = world.loop.create_datagram_endpoint
    with pytest.raises(ValueError, match="A datagram socket was expected"):
        world.run(endpoint(asyncio.DatagramProtocol, sock=socks.tcp))
    with pytest.raises(ValueError, match=r"can not be used when sock is specified. \(local_addr=\('h', 1\), flags=1\)"):
        world.run(endpoint(asyncio.DatagramProtocol, ("h", 1), flags=1, sock=socks.udp))


# -- pipes and processes ---------------------------------------------------------------------------------------------


def test_pipes_are_handed_over(world: World) -> None:
    pipe = object()
    world.run(world.loop.connect_read_pipe(asyncio.Protocol, pipe))
    assert called(world.pipe) == ("connect_read", (pipe,), {})
    world.run(world.loop.connect_write_pipe(asyncio.BaseProtocol, pipe))
    assert called(world.pipe) == ("connect_write", (pipe,), {})


def test_programs_and_commands_are_handed_over(world: World) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "bufsize": 0}
    world.run(world.loop.subprocess_exec(asyncio.SubprocessProtocol, "ls", "-l", cwd="/"))
    assert called(world.process) == ("spawn", (("ls", "-l"),), {**pipes, "shell": False, "cwd": "/"})
    world.run(world.loop.subprocess_shell(asyncio.SubprocessProtocol, "ls -l", stdin=None))
    assert called(world.process) == ("spawn", ("ls -l",), {**pipes, "shell": True, "stdin": None})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("universal_newlines", True, "universal_newlines must be False"),
        ("bufsize", 1, "bufsize must be 0"),
        ("text", True, "text must be False"),
        ("encoding", "ascii", "encoding must be None"),
        ("errors", "strict", "errors must be None"),
    ],
)
def test_text_and_buffers_are_refused(world: World, name: str, value: Any, message: str) -> None:
    for start in (world.loop.subprocess_exec, world.loop.subprocess_shell):
        with pytest.raises(ValueError, match=message):
            world.run(start(asyncio.SubprocessProtocol, "ls", **{name: value}))
    assert world.process.called is None


def test_shells_are_used_where_they_belong(world: World) -> None:
    with pytest.raises(ValueError, match="shell must be False"):
        world.run(world.loop.subprocess_exec(asyncio.SubprocessProtocol, "ls", shell=True))
    with pytest.raises(ValueError, match="shell must be True"):
        world.run(world.loop.subprocess_shell(asyncio.SubprocessProtocol, "ls", shell=False))
    wrong: Any = ["ls", "-l"]
    with pytest.raises(ValueError, match="cmd must be a string"):
        world.run(world.loop.subprocess_shell(asyncio.SubprocessProtocol, wrong))


def test_debug_mode_logs_what_was_made(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "asyncio")
    world.loop.set_debug(True)
    world.run(world.loop.create_connection(asyncio.Protocol, "host", 80))
    world.run(world.loop.create_server(asyncio.Protocol, "host", 80))
    world.run(world.loop.create_datagram_endpoint(asyncio.DatagramProtocol, ("h", 1)))
    world.run(world.loop.connect_read_pipe(asyncio.Protocol, "pipe"))
    world.run(world.loop.connect_write_pipe(asyncio.Protocol, "pipe"))
    world.run(world.loop.subprocess_exec(asyncio.SubprocessProtocol, "ls", "--password=secret"))
    messages = "\n".join(record.getMessage() for record in caplog.records)
    for part in ("connected", "is serving", "Datagram endpoint", "Read pipe", "Write pipe", "subprocess 'ls'"):
        assert part in messages
    assert "secret" not in messages
