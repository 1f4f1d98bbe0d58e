"""The measurement of growth: both sides run at a small size, and how their figures are judged."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks import growth, growth_probe
from benchmarks.growth_probe import Figures

NAMES = [*growth.GROWTH, *growth.BESIDE.values()]
OURS = Figures(100, 1_000, 5_000, 6_000, 7_000, 1.0, dict.fromkeys(NAMES, 10.0))
PLAIN = Figures(100, 1_000, 0, 21_000, 22_000, 2.0)


@pytest.mark.bulk
def test_a_store_of_one_size_is_loaded_and_timed() -> None:
    figures = growth_probe.ours(2_000)
    assert sorted(figures.times) == sorted(NAMES)
    assert all(nanoseconds > 0 for nanoseconds in figures.times.values())
    assert growth_probe.Post.count() == 2_000
    assert figures.text_bytes > 2_000 * 100
    assert 40 < figures.engine_bytes / 2_000 <= growth.BYTES_PER_POST
    growth_probe.store.store.check()  # type: ignore[attr-defined]


def test_the_other_side_gets_the_same_rows() -> None:
    figures = growth_probe.by_hand(2_000)
    assert figures.text_bytes == sum(map(growth_probe.size_of_text, growth_probe.chunks(2_000)))


def met(lines: list[growth.Line]) -> dict[str, bool | None]:
    return {line.name: line.met for line in lines if line.met is not None}


def test_memory_is_judged_by_the_engines_account_and_by_the_share_of_the_hand_written() -> None:
    assert list(met(growth.memory([OURS], [PLAIN])).values()) == [True, True]
    assert list(met(growth.memory([replace(OURS, engine_bytes=9_001)], [PLAIN])).values()) == [False, True]
    assert list(met(growth.memory([replace(OURS, resident_bytes=9_001)], [PLAIN])).values()) == [True, False]


def test_growth_is_judged_between_the_smallest_and_the_largest() -> None:
    large = replace(OURS, times=dict.fromkeys(NAMES, 14.0))
    verdicts = met(growth.growth([OURS, large]))
    assert verdicts["iterate all, a row"] is False
    assert verdicts["find a random id"] is True
    assert verdicts["pluck numbers, a row"] is True  # the ints beside it grew as much


def test_nanoseconds_are_judged_at_their_size_only() -> None:
    name = "random has_many, a record held"
    large = replace(OURS, posts=10_000_000, times=OURS.times | {name: 81.0})
    assert met(growth.absolute([OURS])) == {}
    assert met(growth.absolute([OURS, large])) == {
        "random has_many, a record not held, 10,000,000 posts": True,
        "random has_many, a record held, 10,000,000 posts": False,
    }


def test_what_does_not_fit_into_memory_is_left_out_by_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(growth, "available", lambda: 0)
    assert growth.run([1_000]) == ([], [])
    assert "left out: 1,000 posts" in capsys.readouterr().out


def test_the_table_is_one_of_markdown() -> None:
    assert growth.markdown([["", "10"], ["a", "b"]]) == "|  | 10 |\n|---|---|\n| a | b |"
    assert growth.aligned([["", "10"], ["name", "1"]]) == "      10\nname   1"
