from __future__ import annotations

import asyncio
import logging
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from loop_selector import _resolve
from loop_selector._resolve import LookupThreads, is_literal, is_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loop_selector import SelectorEventLoop


class Resolver:
    """Stands in for the system's resolver: notes its calls, and waits until it is let go."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.go_on = threading.Event()
        self.begun = threading.Semaphore(0)

    def __call__(self, *args: Any) -> list[Any]:
        self.calls.append((threading.current_thread().name, args))
        self.begun.release()
        self.go_on.wait(20)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 80))]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    resolver = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    monkeypatch.setattr(socket, "getnameinfo", resolver)
    yield resolver
    resolver.go_on.set()


@pytest.mark.parametrize("host", ["127.0.0.1", b"127.0.0.2", "::1", "255.255.255.255", "fe80::1%1", b"fe80::1%lo"])
def test_addresses_in_figures_are_literal(host: str | bytes) -> None:
    assert is_literal(host)


@pytest.mark.parametrize(
    "host", [None, "", "localhost", "127.1", "1.2.3.4.5", ":", "::g", "a\0b", b"\xff", "münchen", 5]
)
def test_anything_else_is_not(host: Any) -> None:
    assert not is_literal(host)


@pytest.mark.parametrize(
    ("port", "expected"), [(80, True), ("81", True), (b"82", True), (None, True), ("http", False), ("", False)]
)
def test_ports_are_numbers_or_names(port: Any, expected: bool) -> None:
    assert is_number(port) is expected


@pytest.mark.parametrize(
    ("host", "port"), [("127.0.0.1", 80), (b"127.0.0.2", "81"), ("::1", 8080), ("127.0.0.1", None), ("::1", b"1")]
)
@pytest.mark.parametrize("kind", [0, socket.SOCK_STREAM])
def test_literal_addresses_are_answered_as_by_the_system_and_without_a_thread(
    loop: SelectorEventLoop, host: Any, port: Any, kind: int
) -> None:
    expected = socket.getaddrinfo(host, port, 0, kind)
    before = threading.active_count()

    async def main() -> Any:
        found = await loop.getaddrinfo(host, port, type=kind)
        assert threading.active_count() == before
        return found

    assert loop.run_until_complete(main()) == expected


def test_the_zone_of_an_address_is_kept(loop: SelectorEventLoop) -> None:
    number = socket.if_nametoindex("lo")
    for host in (f"fe80::1%{number}", "fe80::1%lo"):
        found = loop.run_until_complete(loop.getaddrinfo(host, 80, type=socket.SOCK_STREAM))
        assert found[0][4] == ("fe80::1", 80, 0, number)


def test_names_are_resolved_in_a_thread_of_their_own(loop: SelectorEventLoop, resolver: Resolver) -> None:
    resolver.go_on.set()
    found = loop.run_until_complete(loop.getaddrinfo("name", "http", family=1, type=2, proto=3, flags=4))
    assert found[0][4] == ("192.0.2.1", 80)
    assert resolver.calls == [("asyncio-resolver", ("name", "http", 1, 2, 3, 4))]
    loop.run_until_complete(loop.getnameinfo(("192.0.2.1", 80), 5))
    assert resolver.calls[1] == ("asyncio-resolver", (("192.0.2.1", 80), 5))


def test_real_names_and_addresses(loop: SelectorEventLoop) -> None:
    found = loop.run_until_complete(loop.getaddrinfo("localhost", 80, family=socket.AF_INET, type=socket.SOCK_STREAM))
    assert found == socket.getaddrinfo("localhost", 80, socket.AF_INET, socket.SOCK_STREAM)
    numeric = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
    assert loop.run_until_complete(loop.getnameinfo(("127.0.0.1", 80), numeric)) == ("127.0.0.1", "80")


def test_names_that_do_not_exist_are_errors(loop: SelectorEventLoop) -> None:
    with pytest.raises(socket.gaierror):
        loop.run_until_complete(loop.getaddrinfo("does-not-exist.invalid", 80))
    with pytest.raises(socket.gaierror):
        loop.run_until_complete(loop.getaddrinfo("::1", 80, family=socket.AF_INET))


def test_a_slow_name_can_be_given_up(loop: SelectorEventLoop, resolver: Resolver) -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(loop.getaddrinfo("slow", 80), 0.01)
        task = asyncio.ensure_future(loop.getnameinfo(("192.0.2.1", 80)))
        await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    loop.run_until_complete(main())


def test_a_name_may_be_resolved_after_the_loop_is_closed(loop: SelectorEventLoop, resolver: Resolver) -> None:
    async def main() -> None:
        task = asyncio.ensure_future(loop.getaddrinfo("slow", 80))
        await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.wait([task])

    loop.run_until_complete(main())
    loop.close()
    resolver.go_on.set()


def test_a_busy_default_executor_does_not_keep_names_waiting(loop: SelectorEventLoop) -> None:
    from concurrent.futures import ThreadPoolExecutor

    go_on = threading.Event()

    async def main() -> None:
        loop.set_default_executor(ThreadPoolExecutor(1))
        blocked = loop.run_in_executor(None, go_on.wait)
        await asyncio.wait_for(loop.getaddrinfo("localhost", 80), 10)
        go_on.set()
        await blocked
        await loop.shutdown_default_executor()

    loop.run_until_complete(main())


def test_only_so_many_look_ups_run_at_the_same_time_and_none_is_lost(
    monkeypatch: pytest.MonkeyPatch, resolver: Resolver
) -> None:
    monkeypatch.setattr(_resolve, "_MOST", 3)
    threads = LookupThreads()
    futures = [threads.submit(resolver, number) for number in range(10)]
    for _ in range(3):
        assert resolver.begun.acquire(timeout=10)
    assert not resolver.begun.acquire(timeout=0.05)
    assert futures[9].cancel()
    resolver.go_on.set()
    for future in futures[:9]:
        future.result(10)
    assert sorted(args for _, args in resolver.calls) == [(number,) for number in range(9)]


def test_no_thread_remains_when_nothing_is_looked_up(resolver: Resolver) -> None:
    resolver.go_on.set()
    LookupThreads().submit(resolver).result(10)
    for thread in threading.enumerate():
        if thread.name == "asyncio-resolver":
            thread.join(10)
            assert not thread.is_alive()


def test_debug_mode_logs_how_long_it_took(
    loop: SelectorEventLoop, resolver: Resolver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "asyncio")
    resolver.go_on.set()
    loop.set_debug(True)
    loop.run_until_complete(loop.getaddrinfo("name", 80, family=socket.AF_INET))
    messages = [record.getMessage() for record in caplog.records]
    assert f"Get address info name:80, family={socket.AF_INET!r}" in messages
    assert any(message.startswith("Getting address info name:80, ") for message in messages)


def test_a_closed_loop_resolves_nothing(loop: SelectorEventLoop) -> None:
    coro = loop.getaddrinfo("127.0.0.1", 80)
    loop.close()
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        coro.send(None)
