"""Coroutines as tests, and the ways of learning that a process has exited."""

from __future__ import annotations

import os

import pytest

from tests.coroutines import pytest_generate_tests, pytest_pyfunc_call

__all__ = ["pytest_generate_tests", "pytest_pyfunc_call"]


@pytest.fixture
def without_pidfd(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system without pidfds, where a thread waits for each process."""
    monkeypatch.delattr(os, "pidfd_open", raising=False)


def _set_exit_watch(way: str, monkeypatch: pytest.MonkeyPatch) -> str:
    if way == "pidfd" and not hasattr(os, "pidfd_open"):
        pytest.skip("this system has no pidfds")
    if way != "pidfd":
        monkeypatch.delattr(os, "pidfd_open", raising=False)
    if way == "thread without waitid":
        monkeypatch.delattr(os, "waitid", raising=False)
    return way


@pytest.fixture(params=["pidfd", "thread"])
def exit_watch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The ways of learning that a process has exited."""
    return _set_exit_watch(request.param, monkeypatch)


@pytest.fixture(params=["pidfd", "thread", "thread without waitid"])
def every_exit_watch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same, and that of systems whose waitid(2) Python does not know."""
    return _set_exit_watch(request.param, monkeypatch)
