"""Version, changelog and tag of a package agree."""

from __future__ import annotations

import pytest

from tests.packaging.workspace import PACKAGES, Package
from tests.release import releases

each_package = pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)


@each_package
def test_version_and_changelog_agree(package: Package) -> None:
    assert releases.faults(package) == []


def test_the_tag_is_that_of_the_present_version(tag: str) -> None:
    assert releases.tag_faults(tag) == []


@pytest.mark.parametrize(
    ("present", "listed", "waiting", "says"),
    [
        ("0.2.0", ["0.1.0"], [], "nothing to say of it"),
        ("0.1.0", ["0.2.0", "0.1.0"], ["+a.added.md"], "was released before 0.2.0"),
        ("0.1.0", ["0.1.0", "0.1.0"], [], "twice"),
    ],
)
def test_a_contradiction_is_found(present: str, listed: list[str], waiting: list[str], says: str) -> None:
    (fault,) = releases.faults_of(present, listed, waiting)
    assert says in fault


@pytest.mark.parametrize(
    ("present", "listed", "waiting"),
    [
        ("0.1.0", [], ["+a.added.md"]),  # before the first release
        ("0.1.0", ["0.1.0"], []),  # just released
        ("0.1.0", ["0.1.0"], ["+a.fixed.md"]),  # work goes on
        ("0.2.0", ["0.1.0"], ["+a.fixed.md"]),  # the version is raised already
    ],
)
def test_the_states_of_work_are_not_faults(present: str, listed: list[str], waiting: list[str]) -> None:
    assert releases.faults_of(present, listed, waiting) == []


@pytest.mark.parametrize(
    ("tagged", "present", "listed", "waiting", "says"),
    [
        ("0.2.0", "0.1.0", ["0.2.0"], [], "the tag has 0.2.0"),
        ("0.2.0", "0.2.0", ["0.1.0"], [], "newest version of CHANGELOG.md, got ['0.1.0']"),
        ("0.2.0", "0.2.0", [], [], "newest version of CHANGELOG.md, got none"),
        ("0.2.0", "0.2.0", ["0.2.0"], ["+a.fixed.md"], "still has +a.fixed.md"),
    ],
)
def test_a_tag_that_does_not_fit_is_refused(
    tagged: str, present: str, listed: list[str], waiting: list[str], says: str
) -> None:
    (fault,) = releases.tag_faults_of(tagged, present, listed, waiting)
    assert says in fault


@pytest.mark.parametrize("tag", ["v0.1.0", "transport-quic-v0.1.0", "transport-abc-0.1.0", ""])
def test_a_tag_that_names_no_package_is_refused(tag: str) -> None:
    (fault,) = releases.tag_faults(tag)
    assert "expected PACKAGE-vVERSION" in fault


def test_a_fitting_tag_is_accepted() -> None:
    assert releases.tag_faults_of("0.2.0", "0.2.0", ["0.2.0", "0.1.0"], []) == []
