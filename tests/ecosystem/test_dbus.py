"""dbus-fast against a real dbus-daemon: it passes descriptors by calls of its own on a socket that the loop watches."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from loop_selector import run
from tests.ecosystem.support import assert_on_our_loop, library, program, running

pytestmark = pytest.mark.server
aio = library("dbus_fast.aio")
dbus_fast = library("dbus_fast")

CONFIGURATION = """
<busconfig>
  <type>session</type>
  <listen>unix:path={path}</listen>
  <policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
  </policy>
</busconfig>
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a bus of its own, and give its address."""
    daemon, folder = program("dbus-daemon", "dbus-daemon"), tmp_path_factory.mktemp("dbus")
    (folder / "bus.conf").write_text(CONFIGURATION.format(path=folder / "bus.sock"))
    command = [daemon, f"--config-file={folder / 'bus.conf'}", "--nofork", "--print-address"]
    with running(command) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()


@pytest.mark.parametrize("descriptors", [False, True], ids=["plain", "descriptors"])
def test_calls_are_answered_and_descriptors_are_passed(address: str, descriptors: bool, tmp_path: Path) -> None:
    message, target = dbus_fast.Message, (tmp_path / "file").open("wb")

    def answer(call: object) -> object:
        if getattr(call, "member", None) != "Reverse":
            return None
        if descriptors:
            os.write(call.unix_fds[0], b"written by the other side")  # type: ignore[attr-defined]
            os.close(call.unix_fds[0])  # type: ignore[attr-defined]
        return message.new_method_return(call, "s", [call.body[-1][::-1]])  # type: ignore[attr-defined]

    async def main() -> None:
        assert_on_our_loop()
        service = await aio.MessageBus(address, negotiate_unix_fd=descriptors).connect()
        client = await aio.MessageBus(address, negotiate_unix_fd=descriptors).connect()
        service.add_message_handler(answer)
        await service.request_name("test.Case")
        where = {"destination": "test.Case", "path": "/", "interface": "test.Case", "member": "Reverse"}
        with contextlib.closing(target):
            for text in ("abc", "x" * 1_000_000 + "y"):
                passed = {"signature": "hs", "body": [0, text], "unix_fds": [target.fileno()]}
                rest = passed if descriptors else {"signature": "s", "body": [text]}
                reply = await client.call(message(**where, **rest))
                assert reply.body == [text[::-1]]
        assert (tmp_path / "file").read_bytes() == b"written by the other side" * (2 if descriptors else 0)
        for bus in (client, service):
            bus.disconnect()
            await bus.wait_for_disconnect()

    run(main())
