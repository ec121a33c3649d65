"""What the TLS tests share: certificates, connections through the plug-in over a loop's own transports, peers."""

from __future__ import annotations

import asyncio
import datetime
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from tests.support import TIMEOUT, listening
from transport_abc import Transport, get_running_loop
from transport_abc.testing import Recorder
from transport_ssl import SslPlugin, SslTransport

_T = TypeVar("_T")

STRICT = SslPlugin(suppress_ragged_eofs=False)
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
        lambda: STRICT.wrap(loop, factory(), sslcontext=context, server_side=True, **options), HOST, 0
    )
    try:
        yield server.sockets[0].getsockname()
    finally:
        server.close()
        await asyncio.sleep(0)


async def connect(
    protocol: Any,
    context: ssl.SSLContext,
    address: Any,
    *,
    server_hostname: str | None = HOST,
    plugin: SslPlugin = STRICT,
    **options: Any,
) -> SslTransport:
    """Connect by the plug-in over TCP of whichever loop runs, and shake hands."""
    loop = get_running_loop()
    _, wrapper = await loop.create_connection(
        lambda: plugin.wrap(loop, protocol, sslcontext=context, server_hostname=server_hostname, **options), *address
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


class Peer:
    """A peer made of the ``ssl`` module and a blocking socket, which does what a test tells it, and nothing else."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, *, server_side: bool) -> None:
        self.sock = sock
        self.raw = b""
        """All encrypted bytes that were received."""
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._in, self._out, server_side, None if server_side else HOST)
        self._repeat(self.tls.do_handshake)

    def _repeat(self, action: Callable[..., _T], *args: Any) -> _T:
        """Do something that may need more bytes of the other side."""
        while True:
            try:
                result = action(*args)
            except ssl.SSLWantReadError:
                self.flush()
                self._receive()
            else:
                self.flush()
                return result

    def _receive(self) -> None:
        data = self.sock.recv(65536)
        self.raw += data
        if data:
            self._in.write(data)
        else:
            self._in.write_eof()

    def flush(self) -> None:
        """Send what is encrypted."""
        if data := self._out.read():
            self.sock.sendall(data)

    def write(self, data: bytes) -> None:
        """Encrypt and send."""
        self.tls.write(data)
        self.flush()

    def sealed(self, data: bytes) -> bytes:
        """Encrypt, and return instead of sending."""
        self.tls.write(data)
        return self._out.read()

    def read(self, size: int = 65536) -> bytes:
        """Receive plain text, b"" behind ``close_notify``."""
        try:
            return self._repeat(self.tls.read, size)
        except ssl.SSLZeroReturnError:
            return b""

    def read_exactly(self, size: int) -> bytes:
        """Receive so many bytes of plain text."""
        data = b""
        while len(data) < size:
            piece = self.read(size - len(data))
            assert piece, f"the end after {len(data)} of {size} bytes"
            data += piece
        return data

    def say_goodbye(self) -> None:
        """Send ``close_notify`` and do not wait for the answer."""
        with suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        self.flush()


@asynccontextmanager
async def peer_of(
    protocol: Any, authority: Authority, *, tls: ssl.TLSVersion | None = None, **options: Any
) -> AsyncIterator[tuple[SslTransport, Peer]]:
    """Connect a protocol by the plug-in to a :class:`Peer`, whose methods have to be called in a thread."""

    def accept(server: socket.socket) -> Peer:
        sock, _ = server.accept()
        sock.settimeout(TIMEOUT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Peer(sock, authority.server(tls=tls), server_side=True)

    with listening() as server:
        accepting = asyncio.create_task(asyncio.to_thread(accept, server))
        transport = await connect(protocol, authority.client(), server.getsockname(), **options)
        peer = await accepting
    with peer.sock:
        try:
            yield transport, peer
        finally:
            transport.abort()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
