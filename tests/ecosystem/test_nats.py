"""nats-py against a real nats-server: it upgrades its connection by `start_tls` in the middle."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loop_selector import run
from tests.ecosystem.conftest import CertificateFiles
from tests.ecosystem.support import PAYLOAD, assert_on_our_loop, free_port, library, program, running, wait_for_line

pytestmark = pytest.mark.server
nats = library("nats")


@pytest.fixture(scope="module", params=["tcp", "tls"])
def options(request: pytest.FixtureRequest, certificate_files: CertificateFiles) -> Iterator[dict[str, Any]]:
    """Start a server, and give what a client needs for it."""
    server, port = program("nats-server", "nats-server", Path("/usr/sbin")), free_port()
    command = [server, "--addr", "127.0.0.1", "--port", str(port)]
    options: dict[str, Any] = {"servers": [f"nats://localhost:{port}"]}
    if request.param == "tls":
        command += ["--tls", "--tlscert", str(certificate_files.certificate), "--tlskey", str(certificate_files.key)]
        options["tls"] = ssl.create_default_context(cafile=str(certificate_files.authority))
    with running(command) as process:
        wait_for_line(process, "Server is ready")
        yield options


def test_messages_arrive_in_order_and_requests_are_answered(options: dict[str, Any]) -> None:
    async def answer(message: Any) -> None:
        await message.respond(message.data[::-1])

    async def main() -> None:
        assert_on_our_loop()
        client = await nats.connect(**options)
        subscription = await client.subscribe("numbers")
        for number in range(500):
            await client.publish("numbers", b"%d" % number)
        received = [(await subscription.next_msg(timeout=20)).data for _ in range(500)]
        assert received == [b"%d" % number for number in range(500)]
        await client.subscribe("echo", cb=answer)
        pieces = [PAYLOAD[: 10_000 * number] for number in range(1, 20)]
        replies = await asyncio.gather(*(client.request("echo", piece, timeout=20) for piece in pieces))
        assert [reply.data for reply in replies] == [piece[::-1] for piece in pieces]
        await client.drain()

    run(main())
