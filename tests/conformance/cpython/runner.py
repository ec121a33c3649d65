"""Run tests in worker processes and collect what became of each."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

ROOT = Path(__file__).parents[3]

SPLIT = ("test_ssl", "test_events", "test_tasks", "test_subprocess", "test_sendfile", "test_sslproto")
"""Modules that take long: each of their classes goes to a worker of its own, and they start first."""


@dataclass
class Outcome:
    """What became of a test.

    ``failed`` holds the reasons, one for each failure or failed subtest; ``skipped`` the reason of a skip;
    ``loops`` how many loops the test asked for; ``at_first`` why an earlier try failed.
    """

    test: str
    failed: list[str] = field(default_factory=list)
    skipped: str | None = None
    loops: int = 0
    seconds: float = 0.0
    at_first: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Settings:
    """How to run: which loop, how many workers at a time, how many seconds for one test."""

    loop: str
    jobs: int
    limit: float


def run(tests: Mapping[str, list[str]], settings: Settings, progress: Callable[[str], None]) -> dict[str, Outcome]:
    """Run tests, given by module. What fails is tried once more, alone.

    Args:
        tests: test ids by module.
        settings: how to run.
        progress: called with a line of text whenever a worker is done.
    """
    outcomes: dict[str, Outcome] = {}
    with ThreadPoolExecutor(settings.jobs) as pool:
        for part in pool.map(lambda unit: _run_unit(unit, settings, progress), _units(tests)):
            outcomes.update(part)
    return outcomes


def retry(failed: Iterable[Outcome], settings: Settings) -> dict[str, Outcome]:
    """Run each failed test again in a process of its own, one after the other."""
    outcomes: dict[str, Outcome] = {}
    for outcome in failed:
        again = _run_unit([outcome.test], settings, lambda _: None)
        for found in again.values():
            found.at_first = outcome.failed
        outcomes.update(again)
    return outcomes


def _units(tests: Mapping[str, list[str]]) -> list[list[str]]:
    units: dict[str, list[str]] = {}
    for module in sorted(tests, key=lambda name: SPLIT.index(name) if name in SPLIT else len(SPLIT)):
        for test in tests[module]:
            key = test.rpartition(".")[0] if module in SPLIT else module
            units.setdefault(key, []).append(test)
    return list(units.values())


def _run_unit(unit: list[str], settings: Settings, progress: Callable[[str], None]) -> dict[str, Outcome]:
    """Run some tests of one module, in as many processes as it takes."""
    outcomes: dict[str, Outcome] = {}
    left = unit
    while left:
        found = _run_process(left, settings)
        outcomes.update(found)
        left = [test for test in left if test not in found] if found else []
    for test in set(unit) - set(outcomes):
        outcomes[test] = Outcome(test, ["was not run"])
    bad = sum(bool(outcome.failed) for outcome in outcomes.values())
    seconds = sum(outcome.seconds for outcome in outcomes.values())
    progress(f"{unit[0].rpartition('.')[0]}: {len(outcomes)} tests, {bad} failed, {seconds:.1f} s")
    return outcomes


def _run_process(tests: list[str], settings: Settings) -> dict[str, Outcome]:
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        events, log = Path(folder, "events"), Path(folder, "log")
        work = Path(folder, "work")
        work.mkdir()
        job = {
            "module": tests[0].partition(".")[0],
            "tests": tests,
            "loop": settings.loop,
            "limit": settings.limit,
            "events": str(events),
        }
        with log.open("wb") as output:
            ended = _start_worker(json.dumps(job), work, output.fileno())
        lines = events.read_text().splitlines() if events.exists() else []
        return _read(lines, ended, log.read_text(errors="replace"), tests)


def _start_worker(job: str, folder: Path, log: int) -> int:
    """Run a worker to its end, and end with it whatever it left running."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [sys.executable, "-W", "default", "-m", "tests.conformance.cpython.worker"]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        start_new_session=True,
        text=True,
    )
    process.communicate(job)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return process.returncode


def _read(lines: list[str], ended: int, log: str, tests: list[str]) -> dict[str, Outcome]:
    """Turn a worker's events into outcomes; a test that began and did not end took the process down."""
    outcomes: dict[str, Outcome] = {}
    running: Outcome | None = None
    for line in lines:
        event = json.loads(line)
        outcome = outcomes.setdefault(event["test"], Outcome(event["test"]))
        match event["event"]:
            case "start":
                running = outcome
            case "stop":
                outcome.seconds, outcome.loops, running = event["seconds"], event["loops"], None
            case "failed":
                outcome.failed.append(event["why"])
            case "skipped":
                outcome.skipped = event["why"]
    if running is not None:
        running.failed.append(f"ended its process (exit status {ended}), or took too long:\n{log[-6000:]}")
    elif not outcomes:
        return {test: Outcome(test, [f"the worker ended with {ended}:\n{log[-6000:]}"]) for test in tests}
    return outcomes
