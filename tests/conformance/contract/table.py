"""The table of what is tried where, turned into parameters of tests."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.conformance.contract.loops import Loop
    from transport_abc.testing import Check, Subject


def _missing(modules: Iterable[str]) -> list[str]:
    return [module for module in modules if importlib.util.find_spec(module) is None]


def rows(
    checks: Iterable[Check[Any]], name: str, packages: str, make: Callable[[], Subject], loops: Iterable[Loop]
) -> Iterator[Any]:
    """Return ``(check, subject, loop factory)`` for each check that means something for the subject."""
    for loop in loops:
        missing = _missing([*packages.split(), loop.module])
        if missing:
            skip = pytest.mark.skip(reason=f"{' and '.join(missing)} not installed")
            yield pytest.param(None, None, None, id=f"{name}-{loop.name}", marks=skip)
            continue
        subject = make()
        for check in checks:
            if not check.inapplicable(subject):
                yield pytest.param(check, subject, loop.factory, id=f"{name}-{loop.name}-{check}")
