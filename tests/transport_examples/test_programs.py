"""The examples as a user runs them: processes with their output, Ctrl-C, exit codes and bad arguments."""

from __future__ import annotations

import pkgutil
import socket
from typing import TYPE_CHECKING

import pytest

import transport_examples
from tests.transport_examples.running import interrupt, needs, next_line, port_of, run, serving, started

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = sorted(module.name for module in pkgutil.iter_modules(transport_examples.__path__) if module.name[0] != "_")


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


@needs("ssl")
def test_tls_client_trusts_the_authority_that_the_server_made() -> None:
    pytest.importorskip("trustme")
    with started(".tls_echo_server", "--port", "0") as server:
        port = port_of(next_line(server, "listening on "))
        cafile = next_line(server, "to be trusted: ")
        done = run(".tls_echo_client", "--port", port, "--cafile", cafile, "--message", "encrypted")
        stranger = run(".tls_echo_client", "--port", port)
        assert interrupt(server).startswith("SSL handshake failed with ('127.0.0.1', ")
    assert (done.returncode, done.stdout, done.stderr) == (0, "sent: encrypted\nreceived: encrypted\n", "")
    assert stranger.returncode == 1
    assert "certificate verify failed" in stranger.stderr
    assert "Traceback" not in stranger.stderr


@needs("ssl")
def test_tls_server_uses_the_certificate_that_it_is_given(tmp_path: Path) -> None:
    cert, key, cafile = write_certificate(tmp_path)
    with serving(".tls_echo_server", "--port", "0", "--cert", cert, "--key", key) as address:
        done = run(".tls_echo_client", "--port", port_of(address), "--cafile", cafile)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "received: Hello, world!")


def write_certificate(folder: Path) -> tuple[str, str, str]:
    """Make a certificate, its key and the authority to trust, as files."""
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    made = authority.issue_cert("127.0.0.1")
    made.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    made.private_key_pem.write_to_path(folder / "key.pem")
    authority.cert_pem.write_to_path(folder / "authority.pem")
    return str(folder / "cert.pem"), str(folder / "key.pem"), str(folder / "authority.pem")


@pytest.mark.parametrize("server", [".tls_echo_server", ".key_value_server"])
@pytest.mark.parametrize(
    ("files", "says"),
    [
        (("--cert", "no-such-file"), "--cert no-such-file, --key None: No such file or directory"),
        (("--cert", __file__), "no certificate or key in PEM format"),
        (("--key", "key.pem"), "--key is the key of a certificate: give --cert as well"),
    ],
)
def test_a_certificate_that_is_none_is_refused_with_the_usage(server: str, files: tuple[str, ...], says: str) -> None:
    done = run(server, *files)
    assert done.returncode == 2
    assert done.stderr.startswith(f"usage: python -m transport_examples{server}")
    assert says in done.stderr


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    cert, _, _ = write_certificate(tmp_path)
    _, key, _ = write_certificate(tmp_path / "other")
    done = run(".tls_echo_server", "--cert", cert, "--key", key)
    assert done.returncode == 2
    assert "they do not belong together" in done.stderr


@pytest.mark.parametrize("cafile", ["no-such-file", __file__])
def test_an_authority_that_is_none_is_refused_with_the_usage(cafile: str) -> None:
    done = run(".tls_echo_client", "--cafile", cafile)
    assert done.returncode == 2
    assert f"--cafile {cafile}: " in done.stderr
    assert "Traceback" not in done.stderr


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


@needs("unix-datagram")
def test_datagrams_go_between_two_paths() -> None:
    done = run(".unix_datagram_echo", "--message", "between paths")
    assert (done.returncode, done.stdout, done.stderr) == (0, "sent: between paths\nreceived: between paths\n", "")


@pytest.mark.parametrize("name", [".asyncio_echo", ".descriptor_echo"])
@pytest.mark.parametrize("message", ["without a transport", ""])
def test_some_examples_need_no_transport(name: str, message: str) -> None:
    done = run(name, "--message", message)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"sent: {message}\nreceived: {message}\n", "")


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_explains_itself_and_refuses_what_it_does_not_know(name: str) -> None:
    shown = run(f".{name}", "--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith(f"usage: python -m transport_examples.{name}")
    refused = run(f".{name}", "--no-such-option", "x")
    assert refused.returncode == 2
    assert "--no-such-option" in refused.stderr or "the following arguments are required" in refused.stderr


@needs("udp")
def test_a_datagram_client_says_that_nobody_is_there() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    done = run(".udp_echo_client", "--port", str(port))
    assert done.returncode == 1
    assert "nobody listens there" in done.stderr


@needs("unix")
def test_a_path_where_nobody_listens_is_named(tmp_path: Path) -> None:
    done = run(".unix_echo_client", "--path", str(tmp_path / "none"))
    assert done.returncode == 1
    assert "start the server first" in done.stderr
    assert "Traceback" not in done.stderr
