"""What the package index will show and what an installer will read, checked where it is installed."""

from __future__ import annotations

import importlib
import importlib.metadata
import re

import pytest

import transport_abc
from tests.packaging.workspace import BY_NAME, ENTRY_POINT_GROUP, PACKAGES, ROOT, Package, load_toml

PYTHONS = (ROOT / ".python-version").read_text().split()
FRAGMENT_TYPES = {kind["directory"] for kind in load_toml(ROOT / "pyproject.toml")["tool"]["towncrier"]["type"]}

each_package = pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)


@each_package
def test_installed_version_is_the_one_in_the_source(package: Package) -> None:
    assert importlib.metadata.version(package.name) == importlib.import_module(package.import_name).__version__


@each_package
def test_ranges_of_siblings_have_both_bounds_and_admit_their_present_versions(package: Package) -> None:
    needs = [need for need in package.required + package.optional if need.name in set(BY_NAME) - {package.name}]
    for need in needs:
        assert {clause.operator for clause in need.specifier} == {">=", "<"}, need
        assert need.specifier.contains(importlib.metadata.version(need.name)), need


@each_package
def test_implementations_depend_on_the_contract_alone(package: Package) -> None:
    expected = {
        "transport-abc": set(),
        "transport-examples": {"loop-selector", "transport-abc"},
    }.get(package.name, {"transport-abc"})
    assert {need.name for need in package.required} == expected


@each_package
def test_licence_is_a_copy_of_the_one_at_the_top(package: Package) -> None:
    assert (package.folder / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert package.project["license"] == "MIT"


@each_package
def test_package_says_that_it_is_typed(package: Package) -> None:
    assert (package.source / "py.typed").is_file()


@each_package
def test_supported_pythons_are_those_that_are_tested(package: Package) -> None:
    named = re.findall(r"Python :: (3\.[0-9]+)", "\n".join(package.project["classifiers"]))
    assert named == PYTHONS
    assert package.project["requires-python"] == f">={PYTHONS[0]}"


@each_package
def test_all_names_can_be_imported(package: Package) -> None:
    module = importlib.import_module(package.import_name)
    assert len(set(module.__all__)) == len(module.__all__)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


@each_package
def test_entry_points_are_those_of_the_metadata_file(package: Package) -> None:
    """An environment keeps the entry points of the day it was made: install again when this fails."""
    installed = importlib.metadata.distribution(package.name).entry_points.select(group=ENTRY_POINT_GROUP)
    assert {entry.name: entry.value for entry in installed} == package.entry_points


@each_package
def test_entry_points_name_plug_ins_of_the_present_contract(package: Package) -> None:
    for value in package.entry_points.values():
        plugin = importlib.metadata.EntryPoint("any", value, ENTRY_POINT_GROUP).load()
        assert issubclass(plugin, transport_abc.Plugin)
        assert plugin.api_version == transport_abc.API_VERSION


@each_package
def test_changelog_fragments_are_named_so_that_they_are_found(package: Package) -> None:
    pattern = re.compile(rf"(\+[a-z0-9-]+|[0-9]+)\.({'|'.join(sorted(FRAGMENT_TYPES))})\.md|\.gitkeep")
    names = [file.name for file in (package.folder / "changelog.d").iterdir()]
    assert [name for name in names if not pattern.fullmatch(name)] == []


def test_coverage_measures_every_package() -> None:
    measured = load_toml(ROOT / "pyproject.toml")["tool"]["coverage"]["run"]["source_pkgs"]
    assert set(measured) == {package.import_name for package in PACKAGES}


def test_every_package_has_tests_and_a_row_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    for package in PACKAGES:
        assert (ROOT / "tests" / package.import_name / "test_exports.py").is_file()
        assert f"| [{package.name}](packages/{package.folder.name}) | `{package.import_name}` |" in readme
