"""Handshakes that fail: the right exception for the client, one report on the server, which goes on."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import sys
import time
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support import TIMEOUT, listening, read_until_eof
from tests.transport_ssl.support import HOST, STRICT, Authority, Echo, connect, serving
from transport_abc.testing import Recorder

Run = Callable[[Any], Any]


class Reports(list[dict[str, Any]]):
    """What a loop's exception handler was told."""

    def __init__(self) -> None:
        super().__init__()
        self.came = asyncio.Event()
        asyncio.get_running_loop().set_exception_handler(self.take)

    def take(self, loop: asyncio.AbstractEventLoop, report: dict[str, Any]) -> None:
        self.append(report)
        self.came.set()


@asynccontextmanager
async def echo_server(
    context: ssl.SSLContext, undemanding: ssl.SSLContext, **options: Any
) -> AsyncIterator[tuple[Any, Reports]]:
    """Serve, collect what is reported, and see at the end that the server still serves, without another report."""
    reports = Reports()
    async with serving(Echo, context, **options) as address:
        yield address, reports
        reported = len(reports)
        await still_serves(address, undemanding)
        assert len(reports) == reported


@pytest.fixture
def undemanding(authority: Authority) -> ssl.SSLContext:
    """Whom any server should accept: a client that has a certificate and asks for none."""
    context = authority.client(certificate=True)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def still_serves(address: Any, client: ssl.SSLContext) -> None:
    near = Recorder()
    transport = await connect(near, client, address)
    transport.write(b"still there?")
    await near.received(12)
    transport.close()
    await near.lost()


def expect_one_report(reports: Reports) -> BaseException:
    """Return the exception of the one report, whose first line alone says who and why, without a traceback."""
    assert len(reports) == 1, reports
    error: BaseException = reports[0]["exception"]
    peer = reports[0]["peername"]
    assert peer[0] == HOST
    verifying = " on verifying the certificate" if isinstance(error, ssl.CertificateError) else ""
    assert reports[0]["message"] == f"SSL handshake failed{verifying} with {peer!r}: {error}"
    assert "\n" not in reports[0]["message"]
    assert error.__traceback__ is None
    assert reports[0]["transport"].is_closing()
    return error


REFUSED_BY_CLIENT: dict[str, tuple[str, dict[str, Any], str]] = {
    "wrong host name": ("elsewhere", {}, "Hostname mismatch|IP address mismatch"),
    "expired": ("expired", {}, "certificate has expired"),
    "unknown authority": ("stranger", {}, "unable to get local issuer certificate"),
}


@pytest.mark.parametrize("case", REFUSED_BY_CLIENT)
@pytest.mark.parametrize("tls", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda tls: tls.name)
def test_certificate_that_the_client_refuses(
    run: Run, authority: Authority, undemanding: ssl.SSLContext, case: str, tls: ssl.TLSVersion
) -> None:
    certificate, options, text = REFUSED_BY_CLIENT[case]

    async def main() -> None:
        async with echo_server(authority.server(certificate, tls=tls), undemanding) as (address, reports):
            near = Recorder()
            with pytest.raises(ssl.SSLCertVerificationError, match=text):
                await connect(near, authority.client(), address, **options)
            assert near.names() == []
            await reports.came.wait()
            assert isinstance(expect_one_report(reports), ssl.SSLError)

    run(main())


def no_common_cipher(authority: Authority) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    server, client = authority.server(tls=ssl.TLSVersion.TLSv1_2), authority.client()
    server.set_ciphers("ECDHE+AES128")
    client.set_ciphers("ECDHE+CHACHA20")
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    return server, client


def no_common_version(authority: Authority) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    return authority.server(tls=ssl.TLSVersion.TLSv1_2), authority.client(tls=ssl.TLSVersion.TLSv1_3)


def no_client_certificate(authority: Authority) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    return authority.mutual(tls=ssl.TLSVersion.TLSv1_2), authority.client()


REFUSED_BY_SERVER: dict[Callable[[Authority], tuple[ssl.SSLContext, ssl.SSLContext]], tuple[str, str]] = {
    no_common_cipher: ("handshake failure", "no shared cipher"),
    no_common_version: ("alert protocol version", "unsupported protocol"),
    no_client_certificate: ("handshake failure|certificate required", "peer did not return a certificate"),
}


@pytest.mark.parametrize("case", REFUSED_BY_SERVER, ids=lambda case: case.__name__)
def test_handshake_that_the_server_refuses(
    run: Run,
    authority: Authority,
    undemanding: ssl.SSLContext,
    case: Callable[[Authority], tuple[ssl.SSLContext, ssl.SSLContext]],
) -> None:
    for_client, for_server = REFUSED_BY_SERVER[case]
    server, client = case(authority)

    async def main() -> None:
        async with echo_server(server, undemanding) as (address, reports):
            with pytest.raises(ssl.SSLError, match=f"(?i){for_client}"):
                await connect(Recorder(), client, address)
            await reports.came.wait()
            assert for_server in str(expect_one_report(reports))

    run(main())


def test_missing_client_certificate_in_tls_1_3_ends_a_connection_that_the_client_thinks_established(
    run: Run, authority: Authority, undemanding: ssl.SSLContext
) -> None:
    async def main() -> None:
        async with echo_server(authority.mutual(), undemanding) as (address, reports):
            near = Recorder()
            await connect(near, authority.client(), address)
            error = await near.lost()
            assert isinstance(error, ssl.SSLError)
            assert error.reason == "TLSV13_ALERT_CERTIFICATE_REQUIRED"
            await reports.came.wait()
            assert "peer did not return a certificate" in str(expect_one_report(reports))
            near = Recorder()
            transport = await connect(near, authority.client(certificate=True), address)
            transport.close()
            await near.lost()

    run(main())


def test_a_callback_of_the_context_that_raises_fails_that_handshake_only(
    run: Run, authority: Authority, undemanding: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def choose(sslobj: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        if name == "localhost":
            raise ZeroDivisionError("on purpose")

    unraisable: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)  # where the ssl module shows it
    server = authority.server()
    server.sni_callback = choose

    async def main() -> None:
        async with echo_server(server, undemanding) as (address, reports):
            with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
                await connect(Recorder(), authority.client(), address, server_hostname="localhost")
            await reports.came.wait()
            assert "CALLBACK_FAILED" in str(expect_one_report(reports))

    run(main())
    assert [type(item.exc_value) for item in unraisable] == [ZeroDivisionError]
    unraisable.clear()


def test_no_common_application_protocol_is_no_error(
    run: Run, authority: Authority, undemanding: ssl.SSLContext
) -> None:
    """OpenSSL goes on without one; that is for the program to see (RFC 7301 leaves it to the server)."""
    server = authority.server()
    server.set_alpn_protocols(["h2"])
    client = authority.client()
    client.set_alpn_protocols(["spdy/1"])

    async def main() -> None:
        async with echo_server(server, undemanding) as (address, reports):
            near = Recorder()
            transport = await connect(near, client, address)
            sslobj = transport.get_extra_info("ssl_object")
            assert sslobj is not None
            assert sslobj.selected_alpn_protocol() is None
            transport.abort()
            await near.lost()
            assert reports == []

    run(main())


def test_a_context_for_the_other_side_is_refused_at_the_call(authority: Authority) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        with pytest.raises(ssl.SSLError, match="Cannot create a client socket with a PROTOCOL_TLS_SERVER context"):
            STRICT.wrap(loop, Recorder(), sslcontext=authority.server(), server_hostname=HOST)
        with pytest.raises(ssl.SSLError, match="Cannot create a server socket with a PROTOCOL_TLS_CLIENT context"):
            STRICT.wrap(loop, Recorder(), sslcontext=authority.client(), server_side=True)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP_REQUEST"),
        (b"\x00" * 100, "WRONG_VERSION_NUMBER"),
        (b"EHLO example.org\r\n", "WRONG_VERSION_NUMBER"),
        (b"\x16\x03\x01\x00\x05\xff\xff\xff\xff\xff", "UNEXPECTED_MESSAGE|EXCESSIVE_MESSAGE_SIZE"),
    ],
    ids=["http", "zeros", "smtp", "nonsense"],
)
def test_a_peer_that_does_not_speak_tls(
    run: Run, authority: Authority, undemanding: ssl.SSLContext, said: bytes, reason: str
) -> None:
    def speak(address: Any) -> bytes:
        with socket.create_connection(address, TIMEOUT) as sock:
            sock.sendall(said)
            return read_until_eof(sock)

    async def main() -> None:
        async with echo_server(authority.server(), undemanding) as (address, reports):
            answer = await asyncio.to_thread(speak, address[:2])
            assert answer == b"" or answer[0] == 21  # an alert
            error = expect_one_report(reports)
            assert isinstance(error, ssl.SSLError)
            assert error.reason in reason.split("|")

    run(main())


def test_a_server_that_does_not_speak_tls(run: Run, authority: Authority) -> None:
    def speak(server: socket.socket) -> None:
        sock, _ = server.accept()
        with sock:
            sock.settimeout(TIMEOUT)
            sock.sendall(b"220 mail.example.org ESMTP\r\n")
            read_until_eof(sock)

    async def main() -> None:
        near = Recorder()
        with listening() as server:
            peer = asyncio.create_task(asyncio.to_thread(speak, server))
            with pytest.raises(ssl.SSLError) as caught:
                await connect(near, authority.client(), server.getsockname())
            assert caught.value.reason == "WRONG_VERSION_NUMBER"
            await peer
        assert near.names() == []

    run(main())


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01"], ids=["silent", "in the middle"])
def test_a_peer_that_leaves_during_the_handshake(
    run: Run, authority: Authority, undemanding: ssl.SSLContext, said: bytes
) -> None:
    def leave(address: Any) -> None:
        with socket.create_connection(address, TIMEOUT) as sock:
            sock.sendall(said)

    async def main() -> None:
        async with echo_server(authority.server(), undemanding) as (address, reports):
            await asyncio.to_thread(leave, address[:2])
            await still_serves(address, undemanding)
            if said:
                assert isinstance(expect_one_report(reports), ConnectionResetError)
            else:
                assert reports == []  # a health check, or a scan of ports

    run(main())


def test_a_server_that_leaves_during_the_handshake(run: Run, authority: Authority) -> None:
    def leave(server: socket.socket) -> None:
        sock, _ = server.accept()
        sock.settimeout(TIMEOUT)
        sock.recv(10)
        sock.close()

    async def main() -> None:
        with listening() as server:
            peer = asyncio.create_task(asyncio.to_thread(leave, server))
            with pytest.raises(ConnectionResetError):
                await connect(Recorder(), authority.client(), server.getsockname())
            await peer

    run(main())


def test_data_sent_before_the_handshake_and_a_close_never_reach_the_protocol(run: Run, authority: Authority) -> None:
    def attack(address: Any) -> None:
        with socket.create_connection(address, TIMEOUT) as sock:
            sock.sendall(b"\x17\x03\x03\x00\x05hello")  # a record of application data

    async def main() -> None:
        served: list[Echo] = []
        reports = Reports()

        def factory() -> Echo:
            served.append(Echo())
            return served[-1]

        async with serving(factory, authority.server()) as address:
            await asyncio.to_thread(attack, address[:2])
            await reports.came.wait()
        expect_one_report(reports)
        assert [echo.names() for echo in served] == [[]]

    run(main())


@pytest.mark.parametrize("side", ["server", "client"])
def test_the_deadline_of_the_handshake_is_kept_to_the_tenth_of_a_second(
    run: Run, authority: Authority, undemanding: ssl.SSLContext, side: str
) -> None:
    timeout = 0.4

    def connect_and_wait(address: Any) -> float:
        with socket.create_connection(address, TIMEOUT) as sock:
            begin = time.monotonic()
            sock.sendall(b"\x16\x03\x01\x02\x00")
            read_until_eof(sock)
            return time.monotonic() - begin

    async def server_side() -> None:
        async with echo_server(authority.server(), undemanding, ssl_handshake_timeout=timeout) as (address, reports):
            took = await asyncio.to_thread(connect_and_wait, address[:2])
            error = expect_one_report(reports)
            assert isinstance(error, ConnectionAbortedError)
            assert str(error) == f"SSL handshake is taking longer than {timeout} seconds: aborting the connection"
            assert timeout - 0.05 <= took <= timeout + 0.1

    async def client_side() -> None:
        with listening() as server:
            begin = time.monotonic()
            with pytest.raises(ConnectionAbortedError, match="SSL handshake is taking longer than"):
                await connect(Recorder(), authority.client(), server.getsockname(), ssl_handshake_timeout=timeout)
            assert timeout - 0.05 <= time.monotonic() - begin <= timeout + 0.1

    run(server_side() if side == "server" else client_side())


def test_a_trickle_does_not_prolong_the_handshake(run: Run, authority: Authority, undemanding: ssl.SSLContext) -> None:
    timeout = 0.4

    def trickle(address: Any) -> float:
        begin = time.monotonic()
        with socket.create_connection(address, TIMEOUT) as sock:
            sock.settimeout(0.02)
            for byte in b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500):
                try:
                    sock.sendall(bytes([byte]))
                    if sock.recv(100) == b"":
                        break
                except TimeoutError:
                    continue
                except OSError:
                    break
            return time.monotonic() - begin

    async def main() -> None:
        async with echo_server(authority.server(), undemanding, ssl_handshake_timeout=timeout) as (address, reports):
            took = await asyncio.to_thread(trickle, address[:2])
            assert isinstance(expect_one_report(reports), ConnectionAbortedError)
            assert took <= timeout + 0.2

    run(main())


def test_a_client_that_is_cancelled_during_the_handshake_leaves_nothing(run: Run, authority: Authority) -> None:
    async def main() -> None:
        context = authority.client()
        with listening() as server:
            task = asyncio.create_task(connect(Recorder(), context, server.getsockname()))
            sock, _ = await asyncio.to_thread(server.accept)
            with sock:
                await asyncio.to_thread(sock.recv, 1)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                del task
                sock.settimeout(TIMEOUT)
                await asyncio.to_thread(read_until_eof, sock)
        await asyncio.sleep(0)
        ref = weakref.ref(context)
        del context
        assert ref() is None

    gc.collect()
    gc.disable()
    try:
        run(main())
    finally:
        gc.enable()


def test_a_failed_handshake_is_freed_without_the_cyclic_collector(run: Run, authority: Authority) -> None:
    async def main() -> list[weakref.ref[Any]]:
        refs: list[weakref.ref[Any]] = []
        reports = Reports()

        def factory() -> Echo:
            echo = Echo()
            refs.append(weakref.ref(echo))
            return echo

        async with serving(factory, authority.server("expired")) as address:
            near = Recorder()
            refs.append(weakref.ref(near))
            try:
                await connect(near, authority.client(), address)
            except ssl.SSLCertVerificationError as exc:
                exc.__traceback__ = None
            del near
            await reports.came.wait()
            reports.clear()
        for _ in range(5):
            await asyncio.sleep(0)
        return refs

    gc.collect()
    gc.disable()
    try:
        assert [ref() for ref in run(main())] == [None, None]
    finally:
        gc.enable()
