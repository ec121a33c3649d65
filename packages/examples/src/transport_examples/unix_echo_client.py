"""A Unix socket echo client: the same protocol as over TCP, at a path instead of a port.

Start the server first: `python -m transport_examples.unix_echo_server`.
"""

from __future__ import annotations

from transport_abc import get_running_loop
from transport_examples._program import arguments, run
from transport_examples.tcp_echo_client import EchoClient


async def echo(path: str, message: bytes) -> bytes:
    """Connect, send the message and return its echo."""
    _, protocol = await get_running_loop().create_unix_connection(lambda: EchoClient(message), path)
    return await protocol.echo


async def talk(path: str, message: str) -> None:
    """Show one exchange."""
    print("sent:", message)
    print("received:", (await echo(path, message.encode())).decode())


def main() -> None:
    """Run the client from the command line."""
    args = arguments(__doc__, "path", "message").parse_args()
    run(lambda: talk(args.path, args.message))


if __name__ == "__main__":
    main()
