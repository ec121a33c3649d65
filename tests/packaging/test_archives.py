"""What is in the wheels and source archives: the package, its metadata, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.packaging.workspace import PACKAGES, Package

EXTRA_FILES_OF_SDIST = {"CHANGELOG.md", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml"}

each_package = pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)


def source_files(package: Package) -> set[str]:
    files = (file for file in package.source.rglob("*") if file.is_file() and file.suffix != ".pyc")
    return {str(file.relative_to(package.folder / "src")) for file in files}


def build(package: Package, target: str, into: Path) -> Path:
    """Build one archive with the build backend itself, which the environment has for editable installs."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(into)]
    subprocess.run(command, cwd=package.folder, check=True, capture_output=True, timeout=50)
    (archive,) = into.iterdir()
    return archive


@each_package
def test_wheel_holds_exactly_the_package(package: Package, tmp_path: Path) -> None:
    with zipfile.ZipFile(build(package, "wheel", tmp_path)) as wheel:
        names = set(wheel.namelist())
    info = {name for name in names if ".dist-info/" in name}
    expected = {"METADATA", "WHEEL", "RECORD", "licenses/LICENSE"}
    if package.entry_points:
        expected.add("entry_points.txt")
    assert names - info == source_files(package)
    assert {name.partition("/")[2] for name in info} == expected


@each_package
def test_source_archive_holds_the_package_and_its_papers(package: Package, tmp_path: Path) -> None:
    with tarfile.open(build(package, "sdist", tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    names.discard(".gitignore")  # taken along by hatchling where there is one
    assert names == {f"src/{name}" for name in source_files(package)} | EXTRA_FILES_OF_SDIST
