"""A child that sends back what is written to it, with asyncio's processes."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import PIPE

import loop_selector


async def main() -> None:
    process = await asyncio.create_subprocess_exec("cat", stdin=PIPE, stdout=PIPE)
    output, _ = await process.communicate(b"hello")
    assert (output, process.returncode) == (b"hello", 0)


loop_selector.run(main())
print("worked")
