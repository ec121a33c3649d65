"""A TLS echo client: sends one message, encrypted, and prints what comes back.

Start the server first: `python -m transport_examples.tls_echo_server`; it says what to give as --cafile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transport_abc import get_running_loop
from transport_examples._certificates import chosen_client_context
from transport_examples._program import arguments, run
from transport_examples.tcp_echo_client import EchoClient

if TYPE_CHECKING:
    import ssl


async def echo(host: str, port: int, message: bytes, context: ssl.SSLContext) -> bytes:
    """Connect, verify the server, send the message and return its echo."""
    loop = get_running_loop()
    _, protocol = await loop.create_connection(lambda: EchoClient(message), host, port, ssl=context)
    return await protocol.echo


async def talk(host: str, port: int, message: str, context: ssl.SSLContext) -> None:
    """Show one exchange."""
    print("sent:", message)
    print("received:", (await echo(host, port, message.encode(), context)).decode())


def main() -> None:
    """Run the client from the command line."""
    parser = arguments(__doc__, "host", "port", "message")
    parser.add_argument("--cafile", help="the authorities to trust, a PEM file (those of the system)")
    args = parser.parse_args()
    context = chosen_client_context(parser, args.cafile)
    run(lambda: talk(args.host, args.port, args.message, context))


if __name__ == "__main__":
    main()
