"""What works where only some of the packages are installed, and what the others are missed with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.isolation.combinations import PROVIDERS, Combination

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from tests.isolation.environments import Environment

USES = Path(__file__).parent / "uses"
WORKED = (0, "worked\n", "")


def among(chosen: Callable[[Combination], bool]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Restrict a test to some combinations."""

    def mark(test: Callable[..., None]) -> Callable[..., None]:
        vars(test)["among"] = chosen
        return test

    return mark


with_loop = among(lambda combination: combination.has_loop)
without_loop = among(lambda combination: not combination.has_loop)


def outcome(done: subprocess.CompletedProcess[str]) -> tuple[int, str, str]:
    return done.returncode, done.stdout, done.stderr


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    return done.stderr.splitlines()[-1]


def test_protocols_run_on_stock_asyncio(environment: Environment) -> None:
    assert outcome(environment.run(str(USES / "interfaces.py"))) == WORKED


@without_loop
def test_the_loop_is_not_there_where_it_was_not_asked_for(environment: Environment) -> None:
    assert last_line(environment.run("-c", "import loop_selector")) == (
        "ModuleNotFoundError: No module named 'loop_selector'"
    )


@with_loop
def test_the_loop_schedules_without_any_transport(environment: Environment) -> None:
    assert outcome(environment.run(str(USES / "loop.py"))) == WORKED


@with_loop
@pytest.mark.parametrize("kind", PROVIDERS)
def test_a_transport_works_or_is_missed_by_name(
    kind: str, combination: Combination, environment: Environment, certificate: tuple[Path, Path]
) -> None:
    done = environment.run(str(USES / f"{kind.replace('-', '_')}.py"), *map(str, certificate))
    if kind in combination.transports:
        assert outcome(done) == WORKED
        return
    # TLS goes over TCP, and that is the first to be missed.
    missed = "tcp" if kind == "ssl" and "tcp" not in combination.transports else kind
    installed = ", ".join(combination.transports) or "none"
    assert done.returncode == 1
    assert last_line(done).partition("MissingTransportError: ")[2] == (
        f"no transport {missed!r} is installed; pip install {PROVIDERS[missed]}; installed: {installed}"
    )


@with_loop
def test_the_doctor_finds_what_is_installed_and_names_what_is_not(
    combination: Combination, environment: Environment
) -> None:
    done = environment.run("-m", "loop_selector", "doctor", "--json")
    findings = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert [item["name"] for item in findings["transports"] if item["plugin"]] == combination.transports
    assert [item["error"] for item in findings["transports"] if item["error"]] == []
    missing = {name: package for name, package in PROVIDERS.items() if name not in combination.transports}
    assert findings["not_installed"] == missing


@pytest.mark.parametrize(
    ("package", "use"), [("transport-socket", "foreign_socket.py"), ("transport-subprocess", "foreign_subprocess.py")]
)
@among(lambda combination: combination.name in ("socket alone", "subprocess alone"))
def test_a_transport_works_on_stock_asyncio_without_our_loop(
    package: str, use: str, combination: Combination, environment: Environment
) -> None:
    done = environment.run(str(USES / use))
    if package in combination.installed:
        assert outcome(done) == WORKED
    else:
        assert last_line(done) == f"ModuleNotFoundError: No module named '{package.replace('-', '_')}'"


@among(lambda combination: "transport-examples" in combination.installed)
def test_the_examples_run_what_is_installed(combination: Combination, environment: Environment) -> None:
    done = environment.run("-m", "transport_examples", "--json")
    rows = json.loads(done.stdout)
    states: dict[str | None, set[str]] = {}
    for row in rows:
        states.setdefault(row["transport"], set()).add(row["state"])
    has_tls = "ssl" in combination.transports
    expected = {kind: {"ok" if kind in combination.transports else "not installed"} for kind in PROVIDERS}
    assert states == expected | {None: {"ok"}, "ssl": {"failed" if has_tls else "not installed"}}
    assert all("pip install trustme" in row["detail"] for row in rows if row["state"] == "failed")


@among(lambda combination: combination.name == "loop, examples")
@pytest.mark.parametrize(
    ("example", "package"),
    [
        ("tcp_echo_server", "transport-socket"),
        ("udp_echo_client", "transport-socket"),
        ("subprocess_echo", "transport-subprocess"),
    ],
)
def test_an_example_says_what_to_install(example: str, package: str, environment: Environment) -> None:
    done = environment.run("-m", f"transport_examples.{example}")
    assert done.returncode == 1
    assert f"pip install {package}" in done.stderr
    assert "Traceback" not in done.stderr


@among(lambda combination: combination.name == "all")
def test_a_tls_server_without_a_certificate_says_what_makes_one(environment: Environment) -> None:
    done = environment.run("-m", "transport_examples.tls_echo_server")
    assert done.returncode == 2
    assert "give --cert and --key, or install what makes them: pip install trustme" in done.stderr
