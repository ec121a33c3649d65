"""Make HTTP requests with wrk, where it is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass

from benchmarks.peer import Absent, Failed

_UNITS = {"us": 1.0, "ms": 1e3, "s": 1e6, "m": 60e6}


@dataclass(frozen=True)
class Done:
    """What wrk reports; latencies in microseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float


def run(port: str, connections: int, seconds: float, processor: int) -> Done:
    """Load a server for some seconds: wrk takes whole ones, one at least.

    Raises:
        Absent: if wrk or taskset is not installed.
        Failed: if a request failed.
    """
    if not shutil.which("wrk") or not shutil.which("taskset"):
        raise Absent("wrk is not installed")
    duration = f"-d{max(1, round(seconds))}s"
    pinned = ["taskset", "-c", str(processor), "wrk", "-t1", f"-c{connections}", duration, "--latency"]
    done = subprocess.run([*pinned, f"http://127.0.0.1:{port}/"], capture_output=True, text=True)
    if done.returncode or "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise Failed(f"wrk: {(done.stderr or done.stdout).strip()}")
    return parse(done.stdout)


def parse(output: str) -> Done:
    """Read wrk's report."""
    total = re.search(r"(\d+) requests in ([\d.]+)(us|ms|s|m),", output)
    if total is None:
        raise Failed(f"wrk reported: {output}")
    return Done(
        int(total[1]), float(total[2]) * _UNITS[total[3]] / 1e6, _percentile(output, 50), _percentile(output, 99)
    )


def _percentile(output: str, which: int) -> float:
    found = re.search(rf"\b{which}%\s+([\d.]+)(us|ms|s|m)\b", output)
    if found is None:
        raise Failed(f"wrk reported no {which}th percentile: {output}")
    return float(found[1]) * _UNITS[found[2]]
