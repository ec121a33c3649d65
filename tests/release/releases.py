"""Versions, changelogs and tags of the packages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.packaging.workspace import BY_NAME, ROOT, Package

if TYPE_CHECKING:
    from pathlib import Path

DIST = ROOT / "dist"
_TAG = re.compile(r"(?P<name>[a-z-]+)-v(?P<version>[0-9].*)")
_HEADING = re.compile(r"^## (\S+) \(\d{4}-\d{2}-\d{2}\)$", re.MULTILINE)


def version(package: Package) -> str:
    """Read the version from the source, as the build does."""
    (found,) = re.findall('^__version__ = "(.*)"$', (package.source / "__init__.py").read_text(), re.MULTILINE)
    return str(found)


def released(package: Package) -> list[str]:
    """List the versions of the changelog, the newest first."""
    return _HEADING.findall((package.folder / "CHANGELOG.md").read_text())


def fragments(package: Package) -> list[str]:
    """List what the next release would say."""
    return sorted(file.name for file in (package.folder / "changelog.d").glob("*.md"))


def wheel(package: Package) -> Path:
    return DIST / f"{package.import_name}-{version(package)}-py3-none-any.whl"


def sdist(package: Package) -> Path:
    return DIST / f"{package.import_name}-{version(package)}.tar.gz"


def faults(package: Package) -> list[str]:
    """Find where version, changelog and fragments contradict each other."""
    return faults_of(version(package), released(package), fragments(package))


def faults_of(present: str, listed: list[str], waiting: list[str]) -> list[str]:
    """Compare the version in the source with the changelog and what waits for the next one."""
    found = []
    if present not in listed and not waiting:
        found.append(f"version {present} is not in CHANGELOG.md, and changelog.d has nothing to say of it")
    if listed and present != listed[0] and present in listed:
        found.append(f"version {present} was released before {listed[0]}; raise it: hatch version minor")
    if len(set(listed)) != len(listed):
        found.append("CHANGELOG.md has a version twice")
    return found


def tag_faults(tag: str) -> list[str]:
    """Find what speaks against a release by this tag."""
    match = _TAG.fullmatch(tag)
    if match is None or match["name"] not in BY_NAME:
        return [f"expected PACKAGE-vVERSION with one of {', '.join(BY_NAME)}, got {tag!r}"]
    package = BY_NAME[match["name"]]
    return tag_faults_of(match["version"], version(package), released(package), fragments(package))


def tag_faults_of(tagged: str, present: str, listed: list[str], waiting: list[str]) -> list[str]:
    """Compare the version of a tag with that of the source and with the changelog."""
    found = []
    if tagged != present:
        found.append(f"expected the source's version {present}, the tag has {tagged}")
    if listed[:1] != [tagged]:
        found.append(f"expected {tagged} as the newest version of CHANGELOG.md, got {listed[:1] or 'none'}")
    if waiting:
        found.append(f"changelog.d still has {', '.join(waiting)}; run nox -s changelog -- PACKAGE first")
    return found
