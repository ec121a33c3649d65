"""Environments made for one run, into which nothing but our own wheels is installed.

pip gets no index, no configuration and no cache: all that it can take is a file of ``dist/``.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DIST = ROOT / "dist"


def clean_variables() -> dict[str, str]:
    """Copy this process's variables without those that tell pip or Python where to look."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON", "UV_"))}
    return kept | {"PIP_CONFIG_FILE": os.devnull}


@dataclass(frozen=True)
class Environment:
    """A virtual environment without pip, and what pip said of the installation into it."""

    folder: Path
    report: dict[str, Any]

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def run(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run its Python as a user does elsewhere: without this repository on the import path."""
        return subprocess.run(
            [self.python, "-I", "-W", "error", *args],  # -I: no PYTHONPATH, no user's packages, no script's folder
            cwd=self.folder,
            env=clean_variables(),
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )

    @functools.cached_property
    def packages(self) -> Path:
        """The folder of what is installed."""
        (found,) = self.folder.glob("lib/python*/site-packages")
        return found


def install(python: Path, report: Path, dist: Path, names: list[str]) -> subprocess.CompletedProcess[str]:
    """Install distributions from the files of one folder, and from nowhere else."""
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check", "install"]
    options = ["--no-index", "--find-links", str(dist), "--no-cache-dir", "--no-compile", "--report", str(report)]
    return subprocess.run(
        [*pip, *options, *names], env=clean_variables(), capture_output=True, text=True, timeout=50, check=False
    )


def found(folder: Path) -> Environment | None:
    """Take an environment that is complete, if there is one."""
    report = folder / "report.json"
    return Environment(folder, json.loads(report.read_text())) if report.is_file() else None


def make(folder: Path, names: list[str]) -> Environment:
    """Make an environment and install distributions from ``dist/`` into it.

    Raises:
        RuntimeError: if ``dist/`` has none, or pip finds something missing.
    """
    if not any(DIST.glob("*.whl")):
        raise RuntimeError(f"no wheels in {DIST}; run nox -s isolated, which builds them")
    venv.create(folder, symlinks=True)
    report = folder / "report.part"
    done = install(folder / "bin" / "python", report, DIST, names)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    report.rename(folder / "report.json")
    return Environment(folder, json.loads((folder / "report.json").read_text()))


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
