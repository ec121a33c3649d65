"""The tests that the running interpreter brings along."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
import unittest
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PACKAGE = "test.test_asyncio"

HOW_TO_GET = f"""\
{sys.executable} (Python {sys.version.split()[0]}) comes without its test package ({PACKAGE}), so nothing was run.
An interpreter built from source (also by pyenv) has it. On Debian and Ubuntu it is in the package
libpython{sys.version_info[0]}.{sys.version_info[1]}-testsuite, on Fedora in python3-test."""


@dataclass(frozen=True)
class Suite:
    """What a Python's test package holds: test ids by module, and the modules that refuse to load here."""

    tests: dict[str, list[str]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)


def is_available() -> bool:
    try:
        return importlib.util.find_spec(PACKAGE) is not None
    except ImportError:
        return False


def short(test_id: str) -> str:
    """Name a test by its module, class and method, whatever package unittest found it in."""
    return test_id.removeprefix(f"{PACKAGE}.").replace(f"({PACKAGE}.", "(")


def load(words: Sequence[str] = ()) -> Suite:
    """Find all tests of all modules. Importing them runs nothing.

    Args:
        words: only tests whose name contains one of these.
    """
    package = importlib.import_module(PACKAGE)
    names = [module.name for module in pkgutil.iter_modules(package.__path__) if module.name.startswith("test_")]
    wanted = {word.partition(".")[0] for word in words}
    suite = Suite()
    for name in wanted if wanted and wanted.issubset(names) else names:
        _load_module(suite, name)
    if words:
        for name, tests in list(suite.tests.items()):
            suite.tests[name] = [test for test in tests if any(word in test for word in words)]
    return suite


def _load_module(suite: Suite, name: str) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = importlib.import_module(f"{PACKAGE}.{name}")
    except unittest.SkipTest as reason:
        suite.skipped[name] = str(reason)
        return
    found = unittest.defaultTestLoader.loadTestsFromModule(module)
    suite.tests[name] = [short(test.id()) for test in _flatten(found)]


def _flatten(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from _flatten(item)
        else:
            yield item
