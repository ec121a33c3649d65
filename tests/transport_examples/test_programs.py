"""The examples as a user runs them: processes with their output, Ctrl-C, exit codes and bad arguments."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

INSTALLED = {entry.name for entry in entry_points(group="transport_abc.transports")}


def needs(transport: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(transport not in INSTALLED, reason=f"the {transport} transport is not installed")


def command(name: str, *args: str) -> list[str]:
    return [sys.executable, "-W", "error", "-m", f"transport_examples{name}", *args]


def run(name: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(name, *args), capture_output=True, text=True, timeout=30, check=False)


@contextmanager
def serving(name: str, *args: str) -> Iterator[str]:
    """Run a server and give what it says it listens on; at the end, interrupt it and check that it ends cleanly."""
    with subprocess.Popen(command(name, *args), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            line = server.stdout.readline()
            assert line.startswith("listening on "), (line, server.communicate(timeout=10))
            yield line.removeprefix("listening on ").strip()
        finally:
            server.send_signal(signal.SIGINT)
            _, errors = server.communicate(timeout=10)
        assert (server.returncode, errors) == (130, "interrupted\n")


def port_of(address: str) -> str:
    return address.rpartition(", ")[2].rstrip(")")


@needs("tcp")
def test_tcp_client_gets_its_message_back_from_the_server() -> None:
    with serving(".tcp_echo_server", "--port", "0") as address:
        done = run(".tcp_echo_client", "--port", port_of(address), "--message", "over TCP")
    assert (done.returncode, done.stdout, done.stderr) == (0, "sent: over TCP\nreceived: over TCP\n", "")


@needs("tcp")
def test_an_empty_message_is_answered_as_well() -> None:
    with serving(".tcp_echo_server", "--port", "0") as address:
        done = run(".tcp_echo_client", "--port", port_of(address), "--message", "")
    assert (done.returncode, done.stdout, done.stderr) == (0, "sent: \nreceived: \n", "")


@needs("udp")
def test_udp_client_gets_its_message_back_from_the_server() -> None:
    with serving(".udp_echo_server", "--port", "0") as address:
        done = run(".udp_echo_client", "--port", port_of(address), "--message", "over UDP")
    assert (done.returncode, done.stdout, done.stderr) == (0, "sent: over UDP\nreceived: over UDP\n", "")


@needs("unix")
def test_unix_client_gets_its_message_back_from_the_server(tmp_path: object) -> None:
    path = f"{tmp_path}/echo.sock"
    with serving(".unix_echo_server", "--path", path):
        done = run(".unix_echo_client", "--path", path, "--message", "over a path")
    assert (done.returncode, done.stdout, done.stderr) == (0, "sent: over a path\nreceived: over a path\n", "")


@needs("tcp")
def test_an_open_socket_becomes_a_transport() -> None:
    done = run(".open_socket", "--message", "from outside")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "received: from outside"


@needs("tcp")
def test_a_server_says_that_its_port_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run(".tcp_echo_server", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert "something listens there already" in done.stderr
    assert "Traceback" not in done.stderr


@needs("tcp")
def test_a_client_says_that_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        done = run(".tcp_echo_client", "--port", str(unused.getsockname()[1]))
    assert done.returncode == 1
    assert "nobody listens there" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_that_is_none_is_refused_with_the_usage(port: str) -> None:
    done = run(".tcp_echo_server", "--port", port)
    assert done.returncode == 2
    assert "usage:" in done.stderr


def test_all_demonstrations_run_and_none_fails() -> None:
    done = run("", "--json", "--message", "hello")
    assert done.returncode == 0, done.stdout + done.stderr
    outcomes = json.loads(done.stdout)
    expected = {True: "ok", False: "not installed"}
    assert [row["state"] for row in outcomes] == [expected[row["transport"] in INSTALLED] for row in outcomes]
    assert {row["transport"] for row in outcomes} | {"unix-datagram"} >= INSTALLED


def test_the_table_names_every_transport_and_what_to_install() -> None:
    done = run("")
    assert done.returncode == 0, done.stdout + done.stderr
    missing = [line for line in done.stdout.splitlines() if "not installed" in line]
    assert all("pip install " in line for line in missing)
    assert done.stdout.splitlines()[0].split()[:3] == ["transport", "example", "state"]


def test_the_list_names_every_example_with_a_sentence() -> None:
    done = run("", "list")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "python -m transport_examples.tcp_echo_server" in lines
    assert all(line.strip() for line in lines)
    assert len(lines) % 2 == 0


@needs("ssl")
def test_tls_client_trusts_the_authority_that_the_server_made() -> None:
    with subprocess.Popen(
        command(".tls_echo_server", "--port", "0"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        try:
            port = port_of(server.stdout.readline().strip())
            cafile = server.stdout.readline().removeprefix("to be trusted: ").strip()
            done = run(".tls_echo_client", "--port", port, "--cafile", cafile, "--message", "encrypted")
            stranger = run(".tls_echo_client", "--port", port)
        finally:
            server.send_signal(signal.SIGINT)
            server.communicate(timeout=10)
    assert (done.returncode, done.stdout, done.stderr) == (0, "sent: encrypted\nreceived: encrypted\n", "")
    assert stranger.returncode == 1
    assert "certificate verify failed" in stranger.stderr
    assert "Traceback" not in stranger.stderr
    assert server.returncode == 130


@needs("ssl")
def test_starttls_upgrades_a_connection_that_began_in_plain_text() -> None:
    done = run(".starttls_echo", "--message", "first in plain text")
    assert (done.returncode, done.stdout, done.stderr) == (0, "received: first in plain text\n", "")


@needs("subprocess")
def test_a_child_sends_back_what_was_written_to_it() -> None:
    done = run(".subprocess_echo", "--message", "to the child")
    assert (done.returncode, done.stdout, done.stderr) == (0, "sent: to the child\nreceived: to the child\n", "")


@needs("pipe")
def test_pipes_carry_a_message_through() -> None:
    done = run(".pipe_echo", "--message", "through pipes")
    assert (done.returncode, done.stdout, done.stderr) == (0, "sent: through pipes\nreceived: through pipes\n", "")
