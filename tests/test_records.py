"""Records one by one and in bulk: keys of every kind, counters, update, to_dict, copies, loads, what fills itself."""

from __future__ import annotations

import copy
import pickle
import weakref
from collections import ChainMap, UserDict, namedtuple
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID, uuid4

import pytest

from sinew import (
    Attr,
    BelongsTo,
    Database,
    FieldError,
    HasMany,
    HasOne,
    IntegrityError,
    Invalid,
    KeyedModel,
    Model,
    NotFound,
    RecordDeleted,
    SinewError,
    TransactionError,
    UniqueError,
    UnknownName,
    belongs_to,
    created_at,
    field,
    has_many,
    has_one,
    updated_at,
    validates,
)

club = Database()
START = datetime(2030, 1, 1, tzinfo=UTC)


class Base(Model, db=club, abstract=True):
    """The models of the club."""


class Keyed(KeyedModel, db=club, abstract=True):
    """Those with keys of their own."""


class Color(Enum):
    RED = 1
    BLUE = 2


class Member(Base):
    name: Attr[str] = field(unique=True)
    age: Attr[int] = field(default=18, check=lambda age: age > 0)
    email: Attr[str | None] = field(default=None)
    boss: BelongsTo[Member | None] = belongs_to(default=None, on_delete="nullify")
    made: Attr[datetime] = created_at()
    changed_at: Attr[datetime] = updated_at()
    team: HasMany[Member] = has_many(inverse=lambda: Member.boss)
    card: HasOne[Card | None] = has_one(inverse=lambda: Card.member)

    ROLES = ("guest", "member")

    @validates("name")
    def _name(self, value: str) -> str:
        if value == "bad":
            raise Invalid("is bad")
        return value

    @validates("email")
    def _email(self, value: str) -> str:
        if not self._plausible(value):
            raise Invalid("must contain @")
        return value.lower()

    def _plausible(self, value: str) -> bool:
        return "@" in value


class Card(Base):
    member: BelongsTo[Member | None] = belongs_to(default=None)
    number: Attr[int | None] = field(default=None, unique=True)
    changed_at: Attr[datetime] = updated_at()


class Ticket(Keyed):
    id: Attr[UUID] = field(primary_key=True, default_factory=uuid4)
    stubs: HasMany[Stub] = has_many(inverse=lambda: Stub.ticket)


class Stub(Base):
    ticket: BelongsTo[Ticket] = belongs_to(on_delete="cascade")


class Word(Keyed):
    text: Attr[str] = field(primary_key=True)
    uses: HasMany[Use] = has_many(inverse=lambda: Use.word)


class Use(Base):
    word: BelongsTo[Word] = belongs_to()


class Paint(Keyed):
    color: Attr[Color] = field(primary_key=True)


class Price(Keyed):
    amount: Attr[Decimal] = field(primary_key=True)


class Level(Keyed):
    height: Attr[float] = field(primary_key=True)


class Day(Keyed, primary_key=("day", "number")):
    day: Attr[date]
    number: Attr[int]


@pytest.fixture(autouse=True)
def records() -> Iterator[None]:
    club.clear()
    club.clock.freeze(START)
    yield
    club.clock.unfreeze()
    store: Any = getattr(club, "store")  # noqa: B009
    store.check()


# ---------------------------------------------------------------- keys


def test_the_counter_goes_on_after_the_largest_key() -> None:
    ids = [Card().id, Card(id=-5).id, Card().id, Card(id=0).id, Card().id, Card(id=100).id, Card(id=50).id, Card().id]
    assert ids == [1, -5, 2, 0, 3, 100, 50, 101]
    assert Card[0] is Card.find(0) and Card[-5].id == -5
    assert Card(id=-(2**63)).id == -(2**63)
    assert Card(id=2**63 - 1).id == 2**63 - 1
    with pytest.raises(SinewError, match="Card counts no further"):
        Card()
    with pytest.raises(SinewError, match="Card counts no further"):
        Card.insert_many([{}])
    assert Card(id=7).id == 7
    with pytest.raises(FieldError, match="64 bits"):
        Card(id=2**63)


def test_keys_are_immutable_whichever_way() -> None:
    card = Card()
    for change in (
        lambda: setattr(card, "id", 3),
        lambda: card.update(id=3),
        lambda: Card.all().update(id=3),
        lambda: Card.all().update(id=Card.id + 1),
    ):
        with pytest.raises(FieldError, match="immutable"):
            change()


def test_keys_of_other_types() -> None:
    ticket = Ticket()
    assert Ticket[ticket.id] is ticket and ticket.stubs.create().ticket is ticket
    with pytest.raises(FieldError, match=r"UUID\(value\)"):
        Ticket.find(str(ticket.id))
    empty, odd = Word(text=""), Word(text="\ud800x")
    assert Word[""] is empty and Word["\ud800x"] is odd
    assert Use(word=empty).word is empty and odd.uses.create().word_id == "\ud800x"
    with pytest.raises(UniqueError):
        Word(text="")
    assert Paint[Paint(color=Color.RED).color].color is Color.RED
    with pytest.raises(FieldError, match=r"Color\(value\)"):
        Paint.find(1)
    assert Price(amount=Decimal("1.0")) is Price[Decimal("1.00")]
    assert Level(height=0.0) is Level[-0.0] is Level[0]
    with pytest.raises(FieldError, match="NaN"):
        Level(height=float("nan"))
    day = Day(day=date(2020, 1, 1), number=-1)
    assert Day[date(2020, 1, 1), -1] is day and Day.find((None, -1)) is None
    with pytest.raises(FieldError, match="tuple of 2 values"):
        Day.find(date(2020, 1, 1))
    with pytest.raises(FieldError, match=r"value\.date\(\)"):
        Day(day=START, number=1)


# ---------------------------------------------------------------- records as objects


def test_a_record_cannot_change_its_class() -> None:
    member, card = Member(name="a"), Card()
    with pytest.raises(AttributeError, match="__class__"):
        card.__class__ = Member
    with pytest.raises(TypeError):
        object.__setattr__(card, "__class__", Member)
    assert type(card) is Card and Member[1] is member


def test_identity_outlives_deletion() -> None:
    card = Card()
    reference, known = weakref.ref(card), {card: "kept"}
    assert reference() is card
    card.delete()
    assert known[card] == "kept" and card == card and card != Card() and repr(card) == "<Card (deleted)>"
    for use in (lambda: card.id, card.to_dict, card.delete, card.update, lambda: pickle.dumps(card)):
        with pytest.raises(RecordDeleted):
            use()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_name_the_record(protocol: int) -> None:
    card, day, odd = Card(), Day(day=date(2020, 1, 1), number=1), Word(text="\ud800")
    assert pickle.loads(pickle.dumps([card, day, odd, card], protocol)) == [card, day, odd, card]
    data = pickle.dumps(card, protocol)
    card.delete()
    with pytest.raises(NotFound, match=r"no Card\[1\]"):
        pickle.loads(data)
    assert pickle.loads(pickle.dumps(Card)) is Card


def test_copies_are_refused_with_a_hint() -> None:
    member = Member(name="a")
    for copying in (copy.copy, copy.deepcopy):
        with pytest.raises(SinewError, match=r"Member\(\.\.\.\), with values from to_dict"):
            copying(member)
        with pytest.raises(SinewError, match=r"list\(\.\.\.\)"):
            copying(member.team)
    with pytest.raises(SinewError, match=r"list\(\.\.\.\)"):
        pickle.dumps(member.team)


def test_to_dict_takes_relations_and_values() -> None:
    ann = Member(name="ann")
    bob = Member(name="bob", boss=ann, age=3)
    assert list(bob.to_dict()) == ["id", "name", "age", "email", "boss_id", "made", "changed_at"]
    assert bob.to_dict("boss")["boss"] == ann.to_dict() and ann.to_dict("team", "card")["team"] == [bob.to_dict()]
    assert ann.to_dict("card")["card"] is None and ann.to_dict("ROLES")["ROLES"] == ("guest", "member")
    with pytest.raises(UnknownName, match="did you mean `boss`"):
        ann.to_dict("bos")
    with pytest.raises(UnknownName, match="is a method"):
        ann.to_dict("delete")


# ---------------------------------------------------------------- update


def test_update_is_all_or_nothing_over_fields_and_relations() -> None:
    ann, bob = Member(name="ann"), Member(name="bob")
    ann.update(name="Anna", age=3, boss=bob, email="X@Y")
    before = ann.to_dict()
    assert (ann.name, ann.age, ann.boss, ann.email) == ("Anna", 3, bob, "x@y")
    failing: list[tuple[dict[str, Any], type[Exception]]] = [
        ({"age": 5, "name": "bob"}, UniqueError),
        ({"age": 5, "boss_id": 99}, IntegrityError),
        ({"name": "Q", "age": 0}, FieldError),
        ({"name": "Q", "naem": 1}, UnknownName),
        ({"name": "Q", "team": []}, UnknownName),
        ({"boss": ann, "boss_id": bob.id}, FieldError),
        ({"boss": None, "boss_id": bob.id}, FieldError),
        ({"age": 5, "made": START}, FieldError),
        ({"age": Member.age + 1}, FieldError),
    ]
    for values, error in failing:
        with pytest.raises(error):
            ann.update(**values)
        assert ann.to_dict() == before
    with pytest.raises(Invalid) as caught:
        ann.update(name="bad", email="none", age=4)
    assert caught.value.errors == {"name": ["is bad"], "email": ["must contain @"]}
    assert ann.to_dict() == before
    ann.update(boss=bob, boss_id=bob.id)
    ann.update(boss=None, boss_id=None)
    assert ann.boss is None


def test_updated_at_is_touched_by_every_statement_that_sets_a_field() -> None:
    ann, bob, cid = (Member(name=name) for name in ("ann", "bob", "cid"))
    card = Card()

    def touched(action: Any) -> list[str]:
        club.clock.move(timedelta(hours=1))
        action()
        now = club.clock.now()
        return [member.name for member in Member.all() if member.changed_at == now]

    assert touched(lambda: setattr(ann, "age", 20)) == ["ann"]
    assert touched(lambda: setattr(ann, "age", 20)) == ["ann"]
    assert touched(lambda: ann.update(age=21)) == ["ann"]
    assert touched(ann.update) == []
    assert touched(lambda: setattr(ann, "boss", bob)) == ["ann"]
    assert touched(lambda: setattr(ann, "boss_id", cid.id)) == ["ann"]
    assert touched(lambda: bob.team.append(ann)) == ["ann"]
    assert touched(lambda: bob.team.append(ann)) == []  # it is there
    assert touched(lambda: Member.where(name="ann").update(age=Member.age + 1)) == ["ann"]
    assert touched(lambda: setattr(bob, "team", [ann, cid])) == ["cid"]
    assert touched(lambda: setattr(bob, "team", [cid, ann])) == []  # moved within the collection
    assert touched(bob.team.clear) == ["ann", "cid"]
    assert touched(lambda: setattr(ann, "card", card)) == [] and card.changed_at == club.clock.now()
    assert touched(lambda: Member.upsert(name="ann", age=30)) == ["ann"]
    ann.boss = bob
    assert touched(bob.delete) == [] and ann.boss is None  # nullified by a delete
    with pytest.raises(FieldError):
        touched(lambda: ann.update(age=0))
    assert ann.changed_at < club.clock.now() and ann.made == START
    with pytest.raises(FieldError, match="fills itself"):
        ann.changed_at = START
    with pytest.raises(UnknownName, match="fills itself"):
        Member(name="new", made=START)


# ---------------------------------------------------------------- validators


def test_a_validator_has_no_record_while_it_is_made(base: type[Model]) -> None:
    class Room(base):  # type: ignore[valid-type, misc]
        name: Attr[str]
        size: Attr[int] = field(default=1)
        LARGEST = 9

        @validates("size")
        def _size(self, value: int) -> int:
            if self and self.name == "small":
                value = min(value, 3)
            return min(value, self.LARGEST)

        @validates("name")
        def _name(self, value: str) -> str:
            if value == "peek":
                assert self.size
            return value.strip()

    room = Room(name=" small ", size=50)
    assert (room.name, room.size) == ("small", 9)
    room.size = 50
    assert room.size == 3
    with pytest.raises(SinewError, match=r"Room\.size is read by a validator .*`if self:`"):
        Room(name="peek")
    assert Room.count() == 1


# ---------------------------------------------------------------- get_or_create, upsert


def test_get_or_create_and_upsert() -> None:
    ann, made = Member.get_or_create(name="ann", defaults={"age": 4})
    assert made and ann.age == 4
    assert Member.get_or_create(name="ann", defaults={"age": 9}) == (ann, False) and ann.age == 4
    assert Member.get_or_create(boss=ann, name="bob")[0].boss is ann
    for wrong in ({"nam": "x"}, {"name": "x", "defaults": {"agee": 1}}):
        with pytest.raises(UnknownName):
            Member.get_or_create(**wrong)
    assert Member.upsert(name="ann", age=7) is ann and ann.age == 7
    assert Member.upsert(name="new").id == 3
    with pytest.raises(FieldError, match="name one with on="):
        Member.upsert(id=1, name="ann")
    assert Member.upsert(on="id", id=50, name="fifty").id == 50
    for values in ({"age": 3}, {"on": "age", "age": 3}):
        with pytest.raises(FieldError, match=r"unique key.*\(id\), \(name\)"):
            Member.upsert(**values)
    with pytest.raises(FieldError, match="check="):
        Member.upsert(name="ann", age=0)
    assert Card.upsert(number=None, on="number").id != Card.upsert(number=None, on="number").id  # None is no key
    assert Day.upsert(day=date(2020, 1, 1), number=1) is Day.upsert(day=date(2020, 1, 1), number=1)


# ---------------------------------------------------------------- bulk loads

Pair = namedtuple("Pair", "number member")


def test_the_shapes_of_bulk_loads() -> None:
    ann = Member(name="ann")
    assert Card.insert_many([{"member": ann}, {"member_id": ann.id}, {}]) == 3
    assert Card.insert_many([(1, ann), [2, None], Pair(3, ann)], columns=["number", "member"]) == 3
    assert Card.insert_many([(4, ann)], columns=[Card.number, Card.member]) == 1
    assert Card.insert_many([(5, ann.id)], columns=(Card.number, Card.member_id)) == 1
    assert Card.insert_many({"number": iter([6, 7]), "member": (each for each in (ann, None))}) == 2
    assert Card.insert_many({Card.number: [8]}) == 1
    assert Card.insert_many({"number": number} for number in (9, 10)) == 2
    assert Card.insert_many([ChainMap({"number": 11}), UserDict(number=12)]) == 2
    assert (Card.insert_many([]), Card.insert_many({}), Card.insert_many({"number": []})) == (0, 0, 0)
    assert sorted(number for number in Card.pluck(Card.number) if number) == list(range(1, 13))
    assert len(Card.where(member=ann)) == 7


WRONG_LOADS: list[tuple[Any, Any, type[Exception], str]] = [
    ([("x",)], None, FieldError, "^row 0: Card.insert_many: expected a mapping of names to values, got"),
    ([{"number": 1}], ["number"], FieldError, "expected a sequence of 1 values, got {'number': 1}"),
    ([UserDict(number=1)], ["number"], FieldError, "expected a sequence of 1 values"),
    ([(1, None, 2)], ["number", "member"], FieldError, "^row 0: Card.insert_many: expected 2 values"),
    (["ab"], ["number", "member"], FieldError, "expected a sequence of 2 values, got 'ab'"),
    (None, None, FieldError, "takes rows, or a mapping of columns, not None"),
    ("abc", None, FieldError, "takes rows, or a mapping of columns, not 'abc'"),
    (
        {"number": [1, 2], "member": [None]},
        None,
        FieldError,
        "2 values in column `member`, as many as in `number`, got 1",
    ),
    ({"number": "12"}, None, FieldError, "a single row goes into a list"),
    ({"number": 3}, None, FieldError, "a single row goes into a list"),
    ({"number": [3]}, ["number"], FieldError, "leave columns= out"),
    ([(1,)], "number", FieldError, "columns= takes several names"),
    ([(1,)], [Member.age], FieldError, "of Card, not Member.age"),
    ([(1,)], [Card.member.age], FieldError, "not Card.member.age"),
    ([(1,)], [3], FieldError, "not 3"),
    ([{"number": 1}, {"numbr": 2}], None, UnknownName, "^row 1: .*did you mean `number`"),
    ([{"number": 1}, {"number": 1}], None, UniqueError, "^row 1: .*another row of the same statement"),
    ([{"number": 1}, {"number": 77}], None, UniqueError, "^row 1: .*Card 1 "),
    ([{"member_id": 99}], None, IntegrityError, r"Card\[\d+\].member -> 99"),
    ([{"number": 1}, {"number": "x"}], None, FieldError, "^row 1: Card.number takes an int"),
]


@pytest.mark.parametrize(("rows", "columns", "error", "text"), WRONG_LOADS, ids=lambda value: repr(value)[:40])
def test_a_wrong_load_leaves_nothing(rows: Any, columns: Any, error: type[Exception], text: str) -> None:
    Card(number=77)
    with pytest.raises(error, match=text):
        Card.insert_many(rows, columns=columns)
    assert Card.count() == 1


def test_progress_of_a_load(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[int] = []
    assert Card.insert_many(({"number": n} for n in range(5000)), progress=seen.append) == 5000
    assert seen == [4096, 5000]
    assert Card.insert_many([{}], progress=True) == 1
    assert "Card: 1 rows" in capsys.readouterr().err
    with pytest.raises(FieldError, match="progress="):
        Card.insert_many([{}], progress=1)  # type: ignore[arg-type]
    with pytest.raises(ZeroDivisionError):
        Card.insert_many([{}], progress=lambda count: 1 // 0)  # type: ignore[arg-type, return-value]
    assert Card.count() == 5001


# ---------------------------------------------------------------- models that change meanwhile


class _Changing:
    """An int whose conversion changes the model."""

    def __init__(self, action: Any) -> None:
        self.action = action

    def __index__(self) -> int:
        self.action()
        return 1


def test_a_model_that_changes_while_values_are_converted(db: Database, base: type[Model]) -> None:
    from sinew import _engine

    class Thing(base):  # type: ignore[valid-type, misc]
        text: Attr[str] = field(default="")
        number: Attr[int] = field(default=0)
        checked: Attr[str] = field(default="", check=lambda value: indexing() if value == "index" else True)

    store: Any = getattr(db, "store")  # noqa: B009
    things = [Thing(text=str(n), checked=str(n)) for n in range(3)]
    added: list[Any] = []

    def indexing(name: str = "checked") -> bool:
        added.append(store.add_index(Thing, "many", [vars(Thing)[name]]))
        return True

    def changing() -> _Changing:
        return _Changing(lambda: indexing("text"))

    statements: list[Any] = [
        lambda: Thing(text="new", number=changing()),
        lambda: things[0].update(text="new", number=changing()),
        lambda: setattr(things[0], "checked", "index"),
        lambda: Thing.all().update(text="new", number=changing()),
        lambda: Thing.insert_many([{"text": "new", "number": changing()}]),
    ]
    for statement in statements:
        with pytest.raises(TransactionError, match="change models beforehand"):
            statement()
        store.check()
        while added:
            store.drop_index(added.pop())
    assert Thing.pluck(Thing.text, Thing.checked) == [(str(n), str(n)) for n in range(3)]
    field_added = _engine.Field("late", "int", nullable=True, default_factory=changing().__index__)
    with pytest.raises(TransactionError):
        store.add_field(Thing, field_added)
    store.check()


def test_a_foreign_key_is_checked_and_validated_whichever_way_it_is_given(base: type[Model]) -> None:
    class Team(base):  # type: ignore[misc, valid-type]
        members: HasMany[Member] = has_many()

    class Member(base):  # type: ignore[misc, valid-type]
        name: Attr[str] = field(default="")
        team_id: Attr[int | None] = field(default=None, check=lambda key: key != 3)
        team: BelongsTo[Team | None] = belongs_to(default=None)

        @validates("team_id")
        def _open(self, key: int) -> int:
            if key == 2:
                raise Invalid("is full")
            return key

    fine, full, closed = Team(), Team(), Team()
    member = Member(team=fine, team_id=fine.id)
    ways: list[Callable[[Any], Any]] = [
        lambda team: Member(team=team),
        lambda team: Member(team_id=team.id),
        lambda team: Member.insert_many([{"team": team}]),
        lambda team: Member.insert_many({"team": [team]}),
        lambda team: team.members.create(),
        lambda team: team.members.append(member),
        lambda team: setattr(member, "team", team),
        lambda team: member.update(team=team),
        lambda team: Member.all().update(team=team),
    ]
    for way in ways:
        with pytest.raises(Invalid, match=r"Member is not valid: team_id: is full"):
            way(full)
        with pytest.raises(FieldError, match=r"Member\.team_id"):
            way(closed)
    assert Member.count() == 1 and member.team is fine
    for way in ways:
        way(fine)
    assert Member.pluck(Member.team_id) == [1] * 6
