"""Every public name has a docstring and its place in the reference.

What is public: the names that a package, or a public module of one, lists in ``__all__``; and the methods and
attributes of public classes whose names have no underscore. What a base class of Python's library documents counts as
documented there.
"""

from __future__ import annotations

import ast
import html
import importlib
import inspect
import itertools
import os
import re
import zlib
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

from tests.packaging.workspace import PACKAGES, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENTATION = os.environ.get("DOCUMENTATION")
"""Where `nox -s docs` has built the HTML."""


def public_modules() -> list[str]:
    """Name the packages, and the modules and packages in them whose names have no underscore."""
    found = []
    for package in PACKAGES:
        for file in sorted(package.source.rglob("*.py")):
            parts = file.relative_to(package.source.parent).with_suffix("").parts
            if not any(part.startswith("_") for part in parts if part != "__init__"):
                found.append(".".join(part for part in parts if part != "__init__"))
    return found


def described_in_source(module: str) -> set[str]:
    """Return the names that are assigned and described by the string behind the assignment."""
    file = Path(importlib.import_module(module).__file__ or "")
    body = ast.parse(file.read_text()).body
    found: set[str] = set()
    for node, after in itertools.pairwise(body):
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
            targets = getattr(node, "targets", [getattr(node, "target", None)])
            found.update(target.id for target in targets if isinstance(target, ast.Name))
    return found


class Name:
    """A public name: where it is exported, and what stands for it."""

    def __init__(self, package: str, name: str) -> None:
        self.full = f"{package}.{name}"
        self.name = name
        self.object: Any = getattr(importlib.import_module(package), name)
        self.package = package

    def __str__(self) -> str:
        return self.full

    @property
    def is_original(self) -> bool:
        """Whether it is made here under this name, and is not asyncio's or another name for one of ours."""
        module: str = self.object.__module__
        return self.name == self.object.__name__ and module.partition(".")[0] == self.package.partition(".")[0]

    @property
    def is_documented(self) -> bool:
        if inspect.isclass(self.object) or inspect.isroutine(self.object):
            return bool(inspect.getdoc(self.object))
        package = importlib.import_module(self.package.partition(".")[0])
        folder = Path(package.__file__ or "").parent
        modules = [".".join(file.relative_to(folder.parent).with_suffix("").parts) for file in folder.rglob("_*.py")]
        return any(self.name in described_in_source(module) for module in modules if not module.endswith("__main__"))

    def undocumented_members(self) -> Iterator[str]:
        """Name the methods and attributes of a class that nothing is said about."""
        if not inspect.isclass(self.object) or issubclass(self.object, Enum):
            return
        said = "\n".join(inspect.getdoc(cls) or "" for cls in self.object.__mro__)
        for name in sorted(self._members()):
            is_described = bool(re.search(rf"^\s*{name}: |``{name}``", said, re.M))
            is_described |= any(self._is_method_with_docstring(vars(cls).get(name)) for cls in self.object.__mro__)
            if not is_described and name not in described_in_class(self.object):
                yield name

    @staticmethod
    def _is_method_with_docstring(value: Any) -> bool:
        """Tell whether this is a method or a property with a docstring of its own, not that of its class."""
        function = getattr(value, "fget", None) or getattr(value, "__func__", value)
        return inspect.isroutine(function) and bool(function.__doc__)

    def _members(self) -> set[str]:
        ours = {package.import_name for package in PACKAGES}
        classes = [cls for cls in self.object.__mro__ if cls.__module__.partition(".")[0] in ours]
        names = {name for cls in classes for name in (*vars(cls), *inspect.get_annotations(cls))}
        if is_dataclass(self.object):
            names |= {field.name for field in fields(self.object)}
        return {name for name in names if not name.startswith("_")}


def described_in_class(cls: type) -> set[str]:
    """Return the attributes that are described by the string behind their assignment in the class's body."""
    found: set[str] = set()
    for base in cls.__mro__:
        try:
            source = inspect.cleandoc("\n" + inspect.getsource(base))
        except (OSError, TypeError):
            continue
        body = getattr(ast.parse(source).body[0], "body", [])
        for node, after in itertools.pairwise(body):
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                targets = getattr(node, "targets", [getattr(node, "target", None)])
                found.update(target.id for target in targets if isinstance(target, ast.Name))
    return found


MODULES = public_modules()
NAMES = [
    Name(module, name)
    for module in MODULES
    for name in getattr(importlib.import_module(module), "__all__", [])
    if name != "__version__"
]


@pytest.mark.parametrize("module", MODULES)
def test_public_module_says_what_it_is_for(module: str) -> None:
    assert importlib.import_module(module).__doc__


@pytest.mark.parametrize("name", NAMES, ids=str)
def test_public_name_is_documented(name: Name) -> None:
    assert name.is_documented
    assert list(name.undocumented_members()) == []


def test_every_public_name_has_its_place_in_the_source_of_the_reference() -> None:
    pages = "\n".join(page.read_text() for page in ROOT.glob("docs/reference/*.md"))
    directives: dict[str, list[str]] = {}
    current = ""
    for kind, target in re.findall(r"^\.\. (\w+):: ([\w.]+)", pages, re.M):
        if kind in {"automodule", "currentmodule", "module"}:
            current = target
        else:
            directives.setdefault(f"{current}.{target}", []).append(kind)
    assert [name.full for name in NAMES if name.full not in directives] == []
    assert [target for target, kinds in directives.items() if len(kinds) > 1] == []


@pytest.mark.skipif(DOCUMENTATION is None, reason="`nox -s docs` builds the documentation and looks at it")
def test_every_public_name_is_in_the_built_reference() -> None:
    *_, packed = Path(DOCUMENTATION or "", "objects.inv").read_bytes().split(b"\n", 4)
    inventory = {line.split(" ")[0] for line in zlib.decompress(packed).decode().splitlines() if " py:" in line}
    wanted = {name.full for name in NAMES}
    for name in NAMES:
        if inspect.isclass(name.object) and name.is_original:
            wanted |= {f"{name.full}.{key}" for key, value in vars(name.object).items() if is_public_method(key, value)}
    assert sorted(wanted - inventory) == []


@pytest.mark.skipif(DOCUMENTATION is None, reason="`nox -s docs` builds the documentation and looks at it")
def test_every_link_within_the_built_documentation_leads_somewhere() -> None:
    site = Path(DOCUMENTATION or "").resolve()
    pages = {page: page.read_text() for page in site.rglob("*.html")}
    anchors = {page: set(re.findall(r'\bid="([^"]+)"', text)) for page, text in pages.items()}
    broken = []
    for page, text in pages.items():
        for link in map(html.unescape, re.findall(r'<(?:a|img|link)\b[^>]*(?:href|src)="([^":]+)"', text)):
            path, _, anchor = unquote(link).partition("#")
            target = (page.parent / path.partition("?")[0]).resolve() if path else page
            if not target.is_file() or (anchor and anchor not in anchors.get(target, {anchor})):
                broken.append(f"{page.relative_to(site)}: {link}")
    assert broken == []


def is_public_method(name: str, value: object) -> bool:
    return not name.startswith("_") and (inspect.isroutine(value) or isinstance(value, property))
