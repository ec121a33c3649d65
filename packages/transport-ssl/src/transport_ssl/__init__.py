"""TLS as a transport for asyncio event loops, over any stream transport.

The plug-in is all there is to use; loops find it under the name ``ssl``.
"""

from transport_ssl._plugin import HANDSHAKE_TIMEOUT, SHUTDOWN_TIMEOUT, SslPlugin
from transport_ssl._transport import SslTransport

__version__ = "0.1.0"

__all__ = ["HANDSHAKE_TIMEOUT", "SHUTDOWN_TIMEOUT", "SslPlugin", "SslTransport", "__version__"]
