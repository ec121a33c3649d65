"""What is installed are our own wheels, built from these sources, and nothing besides."""

from __future__ import annotations

import json
import venv
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest

from tests.isolation import environments
from tests.isolation.environments import DIST, ROOT, Environment, sha256

if TYPE_CHECKING:
    from tests.isolation.combinations import Combination

LIST = "import importlib.metadata, json; print(json.dumps([d.name for d in importlib.metadata.distributions()]))"


def wheels(environment: Environment) -> dict[str, Path]:
    """Read from pip's report which file each distribution came from, and check that it is the one in ``dist/``."""
    found = {}
    for item in environment.report["install"]:
        url = urlsplit(item["download_info"]["url"])
        file = Path(unquote(url.path))
        assert (url.scheme, file.parent) == ("file", DIST)
        assert item["download_info"]["archive_info"]["hashes"]["sha256"] == sha256(file)
        found[item["metadata"]["name"]] = file
    return found


def test_pip_took_exactly_our_own_wheels(combination: Combination, environment: Environment) -> None:
    assert set(wheels(environment)) == combination.installed


def test_nothing_else_is_there(combination: Combination, environment: Environment) -> None:
    done = environment.run("-c", LIST)
    assert (set(json.loads(done.stdout)), done.stderr) == (combination.installed, "")


def test_every_file_is_that_of_the_wheel(environment: Environment) -> None:
    packed: dict[str, bytes] = {}
    for wheel in wheels(environment).values():
        with zipfile.ZipFile(wheel) as archive:
            packed |= {name: archive.read(name) for name in archive.namelist() if not name.endswith("/RECORD")}
    there = {str(file.relative_to(environment.packages)): file for file in environment.packages.rglob("*")}
    files = {name: file.read_bytes() for name, file in there.items() if file.is_file() and file.suffix != ".pyc"}
    made_by_pip = {name for name in files if name.endswith(("/RECORD", "/INSTALLER", "/REQUESTED"))}
    assert {name: files[name] for name in files.keys() - made_by_pip} == packed


@pytest.mark.parametrize("wheel", sorted(DIST.glob("*.whl")), ids=lambda wheel: wheel.name.partition("-")[0])
def test_wheel_was_built_from_these_sources(wheel: Path) -> None:
    name = wheel.name.partition("-")[0]
    (source,) = ROOT.glob(f"packages/*/src/{name}")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name: archive.read(name) for name in archive.namelist() if ".dist-info/" not in name}
    files = (file for file in source.rglob("*") if file.is_file() and file.suffix != ".pyc")
    assert packed == {str(file.relative_to(source.parent)): file.read_bytes() for file in files}


def test_a_sibling_that_is_not_in_the_folder_is_not_taken_from_elsewhere(tmp_path: Path) -> None:
    """Without this, all of the above could be right by chance: pip must have no other place to look."""
    (wheel,) = DIST.glob("loop_selector-*.whl")
    (tmp_path / wheel.name).write_bytes(wheel.read_bytes())
    venv.create(tmp_path / "venv", symlinks=True)
    python = tmp_path / "venv" / "bin" / "python"
    done = environments.install(python, tmp_path / "report.json", tmp_path, ["loop-selector"])
    assert done.returncode == 1
    assert "No matching distribution found for transport-abc" in done.stderr
