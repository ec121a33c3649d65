"""The rules of behaviour of transport_abc over a pipe: one end writes, the other reads."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.transport_subprocess.support import pipe_files
from transport_abc.testing import Check, StreamSubject, stream_checks
from transport_subprocess import PipePlugin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


@asynccontextmanager
async def _pair(left: Callable[[], Any], right: Callable[[], Any]) -> AsyncIterator[tuple[Any, Any]]:
    loop = asyncio.get_running_loop()
    reading, writing = pipe_files()
    writer, _ = await PipePlugin().connect_write(loop, left, writing)
    reader, _ = await PipePlugin().connect_read(loop, right, reading)
    yield writer, reader


PIPES = StreamSubject(
    make_pair=_pair,
    duplex=False,
    half_close=False,
    resets=False,
    addresses=False,
    implementation="transport_subprocess",
)


@pytest.mark.parametrize("check", [check for check in stream_checks() if check.inapplicable(PIPES) is None], ids=str)
def test_pipe_keeps_the_rule(check: Check[StreamSubject], new_loop: Callable[[], Any]) -> None:
    check.run_in_loop(PIPES, new_loop)
