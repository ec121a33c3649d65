"""Who imports whom. Dependencies point one way, and an underscore is a wall between packages.

The sources are read, not run, so that an import inside a function counts as well.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.packaging.workspace import BY_IMPORT_NAME, PACKAGES, Package

if TYPE_CHECKING:
    from collections.abc import Iterator

SIBLINGS = {
    "transport_abc": set(),
    "loop_selector": {"transport_abc"},
    "transport_socket": {"transport_abc"},
    "transport_ssl": {"transport_abc"},
    "transport_subprocess": {"transport_abc"},
    "transport_examples": set(BY_IMPORT_NAME) - {"transport_examples"},
}
"""The packages of this repository that each one may know."""

OTHERS = {"transport_examples": {"rich", "trustme"}}
"""What else it may import; everything published stands on the standard library alone."""

ASYNCIO_INTERNALS = {
    "asyncio.base_events",
    "asyncio.base_futures",
    "asyncio.base_subprocess",
    "asyncio.base_tasks",
    "asyncio.constants",
    "asyncio.format_helpers",
    "asyncio.log",
    "asyncio.proactor_events",
    "asyncio.selector_events",
    "asyncio.sslproto",
    "asyncio.staggered",
    "asyncio.unix_events",
    "asyncio.windows_events",
    "asyncio.windows_utils",
}
"""The parts of asyncio that its documentation does not name."""

TOLERATED = {"asyncio.base_events._run_until_complete_cb"}
"""AnyIO recognises the root task of a loop by the identity of this callback; it is taken where it exists."""


def imported(tree: ast.AST) -> Iterator[str]:
    """Name what a source imports, as dotted names: of ``from a import b`` both ``a`` and ``a.b``."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), names=names, level=0):
                yield module
                yield from (f"{module}.{alias.name}" for alias in names)
            case ast.Call(
                func=ast.Name(id="__import__" | "import_module") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(module)), *_],
            ):
                yield module


def reached(tree: ast.AST) -> Iterator[str]:
    """Name what a source imports, and the attributes that it takes from modules by dotted names."""
    yield from imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield ast.unparse(node)


def top(name: str) -> str:
    return name.partition(".")[0]


def foreign_imports(importer: str, tree: ast.AST) -> set[str]:
    """Find the imports that a package may not have; ``_typeshed`` comes with every type checker."""
    ours = {importer, *SIBLINGS[importer], *OTHERS.get(importer, ())}
    allowed = ours | sys.stdlib_module_names | {"_typeshed"}
    return {name for name in imported(tree) if top(name) not in allowed}


def private_names(importer: str, tree: ast.AST) -> set[str]:
    """Find what a package takes from behind the underscore of another one."""
    return {
        name
        for name in reached(tree)
        if top(name) in BY_IMPORT_NAME
        and top(name) != importer
        and any(part.startswith("_") and not part.endswith("__") for part in name.split("."))
    }


def asyncio_internals(tree: ast.AST) -> set[str]:
    """Find what a source takes from the internal modules of asyncio, their names included."""
    names = {name for name in reached(tree) if ".".join(name.split(".")[:2]) in ASYNCIO_INTERNALS}
    tolerated = names & TOLERATED
    return names - tolerated - {name.rpartition(".")[0] for name in tolerated}


def sources(package: Package) -> Iterator[tuple[Path, ast.AST]]:
    for file in sorted(package.source.rglob("*.py")):
        yield file.relative_to(package.source), ast.parse(file.read_text())


def offenders(package: Package, found: dict[Path, set[str]]) -> dict[Path, set[str]]:
    assert found, f"{package.name} has no sources"
    return {file: names for file, names in found.items() if names}


each_package = pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)


@each_package
def test_package_imports_the_standard_library_and_what_it_may_know(package: Package) -> None:
    found = {file: foreign_imports(package.import_name, tree) for file, tree in sources(package)}
    assert offenders(package, found) == {}


@each_package
def test_package_takes_nothing_private_from_another(package: Package) -> None:
    found = {file: private_names(package.import_name, tree) for file, tree in sources(package)}
    assert offenders(package, found) == {}


@each_package
def test_package_is_not_built_on_the_internals_of_asyncio(package: Package) -> None:
    found = {file: asyncio_internals(tree) for file, tree in sources(package)}
    assert offenders(package, found) == {}


@each_package
def test_package_declares_the_siblings_that_it_imports(package: Package) -> None:
    used = {top(name) for _, tree in sources(package) for name in imported(tree)} & set(BY_IMPORT_NAME)
    declared = {requirement.name.replace("-", "_") for requirement in package.required}
    if package.import_name == "transport_examples":
        declared |= {requirement.name.replace("-", "_") for requirement in package.optional}
    assert used - {package.import_name} <= declared


@pytest.mark.parametrize(
    "line",
    [
        "import transport_ssl",
        "from transport_ssl import SslPlugin",
        "def f():\n    import requests.adapters",
        "import importlib\nimportlib.import_module('transport_ssl')",
        "from importlib import import_module\nimport_module('loop_selector')",
        "__import__('uvloop')",
    ],
)
def test_a_forbidden_import_is_found(line: str) -> None:
    assert foreign_imports("transport_socket", ast.parse(line))


@pytest.mark.parametrize(
    "line",
    [
        "import transport_abc._buffer",
        "from transport_abc._buffer import WriteBuffer",
        "from transport_abc import _buffer",
        "import transport_abc\ntransport_abc._buffer.WriteBuffer()",
    ],
)
def test_a_private_name_of_another_package_is_found(line: str) -> None:
    assert private_names("transport_socket", ast.parse(line))
    assert not private_names("transport_abc", ast.parse(line))


@pytest.mark.parametrize(
    "line",
    [
        "import asyncio.base_events",
        "from asyncio import sslproto",
        "import asyncio\nasyncio.log.logger",
        "from asyncio.base_events import BaseEventLoop, _run_until_complete_cb",
    ],
)
def test_an_internal_module_of_asyncio_is_found(line: str) -> None:
    assert asyncio_internals(ast.parse(line))


@pytest.mark.parametrize(
    "line",
    [
        "import asyncio, socket",
        "from . import _tcp",
        "from transport_abc import Transport, __version__",
        "a._b.c",
    ],
)
def test_an_allowed_import_is_not_found(line: str) -> None:
    tree = ast.parse(line)
    assert not foreign_imports("transport_socket", tree)
    assert not private_names("transport_socket", tree)
    assert not asyncio_internals(tree)
