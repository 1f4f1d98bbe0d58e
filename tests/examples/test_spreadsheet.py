"""The spreadsheet, against formulas that Python itself evaluates, and values kept by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from types import ModuleType
from typing import Any

Step = tuple[dict[str, str], list[str]]
STEPS: dict[str, list[Step]] = {  # what each question enters, and which cells it shows
    "another_price": [({"B2": "100"}, ["C1", "C2", "C3", "C4", "C5", "C6"])],
    "rounded": [({"B3": "5"}, ["C6", "C5"])],
    "a_missing_cell": [({}, ["C7"]), ({"D1": "0.5"}, ["C7"])],
    "another_formula": [({"C1": "=A1*100"}, ["C1"]), ({"B1": "7"}, ["C1", "C4"])],
    "a_circle": [({"A1": "=C4 / 2"}, ["A1", "C4", "C2"]), ({"A1": "3"}, ["A1", "C4"])],
    "undone": [({}, ["A1", "C4"])],
}


class Sheet:
    """Texts, and the values that were computed with what each had read."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts, self.kept, self.ran = texts, dict[str, Any](), set[str]()
        self.checked: set[str] = set()
        self.running: list[str] = []

    def show(self, name: str) -> str:
        self.running.clear()
        try:
            return f"{float(self.value(name)):g}"
        except KeyError as missing:
            return f"#no {missing.args[0]}"
        except ZeroDivisionError:
            return "#division by 0"
        except RecursionError:
            return "#circle"

    def value(self, name: str) -> Fraction:
        if name not in self.texts:
            raise KeyError(name)
        if name in self.running:
            raise RecursionError
        self.running.append(name)
        if not self.is_good(name):
            self.compute(name)
        self.running.remove(name)
        return Fraction(self.kept[name][1])

    def is_good(self, name: str) -> bool:
        if name not in self.kept or self.kept[name][0] != self.texts[name]:
            return False
        try:
            return all(self.value(read) == value for read, value in self.kept[name][2].items())
        except (KeyError, RecursionError):
            return False

    def compute(self, name: str) -> None:
        self.kept.pop(name, None)
        self.ran.add(name)
        text, reads = self.texts[name], dict[str, Fraction]()
        if not text.startswith("="):
            self.kept[name] = (text, Fraction(text), reads)
            return

        def read(found: re.Match[str]) -> str:
            reads[found[0]] = self.value(found[0])
            return f"Fraction('{reads[found[0]]}')"

        spread = re.sub(r"([A-Z])(\d):[A-Z](\d)", lambda f: ",".join(self.column(*f.groups())), text[1:])
        names = {"Fraction": Fraction, "SUM": lambda *each: sum(each), "ROUND": round}
        value = eval(re.sub(r"\b[A-Z]\d\b", read, spread), names)
        self.kept[name] = (text, Fraction(value), reads)

    def column(self, column: str, first: str, last: str) -> Iterator[str]:
        return (f"{column}{row}" for row in range(int(first), int(last) + 1))


def test_each_question_shows_what_python_says_and_computes_what_it_must(spreadsheet: ModuleType) -> None:
    sheet = Sheet(dict(spreadsheet.SHEET))
    for question, steps in {"sheet": [({}, list(spreadsheet.SHEET))], **STEPS}.items():
        for row, (texts, names) in zip(getattr(spreadsheet, question)(), steps, strict=True):
            sheet.texts |= texts
            sheet.ran.clear()
            assert row["shows"] == {name: sheet.show(name) for name in names}, question
            assert row.get("computed", sorted(sheet.ran)) == sorted(sheet.ran), question


def test_each_value_of_the_sheet_is_computed_once(spreadsheet: ModuleType) -> None:
    spreadsheet.sheet()
    assert sorted(set(spreadsheet.ran)) == sorted(spreadsheet.SHEET)
    assert [name for name in spreadsheet.ran if name != "C7"] == list(
        dict.fromkeys(name for name in spreadsheet.ran if name != "C7")
    )


def test_division_by_zero_is_shown_and_mended(spreadsheet: ModuleType) -> None:
    spreadsheet.enter("E1", "=1 / (A1 - 3)")
    assert spreadsheet.cell("E1").shown == "#division by 0"
    spreadsheet.enter("A1", "5")
    assert spreadsheet.cell("E1").shown == "0.5"
