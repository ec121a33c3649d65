"""prompt_toolkit on the loop: reads its input by `add_reader` and puts back the signal handlers that it found."""

from __future__ import annotations

import asyncio
import signal

from loop_selector import run
from tests.ecosystem.support import assert_on_our_loop, library

application = library("prompt_toolkit.application")
PromptSession = library("prompt_toolkit").PromptSession
create_pipe_input = library("prompt_toolkit.input").create_pipe_input
DummyOutput = library("prompt_toolkit.output").DummyOutput


def test_lines_are_read_one_after_the_other() -> None:
    async def main() -> None:
        assert_on_our_loop()
        with create_pipe_input() as typed:
            session = PromptSession(input=typed, output=DummyOutput())
            for text in ("one", "two"):
                typed.send_text(f"{text}x\x7f\n")  # a backspace takes the x away
                assert await session.prompt_async("> ") == text

    run(main())


def test_other_tasks_run_while_it_waits() -> None:
    async def main() -> None:
        with create_pipe_input() as typed:
            session = PromptSession(input=typed, output=DummyOutput())
            waiting = asyncio.create_task(session.prompt_async("> "))
            assert await asyncio.to_thread(sum, range(10)) == 45
            typed.send_text("now\n")
            assert await waiting == "now"

    run(main())


def test_the_handler_of_sigwinch_is_put_back_after_a_prompt() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        resized = asyncio.Event()
        loop.add_signal_handler(signal.SIGWINCH, resized.set)
        with create_pipe_input() as typed:
            typed.send_text("done\n")
            assert await PromptSession(input=typed, output=DummyOutput()).prompt_async("> ") == "done"
        signal.raise_signal(signal.SIGWINCH)
        await resized.wait()
        assert loop.remove_signal_handler(signal.SIGWINCH)

    run(main())
