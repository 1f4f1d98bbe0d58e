"""The instruction counter: its operations run, and how it judges. What callgrind counts is for `make instructions`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks import instructions, instructions_probe
from benchmarks.instructions import Counts
from benchmarks.instructions_probe import OPERATIONS, Operation

HERE = {"python": "3.11"}


@pytest.mark.bulk
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_operation_runs_on_the_store_as_it_was_loaded(operation: Operation) -> None:
    workload = instructions_probe.load(400)
    operation.prepare(workload)(2)
    instructions_probe.store.store.check()  # type: ignore[attr-defined]


def test_the_baseline_has_every_operation_and_no_other() -> None:
    assert list(instructions.read(instructions.BASELINE).per_operation) == [each.name for each in OPERATIONS]


@pytest.mark.parametrize(("now", "good"), [(102.9, True), (103.1, False), (50.0, True)])
def test_more_than_the_tolerance_is_worse(now: float, good: bool, capsys: pytest.CaptureFixture[str]) -> None:
    assert instructions.report(Counts(HERE, {"read": 100.0}), Counts(HERE, {"read": now}), 3.0) is good
    assert ("worse by more than 3 %: read" in capsys.readouterr().out) is not good


def test_counts_of_another_interpreter_are_not_judged(capsys: pytest.CaptureFixture[str]) -> None:
    assert instructions.report(Counts({"python": "3.12"}, {"read": 100.0}), Counts(HERE, {"read": 200.0}), 3.0)
    assert "not judged: the baseline was made with 3.12" in capsys.readouterr().out


def test_writing_some_keeps_the_others_of_the_same_interpreter(tmp_path: Path) -> None:
    path = tmp_path / "counts.json"
    first, second = OPERATIONS[0].name, OPERATIONS[1].name
    instructions.write(path, Counts({}, {}), Counts(HERE, {second: 2.0}))
    instructions.write(path, instructions.read(path), Counts(HERE, {first: 1.0}))
    assert json.loads(path.read_text()) == asdict(Counts(HERE, {first: 1.0, second: 2.0}))
    instructions.write(path, instructions.read(path), Counts({"python": "3.12"}, {first: 3.0}))
    assert instructions.read(path) == Counts({"python": "3.12"}, {first: 3.0})


def test_a_count_is_the_difference_of_the_children(tmp_path: Path) -> None:
    for pid, total in ((1, 1_000), (2, 1_010), (3, 1_320)):
        (tmp_path / str(pid)).write_text(f"# callgrind format\npid: {pid}\nevents: Ir\ntotals: {total}\n")
    assert instructions.totals(tmp_path) == {1: 1_000, 2: 1_010, 3: 1_320}
    assert instructions.per_operation(Operation("read", instructions_probe.loop, 100, 3), [1_000, 1_010, 1_320]) == 1.0


def test_without_valgrind_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(SystemExit, match="valgrind is not installed"):
        instructions.main([])


def test_an_unknown_operation_is_named_the_known_ones() -> None:
    with pytest.raises(SystemExit, match="there are: empty loop, construct"):
        instructions.chosen(["nothing of the kind"])
