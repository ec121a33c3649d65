"""pexpect on the loop: a terminal that it goes on using beside the pipe transport that reads it."""

from __future__ import annotations

from loop_selector import run
from tests.ecosystem.support import assert_on_our_loop, library

pexpect = library("pexpect")


def test_a_program_on_a_terminal_is_spoken_with_and_ends() -> None:
    async def main() -> None:
        assert_on_our_loop()
        with pexpect.spawn("sh", ["-c", "while read line; do echo got $line; done; exit 3"], echo=False) as child:
            for number in range(20):
                child.sendline(f"line {number}")
                assert await child.expect([rf"got line {number}\r\n", pexpect.EOF], async_=True, timeout=60) == 0
            child.sendeof()
            await child.expect(pexpect.EOF, async_=True, timeout=60)
            child.wait()
        assert child.exitstatus == 3

    run(main())


def test_a_timeout_leaves_the_program_usable() -> None:
    async def main() -> None:
        with pexpect.spawn("cat", echo=False) as child:
            assert await child.expect([pexpect.TIMEOUT, "x"], async_=True, timeout=0.05) == 0
            child.sendline("xyz")
            assert await child.expect(["xyz", pexpect.TIMEOUT], async_=True, timeout=60) == 0

    run(main())
