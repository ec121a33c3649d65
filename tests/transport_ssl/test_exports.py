"""The public names of ``transport_ssl``, written down: a new one is a decision, not an accident."""

from __future__ import annotations

import importlib.metadata

import transport_ssl
from tests.support import public_names

NAMES = {
    "HANDSHAKE_TIMEOUT",
    "SHUTDOWN_TIMEOUT",
    "SslPlugin",
    "SslTransport",
}


def test_public_names_are_exactly_these() -> None:
    assert set(transport_ssl.__all__) - {"__version__"} == NAMES


def test_every_public_name_is_listed() -> None:
    assert public_names(transport_ssl) == NAMES


def test_version_is_the_one_of_the_distribution() -> None:
    assert transport_ssl.__version__ == importlib.metadata.version("transport-ssl")
