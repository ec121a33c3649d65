"""The key-value server under hostile use: too many, too long, too silent, too slow, and stopped in between."""

from __future__ import annotations

import contextlib
import select
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import transport_examples
from tests.support import TIMEOUT, in_thread, read_until_eof
from tests.transport_examples.running import interrupt, needs, next_line, port_of, run, started

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("trustme", reason="trustme makes the certificate of the server")
pytestmark = needs("ssl")

VALUE = b"v" * 900


class Server:
    """A running server, and ways to talk to it with blocking sockets."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.cafile = next_line(process, "to be trusted: ")
        self.port = int(port_of(next_line(process, "listening on ")))
        self.context = ssl.create_default_context(cafile=self.cafile)

    def connect(self, *, small: bool = False) -> ssl.SSLSocket:
        """Connect and shake hands; with a small buffer for what is received, if the client is to be a slow one."""
        plain = socket.socket()
        plain.settimeout(TIMEOUT)
        if small:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        try:
            plain.connect(("127.0.0.1", self.port))
            return self.context.wrap_socket(plain, server_hostname="127.0.0.1")
        except BaseException:
            plain.close()
            raise

    def ask(self, *commands: str) -> subprocess.CompletedProcess[str]:
        return run(".key_value_client", "--port", str(self.port), "--cafile", self.cafile, *commands)

    def memory(self) -> int:
        """Return how many bytes the process has in memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def stop(self) -> str:
        """Send SIGTERM and return what the server says of it."""
        self.process.send_signal(signal.SIGTERM)
        output, errors = self.process.communicate(timeout=TIMEOUT)
        assert (self.process.returncode, errors) == (0, "")
        return output


@contextlib.contextmanager
def running(*args: str) -> Iterator[Server]:
    """Run a server; the test ends it."""
    with started(".key_value_server", "--port", "0", *args) as process:
        yield Server(process)


@contextlib.contextmanager
def serving(*args: str) -> Iterator[Server]:
    """Run a server that must be well until the end, whatever was done to it: then it is stopped, with nothing to do."""
    with running(*args) as server:
        yield server
        assert server.stop() == "stopped, cut off: 0\n"


def exchange(sock: ssl.SSLSocket, line: bytes) -> bytes:
    sock.sendall(line + b"\n")
    return read_line(sock)


def read_line(sock: ssl.SSLSocket) -> bytes:
    with sock.makefile("rb", buffering=0) as answers:
        return answers.readline()


def test_values_are_kept_for_all_clients() -> None:
    with serving() as server:
        first = server.ask("SET colour green", "GET colour", "GET shape")
        second = server.ask("GET colour")
    assert (first.returncode, first.stdout, first.stderr) == (0, "OK\nVALUE green\nNONE\n", "")
    assert (second.returncode, second.stdout, second.stderr) == (0, "VALUE green\n", "")


def test_what_is_no_command_is_answered_with_the_commands() -> None:
    wrong = ["", "FOO", "SET a", "GET", "GET a b", "get a"]
    with serving() as server:
        done = server.ask(*wrong)
    assert done.returncode == 1
    assert done.stdout.splitlines() == ["ERROR expected SET name value, or GET name"] * len(wrong)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_can_talk_to_it() -> None:
    with serving() as server:
        program = ["openssl", "s_client", "-quiet", "-no_ign_eof", "-CAfile", server.cafile]
        with subprocess.Popen(
            [*program, "-connect", f"127.0.0.1:{server.port}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as client:
            assert client.stdin is not None
            assert client.stdout is not None
            client.stdin.write(b"SET colour green\nGET colour\n")
            client.stdin.flush()
            answers = [client.stdout.readline(), client.stdout.readline()]
            client.stdin.close()
    assert answers == [b"OK\n", b"VALUE green\n"]


def test_a_client_that_trusts_somebody_else_does_not_talk() -> None:
    with running() as server:
        done = run(".key_value_client", "--port", str(server.port), "GET colour")
        server.process.send_signal(signal.SIGTERM)
        _, errors = server.process.communicate(timeout=TIMEOUT)
    assert errors.startswith("SSL handshake failed with ('127.0.0.1', ")
    assert done.returncode == 1
    assert "certificate verify failed" in done.stderr
    assert "Traceback" not in done.stderr


def test_one_connection_too_many_is_told_and_closed_and_the_others_go_on() -> None:
    with serving("--connections", "2") as server, server.connect() as first, server.connect() as second:
        assert exchange(first, b"SET a 1") == b"OK\n"
        assert exchange(second, b"GET a") == b"VALUE 1\n"
        with server.connect() as third:
            assert read_until_eof(third) == b"ERROR too many connections\n"
        assert exchange(first, b"GET a") == b"VALUE 1\n"
        second.close()
        # The place is free when the server has seen the end; until then a new client is told to come again.
        while (done := server.ask("GET a")).returncode:
            assert done.stdout == "ERROR too many connections\n"
        first.close()


def test_a_line_may_be_as_long_as_the_limit() -> None:
    with serving("--line", "50") as server, server.connect() as sock:
        line = b"SET name ".ljust(50, b"x")
        assert exchange(sock, line) == b"OK\n"


@pytest.mark.parametrize("end", [b"\n", b""], ids=["ended", "endless"])
def test_a_longer_line_is_told_and_closed(end: bytes) -> None:
    with serving("--line", "50") as server, server.connect() as sock:
        sock.sendall(b"SET a 1\n" + b"x" * 51 + end)
        assert read_until_eof(sock) == b"OK\nERROR a line may have 50 bytes\n"


def test_lines_that_come_in_pieces_or_together_are_answered_one_by_one() -> None:
    with serving() as server, server.connect() as sock:
        sock.sendall(b"SET a ")
        sock.sendall(b"1\nGET a\nGET")
        assert [read_line(sock), read_line(sock)] == [b"OK\n", b"VALUE 1\n"]
        sock.sendall(b" b\n")
        assert read_line(sock) == b"NONE\n"


def test_a_full_store_takes_no_new_names_and_still_changes_old_ones() -> None:
    with serving("--entries", "1") as server:
        done = server.ask("SET a 1", "SET b 2", "SET a 3", "GET a")
    assert done.stdout == "OK\nERROR the store is full\nOK\nVALUE 3\n"


def test_a_silent_client_is_told_and_closed() -> None:
    with serving("--idle", "0.3") as server, server.connect() as sock:
        assert read_until_eof(sock) == b"ERROR idle for 0.3 seconds\n"


def test_a_client_that_sends_byte_by_byte_counts_as_silent() -> None:
    with serving("--idle", "0.3") as server, server.connect() as sock:
        while not select.select([sock], [], [], 0.05)[0]:
            sock.sendall(b"x")
        assert sock.recv(100) == b"ERROR idle for 0.3 seconds\n"


def test_a_client_that_talks_is_not_silent() -> None:
    with serving("--idle", "3") as server, server.connect() as sock:
        for _ in range(8):
            assert exchange(sock, b"GET a") == b"NONE\n"
            select.select([sock], [], [], 0.5)


def flood(sock: ssl.SSLSocket, request: bytes) -> None:
    """Send without ever reading, until the connection breaks."""
    with contextlib.suppress(OSError):
        while True:
            sock.sendall(request)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is looked up in /proc")
def test_a_client_that_never_reads_is_cut_off_and_costs_little_and_hinders_nobody() -> None:
    with serving("--buffer", "10000", "--idle", "3") as server, server.connect() as other:
        assert exchange(other, b"SET a " + VALUE) == b"OK\n"
        before = server.memory()
        with server.connect(small=True) as slow, in_thread(flood, slow, b"GET a\n" * 1000) as cut_off:
            while not cut_off.done():
                assert exchange(other, b"GET a") == b"VALUE " + VALUE + b"\n"
                assert server.memory() - before < 20_000_000


def test_a_client_that_reads_late_gets_every_answer() -> None:
    """The request is larger than all buffers between, so that the server has to stop reading and to go on later."""
    number = 20_000
    with serving("--buffer", "10000") as server, server.connect(small=True) as sock:
        assert exchange(sock, b"SET a " + VALUE) == b"OK\n"
        begun = threading.Event()

        def send() -> None:
            for _ in range(number // 1000):
                sock.sendall(b"GET a\n" * 1000)
                begun.set()

        with in_thread(send), sock.makefile("rb") as answers:
            begun.wait(TIMEOUT)
            for _ in range(number):
                assert answers.readline() == b"VALUE " + VALUE + b"\n"


def test_sigterm_says_goodbye_and_listens_no_more() -> None:
    with running() as server, server.connect() as sock:
        assert exchange(sock, b"SET a 1") == b"OK\n"
        server.process.send_signal(signal.SIGTERM)
        assert read_until_eof(sock) == b"BYE the server stops\n"
        sock.close()
        output, errors = server.process.communicate(timeout=TIMEOUT)
        assert (server.process.returncode, output, errors) == (0, "stopped, cut off: 0\n", "")
        with pytest.raises(ConnectionRefusedError):
            server.connect()


def test_sigterm_answers_what_has_arrived_also_to_a_client_that_reads_late() -> None:
    number = 1000
    with running("--buffer", "10000") as server, server.connect(small=True) as sock:
        assert exchange(sock, b"SET a " + VALUE) == b"OK\n"
        sock.sendall(b"GET a\n" * number)
        first = sock.recv(1)  # the request has arrived, and its answer is more than fits between
        server.process.send_signal(signal.SIGTERM)
        expected = (b"VALUE " + VALUE + b"\n") * number + b"BYE the server stops\n"
        assert first + read_until_eof(sock) == expected
        sock.close()
        output, _ = server.process.communicate(timeout=TIMEOUT)
        assert (server.process.returncode, output) == (0, "stopped, cut off: 0\n")


def test_sigterm_cuts_off_who_does_not_read_by_the_deadline() -> None:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(running("--buffer", "10000", "--grace", "3"))
        slow, other = stack.enter_context(server.connect(small=True)), stack.enter_context(server.connect())
        assert exchange(other, b"SET a " + VALUE) == b"OK\n"
        slow.sendall(b"GET a\n" * 1000)
        slow.recv(1)  # the request has arrived, and its answer is more than fits between
        server.process.send_signal(signal.SIGTERM)
        assert read_until_eof(other) == b"BYE the server stops\n"
        other.close()
        output, errors = server.process.communicate(timeout=TIMEOUT)
    assert (server.process.returncode, output, errors) == (0, "stopped, cut off: 1\n", "")


def test_sigterm_does_not_wait_for_a_handshake_that_never_comes() -> None:
    with running("--grace", "3") as server, socket.create_connection(("127.0.0.1", server.port), TIMEOUT) as silent:
        assert server.ask("GET a").stdout == "NONE\n"
        server.process.send_signal(signal.SIGTERM)
        assert silent.recv(100) == b""
        output, errors = server.process.communicate(timeout=TIMEOUT)
    assert (server.process.returncode, output.splitlines()[-1]) == (0, "stopped, cut off: 0"), errors


def test_ctrl_c_ends_it_at_once() -> None:
    with running() as server, server.connect() as sock:
        assert exchange(sock, b"SET a 1") == b"OK\n"
        assert interrupt(server.process) == ""


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--idle", "-1", "expected a number over 0, got -1"),
        ("--idle", "nan", "expected a number over 0, got nan"),
        ("--connections", "0", "expected a number over 0, got 0"),
        ("--line", "1.5", "invalid number value: '1.5'"),
        ("--port", "70000", "a port is a number from 0 to 65535, not 70000"),
    ],
)
def test_a_limit_that_is_none_is_refused_with_the_usage(option: str, value: str, says: str) -> None:
    done = run(".key_value_server", option, value)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: python -m transport_examples.key_value_server")
    assert says in done.stderr


def test_it_is_short() -> None:
    source = Path(transport_examples.__path__[0], "key_value_server.py")
    assert len(source.read_text().splitlines()) < 150
