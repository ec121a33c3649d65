"""The code blocks of the pages, and what the words behind the language say about each.

The words are part of the source of the page and not shown to its readers::

    ```python echo_server.py server

A name with a dot
    The block is a file of this name, beside the other files of the page: programs, modules that other blocks of the
    page import, settings. A Python file that begins with ``test_`` is run by pytest, any other one as a program.
``server``
    The program runs until it is interrupted. It is ready when it prints its first line or, if it prints nothing, when
    its port accepts connections.
``with:FILE``
    That server of the page runs meanwhile.
``after:FILE``
    That program of the page has been run before.
``fragment``
    The block cannot run here: it is type-checked only.
``run``
    For ``sh`` and ``console``: the commands are safe and are run. The others are looked at (tests/docs/commands.py).
``output``
    For ``text``: what the program before it prints; ``…`` stands for anything.
``tree``
    For ``text``: a drawing of modules, each of which exists.

``python -m tests.docs.blocks FOLDER`` writes all Python blocks to a folder, as modules for a type checker, and prints
which ones need a package that is not installed and are therefore left out.
"""

from __future__ import annotations

import ast
import re
import sys
import textwrap
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from tests.packaging.workspace import BY_IMPORT_NAME

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        *(page for page in ROOT.glob("docs/**/*.md") if "_build" not in page.parts),
        *ROOT.glob("*.md"),
        *ROOT.glob("packages/*/README.md"),
    ]
)
"""What is written for readers; changelogs have no code."""

FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<info>[^\n`]*)\n(?P<text>.*?)^ *(?P=fence)$", re.M | re.S)
WORDS = {
    "python": {"server", "fragment"},
    "sh": {"run"},
    "console": {"run"},
    "text": {"output", "tree"},
    "toml": set(),
    "ini": set(),
}


@dataclass(frozen=True)
class Block:
    """One fenced block: its page and line, its language, the words behind it, and the text."""

    page: Path
    line: int
    language: str
    words: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def file(self) -> str | None:
        """The file that the block is, relative to the folder of its page."""
        return next((word for word in self.words if "." in word and ":" not in word), None)

    @property
    def companion(self) -> str | None:
        """The server that has to run meanwhile."""
        return self._after("with:")

    @property
    def forerunner(self) -> str | None:
        """The program that has to be run before."""
        return self._after("after:")

    def _after(self, prefix: str) -> str | None:
        return next((word.removeprefix(prefix) for word in self.words if word.startswith(prefix)), None)

    @property
    def is_server(self) -> bool:
        return "server" in self.words

    @property
    def is_fragment(self) -> bool:
        return "fragment" in self.words

    @property
    def module(self) -> str:
        """The path of the block as a module, unique among all pages; without the folder ``src``."""
        page = re.sub(r"\W", "_", str(self.page.relative_to(ROOT).with_suffix("")))
        if self.file == "conftest.py":  # several pages have one
            return f"{page}_conftest.py"
        return (self.file or f"{page}_line_{self.line}.py").removeprefix("src/")

    @property
    def faults(self) -> list[str]:
        """What is wrong with the marks of the block."""
        if self.language not in WORDS:
            return [f"no test looks at blocks in {self.language or 'no language'!r}"]
        marks = {word for word in self.words if "." not in word}
        found = [f"unknown word {word!r}" for word in sorted(marks - WORDS[self.language])]
        if self.language == "text" and not self.words:
            found.append("text is the 'output' of the program before it, or a 'tree' of modules")
        return found


@cache
def blocks_of(page: Path) -> list[Block]:
    """Return the blocks of a page, without Sphinx's directives."""
    source = page.read_text()
    found = []
    for match in FENCE.finditer(source):
        language, *words = match["info"].split() or [""]
        if language.startswith("{") and language != "{code-block}":
            continue
        line = source.count("\n", 0, match.start()) + 1
        found.append(Block(page, line, language, tuple(words), textwrap.dedent(match["text"])))
    return found


def all_blocks(*languages: str) -> list[Block]:
    """Return the blocks of all pages, of some languages or of all."""
    return [block for page in PAGES for block in blocks_of(page) if not languages or block.language in languages]


def imported(text: str) -> set[str]:
    """Return the top-level packages that a program imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def siblings(page: Path) -> set[str]:
    """Return the names under which the files of a page can be imported."""
    files = [block.module for block in blocks_of(page) if block.language == "python" and block.file]
    return {file.partition("/")[0].removesuffix(".py") for file in files}


def needed(block: Block) -> set[str]:
    """Name the packages that a block needs, or that the files of its page which it imports need."""
    wanted = imported(block.text)
    if "async def test_" in block.text:
        wanted.add("pytest_asyncio")
    own = siblings(block.page)
    for other in blocks_of(block.page):
        if other.language == "python" and other.file and other is not block:
            name = other.module.partition("/")[0].removesuffix(".py")
            if name in wanted or other.file in {block.companion, block.forerunner}:
                wanted |= imported(other.text)
    return wanted - own


def missing(block: Block) -> list[str]:
    """Name the packages that a block needs and that are not installed."""
    return sorted(name for name in needed(block) if find_spec(name) is None)


def libraries(block: Block) -> set[str]:
    """Name the packages that a block needs besides Python's, ours, and those of every test."""
    return needed(block) - sys.stdlib_module_names - {*BY_IMPORT_NAME, "pytest", "trustme", "uvloop"}


def write_modules(folder: Path) -> list[str]:
    """Write the Python blocks as modules; return a line for each that was left out."""
    left_out = []
    for block in all_blocks("python"):
        if names := missing(block):
            left_out.append(f"{block} needs {', '.join(names)}")
            continue
        file = folder / block.module
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text)
    return left_out


if __name__ == "__main__":
    print("\n".join(write_modules(Path(sys.argv[1]))))
