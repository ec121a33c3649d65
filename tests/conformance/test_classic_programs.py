"""The kinds of programs that asyncio's reference page shows run unchanged when the current loop is ours."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("loop_selector", reason="the programs run on loop_selector, which is not installed")
pytest.importorskip("transport_socket", reason="the programs use sockets: transport-socket is not installed")

CLASSIC = Path(__file__).with_name("classic")
ON_OUR_LOOP = """
import asyncio, runpy, sys
import loop_selector
asyncio.set_event_loop(loop_selector.new_event_loop())
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def command(name: str, *args: str) -> list[str]:
    return [sys.executable, "-W", "default::ResourceWarning", "-c", ON_OUR_LOOP, str(CLASSIC / name), *args]


def output(name: str, *args: str) -> str:
    done = subprocess.run(command(name, *args), capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@contextmanager
def serving(name: str) -> Iterator[str]:
    with subprocess.Popen(command(name), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.send_signal(signal.SIGINT)
            _, errors = server.communicate(timeout=10)
        assert (server.returncode, errors) == (0, "")


def test_tcp_client_and_server() -> None:
    with serving("tcp_server.py") as port:
        assert output("tcp_client.py", port) == "received over TCP\nlost None\n"


def test_udp_client_and_server() -> None:
    with serving("udp_server.py") as port:
        assert output("udp_client.py", port) == "received over UDP\nlost None\n"


def test_open_socket() -> None:
    assert output("open_socket.py") == "received from outside\nlost None\n"
