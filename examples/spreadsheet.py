"""A spreadsheet: cells whose formulas read other cells. What changes is computed again, and nothing else.

    python examples/spreadsheet.py

A formula is an expression over other cells, with SUM(A1:A3), MIN, MAX and ROUND. The value of a cell is a getter: it
reads the cells that the formula names, whichever these are. Nobody says which cells depend on which.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from sinew import Attr, Database, Model, field, getter

book = Database()
Rows = list[dict[str, Any]]
ran: list[str] = []  # which values were computed since the last question

OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
FUNCTIONS: dict[str, Callable[[list[Fraction]], Fraction]] = {
    "SUM": lambda values: sum(values, Fraction()),
    "MIN": min,
    "MAX": max,
    "ROUND": lambda values: Fraction(round(values[0])),
}


class Cell(Model, db=book):
    """`text` is what somebody typed: a number, or = and a formula."""

    name: Attr[str] = field(unique=True)
    text: Attr[str] = field(default="0")

    @getter
    def value(self) -> str:
        """The number as a text, exact: equal ones are one value, and stop what would be computed above."""
        ran.append(self.name)
        if self.text.startswith("="):
            return str(evaluate(ast.parse(ranges_named(self.text[1:]), mode="eval").body))
        return str(Fraction(self.text))

    @getter
    def shown(self) -> str:
        """What the sheet shows: the value, or why there is none."""
        try:
            return f"{float(Fraction(self.value)):g}"
        except KeyError as missing:
            return f"#no {missing.args[0]}"
        except ZeroDivisionError:
            return "#division by 0"
        except RecursionError:
            return "#circle"


def ranges_named(formula: str) -> str:
    """A1:A3 becomes A1, A2, A3."""

    def names(found: re.Match[str]) -> str:
        column, first, last = found.groups()
        return ", ".join(f"{column}{row}" for row in range(int(first), int(last) + 1))

    return re.sub(r"([A-Z])(\d+):[A-Z](\d+)", names, formula)


def evaluate(node: ast.expr) -> Fraction:
    match node:
        case ast.Constant(value=int() | float()):
            return Fraction(str(node.value))
        case ast.Name(id=name):
            found = Cell.find_by(name=name)  # a miss is a read as well
            if found is None:
                raise KeyError(name)
            return Fraction(found.value)
        case ast.BinOp(left=left, op=op, right=right):
            return Fraction(OPERATORS[type(op)](evaluate(left), evaluate(right)))
        case ast.Call(func=ast.Name(id=name), args=args):
            return FUNCTIONS[name]([evaluate(each) for each in args])
    raise ValueError(ast.unparse(node))


SHEET = {
    "A1": "3", "B1": "20", "C1": "=A1*B1",
    "A2": "2", "B2": "45", "C2": "=A2*B2",
    "A3": "5", "B3": "4", "C3": "=A3*B3",
    "C4": "=SUM(C1:C3)",
    "C5": "=ROUND(C4/100)",
    "C6": "=C5*10",
    "C7": "=C6*D1",
}  # fmt: skip


def fill() -> None:
    Cell.insert_many(list(SHEET.items()), columns=["name", "text"])


def sheet() -> Rows:
    """What does the sheet show? Each value is computed once, though some are read by several."""
    return answer(*SHEET)


def answer(*names: str) -> Rows:
    """What the named cells show, and which values were computed for it."""
    ran.clear()
    shown = {name: cell(name).shown for name in names}
    return [{"shows": shown, "computed": sorted(set(ran))}]


def cell(name: str) -> Cell:
    return Cell.where(name=name).one()


def enter(name: str, text: str) -> None:
    Cell.upsert(on="name", name=name, text=text)


def another_price() -> Rows:
    """A price changes: its product, the sum and what stands above it are computed again; the other products are not."""
    enter("B2", "100")
    return answer("C1", "C2", "C3", "C4", "C5", "C6")


def rounded() -> Rows:
    """A small change: what C4 is rounded to stays the same, and what reads only that is not computed."""
    enter("B3", "5")
    return answer("C6", "C5")


def a_missing_cell() -> Rows:
    """D1 did not exist. Now it does, and what had looked for it is computed again."""
    before = answer("C7")
    enter("D1", "0.5")
    return before + answer("C7")


def another_formula() -> Rows:
    """A formula that reads other cells: what it read before does not count any more."""
    enter("C1", "=A1*100")
    first = answer("C1")
    enter("B1", "7")
    return first + answer("C1", "C4")


def a_circle() -> Rows:
    """A cell that comes to read itself, and is mended."""
    enter("A1", "=C4 / 2")
    rows = answer("A1", "C4", "C2")
    enter("A1", "3")
    rows += answer("A1", "C4")
    return [{"shows": row["shows"]} for row in rows]


def undone() -> Rows:
    """What was tried in a transaction that is rolled back leaves the values from before: nothing is computed again."""
    with book.transaction() as tx:
        enter("A1", "1000")
        tx.rollback()
    return answer("A1", "C4")


def main() -> None:
    fill()
    for question in (sheet, another_price, rounded, a_missing_cell, another_formula, a_circle, undone):
        print(question.__doc__)
        for row in question():
            print("   ", " ".join(f"{name}={value}" for name, value in row["shows"].items()))
            if "computed" in row:
                print("    computed:", *row["computed"] or "-")


if __name__ == "__main__":
    main()
