"""Programs of users pass strict type checkers without cast or ignore, and their mistakes are reported."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.transport_abc import documented
from tests.typing import checkers, programs, programs_loop, programs_plugins

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(180)

DOCUMENTED = {
    "documented_socketpair": documented.block(documented.SOURCE),
    "documented_upper": documented.block("transport_upper.py"),
}
RIGHT: dict[str, dict[str, str]] = {
    "transport_abc": {**programs.RIGHT, **programs_plugins.RIGHT, **DOCUMENTED},
    "loop_selector": programs_loop.RIGHT,
}
WRONG: dict[str, dict[str, str]] = {
    "transport_abc": {**programs.WRONG, **programs_plugins.WRONG},
    "loop_selector": programs_loop.WRONG,
}
"""The programs, by the last of the packages that they need."""
PACKAGES = {"transport_abc": ["transport_abc"], "loop_selector": ["transport_abc", "loop_selector"]}
"""What can be imported beside them, and nothing else."""
CHECKERS = ["mypy", "basedpyright"]

Check = Callable[[str], checkers.Errors]


def each(groups: dict[str, dict[str, str]]) -> pytest.MarkDecorator:
    """Give a test every program, with the package that it stands beside."""
    values = [
        pytest.param(package, name, id=f"{name}-beside_{package}")
        for package, group in groups.items()
        for name in group
    ]
    return pytest.mark.parametrize(("package", "name"), values)


@pytest.fixture(scope="module", params=CHECKERS)
def checker(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    return name


@pytest.fixture(scope="module")
def errors(checker: str, tmp_path_factory: pytest.TempPathFactory) -> Check:
    """Check all programs of a group at once, when the first is asked for: a checker takes seconds to start."""
    run = checkers.mypy if checker == "mypy" else checkers.basedpyright

    @functools.cache
    def check(package: str) -> checkers.Errors:
        for name in PACKAGES[package]:
            pytest.importorskip(name)
        folder: Path = tmp_path_factory.mktemp(checker)
        checkers.write(folder, {**RIGHT[package], **WRONG[package]}, PACKAGES[package])
        return run(folder)[0]

    return check


@each(RIGHT)
def test_right_program_passes(package: str, name: str, errors: Check) -> None:
    assert errors(package).get(name, {}) == {}


@each(WRONG)
def test_mistakes_are_reported(package: str, name: str, checker: str, errors: Check) -> None:
    wanted = checkers.expected(WRONG[package][name], "mypy" if checker == "mypy" else "pyright")
    assert wanted, "the program expects nothing"
    # That a wrong type leads to unknown types after it goes without saying.
    found = {
        line: {code for code in codes if not code.startswith("reportUnknown")}
        for line, codes in errors(package).get(name, {}).items()
    }
    assert found == wanted
