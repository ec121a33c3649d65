"""A process that runs some tests of one module: ``python -m tests.conformance.cpython.worker < job.json``.

Every event is one line of JSON in the job's ``events`` file, written at once, so that what was running when the
process died is known. A test over its time limit ends the process with a traceback of all threads on stderr.
"""

from __future__ import annotations

import asyncio
import faulthandler
import importlib
import json
import sys
import time
import unittest
from typing import TYPE_CHECKING, Any, TextIO

from tests.conformance.cpython import suite, swap

if TYPE_CHECKING:
    from types import TracebackType

    _Error = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]


class Recorder(unittest.TestResult):
    """Write what happens to each test as one line of JSON.

    Args:
        events: the file to write to.
        make: what makes the loops; a test that never asked it for one says nothing about the loop.
        limit: seconds that one test may take.
    """

    def __init__(self, events: TextIO, make: swap.Maker, limit: float) -> None:
        super().__init__()
        self._events = events
        self._make = make
        self._limit = limit
        self._started = 0.0
        self._made = 0

    def _write(self, event: str, test: Any, **more: object) -> None:
        print(json.dumps({"event": event, "test": suite.short(test.id()), **more}), file=self._events, flush=True)

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self._write("start", test)
        self._started, self._made = time.monotonic(), self._make.made
        faulthandler.dump_traceback_later(self._limit, exit=True)

    def stopTest(self, test: unittest.TestCase) -> None:
        faulthandler.dump_traceback_later(self._limit, exit=True)  # for what happens between tests and at the end
        loops = self._make.made - self._made
        self._write("stop", test, seconds=round(time.monotonic() - self._started, 3), loops=loops)
        super().stopTest(test)

    def _failed(self, test: unittest.TestCase, error: _Error) -> None:
        self._write("failed", test, why=self._exc_info_to_string(error, test))  # type: ignore[attr-defined]

    def addError(self, test: unittest.TestCase, err: _Error) -> None:
        self._failed(test, err)

    def addFailure(self, test: unittest.TestCase, err: _Error) -> None:
        self._failed(test, err)

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: _Error | None) -> None:
        if err is not None:
            self._failed(test, err)

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        self._write("failed", test, why="succeeded, which was not expected")

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        self._write("skipped", test, why=reason)


def main() -> None:
    job = json.load(sys.stdin)
    make = swap.Maker(job["loop"])
    swap.install(make)
    for name in ("utils", job["module"]):
        swap.adapt(importlib.import_module(f"{suite.PACKAGE}.{name}"), make)
    asyncio.set_event_loop(None)  # as the first of CPython's tests do; some of the later ones count on it
    names = [f"{suite.PACKAGE}.{test}" for test in job["tests"]]
    with open(job["events"], "a", encoding="utf-8") as events:
        unittest.defaultTestLoader.loadTestsFromNames(names).run(Recorder(events, make, job["limit"]))


if __name__ == "__main__":
    main()
