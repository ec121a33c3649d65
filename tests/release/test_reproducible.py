"""Who builds a package again, elsewhere and later, gets the same bytes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.packaging.workspace import PACKAGES, ROOT, Package
from tests.release import releases

LONG_AGO = 1_000_000_000
EPOCH = 1_600_000_000
OTHERS = ("build", "dist", "__pycache__", ".*_cache", "_build")

each_package = pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources in a deeper folder, with other times and other permissions."""
    copy = tmp_path_factory.mktemp("elsewhere") / "a deeper" / "folder"
    for part in ("packages", "tests", "docs"):
        shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns(*OTHERS))
    shutil.copy(ROOT / ".gitignore", copy)
    for file in copy.rglob("*"):
        if file.is_file():
            file.chmod(0o600)
            os.utime(file, (LONG_AGO, LONG_AGO))
    return copy


def build(root: Path, package: Package, into: Path, **variables: str) -> dict[str, bytes]:
    """Build both archives with the backend itself: name to content."""
    kept = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(into)],
        cwd=root / package.folder.relative_to(ROOT),
        env=kept | variables,
        umask=0o077,
        check=True,
        capture_output=True,
        timeout=50,
    )
    return {file.name: file.read_bytes() for file in into.iterdir()}


@each_package
def test_built_elsewhere_it_is_byte_for_byte_what_is_to_be_uploaded(
    package: Package, elsewhere: Path, tmp_path: Path
) -> None:
    ours = {file.name: file.read_bytes() for file in (releases.wheel(package), releases.sdist(package))}
    assert build(elsewhere, package, tmp_path / "again") == ours


def test_a_date_that_the_builder_gives_is_the_only_one_in_the_archives(elsewhere: Path, tmp_path: Path) -> None:
    package = PACKAGES[0]
    first = build(elsewhere, package, tmp_path / "first", SOURCE_DATE_EPOCH=str(EPOCH))
    assert build(ROOT, package, tmp_path / "second", SOURCE_DATE_EPOCH=str(EPOCH)) == first
    with tarfile.open(tmp_path / "first" / releases.sdist(package).name) as archive:
        assert {member.mtime for member in archive} == {EPOCH}
    with zipfile.ZipFile(tmp_path / "first" / releases.wheel(package).name) as wheel:
        assert {member.date_time for member in wheel.infolist()} == {(2020, 9, 13, 12, 26, 40)}
