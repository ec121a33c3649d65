"""A transport and a wrapper written from docs/writing-a-transport.md alone: they plug in, work, and keep the rules."""

from __future__ import annotations

import asyncio
import importlib.util
import subprocess
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.transport_abc import documented
from transport_abc import StreamPlugin, WrapperPlugin, get_running_loop
from transport_abc.testing import (
    BufferedRecorder,
    Check,
    PluginSubject,
    Recorder,
    StreamSubject,
    plugin_checks,
    run_checks,
    stream_checks,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

SOCKETPAIR = documented.socketpair()
UPPER = documented.upper()


def missing(module: str) -> bool:
    return importlib.util.find_spec(module) is None


def uvloop_loop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()


def our_loop() -> asyncio.AbstractEventLoop:
    import loop_selector

    return loop_selector.SelectorEventLoop(
        transports={"socketpair": SOCKETPAIR.SocketpairPlugin, "upper": UPPER.UpperPlugin}
    )


OURS_MISSING = pytest.mark.skipif(missing("loop_selector"), reason="loop_selector is not installed")
UVLOOP_MISSING = pytest.mark.skipif(missing("uvloop"), reason="uvloop is not installed")

LOOPS = [
    pytest.param(asyncio.new_event_loop, id="asyncio"),
    pytest.param(uvloop_loop, id="uvloop", marks=UVLOOP_MISSING),
    pytest.param(our_loop, id="loop_selector", marks=OURS_MISSING),
]


@asynccontextmanager
async def make_pair(left: Callable[[], Any], right: Callable[[], Any]) -> AsyncIterator[tuple[Any, Any]]:
    yield await SOCKETPAIR.SocketpairTransport.connected(asyncio.get_running_loop(), left(), right())


UpperTransport: Any = UPPER.UpperTransport


class SwapCase(UpperTransport):  # type: ignore[misc]
    """Swap the case on the way out and on the way in, so that the peer's wrapper swaps it back."""

    def data_received(self, data: bytes) -> None:
        self._deliver(data.swapcase())

    def _send(self, data: bytes | memoryview) -> None:
        self._lower.write(bytes(data).swapcase())


@asynccontextmanager
async def make_wrapped_pair(left: Callable[[], Any], right: Callable[[], Any]) -> AsyncIterator[tuple[Any, Any]]:
    loop = asyncio.get_running_loop()
    ends = SwapCase(loop, left()), SwapCase(loop, right())
    await SOCKETPAIR.SocketpairTransport.connected(loop, *ends)
    for end in ends:
        await end.wait_ready()
    yield ends


PLAIN = StreamSubject(make_pair=make_pair)
WRAPPED = StreamSubject(make_pair=make_wrapped_pair)
CHECKS = [check for check in stream_checks() if not check.inapplicable(PLAIN)]


@pytest.mark.parametrize("loop_factory", [LOOPS[0], LOOPS[2]])
@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_documented_transport_keeps_the_rule(check: Check[StreamSubject], loop_factory: Callable[[], Any]) -> None:
    check.run_in_loop(PLAIN, loop_factory)


@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_wrapper_keeps_the_rule(check: Check[StreamSubject]) -> None:
    check.run_in_loop(WRAPPED)


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_a_wrapper_keeps_what_a_small_buffer_has_no_room_for_while_paused(loop_factory: Callable[[], Any]) -> None:
    sent = bytes(range(250)) * 42

    async def main() -> None:
        reader = BufferedRecorder(bytearray(1000), buffer_updated=lambda nbytes: reader.transport.pause_reading())
        async with make_wrapped_pair(Recorder, lambda: reader) as (left, right):
            left.write(sent)
            left.write_eof()
            for pieces in range(1, 12):
                await reader.called("buffer_updated", pieces)
                for _ in range(5):  # turns in which nothing may come
                    await asyncio.sleep(0)
                assert reader.count("buffer_updated") == pieces
                assert reader.count("eof_received") == 0
                right.resume_reading()
                right.pause_reading()  # no byte comes before the last word
                right.resume_reading()
            await reader.lost()
        assert reader.data == sent

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


def test_documented_plugins_keep_the_rules_of_plugins() -> None:
    for plugin in (SOCKETPAIR.SocketpairPlugin, UPPER.UpperPlugin):
        results = run_checks(plugin_checks(), PluginSubject(plugin=plugin))
        assert [result.check for result in results if not result.ok] == []


async def converse(connect: Callable[..., Any]) -> bytes:
    """Echo some bytes over a pair of documented transports."""
    server = Recorder(data_received=lambda data: server.transport.write(data))
    client = Recorder()
    transport, protocol = await connect(asyncio.get_running_loop(), lambda: client, lambda: server)
    assert protocol is client
    transport.write(b"hello")
    await client.received(5)
    transport.close()
    await client.lost()
    await server.lost()
    return bytes(client.data)


@OURS_MISSING
def test_plugin_is_found_by_name_on_our_loop() -> None:
    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        plugin = loop.plugin("socketpair", StreamPlugin)
        assert await converse(plugin.connect) == b"hello"
        assert isinstance(loop.plugin("upper", WrapperPlugin), UPPER.UpperPlugin)

    with asyncio.Runner(loop_factory=our_loop) as runner:
        runner.run(main())


@pytest.mark.parametrize("loop_factory", LOOPS)
def test_plugin_is_used_directly_on_any_loop(loop_factory: Callable[[], Any]) -> None:
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        assert runner.run(converse(SOCKETPAIR.SocketpairPlugin().connect)) == b"hello"


@pytest.mark.parametrize("loop_factory", LOOPS[:2])
def test_wrapper_works_over_a_foreign_transport(loop_factory: Callable[[], Any]) -> None:
    namespace: dict[str, Any] = {}
    exec(documented.block("connect_in_capitals.py"), namespace)

    async def main() -> None:
        loop = get_running_loop()
        server_side = Recorder(data_received=lambda data: server_side.transport.write(data))
        server = await loop.create_server(lambda: server_side, "127.0.0.1", 0)
        client = Recorder()
        port = server.sockets[0].getsockname()[1]
        transport, protocol = await namespace["connect_in_capitals"](loop, "127.0.0.1", port, client)
        assert protocol is client
        transport.writelines([b"shout ", bytearray(b"louder")])
        await client.received(12)
        assert bytes(server_side.data) == bytes(client.data) == b"SHOUT LOUDER"
        transport.close()
        assert await client.lost() is None
        await server_side.lost()
        server.close()
        await server.wait_closed()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


PROGRAM = """
import asyncio
import loop_selector
from transport_abc import StreamPlugin
from transport_abc.testing import PluginSubject, Recorder, plugin_checks, run_checks

async def main():
    loop = asyncio.get_running_loop()
    plugin = loop.plugin("socketpair", StreamPlugin)
    server, client = Recorder(), Recorder()
    transport, _ = await plugin.connect(loop, lambda: client, lambda: server)
    transport.write(b"found")
    await server.received(5)
    transport.close()
    await client.lost()
    print(type(plugin).__name__, bytes(server.data).decode())

loop_selector.run(main())
from transport_socketpair import SocketpairPlugin
for result in run_checks(plugin_checks(), PluginSubject(plugin=SocketpairPlugin, entry_point="socketpair")):
    print(result.outcome, result.detail)
"""


@OURS_MISSING
def test_installed_package_is_found_by_its_entry_point(tmp_path: Path) -> None:
    documented.install(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{PROGRAM}"],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.split("\n") == ["SocketpairPlugin found", *["passed "] * 5, ""]


def test_checks_run_as_the_page_says(tmp_path: Path) -> None:
    documented.install(tmp_path)
    program = documented.block("subject.py")
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{program}"],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1].startswith(f"socketpair: {len(CHECKS)} passed")


def test_subjects_of_the_page_can_be_made() -> None:
    pytest.importorskip("transport_socket", reason="transport_socket is not installed")
    namespace: dict[str, Any] = {}
    exec(documented.block("accepting_subject.py"), namespace)
    (result,) = run_checks(
        [check for check in stream_checks() if check.name == "a_servers_factory_that_raises"], namespace["SUBJECT"]
    )
    assert result.outcome == "passed"
