"""A client of the key-value server: sends each argument as a command and prints the answers.

Start the server first: `python -m transport_examples.key_value_server`; it says what to give as --cafile. Then
`python -m transport_examples.key_value_client --cafile FILE "SET colour green" "GET colour"`. Exits with 1 if the
server refuses a command or says goodbye.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from transport_abc import Protocol, Transport, get_running_loop
from transport_examples._certificates import chosen_client_context
from transport_examples._program import arguments, run

if TYPE_CHECKING:
    import asyncio
    import ssl


class KeyValueClient(Protocol):
    """Send commands; ``answers`` is done when each has its answer, or with fewer if the server ends before."""

    transport: Transport

    def __init__(self, commands: list[str]) -> None:
        self.request = "".join(f"{command}\n" for command in commands).encode()
        self.expected = len(commands)
        self.received = bytearray()
        self.answers: asyncio.Future[list[str]] = get_running_loop().create_future()

    def connection_made(self, transport: Transport) -> None:
        """Send all commands; the answers come in their order."""
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        """Collect answers until all are there."""
        self.received += data
        if self.received.count(b"\n") >= self.expected:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Hand out what was answered; an error only if there was no answer at all."""
        if self.answers.done():  # who waited has given up, as on Ctrl-C
            return
        if self.received or exc is None:
            self.answers.set_result(self.received.decode(errors="replace").splitlines())
        else:
            self.answers.set_exception(exc)


async def ask(host: str, port: int, context: ssl.SSLContext, commands: list[str]) -> list[str]:
    """Connect, verify the server, and return its answers."""
    loop = get_running_loop()
    _, client = await loop.create_connection(lambda: KeyValueClient(commands), host, port, ssl=context)
    return await client.answers


async def talk(host: str, port: int, context: ssl.SSLContext, commands: list[str]) -> None:
    """Print the answers; exit with 1 if one is a refusal or missing."""
    answers = await ask(host, port, context, commands)
    print(*answers, sep="\n")
    if len(answers) < len(commands) or any(answer.startswith(("ERROR", "BYE")) for answer in answers):
        sys.exit(1)


def main() -> None:
    """Run the client from the command line."""
    parser = arguments(__doc__, "host", "port")
    parser.add_argument("--cafile", help="the authorities to trust, a PEM file (those of the system)")
    parser.add_argument("commands", nargs="+", metavar="COMMAND", help="such as 'SET colour green'")
    args = parser.parse_args()
    context = chosen_client_context(parser, args.cafile)
    run(lambda: talk(args.host, args.port, context, args.commands))


if __name__ == "__main__":
    main()
