"""Contexts for the TLS examples: from files, or from certificates made on the fly for a demonstration."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["client_context", "made_server_context", "server_context"]

HOSTS = ("localhost", "127.0.0.1", "::1")


def server_context(cert: str, key: str | None) -> ssl.SSLContext:
    """Return a server's context with a certificate chain and its key, both as PEM files."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    return context


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
