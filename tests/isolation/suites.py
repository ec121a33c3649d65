"""Run each package's tests from its source archive against its wheel, with only its declared dependencies installed.

The test tools are those of the environment that this runs in; of our own packages it must hold none. What is named on
the command line (distributions; none means all) is run.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from pathlib import Path

from tests.isolation import environments
from tests.isolation.environments import DIST, Environment

OPTIONS = ["-ra", "-W", "error", "--timeout", "60", "-n", "auto", "-p", "no:cacheprovider", "tests"]


def archives() -> dict[str, Path]:
    """Find the source archives: distribution to file."""
    return {file.name.partition("-")[0].replace("_", "-"): file for file in sorted(DIST.glob("*.tar.gz"))}


def unpack(archive: Path, into: Path) -> Path:
    with tarfile.open(archive) as source:
        source.extractall(into, filter="data")
    (folder,) = into.iterdir()
    return folder


def lend_tools(environment: Environment) -> None:
    """Let an environment import what this one has, its own packages first."""
    (environment.packages / "tools.pth").write_text(sysconfig.get_path("purelib") + "\n")


def installed_place(environment: Environment, name: str) -> Path:
    """Ask where a package is imported from."""
    done = environment.run("-c", f"import {name}; print({name}.__file__)")
    return Path(done.stdout.strip())


def run(name: str, archive: Path, folder: Path) -> bool:
    """Run one package's tests; true if they passed."""
    environment = environments.make(folder / "venv", [name])
    lend_tools(environment)
    place = installed_place(environment, name.replace("-", "_"))
    if not place.is_relative_to(environment.packages):
        raise RuntimeError(f"expected {name} in {environment.packages}, it is imported from {place}")
    print(f"{name}: tests of {archive.name} against {', '.join(sorted(taken(environment)))}", flush=True)
    command = [str(environment.python), "-m", "pytest", *OPTIONS]
    source = unpack(archive, folder / "source")
    return subprocess.run(command, cwd=source, env=environments.clean_variables(), check=False).returncode == 0


def taken(environment: Environment) -> list[str]:
    """Name the files that pip installed."""
    return [item["download_info"]["url"].rpartition("/")[2] for item in environment.report["install"]]


def main(names: list[str]) -> int:
    """Run the tests of these distributions, or of all; go on after a failure."""
    found = archives()
    if unknown := set(names) - found.keys():
        raise SystemExit(f"no source archive in {DIST} for {', '.join(sorted(unknown))}; known: {', '.join(found)}")
    if present := [name for name in found if importlib.util.find_spec(name.replace("-", "_"))]:
        raise SystemExit(f"expected none of our packages beside the test tools, found {', '.join(present)}")
    failed = []
    for name in names or found:
        with tempfile.TemporaryDirectory(prefix=f"{name}-") as folder:
            if not run(name, found[name], Path(folder)):
                failed.append(name)
    print("failed:", ", ".join(failed) or "none", flush=True)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
