"""The packages of this repository, read from their metadata files."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
ENTRY_POINT_GROUP = "transport_abc.transports"


@dataclass(frozen=True)
class Package:
    """One distribution: its folder and the ``[project]`` table of its ``pyproject.toml``."""

    folder: Path
    project: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.project["name"])

    @property
    def import_name(self) -> str:
        return self.name.replace("-", "_")

    @property
    def source(self) -> Path:
        return self.folder / "src" / self.import_name

    @property
    def required(self) -> list[Requirement]:
        """What is installed with the package in any case."""
        return [Requirement(line) for line in self.project["dependencies"]]

    @property
    def optional(self) -> list[Requirement]:
        """What its extras bring."""
        extras = self.project.get("optional-dependencies", {})
        return [Requirement(line) for lines in extras.values() for line in lines]

    @property
    def entry_points(self) -> dict[str, str]:
        """The transports that it provides: name to object."""
        found: dict[str, str] = self.project.get("entry-points", {}).get(ENTRY_POINT_GROUP, {})
        return found


def load_toml(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text())


PACKAGES = [Package(file.parent, load_toml(file)["project"]) for file in sorted(ROOT.glob("packages/*/pyproject.toml"))]
BY_NAME = {package.name: package for package in PACKAGES}
BY_IMPORT_NAME = {package.import_name: package for package in PACKAGES}
