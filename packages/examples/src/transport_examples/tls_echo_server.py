"""A TLS echo server: the TCP echo, encrypted. The protocol is the same class; only the server is made differently.

With --cert and --key it uses a real certificate. Without, it makes one for this host and says which file a client has
to trust: `python -m transport_examples.tls_echo_client --cafile FILE`. Ctrl-C ends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transport_abc import get_running_loop
from transport_examples._certificates import add_certificate_options, chosen_server_context
from transport_examples._program import arguments, run
from transport_examples.tcp_echo_server import EchoServer

if TYPE_CHECKING:
    import asyncio
    import ssl


async def start(host: str, port: int, context: ssl.SSLContext) -> asyncio.Server:
    """Start to listen; a connection reaches its EchoServer once the handshake is complete."""
    return await get_running_loop().create_server(EchoServer, host, port, ssl=context)


async def serve(host: str, port: int, context: ssl.SSLContext, trust: str) -> None:
    """Serve until cancelled."""
    async with await start(host, port, context) as server:
        print("listening on", *(sock.getsockname() for sock in server.sockets), flush=True)
        print("to be trusted:", trust, flush=True)
        await server.serve_forever()


def main() -> None:
    """Run the server from the command line."""
    parser = arguments(__doc__, "host", "port")
    add_certificate_options(parser)
    args = parser.parse_args()
    with chosen_server_context(parser, args.cert, args.key) as (context, trust):
        run(lambda: serve(args.host, args.port, context, trust))


if __name__ == "__main__":
    main()
