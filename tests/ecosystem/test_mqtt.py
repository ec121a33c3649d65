"""aiomqtt against a real mosquitto: paho's socket is watched by `add_reader` and `add_writer`."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loop_selector import run
from tests.ecosystem.conftest import CertificateFiles
from tests.ecosystem.support import PAYLOAD, assert_on_our_loop, free_port, library, program, running, wait_for_line

pytestmark = pytest.mark.server
aiomqtt = library("aiomqtt")


@pytest.fixture(scope="module")
def ports(certificate_files: CertificateFiles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """Start a broker that keeps nothing, and give its ports."""
    server = program("mosquitto", "mosquitto", Path("/usr/sbin"))
    file, ports = tmp_path_factory.mktemp("mqtt") / "mosquitto.conf", {"tcp": free_port(), "tls": free_port()}
    tls = f"certfile {certificate_files.certificate}\nkeyfile {certificate_files.key}\n"
    file.write_text(
        f"user root\nallow_anonymous true\nlistener {ports['tcp']} 127.0.0.1\nlistener {ports['tls']} 127.0.0.1\n{tls}"
    )
    with running([server, "-c", str(file)]) as process:
        wait_for_line(process, "running")
        yield ports


@pytest.mark.parametrize("how", ["tcp", "tls"])
def test_published_messages_arrive_in_order(
    ports: dict[str, int], certificate_files: CertificateFiles, how: str
) -> None:
    trust = ssl.create_default_context(cafile=str(certificate_files.authority))
    options: dict[str, Any] = {"tls_context": trust} if how == "tls" else {}
    sent = [b"%d" % number for number in range(200)] + [PAYLOAD]

    async def main() -> None:
        assert_on_our_loop()
        async with aiomqtt.Client("localhost", ports[how], **options) as client:
            await client.subscribe("case/#", qos=1)
            for number, payload in enumerate(sent):
                await client.publish(f"case/{number}", payload, qos=1)
            received = []
            async for message in client.messages:
                received.append((str(message.topic), message.payload))
                if len(received) == len(sent):
                    break
        assert received == [(f"case/{number}", payload) for number, payload in enumerate(sent)]

    run(main())
