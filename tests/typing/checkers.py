"""Running type checkers as a user does, where only some of our packages can be imported."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Errors = dict[str, dict[int, set[str]]]
"""Program, line, error codes."""

_MYPY_LINE = re.compile(r"^(?P<name>\w+)\.py:(?P<line>\d+): error: .*\[(?P<code>[\w-]+)\]$")
_EXPECTED = re.compile(r"# mypy: (?P<mypy>[\w-]+), pyright: (?P<pyright>\w+)$")


def write(folder: Path, programs: dict[str, str], packages: list[str]) -> None:
    """Write programs into a folder, beside these packages and no other."""
    beside = folder / "packages"
    beside.mkdir()
    for name in packages:
        (beside / name).symlink_to(Path(str(importlib.import_module(name).__file__)).parent)
    for name, text in programs.items():
        (folder / f"{name}.py").write_text(text.lstrip("\n"))


def expected(program: str, checker: str) -> dict[int, set[str]]:
    """Read from a program's comments what a checker must say."""
    lines = enumerate(program.lstrip("\n").splitlines(), 1)
    return {number: {match[checker]} for number, line in lines if (match := _EXPECTED.search(line))}


def mypy(folder: Path) -> tuple[Errors, str]:
    """Run mypy --strict and return its errors, and what it printed."""
    files = sorted(path.name for path in folder.glob("*.py"))
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-site-packages", "--no-pretty"]
    command += ["--cache-dir", str(folder / "cache"), "--show-error-codes", "--no-color-output", *files]
    done = subprocess.run(
        command,
        cwd=folder,
        env={"MYPYPATH": str(folder / "packages"), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    if done.returncode not in (0, 1):
        raise RuntimeError(f"mypy ended with {done.returncode}: {done.stdout}{done.stderr}")
    found = ((m["name"], int(m["line"]), m["code"]) for m in map(_MYPY_LINE.match, done.stdout.splitlines()) if m)
    return _collect(found), done.stdout


def basedpyright(folder: Path) -> tuple[Errors, str]:
    """Run basedpyright in pyright's strict mode and return its errors, and what it printed."""
    config = {
        "include": ["*.py"],
        "extraPaths": ["packages"],
        "typeCheckingMode": "strict",
        "pythonVersion": "3.11",
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(config))
    done = subprocess.run(
        [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    if done.returncode not in (0, 1):
        raise RuntimeError(f"basedpyright ended with {done.returncode}: {done.stdout}{done.stderr}")
    diagnostics = json.loads(done.stdout)["generalDiagnostics"]
    found = (
        (Path(item["file"]).stem, item["range"]["start"]["line"] + 1, item.get("rule", item["message"]))
        for item in diagnostics
        if item["severity"] == "error"
    )
    return _collect(found), done.stdout


def _collect(found: Iterator[tuple[str, int, str]]) -> Errors:
    errors: Errors = {}
    for name, line, code in found:
        errors.setdefault(name, {}).setdefault(line, set()).add(code)
    return errors
