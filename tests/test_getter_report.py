"""db.explain_getter, the stats of getters, expire and db.audit_getters."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from sinew import (
    Attr,
    BelongsTo,
    Database,
    FieldError,
    GetterStats,
    HasMany,
    Model,
    SinewError,
    UnknownName,
    belongs_to,
    count_of,
    field,
    getter,
    has_many,
    now,
)

db = Database()


class Owner(Model, db=db):
    name: Attr[str]
    opens: Attr[datetime] = field(default=datetime(2030, 1, 1))
    pets: HasMany[Pet] = has_many(inverse=lambda: Pet.owner)
    pet_count = count_of(lambda: Owner.pets)

    @getter
    def greeting(self) -> str:
        return f"Hello {self.name}"

    @getter
    def shout(self) -> str:
        return self.greeting.upper()

    @getter
    def louder(self) -> str:
        return self.shout + "!"

    @getter
    def old(self) -> list[Pet]:
        return list(self.pets.where(Pet.age > 10))

    @getter
    def ages(self) -> list[int]:
        return [pet.age for pet in self.pets]

    @getter
    def open(self) -> bool:
        return self.opens <= now()

    @getter
    def since(self) -> timedelta:
        return now() - self.opens

    @getter(cache=False)
    def apart(self) -> str:
        return self.name


class Pet(Model, db=db):
    age: Attr[int]
    owner: BelongsTo[Owner | None] = belongs_to(default=None)

    @getter
    def owner_name(self) -> str | None:
        return self.owner.name if self.owner else None


@pytest.fixture
def ann() -> Any:
    db.clear()
    db.audit_getters = False
    owner = Owner(name="Ann")
    Pet(age=3, owner=owner)
    Pet(age=12, owner=owner)
    return owner


def test_a_value_that_was_never_asked_for(ann: Any) -> None:
    report = db.explain_getter(ann, "greeting")
    assert (report.state, report.reads, report.cause, report.computed) == ("not computed", (), None, None)
    assert str(report).startswith("Owner.greeting of <Owner 1 name='Ann'")
    assert db.stats().getters["Owner.greeting"].values == 0, "explaining runs nothing"


def test_what_was_read(ann: Any) -> None:
    assert ann.ages == [3, 12]
    report = db.explain_getter(ann, "ages")
    assert report.state == "right" and report.model is Owner and report.record is ann
    assert [(read.kind, read.was, read.same) for read in report.reads] == [
        ("members", 2, True), ("field", 3, True), ("field", 12, True)
    ]  # fmt: skip
    assert "Owner.pets" in report.reads[0].what and report.reads[1].record is ann.pets[0]
    assert report.computed == report.verified == report.revision == db.store.revision


def test_the_write_that_made_it_stale(ann: Any) -> None:
    assert ann.greeting == "Hello Ann"
    ann.name = "Bob"
    report = db.explain_getter(ann, "greeting")
    assert report.state == "stale" and report.cause is not None
    assert (report.cause.kind, report.cause.was, report.cause.now) == ("field", "Ann", "Bob")
    first = str(report).splitlines()[0]
    assert first.endswith("stale, because Owner.name of <Owner 1 name='Bob'>: 'Ann' is now 'Bob'"), first


def test_the_write_behind_other_getters(ann: Any) -> None:
    assert ann.louder == "HELLO ANN!"
    ann.name = "Bob"
    report = db.explain_getter(ann, "louder")
    assert report.cause is not None and (report.cause.was, report.cause.now) == ("Ann", "Bob")
    assert [read.what.split(" of ")[0] for read in report.through] == [
        "the getter Owner.shout",
        "the getter Owner.greeting",
    ]
    assert ann.shout == "HELLO BOB"
    report = db.explain_getter(ann, "louder")
    assert report.state == "stale" and report.cause is not None and report.cause.kind == "getter"


def test_other_answers_that_changed(ann: Any) -> None:
    assert (len(ann.old), ann.pet_count) == (1, 2)
    Pet(age=20, owner=ann)
    for name, said in (
        ("old", "the records of a query of Pet: 1, which has changed"),
        ("pet_count", "how many are in Owner.pets of <Owner 1 name='Ann'>: 2, which has changed"),
    ):
        report = db.explain_getter(ann, name)
        assert report.state == "stale" and str(report.cause) == said


def test_a_missing_target(ann: Any) -> None:
    pet = Pet(age=1)
    assert pet.owner_name is None
    report = db.explain_getter(pet, "owner_name")
    assert [read.kind for read in report.reads] == ["target"] and report.reads[0].was is None
    pet.owner = ann
    assert db.explain_getter(pet, "owner_name").state == "stale"


def test_the_time(ann: Any) -> None:
    db.clock.freeze(datetime(2029, 1, 1))
    assert not ann.open and ann.since < timedelta()
    (_, until) = db.explain_getter(ann, "open").reads
    assert until.kind == "time" and until.what.startswith("the time until 20")
    assert db.explain_getter(ann, "since").state == "good for one read"
    db.clock.move(timedelta(days=400))
    assert db.explain_getter(ann, "open").state == "stale"
    db.clock.unfreeze()


def test_what_is_not_kept(ann: Any) -> None:
    assert ann.apart == "Ann" and db.explain_getter(ann, "apart").state == "not kept"
    assert "Owner.apart" not in db.stats().getters


def test_expire(ann: Any) -> None:
    assert ann.shout == "HELLO ANN"
    before = db.stats().getters
    ann.expire("greeting")
    assert db.explain_getter(ann, "greeting").state == "expired"
    assert ann.shout == "HELLO ANN"
    after = db.stats().getters
    for name in ("Owner.greeting", "Owner.shout"):
        assert after[name].computed == before[name].computed + 1
    ann.expire()
    assert db.explain_getter(ann, "shout").state == "expired"
    ann.expire("apart")


def test_stats(ann: Any) -> None:
    before = db.stats().getters["Owner.greeting"]
    assert [ann.greeting, ann.greeting, ann.greeting] == ["Hello Ann"] * 3
    after = db.stats().getters["Owner.greeting"]
    assert isinstance(after, GetterStats)
    assert (after.hits - before.hits, after.computed - before.computed, after.values) == (2, 1, 1)
    assert after.bytes > 0 and "1 kept in" in str(after) and "Owner.greeting: " in str(db.stats())


def test_audit(ann: Any) -> None:
    ann.ages.append(99)
    assert ann.ages == [3, 12, 99], "nobody knows"
    db.audit_getters = True
    assert ann.greeting == "Hello Ann" and ann.louder == "HELLO ANN!"
    with pytest.raises(SinewError, match=r"Owner\.ages of <Owner 1 .*keeps \[3, 12, 99\].* gives \[3, 12\].*in place"):
        _ = ann.ages
    db.audit_getters = False
    ann.expire("ages")
    assert ann.ages == [3, 12]


def test_errors(ann: Any) -> None:
    with pytest.raises(UnknownName, match="Owner has no getter `greting`; did you mean `greeting`"):
        db.explain_getter(ann, "greting")
    with pytest.raises(UnknownName, match="Owner has no getter `name`"):
        db.explain_getter(ann, "name")
    with pytest.raises(UnknownName, match="Owner has no getter `shot`"):
        ann.expire("shot")
    with pytest.raises(FieldError, match="takes a record of this database, not 3"):
        db.explain_getter(3, "x")
    with pytest.raises(FieldError, match="of this database"):
        Database().explain_getter(ann, "greeting")
    ann.pets.where().all().delete()
    ann.delete()
    with pytest.raises(SinewError, match="deleted"):
        db.explain_getter(ann, "greeting")
