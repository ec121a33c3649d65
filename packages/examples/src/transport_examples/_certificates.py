"""Contexts for the TLS examples: from files, or from certificates made on the fly for a demonstration."""

from __future__ import annotations

import contextlib
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from transport_examples._program import add_options, arguments, chosen_options, run

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Coroutine, Iterator

__all__ = [
    "add_certificate_options",
    "chosen_client_context",
    "chosen_server_context",
    "client_context",
    "made_server_context",
    "run_tls_server",
]

LimitsT = TypeVar("LimitsT")

HOSTS = ("localhost", "127.0.0.1", "::1")


def client_context(cafile: str | None) -> ssl.SSLContext:
    """Return a client's context that trusts the authorities of a PEM file, by default those of the system."""
    return ssl.create_default_context(cafile=cafile)


def made_server_context(cafile: Path) -> ssl.SSLContext:
    """Return a server's context with a fresh certificate for this host; write the authority to trust to a PEM file.

    Raises:
        RuntimeError: if trustme, which makes the certificate, is not installed.
    """
    try:
        import trustme
    except ImportError:
        raise RuntimeError("give --cert and --key, or install what makes them: pip install trustme") from None
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*HOSTS).configure_cert(context)
    authority.cert_pem.write_to_path(str(cafile))
    return context


def add_certificate_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that a TLS server has."""
    parser.add_argument("--cert", help="certificate chain, a PEM file (one is made for this host)")
    parser.add_argument("--key", help="private key, a PEM file; not needed if it is in the first one")


def chosen_client_context(parser: argparse.ArgumentParser, cafile: str | None) -> ssl.SSLContext:
    """Return a client's context as the command line wants it; end with the usage if the file is of no use."""
    try:
        return client_context(cafile)
    except OSError as exc:
        parser.error(f"--cafile {cafile}: {_reason(exc)}")


@contextlib.contextmanager
def chosen_server_context(
    parser: argparse.ArgumentParser, cert: str | None, key: str | None
) -> Iterator[tuple[ssl.SSLContext, str]]:
    """Give a server's context as the command line wants it, and what a client has to trust; or end with the usage.

    A certificate that is made for the purpose is there until the end of the block.
    """
    if key and not cert:
        parser.error("--key is the key of a certificate: give --cert as well")
    with tempfile.TemporaryDirectory() as folder:
        authority = Path(folder, "authority.pem")
        try:
            made = made_server_context(authority) if cert is None else _loaded(cert, key)
        except (OSError, RuntimeError) as exc:
            parser.error(f"--cert {cert}, --key {key}: {_reason(exc)}" if cert else str(exc))
        yield made, "the authority that issued it" if cert else str(authority)


def _loaded(cert: str, key: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    return context


def _reason(exc: Exception) -> str:
    """Say what is wrong with a file, without OpenSSL's place in its sources."""
    if isinstance(exc, ssl.SSLError):
        return (
            f"no certificate or key in PEM format, or they do not belong together ({exc.reason or 'nothing was found'})"
        )
    return str(getattr(exc, "strerror", None) or exc)


def run_tls_server(
    doc: str | None,
    serve: Callable[[str, int, ssl.SSLContext, LimitsT], Coroutine[Any, Any, None]],
    limits: type[LimitsT],
) -> None:
    """Run a TLS server from the command line: its place, its certificate, and an option for each of its limits."""
    parser = arguments(doc, "host", "port")
    add_certificate_options(parser)
    add_options(parser, limits)
    args = parser.parse_args()
    with chosen_server_context(parser, args.cert, args.key) as (context, trust):
        print("to be trusted:", trust, flush=True)
        run(lambda: serve(args.host, args.port, context, chosen_options(args, limits)))
