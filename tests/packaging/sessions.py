"""The sessions of noxfile.py, and where pages and scripts name them, read without nox."""

from __future__ import annotations

import ast
import re

from tests.packaging.workspace import ROOT


def sessions() -> set[str]:
    """Name the sessions as ``nox --list`` does, without the Pythons."""
    found = set()
    for node in ast.parse((ROOT / "noxfile.py").read_text()).body:
        if isinstance(node, ast.FunctionDef):
            found |= {_name(node, decorator) for decorator in node.decorator_list if _is_session(decorator)}
    return found


def _is_session(decorator: ast.expr) -> bool:
    function = decorator.func if isinstance(decorator, ast.Call) else decorator
    return ast.unparse(function) == "nox.session"


def _name(function: ast.FunctionDef, decorator: ast.expr) -> str:
    keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
    given = [ast.literal_eval(keyword.value) for keyword in keywords if keyword.arg == "name"]
    return str(given[0]) if given else function.name


def named_in(text: str) -> set[str]:
    """Find the sessions that a text runs with ``nox -s``, without the Pythons."""
    runs: list[str] = re.findall(r"nox -s ((?:[a-z_]+(?:-[a-z]+)*(?:-3\.[0-9]+)?(?: (?!-)|\b))+)", text)
    return {re.sub(r"-3\.[0-9]+$", "", name) for run in runs for name in run.split()}
