"""What the TLS tests share: certificates, connections through the plug-in over a loop's own transports, peers."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from transport_abc import Transport, get_running_loop
from transport_abc.testing import Recorder
from transport_ssl import SslPlugin, SslTransport

PLUGIN = SslPlugin()
HOST = "127.0.0.1"


class Authority:
    """A certificate authority and what it signed; made once, as making keys takes time."""

    def __init__(self) -> None:
        import trustme

        self._ca = trustme.CA()
        self._server = self._ca.issue_cert("localhost", HOST, "::1")
        self._client = self._ca.issue_cert("client@example.org")
        self._elsewhere = self._ca.issue_cert("elsewhere.example")
        past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
        self._expired = self._ca.issue_cert("localhost", HOST, not_after=past, not_before=past)
        self._stranger = trustme.CA().issue_cert("localhost", HOST)
        self.pem = self._ca.cert_pem.bytes().decode()

    def server(self, certificate: str = "server", *, tls: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        """Make a server's context with one of the certificates: server, elsewhere, expired, stranger."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        getattr(self, f"_{certificate}").configure_cert(context)
        return _only(context, tls)

    def client(self, *, certificate: bool = False, tls: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        """Make a client's context that trusts the authority; with a certificate of its own if asked for."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._ca.configure_trust(context)
        if certificate:
            self._client.configure_cert(context)
        return _only(context, tls)

    def mutual(self, *, tls: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        """Make a server's context that asks the client for a certificate."""
        context = self.server(tls=tls)
        context.verify_mode = ssl.CERT_REQUIRED
        self._ca.configure_trust(context)
        return context

    def files(self, folder: Any) -> tuple[str, str, str]:
        """Write the server's key with its chain, the chain alone and the authority's certificate to files."""
        key, chain, trusted = folder / "key.pem", folder / "chain.pem", folder / "authority.pem"
        self._server.private_key_pem.write_to_path(str(key))
        chain.write_bytes(b"".join(blob.bytes() for blob in self._server.cert_chain_pems))
        trusted.write_text(self.pem)
        return str(key), str(chain), str(trusted)


def _only(context: ssl.SSLContext, tls: ssl.TLSVersion | None) -> ssl.SSLContext:
    if tls is not None:
        context.minimum_version = context.maximum_version = tls
    return context


@asynccontextmanager
async def serving(
    factory: Callable[[], Any], context: ssl.SSLContext, **options: Any
) -> AsyncIterator[tuple[str, int]]:
    """Serve TLS by the plug-in over TCP of whichever loop runs, and enter with the address."""
    loop = get_running_loop()
    server = await loop.create_server(
        lambda: PLUGIN.wrap(loop, factory(), sslcontext=context, server_side=True, **options), HOST, 0
    )
    try:
        yield server.sockets[0].getsockname()
    finally:
        server.close()
        await asyncio.sleep(0)


async def connect(
    protocol: Any, context: ssl.SSLContext, address: Any, *, server_hostname: str | None = HOST, **options: Any
) -> SslTransport:
    """Connect by the plug-in over TCP of whichever loop runs, and shake hands."""
    loop = get_running_loop()
    _, wrapper = await loop.create_connection(
        lambda: PLUGIN.wrap(loop, protocol, sslcontext=context, server_hostname=server_hostname, **options), *address
    )
    try:
        await wrapper.wait_ready()
    except BaseException:
        wrapper.abort()
        raise
    return wrapper


class Echo(Recorder):
    """Send back what comes."""

    transport: Transport

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.transport.write(data)
