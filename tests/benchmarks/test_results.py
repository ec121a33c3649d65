"""What is made of the figures: medians, ratios, tables, pictures."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest
from benchmarks import aims, cli, counting, wrk
from benchmarks.cases import CASES
from benchmarks.contestants import OURS
from benchmarks.picture import draw
from benchmarks.results import CaseResult, Outcome, Run, Sample
from benchmarks.table import missed, tables

if TYPE_CHECKING:
    from pathlib import Path


def outcome(*costs: float) -> Outcome:
    return Outcome([Sample(user=cost, system=0.0) for cost in costs])


def run_of(**outcomes: Outcome) -> Run:
    return Run("Python 3", {}, [CaseResult(CASES["tcp-1k-50"], 1, outcomes)])


def test_ratio_is_the_median_of_the_ratios_of_each_round() -> None:
    result = CaseResult(CASES["connect"], 1, {OURS: outcome(1, 10, 2), "uvloop": outcome(3, 10, 4)})
    assert result.ratio("uvloop") == 2


def test_no_ratio_to_a_rival_that_did_not_run() -> None:
    result = CaseResult(CASES["connect"], 1, {OURS: outcome(1), "uvloop": Outcome(absent="not here")})
    assert result.ratio("uvloop") is None
    assert result.ratio("rloop") is None


def test_cost_counts_children_where_they_were_measured_and_memory_instead_of_time() -> None:
    assert Sample(user=1, system=2, children=3).cost == 6
    assert Sample(user=1, system=2, resident=500).cost == 500


def test_aim_that_is_missed_is_marked_and_counted() -> None:
    run = run_of(asyncio=outcome(2), uvloop=outcome(0.5), ours=outcome(1))
    text = "\n".join(tables(run))
    assert "2.00 [1.5]" in text
    assert "0.50 [1.0]!" in text
    assert missed(run) == 1


def test_what_was_left_out_is_named_with_the_reason() -> None:
    text = "\n".join(tables(run_of(ours=outcome(1), rloop=Outcome(absent="No module named 'rloop'"))))
    assert "rloop: left out: No module named 'rloop'" in text


def test_picture_is_xml_with_a_bar_for_each_ratio() -> None:
    root = ET.fromstring(draw(run_of(asyncio=outcome(2), uvloop=outcome(9), ours=outcome(1)), "a < b"))
    titles = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}title")]
    assert titles[0] == "a < b"
    assert [title.rpartition(": ")[2] for title in titles[1:]] == ["asyncio 2.00x", "uvloop 9.00x"]


def test_every_group_of_cases_has_aims() -> None:
    assert {case.group for case in CASES.values()} <= set(aims.AIMS)


def test_report_of_strace_is_read() -> None:
    table = """% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.000600           1       600           sendto
 40.00    0.000400           1       400        12 recvfrom
------ ----------- ----------- --------- --------- ----------------
100.00    0.001000           1      1000        12 total
"""
    assert counting.parse_strace(table) == {"sendto": 600, "recvfrom": 400}


def test_report_of_wrk_is_read() -> None:
    report = """Running 1s test @ http://127.0.0.1:8000/
  1 threads and 50 connections
  Latency Distribution
     50%  812.00us
     75%    1.02ms
     90%    1.43ms
     99%    3.10ms
  58113 requests in 1.10s, 8.20MB read
Requests/sec:  52830.00
"""
    assert wrk.parse(report) == wrk.Done(58113, 1.1, 812.0, 3100.0)


def test_list_names_every_case(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(CASES)


def test_unknown_case_is_refused() -> None:
    with pytest.raises(SystemExit, match="expected the name of a case"):
        cli.main(["--case", "nonsense"])


def test_figures_and_picture_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures, picture = tmp_path / "figures.json", tmp_path / "picture.svg"
    told = ["--case", "soon-chain", "--on", "asyncio,ours", "--rounds", "2", "--scale", "0.001"]
    assert cli.main([*told, "--json", str(figures), "--svg", str(picture)]) == 0
    assert "soon-chain (call)" in capsys.readouterr().out
    written = json.loads(figures.read_text())
    assert {"processor", "system"} <= set(written["machine"])
    [case] = written["runs"][0]["cases"]
    assert len(case["contestants"]["asyncio"]["samples"]) == 2
    ET.fromstring(picture.read_text())
