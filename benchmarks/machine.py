"""What the figures were taken on."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any, cast

_ROOT = Path(__file__).parent.parent

_ASK = (
    "import json, platform, benchmarks.contestants as c; print(json.dumps([platform.python_version(), c.versions()]))"
)


def describe() -> dict[str, Any]:
    """Describe the machine, its system, and how busy it is."""
    return {
        "processor": _model(),
        "processors": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release()}",
        "libc": " ".join(platform.libc_ver()),
        "load average": round(os.getloadavg()[0], 2),
    }


def _model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def python_version(python: str) -> tuple[str, dict[str, str]]:
    """Ask an interpreter for its version and for the versions of the contestants it has.

    Raises:
        SystemExit: if it cannot be run.
    """
    try:
        said = subprocess.run([python, "-c", _ASK], capture_output=True, text=True, check=True, cwd=_ROOT).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        reason = error.stderr if isinstance(error, subprocess.CalledProcessError) else error
        raise SystemExit(f"{python} cannot run the benchmarks: {reason}") from error
    return cast(tuple[str, dict[str, str]], tuple(json.loads(said)))


def compiled_modules(python: str) -> list[str]:
    """Ask an interpreter which modules of our loop are compiled for it.

    Raises:
        SystemExit: if there is none, as it would be measured for what it is not.
    """
    command = [python, "-P", "-m", "loop_selector", "doctor", "--json"]
    try:
        said = subprocess.run(command, capture_output=True, text=True).stdout
        found: list[str] = json.loads(said)["compiled"]
    except (OSError, ValueError, KeyError) as error:
        raise SystemExit(f"{python} cannot say which modules are compiled: {error!r}") from error
    if not found:
        raise SystemExit(f"expected an interpreter that has the compiled build, got the plain one of {python!r}")
    return found


def processors() -> tuple[int, int]:
    """Choose a processor for what is measured and another for the load; the same if there is but one."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]
