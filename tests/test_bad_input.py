"""Each kind of bad input: the error names model, field, value and remedy, and nothing has changed."""

from __future__ import annotations

import decimal
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv4Interface, IPv6Address
from typing import Any, Literal
from uuid import UUID, uuid4

import pytest

from sinew import (
    Attr,
    BelongsTo,
    Database,
    DefinitionError,
    DeleteRestricted,
    FieldError,
    HasMany,
    HasOne,
    IntegrityError,
    Invalid,
    KeyedModel,
    Model,
    NotFound,
    RecordDeleted,
    RelationError,
    SinewError,
    TransactionError,
    UniqueError,
    UnknownName,
    belongs_to,
    field,
    has_many,
    has_one,
    validates,
)

db = Database()


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Shape:
    """A class of one's own."""


class Base(Model, db=db, abstract=True):
    """The models of this file."""


class Owner(Base):
    name: Attr[str]
    email: Attr[str | None] = field(default=None, unique=True)
    things: HasMany[Thing] = has_many(inverse=lambda: Thing.owner)
    spare: HasMany[Thing] = has_many(inverse=lambda: Thing.keeper)

    @validates("email")
    def _email(self, value: str) -> str:
        if "@" not in value:
            raise Invalid("must contain @")
        return value.lower()


class Thing(Base, unique=[("owner", "title")]):
    title: Attr[str]
    flag: Attr[bool] = field(default=False)
    number: Attr[int] = field(default=0, check=lambda value: value >= 0)
    ratio: Attr[float] = field(default=0.0, index=True)
    data: Attr[bytes] = field(default=b"")
    day: Attr[date | None] = field(default=None)
    at: Attr[datetime | None] = field(default=None)
    moment: Attr[datetime | None] = field(default=None, tz="aware")
    span: Attr[timedelta] = field(default=timedelta())
    price: Attr[Decimal | None] = field(default=None)
    token: Attr[UUID | None] = field(default=None)
    address: Attr[IPv4Address | None] = field(default=None)
    color: Attr[Color] = field(default=Color.RED)
    size: Attr[Literal["s", "m"]] = field(default="s")
    shape: Attr[Shape | None] = field(default=None)
    owner: BelongsTo[Owner] = belongs_to()
    keeper: BelongsTo[Owner | None] = belongs_to(default=None)


class Pair(KeyedModel, db=db, primary_key=("left", "right")):
    left: Attr[int]
    right: Attr[str]


@pytest.fixture(autouse=True)
def rows() -> Any:
    db.clear()
    owner = Owner(name="Ann", email="ann@x.io")
    Thing(title="a", owner=owner, number=1)
    Thing(title="b", owner=owner, number=2)
    yield
    db.store.check()


def snapshot() -> list[Any]:
    return [[record.to_dict() for record in model.all()] for model in (Owner, Thing, Pair)]


def refused(action: Callable[[], Any], error: type[BaseException], *words: str) -> None:
    """The action raises exactly this kind, each word is in the message, and the store is as it was."""
    before = snapshot()
    with pytest.raises(error) as caught:
        action()
    message = str(caught.value)
    for word in words:
        assert word in message, f"{word!r} is not in: {message}"
    assert snapshot() == before
    db.store.check()


BAD_VALUES = [
    ("title", 3),
    ("title", b"x"),
    ("flag", 1),
    ("flag", "yes"),
    ("number", True),
    ("number", 1.0),
    ("number", "1"),
    ("number", 2**63),
    ("number", -(2**63) - 1),
    ("ratio", "1"),
    ("ratio", True),
    ("ratio", 10**400),
    ("ratio", Decimal(1)),
    ("data", "x"),
    ("data", bytearray(b"x")),
    ("day", datetime(2020, 1, 1)),
    ("day", "2020-01-01"),
    ("at", date(2020, 1, 1)),
    ("at", datetime(2020, 1, 1, tzinfo=UTC)),
    ("moment", datetime(2020, 1, 1)),
    ("span", 3),
    ("price", 1),
    ("price", "1"),
    ("price", Decimal("NaN")),
    ("token", "00000000-0000-0000-0000-000000000000"),
    ("address", "10.0.0.1"),
    ("address", 1),
    ("address", IPv6Address("::1")),
    ("address", IPv4Interface("10.0.0.1/8")),
    ("color", "red"),
    ("size", "xl"),
    ("shape", object()),
]


@pytest.mark.parametrize(("name", "value"), BAD_VALUES, ids=[f"{n}={v!r}"[:40] for n, v in BAD_VALUES])
def test_wrong_types(name: str, value: Any) -> None:
    thing, owner = Thing[1], Owner[1]
    words = ("Thing", name)
    refused(
        lambda: (
            Thing(title="new", owner=owner, **{name: value}) if name != "title" else Thing(title=value, owner=owner)
        ),
        FieldError,
        *words,
    )
    refused(lambda: setattr(thing, name, value), FieldError, *words)
    refused(
        lambda: thing.update(number=7, **{name: value}) if name != "number" else thing.update(number=value),
        FieldError,
        *words,
    )
    refused(lambda: Thing.all().update(**{name: value}), FieldError, *words)
    row = {"title": "new", "owner": owner} | {name: value}
    refused(lambda: Thing.insert_many([{"title": "ok", "owner": owner}, row]), FieldError, *words, "row 1")


def test_a_field_error_is_a_type_error_and_a_value_error() -> None:
    with pytest.raises(TypeError):
        Thing[1].number = "x"
    with pytest.raises(ValueError):
        Thing[1].number = "x"


def test_str_subclasses_are_refused_with_a_remedy() -> None:
    class Loud(str):
        pass

    refused(lambda: setattr(Thing[1], "title", Loud("x")), FieldError, "Thing.title", "str.__str__(value)")


def test_null_in_a_required_field() -> None:
    refused(lambda: Thing(title=None, owner=Owner[1]), FieldError, "Thing.title", "None")
    refused(lambda: setattr(Thing[1], "title", None), FieldError, "Thing.title", "None")
    refused(lambda: Thing.all().update(number=None), FieldError, "Thing.number", "None")
    refused(lambda: setattr(Thing[1], "owner", None), FieldError, "Thing.owner", "None")


def test_missing_and_unknown_arguments() -> None:
    refused(lambda: Thing(), FieldError, "Thing", "title", "owner")
    refused(lambda: Thing(titel="x", owner=Owner[1]), UnknownName, "Thing", "titel", "did you mean `title`")
    refused(lambda: Thing("x"), FieldError, "Thing", "keyword")
    refused(lambda: Thing[1].update(nmber=3), UnknownName, "nmber", "did you mean `number`")
    refused(lambda: Thing.insert_many([{"titel": "x"}]), UnknownName, "titel", "did you mean `title`")
    refused(lambda: Thing.where(titel="x"), UnknownName, "titel", "did you mean `title`")


def test_unknown_attributes() -> None:
    thing = Thing[1]
    refused(lambda: thing.titel, UnknownName, "Thing", "titel", "did you mean `title`")
    refused(lambda: setattr(thing, "titel", "x"), UnknownName, "titel", "did you mean `title`")
    refused(lambda: Thing.titel, UnknownName, "Thing", "titel", "did you mean `title`")
    refused(lambda: Thing.owner.nmae, UnknownName, "Owner", "nmae", "did you mean `name`")
    with pytest.raises(AttributeError):
        _ = thing.nothing_like_it


def test_duplicate_keys() -> None:
    with pytest.raises(UniqueError) as caught:
        Owner(name="Bob", email="ANN@x.io")
    error = caught.value
    assert (error.model, error.fields, error.values) == (Owner, ("email",), ("ann@x.io",))
    assert error.existing is Owner[1]
    bob = Owner(name="Bob")
    refused(lambda: Owner(name="x", email="ann@x.io"), UniqueError, "Owner", "email", "ann@x.io")
    refused(lambda: setattr(bob, "email", "ann@x.io"), UniqueError, "Owner", "email", "ann@x.io")
    refused(lambda: Owner(id=1, name="x"), UniqueError, "Owner", "id", "1")
    refused(lambda: Thing(title="a", owner=Owner[1]), UniqueError, "Thing", "title", "'a'")
    refused(lambda: Thing.where(title="b").update(title="a"), UniqueError, "Thing", "title", "'a'")
    refused(
        lambda: Owner.insert_many([{"name": "x", "email": "n@x"}, {"name": "y", "email": "n@x"}]), UniqueError, "row 1"
    )


def test_an_own_value_may_be_given_again_and_values_may_be_swapped() -> None:
    ann = Owner[1]
    ann.email = "ann@x.io"
    bob = Owner(name="Bob", email="bob@x.io")
    Owner(name="none"), Owner(name="none either")
    assert (ann.email, bob.email) == ("ann@x.io", "bob@x.io")


def test_dangling_references() -> None:
    refused(lambda: Thing(title="x", owner_id=77), IntegrityError, "Thing", "owner", "77", "transaction")
    refused(lambda: setattr(Thing[1], "owner_id", 0), IntegrityError, "Thing", "owner", "0")
    refused(lambda: Thing.all().update(keeper_id=9), IntegrityError, "Thing", "keeper", "9")

    def in_a_transaction() -> None:
        with db.transaction():
            Thing(title="x", owner_id=77)
            Thing(title="y", owner_id=78)

    refused(in_a_transaction, IntegrityError, "owner", "77", "78")


def test_references_to_other_models_and_contradictions() -> None:
    ann, bob = Owner[1], Owner(name="Bob")
    refused(lambda: Thing(title="x", owner=Thing[1]), FieldError, "Thing.owner", "Owner")
    refused(lambda: Thing(title="x", owner=1), FieldError, "Thing.owner", "Owner")
    refused(lambda: Thing(title="x", owner=ann, owner_id=bob.id), FieldError, "owner", "owner_id")
    bob.delete()
    refused(lambda: Thing(title="x", owner=bob), RecordDeleted, "Owner")


def test_restricted_deletes_say_who_refers() -> None:
    refused(Owner[1].delete, DeleteRestricted, "Owner", "2 Thing", "owner")


def test_removing_from_a_required_collection() -> None:
    ann = Owner[1]
    refused(lambda: ann.things.remove(Thing[1]), RelationError, "things", "move or delete")
    refused(ann.things.clear, RelationError, "things", "move or delete")
    refused(lambda: setattr(ann, "things", []), RelationError, "things", "move or delete")


def test_nan_in_an_indexed_field() -> None:
    refused(lambda: Thing(title="x", owner=Owner[1], ratio=float("nan")), FieldError, "Thing.ratio", "nan")
    refused(lambda: setattr(Thing[1], "ratio", float("nan")), FieldError, "Thing.ratio", "nan")


def test_checks_and_validators() -> None:
    refused(lambda: setattr(Thing[1], "number", -1), FieldError, "Thing.number", "-1")
    refused(lambda: Thing(title="x", owner=Owner[1], number=-1), FieldError, "Thing.number", "-1")
    refused(lambda: Owner(name="x", email="nothing"), Invalid, "Owner", "email", "must contain @")
    with pytest.raises(Invalid) as caught:
        Owner[1].email = "nothing"
    assert caught.value.errors == {"email": ["must contain @"]}
    Owner[1].email = "NEW@x.io"
    assert Owner[1].email == "new@x.io"


def test_keys() -> None:
    refused(lambda: Thing["1"], FieldError, "Thing", "'1'")
    refused(lambda: Thing.find(1.0), FieldError, "Thing", "1.0")
    refused(lambda: Thing[99], NotFound, "Thing", "99")
    refused(lambda: Thing.get(99), NotFound, "Thing", "99")
    refused(lambda: Pair[1], FieldError, "Pair", "left", "right")
    refused(lambda: Pair[1, 2], FieldError, "Pair", "right")
    refused(lambda: Thing.find_by(), FieldError, "Thing", "find_by")
    refused(lambda: setattr(Thing[1], "id", 5), FieldError, "Thing.id", "immutable")
    assert Thing.find(None) is None
    assert Thing.find(99) is None
    with pytest.raises(LookupError):
        Thing[99]


def test_overflow_in_a_query() -> None:
    Thing[1].number = 2**63 - 1
    refused(lambda: Thing.where(Thing.number + 1 > 0).count(), FieldError, "64 bits")
    refused(lambda: Thing.sum(Thing.number), FieldError, "64 bits")
    refused(lambda: Thing.all().update(number=Thing.number + 1), FieldError, "64 bits")


def test_deleted_records() -> None:
    thing = Thing[1]
    thing.delete()
    refused(lambda: thing.title, RecordDeleted, "Thing")
    refused(lambda: setattr(thing, "title", "x"), RecordDeleted, "Thing")
    refused(thing.delete, RecordDeleted, "Thing")
    assert "deleted" in repr(thing)
    assert thing == thing and hash(thing) == hash(thing)


def test_predicates_have_no_truth_value() -> None:
    with pytest.raises(TypeError, match="&"):
        bool(Thing.number > 3)
    with pytest.raises(TypeError, match="&"):
        _ = 1 < Thing.number < 5
    with pytest.raises(TypeError, match="&"):
        Thing.where(Thing.flag and Thing.number > 1)


def test_columns_of_another_model_name_the_path() -> None:
    refused(lambda: Thing.where(Owner.name == "Ann").count(), SinewError, "Thing.owner.name")
    refused(lambda: Thing.order_by(Owner.name).first(), SinewError, "Thing.owner.name")
    refused(lambda: Owner.order_by(Owner.things.title).first(), SinewError, "things", "to-many")


def test_paths_refuse_verbs() -> None:
    refused(lambda: Thing.owner(), SinewError, "exists")
    refused(lambda: Owner.things.where(title="x"), SinewError, "exists")


def test_statements_after_a_rollback() -> None:
    with db.transaction() as tx:
        tx.rollback()
        refused(lambda: Owner(name="x"), TransactionError, "rolled back")


def test_unfiltered_bulk_changes_need_all() -> None:
    from sinew import Query

    refused(lambda: Query(Thing).delete(), SinewError, "all()")
    refused(lambda: Query(Thing).update(number=3), SinewError, "all()")


# ---------------------------------------------------------------- definitions


def definition(build: Callable[[Database], Any], *words: str) -> None:
    """Building the models, or resolving them, raises a DefinitionError with these words and leaves no trace."""
    database = Database()
    with pytest.raises(DefinitionError) as caught:
        build(database)
        database.check()
    for word in words:
        assert word in str(caught.value), f"{word!r} is not in: {caught.value}"
    assert caught.value.file is None or caught.value.file.endswith("test_bad_input.py")


def test_mutable_defaults() -> None:
    def build(database: Database) -> None:
        class Bad(Model, db=database):
            data: Attr[object] = field(default=[], type=object)

    definition(build, "Bad.data", "default_factory")


def test_bare_defaults_and_bare_annotations() -> None:
    def bare_default(database: Database) -> None:
        class Bad(Model, db=database):
            title: Attr[str] = "x"  # type: ignore[assignment]

    def bare_annotation(database: Database) -> None:
        class Bad(Model, db=database):
            title: str

    definition(bare_default, "Bad.title", "field(default=")
    definition(bare_annotation, "Bad.title", "Attr[str]", "ClassVar")


def test_a_default_of_the_wrong_type() -> None:
    def build(database: Database) -> None:
        class Bad(Model, db=database):
            number: Attr[int] = field(default="x")  # type: ignore[assignment]

    definition(build, "Bad.number", "'x'", "int")


def test_unknown_options() -> None:
    def of_a_field(database: Database) -> None:
        class Bad(Model, db=database):
            title: Attr[str] = field(uniqe=True)  # type: ignore[call-overload]

    def of_a_class(database: Database) -> None:
        class Bad(Model, db=database, indx=["title"]):  # type: ignore[call-arg]
            title: Attr[str]

    def of_a_value(database: Database) -> None:
        class Bad(Model, db=database):
            number: Attr[int] = field(index="sorted")  # type: ignore[arg-type]

    def of_on_delete(database: Database) -> None:
        class Bad(Model, db=database):
            other: BelongsTo[Bad | None] = belongs_to(default=None, on_delete="explode")  # type: ignore[arg-type]

    definition(of_a_field, "uniqe", "did you mean `unique`")
    definition(of_a_class, "indx", "did you mean `index`")
    definition(of_a_value, "sorted", "ordered")
    definition(of_on_delete, "explode", "cascade")


def test_duplicate_models_name_both_places() -> None:
    def build(database: Database) -> None:
        def first() -> None:
            class Twice(Model, db=database):
                title: Attr[str]

        def second() -> None:
            class Twice(Model, db=database):
                title: Attr[str]

        first()
        second()

    definition(build, "Twice", "first", "second")


def test_unresolvable_targets() -> None:
    def unknown_model(database: Database) -> None:
        class Author(Model, db=database):
            name: Attr[str]

        class Bad(Model, db=database):
            author: BelongsTo[Auhtor] = belongs_to()  # type: ignore[name-defined]  # noqa: F821

    def no_inverse(database: Database) -> None:
        class Book(Model, db=database):
            title: Attr[str]

        class Bad(Model, db=database):
            books: HasMany[Book] = has_many()

    def ambiguous(database: Database) -> None:
        class Bad(Model, db=database):
            sent: HasMany[Letter] = has_many()

        class Letter(Model, db=database):
            sender: BelongsTo[Bad] = belongs_to()
            receiver: BelongsTo[Bad] = belongs_to()

    definition(unknown_model, "Bad.author", "Auhtor", "did you mean `Author`")
    definition(no_inverse, "Bad.books", "Book", "BelongsTo[Bad]")
    definition(ambiguous, "Bad.sent", "sender", "receiver", "inverse=")


def test_check_reports_every_problem_at_once() -> None:
    database = Database()

    class One(Model, db=database):
        other: BelongsTo[Missing] = belongs_to()  # type: ignore[name-defined]  # noqa: F821

    class Two(Model, db=database):
        ones: HasMany[One] = has_many()

    with pytest.raises(DefinitionError) as caught:
        database.check()
    assert "Missing" in str(caught.value)
    assert "Two.ones" in str(caught.value)


def test_contradictory_references() -> None:
    def nullify_required(database: Database) -> None:
        class Bad(Model, db=database):
            other: BelongsTo[Bad] = belongs_to(on_delete="nullify")

    def keep_enforced(database: Database) -> None:
        class Bad(Model, db=database):
            other: BelongsTo[Bad | None] = belongs_to(default=None, on_delete="keep")

    def dangling_but_required(database: Database) -> None:
        class Bad(Model, db=database):
            other: BelongsTo[Bad] = belongs_to(enforce=False)  # type: ignore[assignment]

    def never_none(database: Database) -> None:
        class Bad(Model, db=database):
            other: BelongsTo[Bad | None] = belongs_to(default=None)
            one: HasOne[Bad] = has_one()  # type: ignore[assignment]

    def one_key_twice(database: Database) -> None:
        class Bad(Model, db=database):
            first: BelongsTo[Bad | None] = belongs_to(default=None, foreign_key="key")
            second: BelongsTo[Bad | None] = belongs_to(default=None, foreign_key="key")

    definition(nullify_required, "Bad.other", "nullify")
    definition(keep_enforced, "Bad.other", "enforce=False")
    definition(dangling_but_required, "Bad.other", "| None")
    definition(never_none, "Bad.one", "| None")
    definition(one_key_twice, "first", "second", "key")


def test_reserved_names_and_subclassing() -> None:
    def reserved(database: Database) -> None:
        class Bad(Model, db=database):
            update: Attr[int]  # type: ignore[assignment]

    def constructor(database: Database) -> None:
        class Bad(Model, db=database):
            def __init__(self) -> None: ...

    def concrete(database: Database) -> None:
        class Good(Model, db=database):
            title: Attr[str]

        class Bad(Good):
            more: Attr[str]

    definition(reserved, "Bad", "update")
    definition(constructor, "Bad", "__init__")
    definition(concrete, "Bad", "Good", "abstract=True")


def test_a_failed_definition_can_be_mended() -> None:
    database = Database()
    with pytest.raises(DefinitionError):

        class Fixed(Model, db=database):
            title: Attr[str] = "x"  # type: ignore[assignment]

    assert "Fixed" not in database.models

    class Fixed(Model, db=database):  # type: ignore[no-redef]
        title: Attr[str]

    assert Fixed(title="x").id == 1


def test_values_round_trip_exactly() -> None:
    owner = Owner[1]
    token = uuid4()
    thing = Thing(
        title="\ud800 ä",
        owner=owner,
        ratio=-0.0,
        at=datetime(2020, 10, 25, 2, 30, fold=1),
        price=Decimal("1.00"),
        token=token,
        day=date.max,
        span=timedelta(days=100_000_000),
        color=Color.BLUE,
    )
    assert thing.title == "\ud800 ä"
    assert str(thing.ratio) == "-0.0"
    assert thing.at is not None and thing.at.fold == 1
    assert str(thing.price) == "1.00"
    assert thing.token == token
    assert (thing.day, thing.span, thing.color) == (date.max, timedelta(days=100_000_000), Color.BLUE)
    assert Thing.where(price=Decimal("1.0")).one() is thing
    assert Thing.where(ratio=0.0).count() == 3
    with decimal.localcontext() as context:
        context.prec = 2
        thing.price = Decimal("123.456")
        assert str(thing.price) == "123.456"
