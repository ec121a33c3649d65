"""A child process that answers lines with lines of JSON."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
import threading
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType
    from typing import Self

LIMIT = 30.0
"""Seconds after which a process that still runs is killed."""

_GRACE = 5.0
_TAIL = 400


class Failed(Exception):
    """A process did not do what it was asked to; the message ends with the last it had to say."""


class Absent(Exception):
    """What was asked for is not installed, or cannot do it; the message says which."""


class Peer:
    """A child process, for the time of a ``with`` block."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str] | None = None, limit: float = LIMIT
    ) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 -- closed in __exit__
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True, env=environment
        )
        self._limit = limit
        self._watchdog = threading.Timer(limit, self._process.kill)
        self._watchdog.start()

    @property
    def pid(self) -> int:
        """The process identifier."""
        return self._process.pid

    def ask(self, line: str) -> dict[str, Any]:
        """Send a line and read the answer.

        Raises:
            Failed: if there is none.
        """
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the missing answer says more
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        return self.read()

    def read(self) -> dict[str, Any]:
        """Read the next line.

        Raises:
            Failed: if there is none.
            Absent: if it says so.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise Failed(self._last_words())
        answer = cast(dict[str, Any], json.loads(line))
        if "absent" in answer:
            raise Absent(answer["absent"])
        return answer

    def _last_words(self) -> str:
        silent = not self._watchdog.is_alive()
        self._process.kill()
        self._process.wait()
        if silent:
            return f"no answer within {self._limit:.0f} s"
        self._errors.seek(0)
        return f"ended with status {self._process.returncode}: {self._errors.read()[-_TAIL:].strip()}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._watchdog.cancel()
        self._watchdog.join()
        self._process.stdout.close()
        self._errors.close()
