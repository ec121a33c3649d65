"""Coroutines as tests, and paths for Unix sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.coroutines import pytest_generate_tests, pytest_pyfunc_call

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["pytest_generate_tests", "pytest_pyfunc_call"]


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A path for a Unix socket, short enough for one."""
    return str(tmp_path / "s")
