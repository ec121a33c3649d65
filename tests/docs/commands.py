"""Looking at the shell commands of the pages without running them: what they name has to exist."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from tests.packaging.workspace import BY_IMPORT_NAME, BY_NAME, ROOT

if TYPE_CHECKING:
    from tests.docs.blocks import Block

FOREIGN = {"cd", "curl", "echo", "git", "hatch", "kill", "mkdir", "nc", "openssl", "pre-commit", "source"}
FOREIGN |= {"systemctl", "systemd-analyze", "systemd-socket-activate", "dask", "pytest", "uvicorn", "hypercorn", "mypy"}
"""Programs that are not ours, whose options are not looked at."""

INSTALLABLE = {
    "nox",
    "twine",
    "uv",
    "hatch",
    "uvicorn",
    "distributed",
    "pytest",
    "pytest-asyncio",
    "trustme",
    "mypy",
    "build",
}
"""What pages install besides our own packages."""

REFERENCE = re.compile(r"^(\w+(?:\.\w+)*):(\w+)$")


def lines_of(block: Block) -> list[str]:
    """Return the command lines of a block, without comments and output."""
    text = re.sub(r"\\\n\s*", " ", block.text)
    lines = [line.strip() for line in text.splitlines()]
    if block.language == "console":
        lines = [line[2:] for line in lines if line.startswith("$ ")]
    return [line for line in lines if line and not line.startswith("#")]


def commands(line: str) -> list[list[str]]:
    """Split a line into simple commands: words without redirections and assignments."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    found: list[list[str]] = [[]]
    words = iter(lexer)
    for word in words:
        if set(word) <= set("&|;()"):
            found.append([])
        elif set(word) <= set("<>"):
            next(words)
        elif found[-1] or not re.match(r"^\w+=", word):
            found[-1].append(word)
    return [command for command in found if command]


@cache
def sessions() -> dict[str, str]:
    """Return the sessions of the noxfile: name to source."""
    text = (ROOT / "noxfile.py").read_text()
    functions = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    return {
        function.name: ast.get_source_segment(text, function) or ""
        for function in functions
        if any("nox.session" in ast.unparse(decorator) for decorator in function.decorator_list)
    }


@cache
def help_of(module: str) -> str:
    """Return what a program of ours says about its options."""
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True, timeout=20, check=False
    )
    return done.stdout if done.returncode == 0 else ""


def faults(command: list[str], files: set[str]) -> list[str]:
    """Return what a command names that does not exist.

    Args:
        command: the words of a simple command.
        files: the files of the pages.
    """
    program, *words = command
    program = program.rpartition("/")[2]
    found = [fault for word in words for fault in _reference_faults(word, files)]
    if program == "nox":
        return found + _nox_faults(words)
    if program in {"python", "python3"}:
        return found + _python_faults(words, files)
    if program == "pip":
        return found + _pip_faults(words)
    return found if program in FOREIGN else [f"no test looks at the program {program!r}"]


def _reference_faults(word: str, files: set[str]) -> list[str]:
    """Look at a reference such as ``loop_selector:new_event_loop``."""
    match = REFERENCE.match(word)
    if match is None:
        return []
    if match[1] in BY_IMPORT_NAME:
        return [] if hasattr(importlib.import_module(match[1]), match[2]) else [f"{word} does not exist"]
    return [] if f"{match[1]}.py" in files else [f"no page has a file {match[1]}.py"]


def _nox_faults(words: list[str]) -> list[str]:
    rest = words[words.index("--") + 1 :] if "--" in words else []
    words = words[: words.index("--")] if "--" in words else words
    chosen = [word for word in words if not word.startswith("-")]
    found = [f"nox has no session {name!r}" for name in chosen if re.sub(r"[-(].*", "", name) not in sessions()]
    if chosen == ["bench"]:
        found += _option_faults("benchmarks", rest)
    return found


def _option_faults(module: str, words: list[str]) -> list[str]:
    options = [word for word in words if word.startswith("--")]
    return [f"{module} has no option {option}" for option in options if option not in help_of(module)]


def _python_faults(words: list[str], files: set[str]) -> list[str]:
    while words and words[0] in {"-u", "-X", "-W"}:
        words = words[1 if words[0] == "-u" else 2 :]
    if words[:1] == ["-c"]:
        compile(words[1], "-c", "exec")
        return []
    if words[:1] != ["-m"]:
        return [] if words[0] in files else [f"no page has a file {words[0]}"]
    module, *rest = words[1:]
    if module == "pip":
        return _pip_faults(rest)
    if module in {"venv", "pytest"}:
        return []
    if find_spec(module) is None:
        return [f"there is no module {module}"]
    ours = module.partition(".")[0] in {*BY_IMPORT_NAME, "benchmarks", "tests"}
    return _option_faults(module, rest) if ours else []


def _pip_faults(words: list[str]) -> list[str]:
    names = [word for word in words[words.index("install") + 1 :] if not word.startswith(("-", ".", "dist/"))]
    return [fault for name in names for fault in _requirement_faults(name)]


def _requirement_faults(text: str) -> list[str]:
    wanted = Requirement(text)
    package = BY_NAME.get(wanted.name)
    if package is None:
        return [] if wanted.name in INSTALLABLE else [f"nothing is known of the distribution {wanted.name!r}"]
    extras = package.project.get("optional-dependencies", {})
    return [f"{wanted.name} has no extra {extra!r}" for extra in sorted(wanted.extras) if extra not in extras]
