"""The driver notices what it is there to notice. The whole suite takes minutes: ``nox -s conformance``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.cpython import expectations, runner, suite, table
from tests.conformance.cpython.__main__ import main
from tests.conformance.cpython.expectations import Entry
from tests.conformance.cpython.runner import Outcome

needs_suite = pytest.mark.skipif(not suite.is_available(), reason=suite.HOW_TO_GET)

DIFFERS = Entry("test_a.*", "difference", "does better")


def event(kind: str, test: str = "test_a.Case.test_it", **more: object) -> str:
    return json.dumps({"event": kind, "test": test, **more})


def test_every_entry_of_the_list_is_there_once() -> None:
    entries = [(entry.test, python) for entry in expectations.read_all() for python in entry.pythons or ("any",)]
    assert len(entries) == len(set(entries))


@pytest.mark.parametrize("broken", ['kind = "flaky"\nwhy = "x"', 'kind = "difference"\nwhy = " "'])
def test_an_entry_needs_a_known_kind_and_a_reason(tmp_path: Path, broken: str) -> None:
    file = tmp_path / "list.toml"
    file.write_text(f'[[reason]]\n{broken}\ntests = ["test_a.*"]\n')
    with pytest.raises(ValueError, match="expected a kind of"):
        expectations.read_all(file)


def test_an_entry_holds_for_the_versions_it_names(tmp_path: Path) -> None:
    file = tmp_path / "list.toml"
    file.write_text('[[reason]]\nkind = "left out"\nwhy = "x"\npythons = ["3.12"]\ntests = ["test_a.*"]\n')
    assert [entry.test for entry in expectations.read(file, "3.12")] == ["test_a.*"]
    assert expectations.read(file, "3.13") == []


def test_a_failure_that_is_not_listed_fails_the_run() -> None:
    verdict = table.judge({"test_b.C.test": Outcome("test_b.C.test", ["AssertionError: 1 != 2"])}, [], [DIFFERS])
    assert not verdict.good
    assert "FAILED test_b.C.test\n    AssertionError: 1 != 2" in table.explain(verdict)


def test_a_listed_test_that_passes_fails_the_run() -> None:
    verdict = table.judge({"test_a.C.test": Outcome("test_a.C.test", loops=1)}, [], [DIFFERS])
    assert not verdict.good
    assert "PASSES test_a.C.test" in table.explain(verdict)


def test_a_listed_test_may_fail_or_be_skipped() -> None:
    failed, skipped = Outcome("test_a.C.fails", ["why"]), Outcome("test_a.C.skips", skipped="why")
    verdict = table.judge({outcome.test: outcome for outcome in (failed, skipped)}, ["test_a.C.omitted"], [DIFFERS])
    assert verdict.good
    assert verdict.counts["test_a"] == {**dict.fromkeys(table.COLUMNS, 0), "differs": 1, "skipped": 1, "left out": 1}


def test_a_test_that_made_no_loop_is_counted_apart() -> None:
    verdict = table.judge({"test_b.C.test": Outcome("test_b.C.test", loops=0)}, [], [])
    assert verdict.counts["test_b"]["no loop"] == 1


def test_a_test_that_passes_only_alone_is_named_with_what_failed() -> None:
    verdict = table.judge({"test_b.C.test": Outcome("test_b.C.test", loops=1, at_first=["too late"])}, [], [])
    assert verdict.good
    assert "UNSTEADY test_b.C.test" in table.explain(verdict)
    assert "too late" in table.explain(verdict)


def test_a_test_that_ends_its_process_has_failed() -> None:
    done = [event("start"), event("stop", seconds=0.5, loops=1)]
    outcomes = runner._read([*done, event("start", "test_a.Case.test_hangs")], 1, "Timeout!", [])
    assert not outcomes["test_a.Case.test_it"].failed
    assert "Timeout!" in outcomes["test_a.Case.test_hangs"].failed[0]


def test_a_worker_that_runs_nothing_fails_all_its_tests() -> None:
    outcomes = runner._read([], 1, "ImportError: no such loop", ["test_a.Case.test_it"])
    assert "ImportError" in outcomes["test_a.Case.test_it"].failed[0]


@needs_suite
@pytest.mark.parametrize("loop", ["asyncio", "loop_selector"])
def test_tests_run_on_the_loop_that_is_asked_for(loop: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--loop", loop, "test_threads"]) == 0
    passed, no_loop, failed = capsys.readouterr().out.splitlines()[-1].split()[1:4]
    assert int(passed) >= 6
    assert (no_loop, failed) == ("-", "-")


@needs_suite
def test_a_run_fails_when_a_test_on_the_list_of_differences_passes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, test = tmp_path / "list.toml", "test_threads.ToThreadTests.test_to_thread"
    file.write_text(f'[[reason]]\nkind = "difference"\nwhy = "x"\ntests = ["{test}"]\n')
    assert main(["--list", str(file), test]) == 1
    assert f"PASSES {test}: it is listed as a difference; take it off the list" in capsys.readouterr().out


def test_an_interpreter_without_the_tests_says_where_they_are_to_be_had() -> None:
    program = (
        "import sys; sys.modules['test'] = None; from tests.conformance.cpython.__main__ import main; exit(main([]))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=runner.ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (5, "")
    assert "comes without its test package (test.test_asyncio), so nothing was run" in done.stdout
    assert f"libpython{sys.version_info[0]}.{sys.version_info[1]}-testsuite" in done.stdout


@needs_suite
def test_a_mock_that_a_test_puts_into_asyncio_is_seen_by_our_loop(capsys: pytest.CaptureFixture[str]) -> None:
    test = "test_base_events.BaseEventLoopWithSelectorTests.test_create_connection_ip_addr"
    assert main([test]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split()[1] == "1"


@needs_suite
def test_what_asyncio_alone_can_pass_fails_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--everything", "test_base_events.BaseEventLoopTests.test__add_callback_handle"]) == 1
    assert "FAILED test_base_events.BaseEventLoopTests.test__add_callback_handle" in capsys.readouterr().out


@needs_suite
def test_a_test_beyond_its_limit_is_ended(capsys: pytest.CaptureFixture[str]) -> None:
    test = "test_timeouts.TimeoutTests.test_nested_timeouts_loop_busy"  # sleeps for longer than that
    settings = runner.Settings("asyncio", 1, 0.01)
    outcomes = runner.run({"test_timeouts": [test]}, settings, print)
    assert "took too long" in outcomes[test].failed[0]
