"""Socket transports for asyncio event loops: TCP.

Loops find the plug-in by its entry point; nothing here needs to be imported to use it.
"""

from transport_socket._plugins import TcpPlugin
from transport_socket._server import Server
from transport_socket._stream import SocketTransport

__version__ = "0.1.0"

__all__ = ["Server", "SocketTransport", "TcpPlugin"]
