"""References to records of several models."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant

from sinew import count, exists

from .machine import NAMES, PICK, Base, statement
from .models import MODELS, Author, Category, Post, Remark, Tag
from .oracle import Ref, Row

RELATIONS = st.sampled_from(["about", "seen", "pinned"])


class Remarks(Base):
    """Remarks are moved from model to model in every way, and by halves of their keys."""

    def way(self, name: str, which: int) -> Ref:
        """One of the models that a relation may lead to."""
        refs = [ref for ref in self.oracle.shapes["Remark"].refs if ref.name == name]
        return refs[which % len(refs)]

    def columns(self, ref: Ref, target: Row | None) -> dict[str, Any]:
        """What a remark holds that refers to a row, or to none."""
        assert ref.tag is not None
        held = (None, None) if target is None else (ref.tag[1], target.values["id"])
        return dict(zip((ref.tag[0], *ref.columns), held, strict=True))

    @statement(text=NAMES, about=PICK, seen=PICK, pinned=PICK, how=st.integers(0, 15))
    def create_remark(self, text: str, about: int, seen: int, pinned: int, how: int) -> None:
        given: dict[str, Any] = {"text": text}
        values: dict[str, Any] = {"text": text}
        for bit, name, which in ((1, "about", about), (2, "seen", seen), (4, "pinned", pinned)):
            ref = self.way(name, which)
            target = self.pick(ref.target, which // 3) if how & bit else None
            values |= self.columns(ref, target)
            given |= {name: target and self.record(target)} if how & 8 else self.columns(ref, target)
        self.create("Remark", given, values, how > 12)

    @statement(remark=PICK, name=RELATIONS, which=PICK, to=PICK, way=st.integers(0, 4))
    def move_remark(self, remark: int, name: str, which: int, to: int, way: int) -> None:
        row, ref = self.pick("Remark", remark), self.way(name, which)
        target = self.pick(ref.target, to) if way else None
        if row is None:
            return
        record, value = self.record(row), target and self.record(target)
        change = self.columns(ref, target)
        ours = [
            lambda: setattr(record, name, None),
            lambda: setattr(record, name, value),
            lambda: record.update(**change),
            lambda: Remark.where(id=record.id).update(**{name: value}),
            lambda: Remark.where(id=record.id).update(**change),
        ]
        self.both(ours[way], lambda: self.oracle.update([(row.uid, change)]))

    @statement(remark=PICK, to=PICK, name=st.sampled_from(["about", "seen"]), which=PICK, leave=st.booleans())
    def through_a_collection(self, remark: int, to: int, name: str, which: int, leave: bool) -> None:
        row, ref = self.pick("Remark", remark), self.way(name, which)
        target = self.pick(ref.target, to)
        if row is None or target is None:
            return
        collections = self.collections[ref.target]
        attribute = next(each for each, found in collections.items() if found == ("Remark", name))
        collection, record = getattr(self.record(target), attribute), self.record(row)
        here = any(child.uid == row.uid for child in self.oracle.children(target, "Remark", ref))
        if not leave:
            change = self.columns(ref, target)
            self.both(lambda: collection.append(record), lambda: self.oracle.update([(row.uid, change)]))
        elif here:
            change = self.columns(ref, None)
            self.both(lambda: collection.remove(record), lambda: self.oracle.update([(row.uid, change)]))

    @statement(remark=PICK, name=RELATIONS, which=PICK, clear=st.booleans())
    def set_the_type_alone(self, remark: int, name: str, which: int, clear: bool) -> None:
        """To a row of another model with the same key, to none, or to half a key."""
        row, ref = self.pick("Remark", remark), self.way(name, which)
        if row:
            assert ref.tag is not None
            record, column, value = self.record(row), ref.tag[0], None if clear else ref.tag[1]
            self.both(lambda: setattr(record, column, value), lambda: self.oracle.update([(row.uid, {column: value})]))

    @statement(remark=PICK, name=RELATIONS, number=st.sampled_from([None, 0, 1, 2, 3, 50]))
    def set_the_key_alone(self, remark: int, name: str, number: int | None) -> None:
        row, ref = self.pick("Remark", remark), self.way(name, 0)
        if row:
            record, column = self.record(row), ref.columns[0]
            self.both(
                lambda: record.update(**{column: number}), lambda: self.oracle.update([(row.uid, {column: number})])
            )

    @statement(ways=st.lists(st.tuples(PICK, st.integers(-1, 4)), max_size=4))
    def remark_many(self, ways: list[tuple[int, int]]) -> None:
        """By columns, so that some dangle and some are halves."""
        pairs = [(self.way("about", which), None if number < 0 else number) for which, number in ways]
        types = [ref.tag and ref.tag[1] for ref, _ in pairs]
        types = [
            None if number is None and which % 2 else value for value, (which, number) in zip(types, ways, strict=True)
        ]
        fresh = max((row.values["id"] for row in self.oracle.of("Remark")), default=0) + 1_000_000
        ids = [fresh + offset for offset in range(len(ways))]  # small ones could be what others of these refer to
        columns = {
            "id": ids,
            "text": ["m"] * len(ways),
            "about_type": types,
            "about_id": [number for _, number in pairs],
        }

        def theirs() -> None:
            def change() -> None:
                for key, value, (_, number) in zip(ids, types, pairs, strict=True):
                    values = {"id": key, "text": "m", "about_type": value, "about_id": number}
                    self.oracle._create("Remark", values)

            self.oracle.statement(change)

        self.both(lambda: Remark.insert_many(columns), theirs)

    @statement(which=PICK, clear=st.booleans())
    def change_all_of_a_model(self, which: int, clear: bool) -> None:
        ref = self.way("about", which)
        assert ref.tag is not None
        rows = [row for row in self.oracle.of("Remark") if row.values["about_type"] == ref.tag[1]]
        query = Remark.where(Remark.about.is_a(MODELS[ref.target]))
        if clear:
            change = self.columns(ref, None)
            self.both(lambda: query.update(about=None), lambda: self.oracle.update([(row.uid, change) for row in rows]))
        else:
            self.both(query.delete, lambda: self.oracle.delete([row.uid for row in rows]))

    # ------------------------------------------------------------ comparing

    def compare_more(self, row: Row, record: Any) -> None:
        super().compare_more(row, record)
        if row.model == "Tag":
            pins = self.oracle.children(row, "Remark", self.reference("Remark", "pinned", "Tag"))
            assert record.pin is (self.record(pins[0]) if pins else None)

    def about(self, row: Row) -> Row | None:
        ways = (self.oracle.target(row, ref) for ref in self.oracle.shapes["Remark"].refs if ref.name == "about")
        return next(filter(None, ways), None)

    @invariant()
    def remarks_agree(self) -> None:
        if not hasattr(self, "oracle"):
            return
        remarks = self.oracle.of("Remark")
        about = {row.uid: self.about(row) for row in remarks}

        def ids(test: Any) -> list[int]:
            return [row.values["id"] for row in remarks if test(row, about[row.uid])]

        for cls, value in ((Author, "Author"), (Category, "c"), (Remark, "Remark")):
            assert Remark.where(Remark.about.is_a(cls)).pluck(Remark.id) == ids(
                lambda row, _, value=value: row.values["about_type"] == value
            )
        assert Remark.where(about=None).pluck(Remark.id) == ids(lambda row, _: row.values["about_type"] is None)
        assert Remark.where(exists(Remark.about)).pluck(Remark.id) == ids(lambda _, to: to is not None)
        assert Remark.where(Remark.about.of(Author).name == "a").pluck(Remark.id) == ids(
            lambda _, to: to is not None and to.model == "Author" and to.values["name"] == "a"
        )
        text = {"Category": "title", "Remark": "title", "Author": "title"}
        assert Remark.where(Remark.about.title == "a").pluck(Remark.id) == ids(
            lambda _, to: to is not None and to.values.get(text[to.model]) == "a"
        )
        assert Remark.pluck(Remark.about.id) == [to and to.values["id"] for to in about.values()]
        below = {
            row.uid: to is not None and to.model != "Remark" for row, to in zip(remarks, about.values(), strict=True)
        }
        some = {to.uid for row in remarks if below[row.uid] and (to := about[row.uid]) is not None}
        for model, cls in (("Author", Author), ("Category", Category)):
            rows = self.oracle.of(model)
            assert cls.where(exists(cls.remarks)).pluck(cls.id) == [row.values["id"] for row in rows if row.uid in some]
        self.collections_agree()

    def collections_agree(self) -> None:
        for model, cls in (("Post", Post), ("Tag", Tag)):
            ref = self.reference("Remark", "seen", model)
            rows = self.oracle.of(model)
            counts = [len(self.oracle.children(row, "Remark", ref)) for row in rows]
            assert [each["n"] for each in cls.select(n=count(cls.seen_in))] == counts
            for row in rows:
                expected = [
                    each.values["id"] for each in self.oracle.of("Remark") if ref.key(each) == (row.values["id"],)
                ]
                assert Remark.where(seen=self.record(row)).pluck(Remark.id) == expected
