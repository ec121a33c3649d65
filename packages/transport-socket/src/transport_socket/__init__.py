"""Socket transports for asyncio event loops: TCP, UDP and Unix sockets.

Loops find the plug-ins by their entry points; nothing here needs to be imported to use them.
"""

from transport_socket._datagram import DatagramSocketTransport
from transport_socket._plugins import TcpPlugin, UdpPlugin, UnixDatagramPlugin, UnixPlugin
from transport_socket._server import Server
from transport_socket._stream import SocketTransport

__version__ = "0.1.0"

__all__ = [
    "DatagramSocketTransport",
    "Server",
    "SocketTransport",
    "TcpPlugin",
    "UdpPlugin",
    "UnixDatagramPlugin",
    "UnixPlugin",
]
