"""Helpers that several suites use: peers on plain blocking sockets, and certificates.

They are made of the standard library only, so that a test's far end never shares a fault with the code under
test.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_P = ParamSpec("_P")
_T = TypeVar("_T")

TIMEOUT = 20.0
"""Seconds after which a blocking peer gives up: under a test's limit, to show the peer's traceback."""


@contextlib.contextmanager
def listening(host: str = "127.0.0.1") -> Iterator[socket.socket]:
    """Listen on a free TCP port of a loopback address, with a blocking socket."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(TIMEOUT)
        sock.bind((host, 0))
        sock.listen()
        yield sock


@contextlib.contextmanager
def tcp_pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Connect two blocking TCP sockets over loopback: (the one that connected, the one that was accepted)."""
    with listening() as server, socket.create_connection(server.getsockname(), TIMEOUT) as near:
        far, _ = server.accept()
        with far:
            far.settimeout(TIMEOUT)
            yield near, far


def read_until_eof(sock: socket.socket) -> bytes:
    """Read everything that comes until the peer shuts down its sending side."""
    return b"".join(iter(lambda: sock.recv(65536), b""))


@contextlib.contextmanager
def in_thread(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> Iterator[Future[_T]]:
    """Run a blocking function beside the body and hand out its future.

    The thread has ended when the block ends, and what the function raised is raised there.
    """
    future: Future[_T] = Future()

    def run() -> None:
        try:
            future.set_result(function(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)

    thread = threading.Thread(target=run, name=f"peer {getattr(function, '__name__', function)!s}")
    thread.start()
    try:
        yield future
    finally:
        thread.join()
    future.result()


@dataclass(frozen=True)
class Certificates:
    """TLS contexts for tests on loopback.

    The server's certificate is for ``localhost``, ``127.0.0.1`` and ``::1``; ``authority`` is the
    PEM text of the one authority that the client trusts.
    """

    server: ssl.SSLContext
    client: ssl.SSLContext
    authority: str


def make_certificates() -> Certificates:
    """Make an authority, a server's certificate and both contexts."""
    import trustme

    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1", "::1").configure_cert(server)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(client)
    return Certificates(server, client, authority.cert_pem.bytes().decode())


def public_names(package: ModuleType) -> set[str]:
    """Collect what users could reach in a package without an underscore: its own modules left out."""
    own = f"{package.__name__}."
    return {
        name
        for name, value in vars(package).items()
        if not name.startswith("_")
        and name != "annotations"
        and not (isinstance(value, ModuleType) and value.__name__.startswith(own))
    }
