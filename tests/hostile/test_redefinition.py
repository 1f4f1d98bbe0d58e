"""Models that are defined anew by code that runs in the middle of a write of theirs."""

from __future__ import annotations

import gc
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from sinew import Attr, Database, Model, TransactionError, define, field, updated_at, validates

FEW, MANY = 1, 60


class Changing:
    """A model T whose check= or validator defines it anew, once."""

    def __init__(self, db: Database, anew: dict[str, Any]) -> None:
        self.db = db
        self.anew = anew
        self.armed = False

    def stamped(self, stamps: int) -> Any:
        names = [f"stamp{n}" for n in range(stamps)]
        contents: dict[str, Any] = {"__module__": __name__, "__annotations__": dict.fromkeys(names, Attr[datetime])}
        contents |= {name: updated_at() for name in names}
        return type(Model)("Base", (Model,), contents, db=self.db, abstract=True)

    def define(self, stamps: int, validated: bool, **more: Any) -> Any:
        @validates("text")
        def check_text(self_: Any, value: str) -> str:
            self.run(value)
            return value

        more |= {"check_text": check_text} if validated else {}
        fields = {"number": field(type=int, default=0, check=self.run), "text": field(type=str, default=""), **more}
        return define("T", fields, base=self.stamped(stamps))

    def run(self, value: object) -> bool:
        if self.armed:
            self.armed = False
            self.define(**self.anew)
            gc.collect()
        return True


WRITES: dict[str, Callable[[Any, Any], Any]] = {
    "assign": lambda T, record: setattr(record, "number", 1),
    "assign text": lambda T, record: setattr(record, "text", "x"),
    "update": lambda T, record: record.update(number=1, text="x"),
    "update by query": lambda T, record: T.all().update(number=1),
    "update by query, two": lambda T, record: T.all().update(text="x", number=1),
    "construct": lambda T, record: T(number=1, text="x"),
    "insert_many": lambda T, record: T.insert_many([{"number": 1, "text": "x"}] * 3),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("before", [False, True], ids=["check", "validator"])
@pytest.mark.parametrize(("first", "then"), [(FEW, MANY), (MANY, FEW), (FEW, 0)])
def test_columns_that_come_and_go_in_the_middle(db: Database, write: str, before: bool, first: int, then: int) -> None:
    changing = Changing(db, {"stamps": then, "validated": before})
    model = changing.define(first, validated=before)
    record = model()
    model.insert_many([{}] * 5)
    changing.armed = write not in ("assign text",) or before
    if not changing.armed:
        return
    with pytest.raises(TransactionError, match="change models beforehand"):
        WRITES[write](model, record)
    assert not changing.armed and model.count() == 6
    assert (record.number, record.text) == (0, "")
    db.store.check()
    WRITES[write](model, record)
    db.store.check()
