"""The checks notice what they are for, and tell it."""

from __future__ import annotations

import asyncio
import gc
import json
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.transport_abc import sabotage
from transport_abc.testing import (
    Check,
    CheckFailed,
    Recorder,
    StreamSubject,
    datagram_checks,
    matrix,
    plugin_checks,
    readiness_checks,
    run_checks,
    stream_checks,
    tcp_of_loop,
    to_json,
)
from transport_abc.testing.__main__ import main as program

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

STREAMS = {check.name: check for check in stream_checks()}
EVERY: list[Check[Any]] = [*stream_checks(), *datagram_checks(), *readiness_checks(), *plugin_checks()]


def subject(transport: Any) -> StreamSubject:
    """Return the documented kind of transport, made of another class."""

    @asynccontextmanager
    async def make_pair(left: Callable[[], Any], right: Callable[[], Any]) -> AsyncIterator[tuple[Any, Any]]:
        yield await transport.connected(asyncio.get_running_loop(), left(), right())

    return StreamSubject(make_pair=make_pair)


@pytest.fixture
def no_leaks() -> Iterator[None]:
    """Close what a sabotaged transport leaves open."""
    yield
    gc.collect()
    while sabotage.LEAKED:
        os.close(sabotage.LEAKED.pop())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("no_leaks")
@pytest.mark.parametrize(("name", "transport"), sabotage.SABOTAGE.items(), ids=sabotage.SABOTAGE)
def test_check_notices_sabotage(name: str, transport: Any, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Exception) as info:  # noqa: PT011 - whatever the broken transport makes of it
        STREAMS[name].run_in_loop(subject(transport), patience=0.3)
    assert isinstance(info.value, CheckFailed | AttributeError | KeyError | TypeError | OSError), info.value
    caplog.clear()
    info.value.__traceback__ = None


def test_every_check_is_known_to_notice_something() -> None:
    faulty = {check.name for check in stream_checks() if check.known_faults}
    shown_elsewhere = {"each_connection_has_a_protocol_of_its_own"}
    assert set(STREAMS) - faulty - shown_elsewhere - set(sabotage.SABOTAGE) == set()


def test_check_notices_a_server_that_shares_a_protocol() -> None:
    stock = tcp_of_loop()

    @asynccontextmanager
    async def serve(factory: Callable[[], Any]) -> AsyncIterator[Any]:
        shared = factory()
        assert stock.serve is not None
        async with stock.serve(lambda: shared) as connect:
            yield connect
            for _ in range(20):
                await asyncio.sleep(0)

    check = STREAMS["each_connection_has_a_protocol_of_its_own"]
    with pytest.raises(CheckFailed):
        check.run_in_loop(StreamSubject(make_pair=stock.make_pair, serve=serve), patience=0.5)
    gc.collect()


def test_names_are_unique_and_rules_are_sentences() -> None:
    for checks in (stream_checks(), datagram_checks(), readiness_checks(), plugin_checks()):
        names = [check.name for check in checks]
        assert len(names) == len(set(names))
    for check in EVERY:
        assert check.rule.endswith("."), check
        assert "  " not in check.rule, check


def test_lists_are_new_each_time() -> None:
    stream_checks().clear()
    plugin_checks().clear()
    assert stream_checks()
    assert plugin_checks()


def test_a_report_that_no_check_expects_makes_it_fail() -> None:
    async def rule(trial: Any) -> None:
        trial.loop.call_exception_handler({"message": "out of nowhere"})

    first = stream_checks()[0]
    with pytest.raises(CheckFailed, match="out of nowhere"):
        Check("a_rule", "A rule.", first.trial, rule).run_in_loop(subject(sabotage.Good))


def test_waiting_tells_what_was_awaited() -> None:
    async def rule(trial: Any) -> None:
        reader = Recorder()
        await trial.pair(None, reader)
        await reader.received(5)

    first = stream_checks()[0]
    with pytest.raises(
        CheckFailed, match=r"5 bytes received: not within 0.05 seconds; callbacks so far: connection_made"
    ):
        Check("a_rule", "A rule.", first.trial, rule).run_in_loop(subject(sabotage.Good), patience=0.05)


def test_results_tell_pass_failure_fault_repair_and_what_does_not_apply() -> None:
    async def passes(trial: Any) -> None:
        pass

    async def fails(trial: Any) -> None:
        raise CheckFailed("broken thus")

    trial = stream_checks()[0].trial
    faults = {"mine": "mine is like that"}
    checks = [
        Check("good", "One.", trial, passes),
        Check("bad", "Two.", trial, fails),
        Check("known", "Three.", trial, fails, known_faults=faults),
        Check("repaired", "Four.", trial, passes, known_faults=faults),
        Check("beside", "Five.", trial, fails, needs=("serve",)),
    ]
    made = StreamSubject(make_pair=subject(sabotage.Good).make_pair, implementation="mine-1.0")
    results = run_checks(checks, made)
    assert [(result.outcome, result.detail, result.ok) for result in results] == [
        ("passed", "", True),
        ("failed", "broken thus", False),
        ("known fault", "mine is like that", True),
        ("fault is gone", "mine is like that", False),
        ("not applicable", "needs serve", True),
    ]
    table = matrix({"mine": results})
    assert "bad       NO" in table
    assert "mine: bad: NO: broken thus" in table
    assert table.endswith("mine: 1 passed, 1 failed, 1 known fault, 1 fault is gone, 1 not applicable")
    assert [row["outcome"] for row in json.loads(to_json({"mine": results}))["mine"]] == [r.outcome for r in results]


def test_program_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert program(["--match", "callbacks_come_in_order"]) == 0
    assert "callbacks_come_in_order  yes" in capsys.readouterr().out


def test_program_prints_json_and_rules(capsys: pytest.CaptureFixture[str]) -> None:
    assert program(["--json", "--kind", "udp", "--match", "boundaries"]) == 0
    (row,) = json.loads(capsys.readouterr().out).values()
    assert [result["outcome"] for result in row] == ["passed"]
    assert program(["--rules"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert [check.name for check in EVERY if f"{check}: {check.rule}" not in printed] == []


def test_program_refuses_what_makes_no_loop(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as info:
        program(["--loop", "no_such_module:thing"])
    assert info.value.code == 2
    assert "expected module:callable, got 'no_such_module:thing'" in capsys.readouterr().err
