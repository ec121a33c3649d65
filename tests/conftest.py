"""Rules that every test is held to, and the fixtures that several suites share.

Only pytest, the standard library and (lazily) third-party test tools are imported here: this file is
loaded as well where one package is installed alone.

A test fails when it leaves behind a descriptor, a thread, a child process or a pending asyncio task,
and when the logger "asyncio" reported an error during it that it did not look for. A test that
expects such a report requests ``caplog`` and looks at the records.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support import Certificates, make_certificates

if TYPE_CHECKING:
    from collections.abc import Iterator

_THREAD_GRACE = 2.0
"""Seconds that a thread which is already ending gets to end."""


def _descriptors() -> dict[int, str]:
    """What each open descriptor of this process refers to."""
    found = {}
    for name in os.listdir("/dev/fd"):
        try:
            status = os.fstat(int(name))
            link = Path("/proc/self/fd", name)
            found[int(name)] = str(link.readlink()) if link.is_symlink() else f"inode {status.st_ino}"
        except OSError:  # the one that listed the folder, or one that an ending thread has closed meanwhile
            continue
    return found


def _children() -> dict[int, str]:
    """Name the child processes, zombies included, by the process table of Linux; nothing elsewhere."""
    found = {}
    for children in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread or a process that ended just now
            for pid in children.read_text().split():
                with contextlib.suppress(FileNotFoundError):  # an ending thread has waited for it meanwhile
                    found[int(pid)] = Path("/proc", pid, "comm").read_text().strip()
    return found


def _tasks() -> list[asyncio.Task[object]]:
    """List the tasks of all loops; ``asyncio.all_tasks`` knows one loop only.

    To search all objects takes longer than most tests do, so it is done only where asyncio keeps no list in Python.
    """
    if sys.version_info >= (3, 14):
        return [item for item in gc.get_objects() if issubclass(type(item), asyncio.Task)]
    lists = [getattr(asyncio.tasks, name, ()) for name in ("_all_tasks", "_scheduled_tasks", "_eager_tasks")]
    return [task for tasks in lists for task in list(tasks)]


def _pending_tasks() -> dict[int, str]:
    """Name every task that is not done, of whatever loop."""
    return {id(task): f"{task.get_name()} {task.get_coro()!r}" for task in _tasks() if not task.done()}


def _threads() -> dict[int, str]:
    return {id(thread): thread.name for thread in threading.enumerate()}


_LOOKS = {
    "descriptor": _descriptors,
    "thread": _threads,
    "child process": _children,
    "pending task": _pending_tasks,
}


def _look() -> set[tuple[str, int, str]]:
    """Everything that a test could leave behind, as (kind, identity, description)."""
    return {(kind, key, text) for kind, look in _LOOKS.items() for key, text in look().items()}


def _settle(left: set[tuple[str, int, str]]) -> None:
    """Collect garbage, and wait for threads that are already ending."""
    idents = {key for kind, key, _ in left if kind == "thread"}
    for thread in threading.enumerate():
        if id(thread) in idents:
            thread.join(_THREAD_GRACE)
    gc.collect()


def pytest_report_header() -> str:
    """Say which kinds of leaks are looked for, as not every system shows all of them."""
    unseen = "" if Path("/proc/self/task").exists() else " (child processes are not visible on this system)"
    return f"leaks looked for: {', '.join(_LOOKS)}{unseen}"


@pytest.fixture(scope="session", autouse=True)
def _once_per_process() -> None:
    """Let uvloop open the pipe that it keeps, and exempt what exists already from every later search."""
    try:
        import uvloop
    except ImportError:
        pass
    else:
        uvloop.new_event_loop().close()
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _nothing_left_behind(_once_per_process: None) -> Iterator[None]:
    """Fail a test that leaves descriptors, threads, child processes or pending tasks."""
    before = _look()
    yield
    left = _look() - before
    if left:
        _settle(left)
        left = _look() - before
    if left:
        lines = [f"  {kind} {key}: {text}" for kind, key, text in sorted(left)]
        pytest.fail("\n".join(["the test left behind:", *lines]), pytrace=False)


class _Errors(logging.Handler):
    """Keeps the text of every error it is given."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))


@pytest.fixture(autouse=True)
def _no_unexpected_report(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test during which a loop reported an error, unless it requests ``caplog`` to look at it."""
    errors = _Errors()
    logger = logging.getLogger("asyncio")
    logger.addHandler(errors)
    yield
    logger.removeHandler(errors)
    if errors.texts and "caplog" not in request.fixturenames:
        pytest.fail("reported to the logger 'asyncio':\n" + "\n".join(errors.texts), pytrace=False)


@pytest.fixture(scope="session")
def certificates() -> Certificates:
    """Contexts of a TLS server on loopback and of a client that trusts it and no other."""
    pytest.importorskip("trustme", reason="trustme makes the certificates of the TLS tests")
    return make_certificates()
