"""The public names of ``transport_abc``, written down: a new one is a decision, not an accident."""

from __future__ import annotations

import importlib.metadata

import transport_abc
from tests.support import public_names

NAMES = {
    "API_VERSION",
    "DEFAULT_HIGH_WATER",
    "ENTRY_POINT_GROUP",
    "RECEIVE_BUFFER_SIZE",
    "BaseProtocol",
    "BaseSubprocessTransport",
    "BaseTransport",
    "BufferedProtocol",
    "DatagramPlugin",
    "DatagramProtocol",
    "DatagramTransport",
    "DescriptorTransport",
    "Endpoint",
    "EventLoop",
    "FlowControl",
    "PipePlugin",
    "Plugin",
    "ProcessPlugin",
    "Protocol",
    "ReadSide",
    "ReadTransport",
    "Readiness",
    "StreamPlugin",
    "SubprocessProtocol",
    "SubprocessTransport",
    "Transport",
    "TransportLoop",
    "WrapperPlugin",
    "WrapperTransport",
    "WriteSide",
    "WriteTransport",
    "get_running_loop",
    "readiness_of",
    "typed",
}


def test_public_names_are_exactly_these() -> None:
    assert set(transport_abc.__all__) - {"__version__"} == NAMES


def test_every_public_name_is_listed() -> None:
    assert public_names(transport_abc) == NAMES


def test_version_is_the_one_of_the_distribution() -> None:
    assert transport_abc.__version__ == importlib.metadata.version("transport-abc")
