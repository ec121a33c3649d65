"""What is in the wheels (the package, its metadata), in source archives (papers and tests too), and nothing else."""

from __future__ import annotations

import ast
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.packaging.test_imports import imported
from tests.packaging.workspace import PACKAGES, ROOT, Package, load_toml

EXTRA_FILES_OF_SDIST = {"CHANGELOG.md", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml"}
BUILD_HOOKS = {"loop-selector": {"hatch_build.py"}}

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


def included(package: Package) -> set[str]:
    """Name the package's own tests, and what the metadata file takes along for them, as they are in the archive."""
    build_table = load_toml(package.folder / "pyproject.toml")["tool"]["hatch"]["build"]
    found: set[str] = set()
    for origin, place in build_table["targets"]["sdist"]["force-include"].items():
        source = package.folder / origin
        files = source.rglob("*") if source.is_dir() else [source]
        names = (Path(place, file.relative_to(source)) for file in files if file.is_file() and file.suffix != ".pyc")
        found |= set(map(str, names))
    return found


@each_package
def test_source_archive_holds_the_package_its_papers_and_its_tests(package: Package, tmp_path: Path) -> None:
    with tarfile.open(build(package, "sdist", tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    names.discard(".gitignore")  # taken along by hatchling where there is one
    files = {f"src/{name}" for name in source_files(package)}
    assert names == files | included(package) | EXTRA_FILES_OF_SDIST | BUILD_HOOKS.get(package.name, set())
    assert f"tests/{package.import_name}/test_exports.py" in names


@each_package
def test_source_archive_holds_all_that_its_tests_import(package: Package) -> None:
    names = included(package)
    sources = [ROOT / name for name in names if name.endswith(".py")]
    trees = [ast.parse(file.read_text()) for file in sources]
    wanted = {name for tree in trees for name in imported(tree) if name.startswith("tests.")}
    places = {f"{name.replace('.', '/')}.py" for name in wanted} | {
        f"{name.replace('.', '/')}/__init__.py" for name in wanted
    }
    assert {place for place in places if (ROOT / place).is_file()} <= names
