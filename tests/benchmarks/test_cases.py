"""Every case of the benchmarks runs and yields figures that make sense. How good they are is no matter of a test."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import trustme
from benchmarks import compiling, counting
from benchmarks.case import Case, Served
from benchmarks.cases import CASES
from benchmarks.contestants import FLOOR, OURS
from benchmarks.machine import processors
from benchmarks.measuring import Bench, measure
from benchmarks.peer import Absent, Failed

if TYPE_CHECKING:
    from benchmarks.results import Sample

_CONNECTIONS = 20


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    if compiling.compiler() is None:
        pytest.skip("no C compiler for the load generator")
    folder = tmp_path_factory.mktemp("bench")
    certificate = folder / "certificate.pem"
    issued = trustme.CA().issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(str(certificate))
    return Bench(sys.executable, None, compiling.build(folder), certificate, processors(), scale=0.002)


def tiny(name: str) -> Case:
    """Few connections; the scale of the bench makes the requests few."""
    case = CASES[name]
    if not isinstance(case, Served):
        return case
    load = case.load
    few = replace(load, connections=min(load.connections, _CONNECTIONS), idle=min(load.idle, _CONNECTIONS))
    return replace(case, load=few)


def measured(bench: Bench, name: str, contestant: str) -> Sample:
    try:
        return measure(bench, tiny(name), contestant)
    except Absent as reason:
        pytest.skip(f"{contestant} cannot run {name}: {reason}")


def assert_sane(sample: Sample, case: Case) -> None:
    assert sample.user >= 0
    assert sample.system >= 0
    assert sample.rate is not None
    assert sample.rate > 0
    if sample.resident is None:
        assert sample.cost > 0
    if isinstance(case, Served):
        assert sample.p50 is not None
        assert sample.p99 is not None
        assert 0 < sample.p50 <= sample.p99


@pytest.mark.parametrize("name", CASES)
def test_case_runs_on_our_loop(bench: Bench, name: str) -> None:
    assert_sane(measured(bench, name, OURS), CASES[name])


@pytest.mark.parametrize("name", ["tcp-1k-50", "tls-1k-50", "soon-chain", "cat-50", "bulk-tcp", "memory-tcp"])
def test_case_runs_on_stock_asyncio(bench: Bench, name: str) -> None:
    assert_sane(measured(bench, name, "asyncio"), CASES[name])


@pytest.mark.parametrize("name", ["tcp-1k-50", "unix-1k-50", "udp-1k-50", "tls-1k-50", "connect", "tls-handshake"])
def test_bare_server_echoes(bench: Bench, name: str) -> None:
    assert_sane(measured(bench, name, FLOOR), CASES[name])


def test_contestant_that_cannot_do_a_case_is_absent_and_says_so(bench: Bench) -> None:
    pytest.importorskip("uvloop")
    with pytest.raises(Absent, match="NotImplementedError"):
        measure(bench, tiny("sendfile"), "uvloop")


def test_server_that_breaks_fails_with_its_last_words(bench: Bench) -> None:
    nowhere = replace(bench, python="/bin/false")
    with pytest.raises(Failed, match="ended with status 1"):
        measure(nowhere, tiny("tcp-1k-50"), "asyncio")


def test_python_calls_of_an_echo_are_counted(bench: Bench) -> None:
    calls = counting.python_calls(replace(bench, scale=0.02), tiny("tcp-1k-50"), "asyncio")
    assert calls["_servers.Echo.data_received"] == pytest.approx(1, abs=0.1)
    assert calls["* socket.send"] == pytest.approx(1, abs=0.1)


def test_system_calls_of_an_echo_are_counted(bench: Bench) -> None:
    try:
        calls = counting.system_calls(replace(bench, scale=0.02), tiny("tcp-1k-50"), FLOOR)
    except Absent as reason:
        pytest.skip(str(reason))
    assert calls["recvfrom"] == pytest.approx(1, abs=0.1)
    assert calls["sendto"] == pytest.approx(1, abs=0.1)
