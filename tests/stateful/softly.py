"""Models that are deleted softly: a tree, a pivot of two of them, and a parent that is deleted for good."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant

from sinew import count

from .machine import PICK, Base, statement
from .models import MODELS, SOFT, Reader, Topic, Watch
from .oracle import Row

WORDS = st.sampled_from(["", "a", "b", "c"])
SOFTLY = st.sampled_from(SOFT)


class Softly(Base):
    """Topics of readers, in halls, and who watches them."""

    # ------------------------------------------------------------ rows

    @statement(name=WORDS, hold=st.booleans())
    def create_reader(self, name: str, hold: bool) -> None:
        self.create("Reader", {"name": name}, {"name": name}, hold)

    @statement()
    def create_hall(self) -> None:
        self.create("Hall", {}, {}, False)

    @statement(title=st.one_of(st.none(), WORDS), to=PICK, which=st.integers(0, 31), hold=st.booleans())
    def create_topic(self, title: str | None, to: int, which: int, hold: bool) -> None:
        arguments: dict[str, Any] = {"title": title}
        values: dict[str, Any] = {"title": title}
        for bit, ref in enumerate(self.oracle.shapes["Topic"].refs):
            target = self.pick(ref.target, to + bit) if which >> bit & 1 else None
            if target:
                arguments[ref.name] = self.record(target)
                values[f"{ref.name}_id"] = target.values["id"]
        self.create("Topic", arguments, values, hold)

    @statement(topic=PICK, reader=PICK, hold=st.booleans())
    def watch(self, topic: int, reader: int, hold: bool) -> None:
        on, who = self.pick("Topic", topic), self.pick("Reader", reader)
        if on and who:
            values = {"topic_id": on.values["id"], "reader_id": who.values["id"]}
            self.create("Watch", {"topic": self.record(on), "reader": self.record(who)}, values, hold)

    @statement(topic=PICK, to=PICK)
    def hang_below(self, topic: int, to: int) -> None:
        """Cycles and all."""
        row, above = self.pick("Topic", topic), self.pick("Topic", to)
        if row and above:
            record, parent = self.record(row), self.record(above)
            change = {"parent_id": above.values["id"]}
            self.both(lambda: setattr(record, "parent", parent), lambda: self.oracle.update([(row.uid, change)]))

    @statement(which=PICK, word=WORDS)
    def write_to_a_deleted_one(self, which: int, word: str) -> None:
        if row := self.pick_deleted("Reader", which):
            try:
                self.deleted_record(row).name = word
            except Exception as error:
                assert "soft-deleted" in str(error)
            else:
                raise AssertionError("a deleted record was written")

    # ------------------------------------------------------------ there and back

    def pick_deleted(self, model: str, number: int) -> Row | None:
        rows = self.oracle.deleted(model)
        return rows[number % len(rows)] if rows else None

    def deleted_record(self, row: Row) -> Any:
        return next(each for each in MODELS[row.model].only_deleted() if each.id == row.values["id"])

    @statement(model=SOFTLY, which=PICK, force=st.sampled_from([False, False, True]))
    def delete_one(self, model: str, which: int, force: bool) -> None:
        if row := self.pick(model, which):
            record = self.record(row)
            self.both(lambda: record.delete(force=force), lambda: self.oracle.delete([row.uid], force))

    @statement(model=SOFTLY, which=PICK)
    def delete_several(self, model: str, which: int) -> None:
        rows = [row for row in self.oracle.of(model) if row.values["id"] % 3 == which % 3]
        ids = [row.values["id"] for row in rows]
        cls = MODELS[model]
        self.both(lambda: cls.where(cls.id.in_(ids)).delete(), lambda: self.oracle.delete([row.uid for row in rows]))

    @statement(which=PICK)
    def delete_hall(self, which: int) -> None:
        if row := self.pick("Hall", which):
            record = self.record(row)
            self.both(record.delete, lambda: self.oracle.delete([row.uid]))

    @statement(model=SOFTLY, which=PICK)
    def delete_for_good(self, model: str, which: int) -> None:
        if row := self.pick_deleted(model, which):
            record = self.deleted_record(row)
            self.both(lambda: record.delete(force=True), lambda: self.oracle.delete([row.uid], True))

    @statement(model=SOFTLY, which=PICK)
    def restore_one(self, model: str, which: int) -> None:
        if row := self.pick_deleted(model, which):
            record, returned = self.deleted_record(row), list[Row]()
            if self.both(record.restore, lambda: returned.extend(self.oracle.restore([row.uid]))):
                self.adopt_order(returned)
                assert self.record(row) is record

    @statement(model=SOFTLY)
    def restore_all(self, model: str) -> None:
        returned: list[Row] = []
        uids = [row.uid for row in self.oracle.deleted(model)]
        query = MODELS[model].only_deleted()
        if self.both(query.restore, lambda: returned.extend(self.oracle.restore(uids))):
            self.adopt_order(returned)

    def adopt_order(self, returned: list[Row]) -> None:
        """Those that came along arrived one after another, in an order that is nobody's business."""
        uids = {row.uid for row in returned}
        for model, collections in self.collections.items():
            for name, (child, ref_name) in collections.items():
                ref = self.reference(child, ref_name)
                for row in self.oracle.of(model) if child in SOFT else ():
                    expected = self.oracle.children(row, child, ref)
                    came = {each.values["id"]: each.uid for each in expected if each.uid in uids}
                    found = [each.id for each in getattr(self.record(row), name)]
                    assert sorted(found) == sorted(each.values["id"] for each in expected)
                    assert found[len(found) - len(came) :] == [key for key in found if key in came]
                    self.oracle.arrange([came[key] for key in found if key in came], ref)

    # ------------------------------------------------------------ comparing

    @invariant()
    def bins_agree(self) -> None:
        if not hasattr(self, "oracle"):
            return
        for model in SOFT:
            cls, live, deleted = MODELS[model], self.oracle.of(model), self.oracle.deleted(model)
            every = sorted((*live, *deleted), key=lambda row: row.uid)
            assert [each.id for each in cls.only_deleted()] == [row.values["id"] for row in deleted]
            assert cls.with_deleted().pluck(cls.id) == [row.values["id"] for row in every]
            assert cls.with_deleted().where(cls.id > 2).count() == sum(row.values["id"] > 2 for row in every)
            for row, record in zip(deleted, cls.only_deleted(), strict=True):
                self.compare_deleted(row, record)
        self.numbers_agree()

    def compare_deleted(self, row: Row, record: Any) -> None:
        values = record.to_dict()
        assert values.pop("gone") is not None
        assert values == {name: value for name, value in row.values.items() if name != "gone"}
        others = [each for each in self.oracle.of(row.model) if each.values["id"] == row.values["id"]]
        assert type(record).find(record.id) is (
            self.record(others[0]) if others else None
        )  # which may use the key again
        assert record not in type(record).all()
        for ref in self.oracle.shapes[row.model].refs:
            target = self.oracle.target(row, ref)
            assert getattr(record, ref.name) is (None if target is None else self.record(target))
        assert row.uid not in self.held or self.held[row.uid] is record

    def numbers_agree(self) -> None:
        topics, watches = self.oracle.of("Topic"), self.oracle.of("Watch")
        seen = [sum(watch.values["topic_id"] == topic.values["id"] for watch in watches) for topic in topics]
        assert [row["n"] for row in Topic.select(n=count(Topic.watches))] == seen
        readers = {topic.values["owner_id"] for topic in topics}
        assert Reader.where(Reader.topics.id != None).pluck(Reader.id) == [  # noqa: E711
            row.values["id"] for row in self.oracle.of("Reader") if row.values["id"] in readers
        ]
        named = [row for row in self.oracle.of("Reader") if row.values["name"] == "a"]
        assert Watch.where(Watch.reader.name == "a").count() == sum(
            watch.values["reader_id"] == row.values["id"] for watch in watches for row in named
        )
