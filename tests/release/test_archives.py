"""What would be uploaded: one wheel and one source archive for each package, with metadata that an index can show."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from email.message import EmailMessage
from email.parser import Parser
from email.policy import default
from typing import TYPE_CHECKING

import pytest
from packaging.specifiers import SpecifierSet
from trove_classifiers import classifiers, deprecated_classifiers

from tests.packaging.workspace import PACKAGES, ROOT, Package
from tests.release import releases

if TYPE_CHECKING:
    from email.message import Message
    from pathlib import Path

each_package = pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)


def metadata(package: Package) -> Message:
    with zipfile.ZipFile(releases.wheel(package)) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser(EmailMessage, policy=default).parsestr(wheel.read(name).decode())


def test_there_is_one_wheel_and_one_source_archive_of_each_package_and_nothing_else() -> None:
    expected = {releases.wheel(package) for package in PACKAGES} | {releases.sdist(package) for package in PACKAGES}
    assert {file for file in releases.DIST.iterdir() if file.name != ".gitignore"} == expected


@each_package
def test_metadata_is_that_of_the_sources(package: Package) -> None:
    found = metadata(package)
    assert (found["Name"], found["Version"]) == (package.name, releases.version(package))
    assert SpecifierSet(found["Requires-Python"]) == SpecifierSet(package.project["requires-python"])
    assert (found["License-Expression"], found.get_all("License-File")) == ("MIT", ["LICENSE"])
    assert found["Summary"] == package.project["description"]
    assert found.get_all("Classifier") == package.project["classifiers"]


@each_package
def test_classifiers_are_known_to_the_index(package: Package) -> None:
    given = set(package.project["classifiers"])
    assert given - classifiers == set()
    assert given & deprecated_classifiers.keys() == set()


@each_package
def test_addresses_are_given_only_where_there_is_a_place(package: Package) -> None:
    """The project has no address of its own yet; one that is made up would lead to somebody else's."""
    found = metadata(package)
    named = [key for key in ("Project-URL", "Home-page", "Author-email", "Maintainer-email") if key in found]
    assert named == []


@each_package
def test_readme_renders_on_an_index_page_and_stands_alone_there(package: Package, tmp_path: Path) -> None:
    found = metadata(package)
    assert found["Description-Content-Type"] == "text/markdown"
    file = tmp_path / "README.md"
    file.write_text(str(found.get_payload()))
    html = subprocess.run(
        [sys.executable, "-m", "readme_renderer", str(file)], capture_output=True, text=True, timeout=50, check=True
    ).stdout
    assert f">{package.name}<" in html.partition("</h1>")[0]
    assert "<pre" in html
    links = [part.partition('"')[0] for part in html.split('href="')[1:]]
    assert [link for link in links if not link.startswith(("https://", "#"))] == []


@each_package
def test_source_archive_has_licence_changelog_and_tests(package: Package) -> None:
    with tarfile.open(releases.sdist(package)) as archive:
        top = releases.sdist(package).name.removesuffix(".tar.gz")
        names = {name.removeprefix(f"{top}/") for name in archive.getnames()}
        licence = archive.extractfile(f"{top}/LICENSE")
        assert licence is not None
        assert licence.read() == (ROOT / "LICENSE").read_bytes()
    assert {"CHANGELOG.md", "README.md", "pyproject.toml", "tests/README.md", "tests/conftest.py"} <= names
    ours = ROOT / "tests" / package.import_name
    assert {str(file.relative_to(ROOT)) for file in ours.rglob("*.py")} <= names
