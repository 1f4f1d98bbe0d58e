"""What happens to a whole model or store: defined anew, cleared, filled and emptied until it is compacted.

Iterators that were begun before go on meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant

from sinew import DefinitionError, Model, TransactionError

from .machine import NAMES, PICK, SELDOM, Base, statement
from .models import MODELS, Keeper, Post, Variant, Wild, store
from .oracle import Refused, Row

CHURN = 1100  # more than the engine tolerates as dead

GATHERED = [
    ("Post", "author"),
    ("Post", "reviewer"),
    ("Post", "category"),
    ("Category", "parent"),
    ("Tagging", "tag"),
    ("Member", "badge"),
    ("Member", "mentor"),
    ("Wild", "owner"),
    ("Box", "shelf"),
]
VARIANTS = st.builds(
    Variant,
    tag_index=st.sampled_from([None, True, "ordered"]),
    tag_unique=SELDOM,
    extra=st.booleans(),
    note_required=SELDOM,
    owner_required=SELDOM,
    on_delete=st.sampled_from(["restrict", "cascade", "nullify", "keep"]),
    one_to_one=SELDOM,
    tree=st.booleans(),
    together=st.sampled_from(["", "index", "unique"]),
).filter(Variant.possible)


class Whole(Base):
    """Wild is defined anew as one variant after another."""

    # ------------------------------------------------------------ a model that changes

    @statement()
    def create_keeper(self) -> None:
        self.create("Keeper", {}, {}, False)

    @statement(tag=NAMES, note=st.sampled_from([None, 1, 2, 3]), owner=PICK, parent=PICK, how=st.integers(0, 3))
    def create_wild(self, tag: str, note: int | None, owner: int, parent: int, how: int) -> None:
        shape = self.oracle.shapes["Wild"]
        to = self.pick("Keeper", owner) if how & 1 or "owner_id" not in shape.nullable else None
        if to is None and "owner_id" not in shape.nullable:
            return
        note = 0 if note is None and "note" not in shape.nullable else note
        arguments: dict[str, Any] = {"tag": tag, "note": note, "owner": to and self.record(to)}
        values: dict[str, Any] = {"tag": tag, "note": note, "owner_id": to and to.values["id"]}
        if "extra" in shape.fields:
            values["extra"] = 7
        if "parent_id" in shape.fields:
            above = self.pick("Wild", parent) if how & 2 else None
            arguments["parent"] = above and self.record(above)
            values["parent_id"] = above and above.values["id"]
        self.create("Wild", arguments, values, how == 3)

    @statement(wild=PICK, owner=PICK, tag=NAMES, clear=st.booleans())
    def change_wild(self, wild: int, owner: int, tag: str, clear: bool) -> None:
        row, to = self.pick("Wild", wild), self.pick("Keeper", owner)
        clear = clear and "owner_id" in self.oracle.shapes["Wild"].nullable
        if row and to:
            record, target = self.record(row), None if clear else self.record(to)
            change = {"tag": tag, "owner_id": None if clear else to.values["id"]}
            self.both(lambda: record.update(tag=tag, owner=target), lambda: self.oracle.update([(row.uid, change)]))

    @statement(variant=VARIANTS)
    def redefine(self, variant: Variant) -> None:
        if self.open:
            with pytest.raises(TransactionError):
                variant.define()
            return
        shape = variant.shape()
        try:
            self.oracle.redefine("Wild", shape, {"extra": 7, "note": 0 if variant.note_required else None})
        except Refused:
            with pytest.raises(DefinitionError):
                variant.define()
            return
        assert variant.define() is Wild
        self.collections["Wild"] = {"children": ("Wild", "parent")} if variant.tree else {}

    # ------------------------------------------------------------ all rows

    @statement(which=st.sampled_from(GATHERED), to=PICK, delete=st.booleans())
    def gather(self, which: tuple[str, str], to: int, delete: bool) -> None:
        """All refer to one, which may be deleted: long lists, which other statements do not make."""
        model, name = which
        ref, rows = self.reference(model, name), self.oracle.of(model)
        target = self.pick(ref.target, to)
        if target:
            record = self.record(target)
            change = dict(zip(ref.columns, target.get(ref.target_columns), strict=True))
            self.both(
                lambda: MODELS[model].all().update(**{name: record}),
                lambda: self.oracle.update([(row.uid, change) for row in rows]),
            )
            if delete:
                self.both(record.delete, lambda: self.oracle.delete([target.uid]))

    @statement(really=SELDOM)
    def clear(self, really: bool) -> None:
        if not really:
            return
        if self.open:
            with pytest.raises(TransactionError):
                store.clear()
        else:
            store.clear()
            self.oracle.rows.clear()
            self.oracle.bin.clear()

    @statement(model=st.sampled_from(["Post", "Wild", "Member", "Shelf", "Remark"]))
    def churn(self, model: str) -> None:
        """Many rows come and go, so that those that stay move. What dangles might refer to them."""
        if self.oracle.is_dangling():
            return
        cls: type[Model] = MODELS[model]
        before = cls.count()
        rows: list[dict[str, Any]] = [{} for _ in range(CHURN)]
        if model == "Shelf":
            rows = [{"room": "churn", "number": number} for number in range(CHURN)]
        elif model == "Remark":
            rows = [{"text": "churn"} for _ in range(CHURN)]
        elif model != "Member":
            keeper, by = {"Post": ("Author", "author_id"), "Wild": ("Keeper", "owner_id")}[model]
            owner = self.pick(keeper, 0)
            unique = model == "Wild" and ("owner_id",) in self.oracle.shapes["Wild"].unique
            if owner is None or unique:
                return
            name = "title" if model == "Post" else "tag"
            rows = [{name: f"churn {number}", by: owner.values["id"]} for number in range(CHURN)]
        key = cls.all().pluck(*[getattr(cls, name) for name in self.oracle.shapes[model].key])
        assert cls.insert_many(rows) == CHURN
        added = cls.all()[before:]
        assert len(added) == CHURN and added[0].delete() is None
        last = added[-1]
        kept = self.key_of(model, last)
        del added
        key.append(kept)
        assert cls.where(lambda record: self.key_of(model, record) not in key).delete() == CHURN - 2
        store.store.compact()
        assert cls[kept] is last and self.key_of(model, last) == kept
        last.delete()

    def key_of(self, model: str, record: Any) -> Any:
        key = tuple(getattr(record, name) for name in self.oracle.shapes[model].key)
        return key[0] if len(key) == 1 else key

    # ------------------------------------------------------------ iterators that go on

    @statement(model=st.sampled_from(["Post", "Wild", "Tag"]), owner=PICK, steps=st.integers(0, 2))
    def begin_to_iterate(self, model: str, owner: int, steps: int) -> None:
        keeper = self.pick("Keeper", owner)
        rows: list[Row] = self.oracle.of(model)
        iterator = iter(MODELS[model].all())
        if model == "Wild" and keeper:
            rows = self.oracle.children(keeper, "Wild", self.reference("Wild", "owner"))
            iterator = iter(self.record(keeper).wilds)
        for row in rows[:steps]:
            assert next(iterator) is self.record(row)
        self.iterators = [*self.iterators[-1:], (iterator, [row.uid for row in rows[steps:]])]

    @statement(which=PICK)
    def finish_iterating(self, which: int) -> None:
        if self.iterators:
            iterator, uids = self.iterators.pop(which % len(self.iterators))
            rows = [row for uid in uids if (row := self.oracle.by_uid(uid)) is not None]
            found = list(iterator)
            assert len(found) == len(rows)
            assert all(record is self.record(row) for record, row in zip(found, rows, strict=True))

    # ------------------------------------------------------------ comparing

    @invariant()
    def wilds_agree(self) -> None:
        if not hasattr(self, "oracle"):
            return
        wilds = self.oracle.of("Wild")
        assert Wild.where(tag="a").pluck(Wild.id) == [row.values["id"] for row in wilds if row.values["tag"] == "a"]
        tags = {row.uid: row.values["tag"].encode("utf-8", "surrogatepass") for row in wilds}
        by_tag = sorted(wilds, key=lambda row: tags[row.uid])
        assert Wild.order_by(Wild.tag).pluck(Wild.id) == [row.values["id"] for row in by_tag]
        assert Wild.where(Wild.tag > "a").count() == sum(tag > b"a" for tag in tags.values())
        owner = self.reference("Wild", "owner")
        owned = {target.uid for row in wilds if (target := self.oracle.target(row, owner))}
        assert Keeper.where(Keeper.wilds.id != None).pluck(Keeper.id) == [  # noqa: E711
            row.values["id"] for row in self.oracle.of("Keeper") if row.uid in owned
        ]
        if "extra" in self.oracle.shapes["Wild"].fields:
            assert Wild.where(extra=7).count() == len(wilds)
        if "parent_id" in self.oracle.shapes["Wild"].fields:
            parent = self.reference("Wild", "parent")
            targets = [(row, self.oracle.target(row, parent)) for row in wilds]
            below = [row.values["id"] for row, target in targets if target and target.values["tag"] == "a"]
            assert Wild.where(Wild.parent.tag == "a").pluck(Wild.id) == below
        assert Post.count() == len(self.oracle.of("Post"))
