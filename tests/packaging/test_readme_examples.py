"""The examples of the READMEs do what they say, each in a process of its own, on a free port."""

from __future__ import annotations

import contextlib
import re
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

from tests.packaging.workspace import ROOT
from tests.support import TIMEOUT, in_thread, listening, read_until_eof


def free_port() -> int:
    with listening() as sock:
        port: int = sock.getsockname()[1]
    return port


def example(readme: str, port: int) -> str:
    """Take the one Python block of a README, with another port than the one that readers will use."""
    block: str
    (block,) = re.findall("^```python[^\n]*\n(.*?)^```", (ROOT / readme).read_text(), re.DOTALL | re.MULTILINE)
    assert "8888" in block
    return block.replace("8888", str(port))


@contextlib.contextmanager
def running(program: str) -> Iterator[None]:
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        try:
            yield
            assert process.poll() is None, "the server ended by itself"
        finally:
            process.terminate()


def connect_when_listening(port: int) -> socket.socket:
    """Try until somebody listens: another process gives no event to wait for."""
    deadline = time.monotonic() + TIMEOUT
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), TIMEOUT)
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, "nobody listens"
            select.select([], [], [], 0.01)


def test_server_of_the_top_readme_echoes() -> None:
    port = free_port()
    with running(example("README.md", port)), connect_when_listening(port) as sock:
        sock.sendall(b"hello")
        sock.shutdown(socket.SHUT_WR)
        assert read_until_eof(sock) == b"hello"


def test_server_of_transport_socket_greets() -> None:
    port = free_port()
    with running(example("packages/transport-socket/README.md", port)), connect_when_listening(port) as sock:
        assert read_until_eof(sock) == b"hello\n"


def test_client_of_loop_selector_prints_the_answer() -> None:
    def echo_line(server: socket.socket) -> None:
        sock, _ = server.accept()
        with sock:
            sock.settimeout(TIMEOUT)
            sock.sendall(sock.makefile("rb").readline())
            read_until_eof(sock)

    with listening() as server, in_thread(echo_line, server):
        program = example("packages/loop-selector/README.md", server.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
    assert (done.stdout, done.stderr) == ("b'hello\\n'\n", "")
