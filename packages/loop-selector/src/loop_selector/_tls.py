"""TLS, as far as the loop is concerned: the checks of arguments, and the wrapper around a connection's transport."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from transport_abc import WrapperPlugin

if TYPE_CHECKING:
    import ssl as ssl_module
    from collections.abc import Callable
    from typing import TypeAlias

    from loop_selector._loop import SelectorEventLoop
    from transport_abc import BaseProtocol, Transport

    SSL: TypeAlias = bool | ssl_module.SSLContext | None


def check_timeouts(ssl: SSL, handshake: float | None, shutdown: float | None) -> None:
    """Refuse timeouts that have no meaning.

    Raises:
        ValueError: if there is a timeout of TLS without TLS, or one that is not positive.
    """
    if not ssl and handshake is not None:
        raise ValueError("ssl_handshake_timeout is only meaningful with ssl")
    if not ssl and shutdown is not None:
        raise ValueError("ssl_shutdown_timeout is only meaningful with ssl")
    for name, seconds in (("ssl_handshake_timeout", handshake), ("ssl_shutdown_timeout", shutdown)):
        if seconds is not None and seconds <= 0:
            raise ValueError(f"{name} should be a positive number, got {seconds}")


class TLSFactory:
    """Wrap protocols in TLS: what is handed to a plug-in for streams in place of the user's protocol factory.

    Args:
        loop: the loop, whose plug-in ``ssl`` makes the wrappers; looked up at once.
        protocol_factory: the user's.
        ssl: the context; True: a default one, for clients.
        server_side: on which side of the handshake this is.
        server_hostname: the name that the server's certificate must be valid for, on the client's side.
        handshake_timeout: how long the handshake may take, in seconds.
        shutdown_timeout: how long the end of the connection may take, in seconds.
    """

    def __init__(
        self,
        loop: SelectorEventLoop,
        protocol_factory: Callable[[], Any],
        ssl: SSL,
        *,
        server_side: bool,
        server_hostname: str | None = None,
        handshake_timeout: float | None = None,
        shutdown_timeout: float | None = None,
    ) -> None:
        self._plugin = loop.plugin("ssl", WrapperPlugin)
        self._loop = loop
        self._protocol_factory = protocol_factory
        self._options: dict[str, Any] = {
            "sslcontext": _context(ssl, server_side, server_hostname),
            "server_side": server_side,
            "server_hostname": server_hostname,
            "ssl_handshake_timeout": handshake_timeout,
            "ssl_shutdown_timeout": shutdown_timeout,
        }
        self.protocol: Any = None
        """The protocol made last."""

    def __call__(self) -> Any:
        """Make a protocol and the wrapper below it, and remember the protocol."""
        self.protocol = self._protocol_factory()
        return self._plugin.wrap(self._loop, self.protocol, **self._options)

    def forgetful(self) -> Any:
        """Make a protocol and the wrapper below it; for servers, which must not keep the protocol alive."""
        return self._plugin.wrap(self._loop, self._protocol_factory(), **self._options)


def _context(ssl: SSL, server_side: bool, server_hostname: str | None) -> ssl_module.SSLContext:
    import ssl as ssl_module

    if isinstance(ssl, ssl_module.SSLContext):
        if server_side:  # one for clients shall be refused at the call, not for each connection
            ssl.wrap_bio(ssl_module.MemoryBIO(), ssl_module.MemoryBIO(), server_side=True)
        return ssl
    if server_side:
        raise ValueError("Server side SSL needs a valid SSLContext")
    if ssl is not True:
        raise TypeError(f"ssl is expected to be an instance of ssl.SSLContext, or True, got {ssl!r}")
    context = ssl_module.create_default_context()
    if not server_hostname:
        context.check_hostname = False
    return context


async def established(factory: TLSFactory, wrapper: Any) -> tuple[Any, Any]:
    """Wait for the handshake and return the wrapper, as transport, with the user's protocol."""
    protocol, factory.protocol = factory.protocol, None
    try:
        await wrapper.wait_ready()
    except BaseException:
        wrapper.abort()
        raise
    return wrapper, protocol


async def start_tls(
    loop: SelectorEventLoop,
    transport: asyncio.BaseTransport,
    protocol: BaseProtocol | asyncio.BaseProtocol,
    sslcontext: ssl_module.SSLContext,
    *,
    server_side: bool = False,
    server_hostname: str | None = None,
    ssl_handshake_timeout: float | None = None,
    ssl_shutdown_timeout: float | None = None,
) -> Transport | None:
    """Upgrade a connection to TLS and return the transport that the protocol must use from now on.

    Args:
        loop: the loop.
        transport: the transport of the connection; not to be used any more.
        protocol: the receiver of the decrypted data; its ``connection_made`` is not called again.
        sslcontext: the context.
        server_side: whether this is the server.
        server_hostname: the name that the server's certificate must be valid for.
        ssl_handshake_timeout: how long the handshake may take, in seconds.
        ssl_shutdown_timeout: how long the end of the connection may take, in seconds.

    Raises:
        TypeError: if this is no context, or the transport cannot be upgraded.
    """
    import ssl as ssl_module

    if not isinstance(sslcontext, ssl_module.SSLContext):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"sslcontext is expected to be an instance of ssl.SSLContext, got {sslcontext!r}")
    if not isinstance(transport, asyncio.Transport) or not getattr(transport, "_start_tls_compatible", True):
        raise TypeError(f"transport {transport!r} is not supported by start_tls()")
    plugin: Any = loop.plugin("ssl", WrapperPlugin)
    upgraded: Transport | None = await plugin.upgrade(
        loop,
        transport,
        protocol,
        sslcontext=sslcontext,
        server_side=server_side,
        server_hostname=server_hostname,
        ssl_handshake_timeout=ssl_handshake_timeout,
        ssl_shutdown_timeout=ssl_shutdown_timeout,
    )
    return upgraded
