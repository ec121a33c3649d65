"""Running the programs of a page: in a folder with the page's files, on free ports, each for a bounded time."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import socket
import subprocess
import sys
import textwrap
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from tests.docs.blocks import Block, blocks_of
from tests.support import TIMEOUT, listening

if TYPE_CHECKING:
    from collections.abc import Iterator

PORT = re.compile(r"\b(8888|8883|8889)\b")
"""The ports that pages use; programs of the tests use others."""


class Workplace:
    """A folder with the files of a page."""

    def __init__(self, folder: Path, page: Path) -> None:
        self.folder = folder
        self._ports: dict[str, str] = {}
        self.blocks = blocks_of(page)
        for block in self.blocks:
            if block.file:
                self._write(block.file, block.text)
        self._install()

    def _write(self, name: str, text: str) -> Path:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self.localised(text))
        return file

    def _install(self) -> None:
        """Have the package of the page found as if it were installed: write its metadata beside it."""
        settings = self.folder / "pyproject.toml"
        project = tomllib.loads(settings.read_text()).get("project") if settings.exists() else None
        if project is not None:
            info = f"src/{project['name'].replace('-', '_')}-{project['version']}.dist-info"
            head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
            self._write(f"{info}/METADATA", head)
            groups = project.get("entry-points", {}).items()
            lines = [(f"[{name}]", *(f"{key} = {value}" for key, value in group.items())) for name, group in groups]
            self._write(f"{info}/entry_points.txt", "\n".join(line for group in lines for line in group))

    def localised(self, text: str) -> str:
        """Replace the ports of the page by free ones."""
        return PORT.sub(lambda match: self._free(match[0]), text)

    def _free(self, port: str) -> str:
        if port not in self._ports:
            with listening() as sock:
                self._ports[port] = str(sock.getsockname()[1])
        return self._ports[port]

    def environment(self) -> dict[str, str]:
        """Return the environment of the programs: they find this Python, and the packages in the page's ``src``."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        return {**os.environ, "PATH": path, "PYTHONPATH": str(self.folder / "src"), "PYTHONUNBUFFERED": "1"}

    def command(self, block: Block) -> list[str]:
        """Return the command that runs a block."""
        file = self.folder / block.file if block.file else self._write(f"block_{block.line}.py", block.text)
        if file.name.startswith("test_"):
            # Where pytest-asyncio is installed, it warns everybody who has not configured it.
            plugins = [] if "async def test_" in block.text else ["-p", "no:asyncio"]
            command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"]
            return [*command, *plugins, str(file)]
        return [sys.executable, "-W", "error", str(file)]

    def run(self, block: Block) -> subprocess.CompletedProcess[str]:
        """Run a program to its end, beside the server that it needs."""
        with contextlib.ExitStack() as stack:
            if block.forerunner:
                done = self.run(self._named(block.forerunner))
                assert done.returncode == 0, done.stderr
            if block.companion:
                stack.enter_context(self.serving(self._named(block.companion)))
            return subprocess.run(
                self.command(block),
                cwd=self.folder,
                env=self.environment(),
                capture_output=True,
                text=True,
                timeout=2 * TIMEOUT,
                check=False,
            )

    def _named(self, file: str) -> Block:
        (block,) = [block for block in self.blocks if block.file == file]
        return block

    @contextlib.contextmanager
    def serving(self, block: Block) -> Iterator[subprocess.Popen[bytes]]:
        """Run a server beside the body, then interrupt it as Ctrl-C does; it has to end by that, in good order."""
        if block.forerunner:
            assert self.run(self._named(block.forerunner)).returncode == 0
        errors = self.folder / f"errors_{block.line}.txt"
        with (
            errors.open("w") as stderr,
            subprocess.Popen(
                self.command(block),
                cwd=self.folder,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,  # what it starts can be ended with it
            ) as process,
        ):
            try:
                self._wait_until_ready(block, process)
                yield process
                assert process.poll() is None, f"the server ended by itself\n{errors.read_text()}"
            finally:
                process.send_signal(signal.SIGINT)
                try:
                    _wait_or_interrupt_again(process)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    raise
        said = errors.read_text()
        assert process.returncode in (0, 130, -signal.SIGINT), said
        assert not said or said.splitlines()[-1].startswith("KeyboardInterrupt"), said

    def _wait_until_ready(self, block: Block, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        if "print(" in block.text:
            assert select.select([process.stdout], [], [], TIMEOUT)[0], "the server says nothing"
            assert process.stdout.readline(), "the server ended without a word"
            return
        found = PORT.search(block.text)
        assert found, f"{block}: a server prints a line when it is ready, or has a port of {PORT.pattern}"
        connect_when_listening(int(self._free(found[0]))).close()


def connect_when_listening(port: int) -> socket.socket:
    """Try until somebody listens: another process gives no event to wait for."""
    deadline = time.monotonic() + TIMEOUT
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), TIMEOUT)
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, "nobody listens"
            select.select([], [], [], 0.01)


def is_like(actual: str, expected: str) -> bool:
    """Compare a program's output with that of the page, in which ``…`` stands for anything within a line."""
    pattern = re.escape(_plain(expected)).replace("…", r"[^\n]*")
    return re.fullmatch(pattern, _plain(actual)) is not None


def _plain(text: str) -> str:
    """Leave out what pages cannot show: blanks at the end of lines, a common margin."""
    return textwrap.dedent("\n".join(line.rstrip() for line in text.splitlines())).strip()


def _wait_or_interrupt_again(process: subprocess.Popen[bytes]) -> None:
    """Wait for the end; interrupt once more, as a user does, if the first signal was not noticed.

    asyncio.Runner sets no wake-up descriptor: one that comes in the instant before the loop waits is seen with the next
    event.
    """
    try:
        process.communicate(timeout=TIMEOUT / 4)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=TIMEOUT)
