"""Where the names in docstrings and annotations lead: to the reference, or to Python's documentation.

Annotations are not evaluated (what they name is imported for type checkers only), so Sphinx sees them as they are
written: ``Callable``, ``Transport``, or ``transport_abc._transports.Transport`` where an object was asked for its
module. All of these are taken to the public name.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes

import transport_examples

if TYPE_CHECKING:
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

HERE = Path(__file__).parent
PACKAGES = ["transport_abc", "transport_abc.testing", "loop_selector"]
PACKAGES += ["transport_socket", "transport_ssl", "transport_subprocess"]
PUBLIC = {
    name: f"{package}.{name}"
    for package in reversed(PACKAGES)  # what two packages have is the contract's
    for name in importlib.import_module(package).__all__
}
"""The public names without their package."""


def python_names() -> dict[str, list[str]]:
    """Read the names of Python's documentation that are referred to: name to kind and address."""
    lines = (HERE / "python-names.txt").read_text().splitlines()
    rows = (line.split() for line in lines if line and not line.startswith("#"))
    return {name: rest for name, *rest in rows}


PYTHON = python_names()
SHORT = {name.rpartition(".")[2]: name for name in PYTHON}


def python_inventory() -> Path:
    """Write the names of Python's documentation in the form that Sphinx reads."""
    file = HERE / "_build" / "python.inv"
    file.parent.mkdir(exist_ok=True)
    rows = "".join(f"{name} {kind} 1 {address} -\n" for name, (kind, address) in PYTHON.items())
    head = "# Sphinx inventory version 2\n# Project: Python\n# Version: 3\n# The remainder is compressed using zlib.\n"
    file.write_bytes(head.encode() + zlib.compress(rows.encode()))
    return file


def list_examples() -> None:
    """Write a section for each program of transport_examples, to be included in its page."""
    names = sorted(module.name for module in pkgutil.iter_modules(transport_examples.__path__) if module.name[0] != "_")
    text = "\n".join(f"{name}\n{'-' * len(name)}\n\n.. automodule:: transport_examples.{name}\n" for name in names)
    (HERE / "_build").mkdir(exist_ok=True)
    (HERE / "_build" / "examples.rst").write_text(text)


def public_name(target: str) -> str | None:
    """Return the name under which something is documented, or None if it is the one that was given."""
    head, _, attribute = target.partition(".")
    if head in PUBLIC:  # also `Check.run` in the docstring of another package
        return f"{PUBLIC[head]}.{attribute}".rstrip(".")
    parts = target.split(".")
    if head in {"asyncio", "_asyncio", "ssl_module"} or target in SHORT:  # asyncio.transports.Transport
        return SHORT.get(parts[-1])
    private = [number for number, part in enumerate(parts) if part.startswith("_") and number]
    if private:  # transport_abc._transports.Transport
        return ".".join(parts[: private[0]] + parts[private[-1] + 1 :])
    return None


def public_bases(app: Sphinx, name: str, obj: type, options: object, bases: list[Any]) -> None:
    """Show a private base as what it is made of: the public classes above it."""
    while private := [base for base in bases if base.__name__ not in PUBLIC and base.__module__ in _private_modules()]:
        place = bases.index(private[0])
        bases[place : place + 1] = [base for base in private[0].__bases__ if base not in bases]


def _private_modules() -> set[str]:
    return {name for name in sys.modules if name.partition(".")[0] in PACKAGES and "._" in name}


def set_dashes(app: Sphinx, doctree: nodes.document) -> None:
    """Set the dash between a parameter and its description, which Sphinx writes as two hyphens."""
    for text in [*doctree.findall(nodes.Text)]:
        if text == " -- ":
            text.parent.replace(text, nodes.Text(" – "))  # noqa: RUF001


def resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: nodes.Element) -> Any:
    """Look a name up again under its public name."""
    if node.get("refdomain") != "py":
        return None
    name = public_name(node["reftarget"])
    if name is None:
        return None
    node["reftarget"] = name
    domain = env.domains.python_domain
    for kind in (node["reftype"], "obj"):
        found = domain.resolve_xref(env, node["refdoc"], app.builder, kind, name, node, contnode)
        if found is not None:
            return found
    node["reftype"] = "obj"
    return None
