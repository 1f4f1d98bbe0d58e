"""The benchmarks run on a tiny workload: the sides agree with each other, and the tables say what was measured."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.measure import Budget, Disagreement, Figure, Operation, measure  # noqa: E402
from benchmarks.operations import OPERATIONS  # noqa: E402
from benchmarks.peers import PEERS  # noqa: E402
from benchmarks.report import BEGIN, END, Report, digits, duration  # noqa: E402
from benchmarks.side import Objects, Side  # noqa: E402
from benchmarks.workload import Workload, make  # noqa: E402

pytestmark = pytest.mark.bulk

ALWAYS = ["handwritten", "interpreter", "constructing", "sqlite3"]
INSTALLED = [peer for peer in PEERS if peer in ALWAYS or importlib.util.find_spec(peer)]
TINY = ["--quick", "--posts", "300", "--visits", "500", "--rounds", "1"]


def run(*arguments: str, without: str = "") -> str:
    """What `python -m benchmarks` prints; `without`: a module that cannot be imported."""
    program = "import runpy, sys; runpy.run_module('benchmarks', run_name='__main__', alter_sys=True)"
    if without:
        program = f"import sys; sys.modules[{without!r}] = None\n{program}"
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any], str]:
    """Of a run against every peer that is installed: what was printed, and both files."""
    folder = tmp_path_factory.mktemp("benchmarks")
    printed = run(*TINY, "--json", f"{folder}/figures.json", "--markdown", f"{folder}/figures.md")
    return printed, json.loads((folder / "figures.json").read_text()), (folder / "figures.md").read_text()


def test_every_operation_is_measured_by_hand_or_over_python_alone(everything: tuple[str, dict[str, Any], str]) -> None:
    measured = {(each["operation"], each["peer"]) for each in everything[1]["figures"]}
    for operation in OPERATIONS:
        assert (operation.name, "bare interpreter" if operation.name == "start" else "by hand") in measured
    assert all(each["ours"] > 0 and each["theirs"] > 0 for each in everything[1]["figures"])


def test_every_installed_peer_is_measured_and_every_other_is_skipped_by_name(
    everything: tuple[str, dict[str, Any], str],
) -> None:
    skipped = [each.split(" ")[0] for each in everything[1]["skipped"]]
    assert skipped == [peer for peer in PEERS if peer not in INSTALLED]
    assert len({each["peer"] for each in everything[1]["figures"]}) == len(INSTALLED)


def test_each_budget_has_a_verdict(everything: tuple[str, dict[str, Any], str]) -> None:
    printed, found, page = everything
    budgets = found["budgets"]
    # a whole range, as polars or numpy may be absent
    assert len(budgets) >= 20
    assert all(each["met"] == (each["value"] <= each["limit"]) for each in budgets)
    met = sum(each["met"] for each in budgets)
    assert f"{met} of {len(budgets)} budgets met" in printed
    assert f"{met} of {len(budgets)} budgets met" in page


def test_the_tables_have_a_row_for_each_operation(everything: tuple[str, dict[str, Any], str]) -> None:
    printed, _, page = everything
    for operation in OPERATIONS:
        assert sum(line.startswith(operation.title) for line in printed.splitlines()) >= 1
        assert f"| {operation.title} | " in page


def test_a_peer_that_is_not_installed_is_skipped_by_name() -> None:
    printed = run(*TINY, "--only", "count a range", "--peers", "handwritten,msgspec,numpy", without="numpy")
    assert "skipped, not installed: numpy" in printed
    assert "0 of 1 budgets met" in printed or "1 of 1 budgets met" in printed  # that over numpy has no verdict


def test_an_unknown_peer_is_an_error() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--peers", "oracle"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "no such peer: oracle; there are handwritten," in done.stderr


# ---------------------------------------------------------------- one pair


class Counted(Side):
    """Counts what it is asked to do."""

    name = "counted"

    def __init__(self, workload: Workload, answer: int = 0) -> None:
        super().__init__(workload)
        self.answer = answer
        self.fills = 0
        self.runs: list[int] = []

    def fill(self) -> None:
        self.fills += 1

    def length(self, inputs: Sequence[Any]) -> int:
        self.runs.append(len(inputs))
        return self.answer


class Slow(Counted):
    name = "slow"
    parts = {"length": 3}


LENGTH = Operation("length", "the length", lambda side: range(30), (Budget(2, "slow"), Budget(5)))
TEN = make(10)


def test_sides_that_differ_are_refused() -> None:
    with pytest.raises(Disagreement, match="the length: counted and slow differ: 1 and 2"):
        measure(LENGTH, Counted(TEN, 1), Slow(TEN, 2))


def test_both_sides_do_the_part_that_the_slower_one_does() -> None:
    ours, theirs = Counted(TEN), Slow(TEN)
    figure = measure(LENGTH, ours, theirs, rounds=7, seconds=0)
    assert set(ours.runs) == set(theirs.runs) == {10}
    assert (figure.units, figure.part, figure.rounds) == (10, 3, 7)
    assert ours.fills == theirs.fills == 1


def test_what_an_operation_changes_is_loaded_again() -> None:
    ours, theirs = Counted(TEN), Counted(TEN)
    operation = Operation("length", "the length", lambda side: range(30), changes=True)
    measure(operation, ours, theirs, rounds=5, seconds=0)
    assert ours.fills == len(ours.runs) == 6  # once before it counts


def test_single_inputs_are_compared_too() -> None:
    ours, theirs = Counted(TEN), Counted(TEN)
    operation = Operation("length", "the length", lambda side: range(30), spots=True)
    measure(operation, ours, theirs, rounds=1, seconds=0)
    assert ours.runs.count(1) >= 20


def test_each_side_has_loops_of_its_own() -> None:
    class Some(Objects):
        pass

    class Others(Objects):
        pass

    assert Some.read_str.__code__ is not Others.read_str.__code__
    assert Some.read_str.__code__.co_code == Others.read_str.__code__.co_code


# ---------------------------------------------------------------- verdicts


@pytest.mark.parametrize(
    ("budget", "met", "shown"),
    [
        (Budget(2, "slow"), True, ("slow", "20 ns", "1.5", "<= 2", "met")),
        (Budget(1, "slow"), False, ("slow", "20 ns", "1.5", "<= 1", "NOT MET")),
        (Budget(10, "slow", extra=True), True, ("more than slow", "20 ns", "10 ns", "<= 10 ns", "met")),
        (Budget(9, "slow", extra=True), False, ("more than slow", "20 ns", "10 ns", "<= 9 ns", "NOT MET")),
        (Budget(30), True, ("time", "", "30 ns", "<= 30 ns", "met")),
        (Budget(29), False, ("time", "", "30 ns", "<= 29 ns", "NOT MET")),
    ],
)
def test_a_budget_is_met_or_not(budget: Budget, met: bool, shown: tuple[str, ...]) -> None:
    operation = Operation("length", "the length", lambda side: range(30), (budget,))
    report = Report(TEN, [operation], ["slow"], figures=[Figure("length", "slow", 30, 20, 10, 1, 5)])
    (verdict,) = report.verdicts()
    assert verdict.met is met
    assert verdict.cells() == ("the length", "30 ns", *shown)


def test_a_part_is_marked_in_the_table() -> None:
    report = Report(TEN, [LENGTH], ["slow"], figures=[Figure("length", "slow", 30, 2e4, 10, 3, 5)])
    assert report.peers()[1] == ("the length", "30 ns", "20 us*")
    assert report.notes()[1].startswith("*: fewer units")


def test_tables_go_between_the_marks_of_a_page() -> None:
    report = Report(TEN, [LENGTH], ["slow"], figures=[Figure("length", "slow", 30, 20, 10, 1, 5)])
    page = f"# Title\n\n{BEGIN}\n\nold\n\n{END}\n\n## More\n"
    assert report.into(page) == page.replace("old\n", report.markdown())
    assert report.into(report.into(page)) == report.into(page)
    assert report.into("no marks") == report.markdown()


def test_numbers_are_shown_with_three_digits() -> None:
    assert [duration(each) for each in (0.1234, 12.34, 1234, 1.5e6, 2e9)] == [
        "0.123 ns",
        "12.3 ns",
        "1.23 us",
        "1.5 ms",
        "2 s",
    ]
    assert [digits(each) for each in (1234.5, 123.45, 0.0123)] == ["1234", "123", "0.0123"]


# ---------------------------------------------------------------- rows


def test_the_workload_is_the_same_each_time() -> None:
    assert make(50, tags=20, visits=9, folders=9) == make(50, tags=20, visits=9, folders=9)


def test_folders_are_one_tree() -> None:
    workload = make(5, folders=100)
    assert workload.folders[0] == (1, None)
    assert all(around is not None and around < number for number, around in workload.folders[1:])
    around = {parent for _, parent in workload.folders}
    assert [workload.folders[place][0] for place in workload.leaves] == [n for n in range(1, 101) if n not in around]


def test_a_post_has_a_tag_at_most_once() -> None:
    workload = make(500, tags=20)
    pairs = [row[1:3] for row in workload.taggings]
    assert len(set(pairs)) == len(pairs)
    assert 1.8 * 500 < len(pairs) < 2.2 * 500
    assert {post for post, _ in pairs} == {row[0] for row in workload.posts}
