"""A Unix socket echo server: the same protocol as over TCP, at a path instead of a port.

Talk to it with `python -m transport_examples.unix_echo_client`, or with `nc -U PATH`. Ctrl-C ends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transport_abc import get_running_loop
from transport_examples._program import arguments, run
from transport_examples.tcp_echo_server import EchoServer

if TYPE_CHECKING:
    import asyncio


async def start(path: str) -> asyncio.Server:
    """Start to listen; the path is removed again when the server closes."""
    return await get_running_loop().create_unix_server(EchoServer, path)


async def serve(path: str) -> None:
    """Serve until cancelled."""
    async with await start(path) as server:
        print("listening on", path, flush=True)
        await server.serve_forever()


def main() -> None:
    """Run the server from the command line."""
    args = arguments(__doc__, "path").parse_args()
    run(lambda: serve(args.path))


if __name__ == "__main__":
    main()
