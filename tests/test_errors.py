"""What errors say: model, field, value and remedy, whatever the value's own methods do."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from sinew import (
    Attr,
    BelongsTo,
    Database,
    DefinitionError,
    DeleteRestricted,
    FieldError,
    HasMany,
    IntegrityError,
    Invalid,
    Model,
    NotFound,
    RecordDeleted,
    RelationError,
    SinewError,
    TransactionError,
    UniqueError,
    UnknownName,
    belongs_to,
    errors,
    field,
    validates,
)

db = Database()


class Author(Model, db=db):
    name: Attr[str]
    email: Attr[str | None] = field(default=None, unique=True)
    posts: HasMany[Post]

    @validates("email")
    def _email(self, value: str) -> str:
        if "@" not in value:
            raise Invalid("must contain @")
        return value

    @validates("name")
    def _name(self, value: str) -> str:
        if not value:
            raise Invalid("is empty")
        return value


class Post(Model, db=db):
    title: Attr[str]
    author: BelongsTo[Author] = belongs_to()


@pytest.fixture(autouse=True)
def empty() -> Any:
    db.clear()
    yield
    db.store.check()  # type: ignore[attr-defined]


# ---------------------------------------------------------------- values in messages


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no")


class NoText:
    def __repr__(self) -> str:
        return 3  # type: ignore[return-value]


class Lines:
    def __repr__(self) -> str:
        return "one\ntwo\r\nthree"


class Meta(type):
    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise RuntimeError("no")


class Nameless(metaclass=Meta):
    def __repr__(self) -> str:
        raise RuntimeError("no")


def endless() -> Any:
    one: list[Any] = []
    one.append(one)
    return one


@pytest.mark.parametrize(
    "value",
    [
        Hostile(),
        NoText(),
        Lines(),
        Nameless(),
        endless(),
        "x" * 10_000,
        list(range(10_000)),
        10**5000,
        {"a": Hostile()},
        "\ud800\n",
    ],
    ids=[f"value{n}" for n in range(10)],
)
def test_showing_any_value(value: Any) -> None:
    text = errors.show(value)
    assert 0 < len(text) <= errors.SHOWN
    assert "\n" not in text and "\r" not in text
    text.encode()


def test_showing_keeps_both_ends() -> None:
    text = errors.show("a" * 100 + "z" * 100, 30)
    assert len(text) == 30 and text.startswith("'aaa") and text.endswith("zz'") and "..." in text


def test_hostile_values_in_real_messages() -> None:
    for value in (Hostile(), Nameless(), Lines()):
        with pytest.raises(FieldError, match=r"Author\.name takes") as caught:
            Author(name=value)  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "candidates", "expected"),
    [
        ("titel", ["title", "body"], "; did you mean `title`?"),
        ("xyz", ["title", "body"], ""),
        ("", [], ""),
        (3, ["title"], ""),
    ],
)
def test_suggestions(name: object, candidates: list[str], expected: str) -> None:
    assert errors.suggest(name, candidates) == expected


# ---------------------------------------------------------------- classes


@pytest.mark.parametrize(
    ("kind", "also"),
    [
        (DefinitionError, Exception),
        (FieldError, TypeError),
        (FieldError, ValueError),
        (Invalid, Exception),
        (UniqueError, Exception),
        (NotFound, LookupError),
        (UnknownName, AttributeError),
        (RelationError, Exception),
        (IntegrityError, Exception),
        (DeleteRestricted, Exception),
        (RecordDeleted, Exception),
        (TransactionError, Exception),
    ],
)
def test_every_error_is_a_sinew_error(kind: type[Exception], also: type[Exception]) -> None:
    assert issubclass(kind, SinewError) and issubclass(kind, also)
    assert str(kind("words")) == "words"


def test_errors_survive_pickling() -> None:
    made = [
        DefinitionError("words", file="x.py", line=3),
        Invalid("words", errors={"a": ["b"]}),  # type: ignore[call-arg]
        UniqueError("words", model=Author, fields=("a",), values=(1,)),  # type: ignore[call-arg]
        errors.dangling([(Author, 1, "author", 2)], 1),
    ]
    for error in made:
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error) and again.args == error.args and vars(again) == vars(error)


def test_definition_errors_tell_the_place() -> None:
    with pytest.raises(DefinitionError) as caught:

        class Bad(Model, db=db):
            title: Attr[str] = field(default=3)  # type: ignore[assignment]

    error = caught.value
    assert error.file == __file__ and error.line is not None
    assert f"{__file__}:{error.line}" in str(error)
    assert str(error).startswith("Bad.title")


# ---------------------------------------------------------------- messages with their attributes


def test_unique_errors() -> None:
    ann = Author(name="Ann", email="a@x")
    with pytest.raises(UniqueError, match=r"Author with email='a@x' exists already: <Author 1 ") as caught:
        Author(name="Bob", email="a@x")
    error = caught.value
    assert (error.model, error.fields, error.values, error.existing) == (Author, ("email",), ("a@x",), ann)


def test_invalid_errors_by_field() -> None:
    with pytest.raises(Invalid, match="Author is not valid") as caught:
        Author(name="Ann", email="nothing")
    assert caught.value.errors == {"email": ["must contain @"]}
    assert Invalid("words").errors == {"": ["words"]}


def test_invalid_collects_all_fields() -> None:
    with pytest.raises(Invalid) as caught:
        Author(name="", email="nothing")
    assert caught.value.errors == {"name": ["is empty"], "email": ["must contain @"]}


def test_other_exceptions_of_validators_propagate() -> None:
    class Odd(Model, db=Database()):
        size: Attr[int]

        @validates("size")
        def _size(self, value: int) -> int:
            return 1 // value

    with pytest.raises(ZeroDivisionError):
        Odd(size=0)
    assert Odd(size=1).size == 1


def test_deletes_that_are_restricted() -> None:
    ann = Author(name="Ann")
    Post(title="a", author=ann)
    Post(title="b", author=ann)
    with pytest.raises(DeleteRestricted, match=r"Author\[1\] cannot be deleted: .* 2 Post by `author`") as caught:
        ann.delete()
    assert caught.value.referring == ((Post, "author", 2),)  # type: ignore[attr-defined]


def test_dangling_references() -> None:
    with pytest.raises(IntegrityError, match=r"Post\[1\]\.author -> 9.*load parents first") as caught:
        Post(title="a", author_id=9)  # type: ignore[call-arg]
    assert caught.value.problems == ((Post, 1, "author", 9),)  # type: ignore[attr-defined]


def test_many_dangling_references_are_counted() -> None:
    with pytest.raises(IntegrityError, match=r"50 references .* and 30 more"):
        Post.insert_many([{"title": "x", "author_id": 9} for _ in range(50)])


def test_unknown_names_in_every_place() -> None:
    ann = Author(name="Ann")
    places: list[Any] = [
        lambda: Author.nmae,
        lambda: ann.nmae,  # type: ignore[attr-defined]
        lambda: setattr(ann, "nmae", "x"),
        lambda: setattr(Author, "nmae", "x"),
        lambda: Author(nmae="x"),  # type: ignore[call-arg]
        lambda: ann.update(nmae="x"),
        lambda: ann.to_dict("nmae"),
        lambda: Author.insert_many([{"nmae": "x"}]),
        lambda: Author.insert_many({"nmae": ["x"]}),
        lambda: Author.insert_many([("x",)], columns=["nmae"]),
        lambda: Author.find_by(nmae="x"),
        lambda: Author.get_or_create(nmae="x"),
    ]
    for place in places:
        with pytest.raises(UnknownName, match=r"Author.*`nmae`.*did you mean `name`"):
            place()
    assert Author.count() == 1


def test_relations_are_no_arguments() -> None:
    with pytest.raises(UnknownName, match=r"Author\.posts is a has_many"):
        Author(name="x", posts=[])  # type: ignore[call-arg]


def test_fields_of_a_class_cannot_be_assigned() -> None:
    for name in ("name", "posts"):
        with pytest.raises(FieldError, match=f"Author.{name} is declared"):
            setattr(Author, name, 3)
    assert repr(Author.name) == "Author.name"


def test_row_numbers() -> None:
    with pytest.raises(FieldError, match=r"^row 1: Author\.name takes a str, not 3"):
        Author.insert_many([{"name": "x"}, {"name": 3}])
    with pytest.raises(FieldError, match=r"^row 1: Author\.insert_many"):
        Author.insert_many([("x", "y@z"), ("z",)], columns=["name", "email"])
    assert Author.count() == 0


def test_deleted_records_say_so() -> None:
    ann = Author(name="Ann")
    ann.delete()
    assert repr(ann) == "<Author (deleted)>"
    with pytest.raises(RecordDeleted, match="this Author has been deleted"):
        _ = ann.name
    with pytest.raises(RecordDeleted, match="Author"):
        ann.to_dict()
