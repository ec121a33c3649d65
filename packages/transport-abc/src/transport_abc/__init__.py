"""Transports and protocols for asyncio: the interfaces, typed, and the contract between loops and transports.

People who write protocols need the transports and protocols; people who write transports also need the bases and the
plug-in classes; people who write loops also need what they owe to transports.
"""

from transport_abc._descriptor import DescriptorTransport
from transport_abc._endpoint import Endpoint
from transport_abc._flow import DEFAULT_HIGH_WATER, FlowControl
from transport_abc._loop import EventLoop, TransportLoop, get_running_loop, typed
from transport_abc._plugins import (
    API_VERSION,
    ENTRY_POINT_GROUP,
    DatagramPlugin,
    PipePlugin,
    Plugin,
    ProcessPlugin,
    StreamPlugin,
    WrapperPlugin,
)
from transport_abc._protocols import (
    BaseProtocol,
    BufferedProtocol,
    DatagramProtocol,
    Protocol,
    SubprocessProtocol,
)
from transport_abc._read_side import ReadSide
from transport_abc._readiness import RECEIVE_BUFFER_SIZE, Readiness, readiness_of
from transport_abc._transports import (
    BaseSubprocessTransport,
    BaseTransport,
    DatagramTransport,
    ReadTransport,
    SubprocessTransport,
    Transport,
    WriteTransport,
)
from transport_abc._wrapper import WrapperTransport
from transport_abc._write_side import WriteSide

__version__ = "0.1.0"

__all__ = [
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
]
