"""`@getter`: declarations and their mistakes, values of records, what refuses to set them, bases, mixins, redefinition.

As columns of queries they are in test_getter_columns.py; delegates and aggregates in test_declared_getters.py."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

import sinew
from sinew import (
    Attr,
    BelongsTo,
    Database,
    DefinitionError,
    FieldError,
    Getter,
    HasMany,
    Invalid,
    KeyedModel,
    ManyToMany,
    Model,
    RecordDeleted,
    SinewError,
    UnknownName,
    _engine,
    belongs_to,
    count_of,
    define,
    delegate,
    deleted_at,
    field,
    getter,
    has_many,
    many_to_many,
    validates,
)


def refused(build: Callable[[], Any], *words: str) -> DefinitionError:
    with pytest.raises(DefinitionError) as caught:
        build()
    for word in words:
        assert word in str(caught.value), f"{word!r} is not in: {caught.value}"
    assert caught.value.file == __file__
    assert isinstance(caught.value.line, int)
    return caught.value


@pytest.fixture
def blog(base: Any) -> Any:
    class Author(base):
        name: Attr[str]
        surname: Attr[str | None] = field(default=None)
        posts: HasMany[Post] = has_many(inverse=lambda: Post.author)

        @getter
        def full_name(self) -> str:
            """Name and surname."""
            return f"{self.name} {self.surname}" if self.surname else self.name

        @getter(cache=False, doc="What he wrote.")
        def titles(self) -> list[str]:
            """Not this one."""
            return [post.title for post in self.posts]

        @getter
        def shout(self) -> str:
            return self.full_name.upper()

    class Post(base):
        title: Attr[str]
        author: BelongsTo[Author] = belongs_to(on_delete="cascade")

    return Author, Post


# ---------------------------------------------------------------- values


def test_a_getter_is_read_like_a_field(blog: Any) -> None:
    author, post = blog
    ann = author(name="Ann", surname="Lee")
    assert (ann.full_name, ann.titles, ann.shout) == ("Ann Lee", [], "ANN LEE")
    ann.surname = None
    post(title="Hello", author=ann)
    assert (ann.full_name, ann.titles, ann.shout) == ("Ann", ["Hello"], "ANN")


def test_what_the_class_gives(blog: Any) -> None:
    author, _ = blog
    assert author.full_name is author.full_name
    assert repr(author.full_name) == "Author.full_name"
    assert repr(blog[1].author.full_name) == "Post.author.full_name"
    assert blog[1].author.full_name is blog[1].author.full_name
    assert author.full_name.name == "full_name"


def test_documentation(blog: Any) -> None:
    author, _ = blog
    assert vars(author)["full_name"].__doc__ == "Name and surname."
    assert vars(author)["titles"].__doc__ == "What he wrote."
    assert vars(author)["titles"].cache is False and vars(author)["full_name"].cache is True
    assert isinstance(inspect.getattr_static(author, "shout"), _engine.Getter)


def test_it_is_no_field(blog: Any) -> None:
    author, _ = blog
    ann = author(name="Ann")
    assert ann.to_dict() == {"id": 1, "name": "Ann", "surname": None}
    assert ann.to_dict("shout", "titles") == {"id": 1, "name": "Ann", "surname": None, "shout": "ANN", "titles": []}
    assert "full_name" not in repr(ann)
    assert list(inspect.signature(author).parameters) == ["id", "name", "surname"]
    assert "full_name" in dir(author) and "full_name" in dir(ann) and "full_name" in dir(blog[1].author)


def test_repr_runs_no_getter(base: Any) -> None:
    class Loud(base):
        name: Attr[str]

        @getter
        def broken(self) -> str:
            raise AssertionError("nobody asked")

    loud = Loud(name="x")
    assert repr(loud) == "<Loud 1 name='x'>"
    assert loud.to_dict() == {"id": 1, "name": "x"}
    with pytest.raises(AssertionError, match="nobody asked"):
        loud.to_dict("broken")


def test_a_deleted_record_has_none(blog: Any) -> None:
    author, _ = blog
    ann = author(name="Ann")
    ann.delete()
    for name in ("full_name", "titles"):
        with pytest.raises(RecordDeleted, match="Author has been deleted"):
            getattr(ann, name)


def test_a_soft_deleted_record_has_those_that_read_fields(base: Any) -> None:
    class Note(base):
        text: Attr[str]
        gone: Attr[datetime | None] = deleted_at()

        @getter
        def short(self) -> str:
            return self.text[:3]

    note = Note(text="Remember")
    note.delete()
    assert note.short == "Rem"
    assert Note.with_deleted().where(Note.short == "Rem").count() == 1
    assert Note.only_deleted().pluck(Note.short) == ["Rem"]
    assert Note.where(Note.short == "Rem").count() == 0
    note.delete(force=True)
    with pytest.raises(RecordDeleted):
        _ = note.short


def test_a_record_of_another_model(blog: Any) -> None:
    author, post = blog
    descriptor = vars(author)["full_name"]
    written = post(title="x", author=author(name="Ann"))
    with pytest.raises(TypeError, match="getter 'full_name' is read on records of .*Author"):
        descriptor.__get__(written, post)
    with pytest.raises(TypeError, match="getter 'full_name'"):
        descriptor.__set__(written, 1)
    with pytest.raises(TypeError, match="getter 'full_name'"):
        descriptor.__get__(3)


def test_exceptions_are_those_of_the_function(base: Any) -> None:
    class Thing(base):
        @getter
        def ratio(self) -> float:
            return 1 / (self.id - 1)

        @getter
        def typo(self) -> str:
            return self.nmae

    thing = Thing()
    with pytest.raises(ZeroDivisionError):
        _ = thing.ratio
    with pytest.raises(UnknownName, match="Thing has no attribute `nmae`"):
        _ = thing.typo


def test_values_that_can_be_gone_through_once_are_refused(base: Any) -> None:
    async def later() -> int:
        return 1

    class Thing(base):
        @getter
        def numbers(self) -> Any:
            return (each for each in (1, 2))

        @getter
        def pairs(self) -> Any:
            return zip([1], [2], strict=True)

        @getter
        def promise(self) -> Any:
            return later()

        @getter
        def lists(self) -> Any:
            return [1], (2,), range(3), {4}

    thing = Thing()
    for name, kind in (("numbers", "generator"), ("pairs", "zip"), ("promise", "coroutine")):
        with pytest.raises(FieldError, match=rf"the getter Thing.{name} gave .*\({kind}\).*return a list or a tuple"):
            getattr(thing, name)
        with pytest.raises(FieldError, match=rf"Thing.{name} gave"):
            Thing.pluck(getattr(Thing, name))
    assert thing.lists == ([1], (2,), range(3), {4})


def test_recursion_ends(base: Any) -> None:
    class Loop(base):
        @getter
        def a(self) -> int:
            return self.b

        @getter
        def b(self) -> int:
            return self.a

    with pytest.raises(RecursionError):
        _ = Loop().a


# ---------------------------------------------------------------- nobody sets one


def test_it_cannot_be_set(blog: Any) -> None:
    author, _ = blog
    ann = author(name="Ann")
    with pytest.raises(FieldError, match=r"^Author.full_name is computed by a getter and cannot be set to 'x'; change"):
        ann.full_name = "x"
    with pytest.raises(FieldError, match="Author.full_name is computed by a getter and cannot be deleted"):
        del ann.full_name
    given = "Author.full_name is computed by a getter and cannot be given; give what it reads"
    for action in (
        lambda: author(name="x", full_name="y"),
        lambda: ann.update(full_name="y"),
        lambda: author.upsert(id=1, name="x", full_name="y"),
        lambda: author.insert_many({"name": ["x"], "full_name": ["y"]}),
        lambda: author.all().update(full_name="y"),
        lambda: author.insert_many([{"name": "x", "full_name": "y"}]),
        lambda: author.insert_many([("x", "y")], columns=["name", "full_name"]),
        lambda: author.create_tree(name="x", full_name="y"),
        lambda: ann.assign_tree({"full_name": "y"}),
        lambda: author.get_or_create(name="x", defaults={"full_name": "y"}),
    ):
        with pytest.raises(FieldError, match=given):
            action()
    assert author.find_by(full_name="Ann") is ann and author.where(full_name="x").update(name="y") == 0
    with pytest.raises(FieldError, match="Author.full_name is a getter, declared by the class statement"):
        author.full_name = "x"
    with pytest.raises(FieldError, match="Author.full_name is declared by the class statement and cannot be deleted"):
        del author.full_name
    assert author.count() == 1 and ann.full_name == "Ann"


def test_near_names_are_suggested(blog: Any) -> None:
    author, post = blog
    ann = author(name="Ann")
    for action in (
        lambda: ann.fullname,
        lambda: author.fulname,
        lambda: author.where(ful_name="x"),
        lambda: post.author.ful_name,
        lambda: post.include(post.author, only=["ful_name"]),
    ):
        with pytest.raises(UnknownName, match=r"did you mean `full_name`\?"):
            action()
    with pytest.raises(UnknownName, match=r"did you mean"):
        setattr(ann, "ful_name", 1)  # noqa: B010


# ---------------------------------------------------------------- mistakes in declarations


def generator_function(self: Any) -> Iterator[int]:
    yield 1


async def coroutine_function(self: Any) -> int:
    return 1


async def async_generator(self: Any) -> AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        (lambda: getter(generator_function), ("generator function", "return a list or a tuple")),
        (lambda: getter(functools.partial(generator_function)), ("generator function",)),
        (lambda: getter(coroutine_function), ("async function", "cannot be awaited")),
        (lambda: getter(async_generator), ("async function",)),
        (lambda: getter(property(lambda self: 1)), ("a property under @getter", "leave @property out")),
        (lambda: getter(staticmethod(len)), ("a staticmethod under @getter", "without @staticmethod")),
        (lambda: getter(classmethod(len)), ("a classmethod under @getter",)),
        (lambda: property(getter(lambda self: 1)), ("a property around a getter", "leave @property out")),
        (lambda: staticmethod(getter(lambda self: 1)), ("a staticmethod around a getter",)),
        (lambda: classmethod(getter(lambda self: 1)), ("a classmethod around a getter",)),
        (lambda: getter(lambda: 1), ("takes ()", "called with the record alone: `def name(self)`")),
        (lambda: getter(lambda self, other: 1), ("takes (self, other)",)),
        (lambda: getter(lambda self, *, other: 1), ("takes (self, *, other)",)),
        (lambda: getter(3), ("takes a function of the record, not 3",)),
        (lambda: getter(str), ("takes a function of the record, not <class 'str'>",)),
        (lambda: getter(cache="no")(lambda self: 1), ("cache='no'; use True or False",)),
        (lambda: getter(doc=3)(lambda self: 1), ("doc=3; use a text",)),
        (lambda: delegate("author.name"), ("takes a lambda, delegate(lambda: Post.author.name), not 'author.name'",)),
        (lambda: count_of(3), ("takes a lambda, count_of(lambda: Author.posts), not 3",)),
        (lambda: count_of(int), ("takes a lambda",)),
    ],
)
def test_functions_that_cannot_be_getters(db: Database, declared: Callable[[], Any], words: tuple[str, ...]) -> None:
    def by_statement() -> None:
        class Thing(Model, db=db):
            value = declared()

    refused(by_statement, "Thing.value", *words)
    refused(lambda: define("Other", {"value": declared()}, db=db), "Other.value", *words)
    assert not db.models


@pytest.mark.parametrize(
    "declared", [lambda: getter(lambda self, more=1: 1), lambda: getter(lambda *all: 1), lambda: getter(max)]
)
def test_functions_that_can(db: Database, declared: Callable[[], Any]) -> None:
    assert define("Thing", {"value": declared()}, db=db)() is not None


@pytest.mark.parametrize("name", ["update", "delete", "changes", "expire", "to_dict", "was"])
def test_names_of_methods_of_records(db: Database, name: str) -> None:
    refused(
        lambda: define("Thing", {name: getter(lambda self: 1)}, db=db),
        f"Thing.{name}", "has the name of a method of records",
    )  # fmt: skip


def test_names_of_verbs_are_free(base: Any) -> None:
    class Thing(base):
        @getter
        def count(self) -> int:
            return 3

    assert Thing().count == 3 and Thing.all().count() == 1
    assert Thing.where(Thing.count == 3).exists()


@pytest.mark.parametrize("option", ["index", "unique"])
def test_no_column_to_index(db: Database, option: str) -> None:
    define("Thing", {"value": getter(lambda self: 1)}, db=db, **{option: ["value"]})
    refused(db.check, f"Thing: {option}= names `value`, a getter, which has no column here")


def test_no_column_to_refer_to(db: Database) -> None:
    class Author(Model, db=db):
        @getter
        def code(self) -> str:
            return "x"

    class Post(Model, db=db):
        author: BelongsTo[Author] = belongs_to(references=lambda: Author.code)

    refused(db.check, "references= names `code`, a getter, which has no column here")


def test_annotated(db: Database) -> None:
    def twice() -> None:
        class Thing(Model, db=db):
            value: Attr[int] = getter(lambda self: 1)

    refused(twice, "Thing.value", "annotated `Attr[int]` and declared by getter; leave the annotation out")

    class Right(Model, db=db):
        value: Getter[int] = getter(lambda self: 1)
        same: sinew.Getter[int] = delegate(lambda: Right.value)

    assert (Right().value, Right().same) == (1, 1)


def test_a_field_and_a_getter_of_one_name(db: Database) -> None:
    class Named(Model, db=db, abstract=True):
        name: Attr[str]

    class Computing(Model, db=db, abstract=True):
        @getter
        def name(self) -> str:
            return "x"

    def getter_over_field() -> None:
        class A(Named):
            @getter
            def name(self) -> str:
                return "x"

    def field_over_getter() -> None:
        class B(Computing):
            name: Attr[str]

    def relation_over_getter() -> None:
        class C(Computing):
            name: BelongsTo[C] = belongs_to()

    def key() -> None:
        class D(Model, db=db):
            @getter
            def id(self) -> int:
                return 1

    refused(getter_over_field, "A.name is both a getter and a field", "rename one of them")
    refused(field_over_getter, "B.name", "both a getter and a field")
    refused(relation_over_getter, "C.name", "both a getter and a relation")
    refused(key, "D.id", "both a getter and a field")
    assert not db.models


def test_a_foreign_key_of_its_name(db: Database) -> None:
    class Author(Model, db=db):
        pass

    class Post(Model, db=db):
        author: BelongsTo[Author] = belongs_to()

        @getter
        def author_id(self) -> int:
            return 1

    refused(db.check, "Post.author needs a foreign key field `author_id`, but that name is taken")


def test_a_validator_of_a_getter(db: Database) -> None:
    def build() -> None:
        class Thing(Model, db=db):
            @getter
            def value(self) -> int:
                return 1

            @validates("value")
            def _value(self, value: int) -> int:
                return value

    refused(build, "Thing._value", "validates `value`, which is computed; validate what it reads")


def test_a_validator_reads_none_while_the_record_is_made(base: Any) -> None:
    class Thing(base):
        name: Attr[str]

        @getter
        def loud(self) -> str:
            return self.name.upper()

        @validates("name")
        def _name(self, value: str) -> str:
            if self and self.loud == value:
                raise Invalid("the same")
            return value

        @validates("name")
        def _other(self, value: str) -> str:
            return value if value != "read" else self.loud

    thing = Thing(name="x")
    with pytest.raises(Invalid, match="the same"):
        thing.name = "X"
    with pytest.raises(SinewError, match=r"Thing.loud is read by a validator while the record is made"):
        Thing(name="read")


# ---------------------------------------------------------------- bases, mixins, pivots, define


def test_bases_and_mixins(db: Database) -> None:
    class Greeting:
        __slots__ = ()

        @getter
        def greeting(self) -> str:
            return f"Hello {self.name}"  # type: ignore[attr-defined]

        @getter
        def kind(self) -> str:
            return "mixin"

    class Named(Model, db=db, abstract=True):
        name: Attr[str]

        @getter
        def loud(self) -> str:
            return self.name.upper()

        @getter
        def kind(self) -> str:
            return "base"

    class Dog(Greeting, Named):
        @getter
        def loud(self) -> str:
            return self.name.upper() + "!"

    class Cat(Named):
        pass

    rex, tom = Dog(name="Rex"), Cat(name="Tom")
    assert (rex.greeting, rex.loud, rex.kind) == ("Hello Rex", "REX!", "mixin")
    assert (tom.loud, tom.kind) == ("TOM", "base")
    assert Dog.loud is not Cat.loud and repr(Cat.loud) == "Cat.loud"
    assert Cat.where(loud="TOM").count() == Dog.where(loud="REX!", greeting="Hello Rex").count() == 1
    assert isinstance(vars(Greeting)["greeting"], Getter)
    with pytest.raises(UnknownName, match="Named is abstract: `loud` is an attribute of the models derived from it"):
        _ = Named.loud
    with pytest.raises(UnknownName, match="did you mean `loud`"):
        _ = Named.lowd


def test_a_mistake_in_a_mixin(db: Database) -> None:
    class Mixin:
        __slots__ = ()
        wrong = getter(lambda: 1)

    def build() -> None:
        class Thing(Mixin, Model, db=db):
            pass

    refused(build, "Thing.wrong", "called with the record alone")


def test_a_getter_that_something_else_hides(db: Database) -> None:
    class Named(Model, db=db, abstract=True):
        @getter
        def loud(self) -> str:
            return "x"

    def build() -> None:
        class Thing(Named):
            def loud(self) -> str:  # type: ignore[override]
                return "y"

    refused(build, "Thing.loud", "is a field, relation or getter of an abstract base and is hidden by Thing.loud")


def test_on_a_pivot(base: Any) -> None:
    class Post(base):
        tags: ManyToMany[Tag, Tagging] = many_to_many(inverse=lambda: Tag.posts)

    class Tag(base):
        label: Attr[str]
        posts: ManyToMany[Post, Tagging] = many_to_many(inverse=lambda: Post.tags)

    class Tagging(base):
        post: BelongsTo[Post] = belongs_to()
        tag: BelongsTo[Tag] = belongs_to()
        weight: Attr[int] = field(default=1)

        @getter
        def heavy(self) -> bool:
            return self.weight > 1

    post = Post()
    a, b = Tag(label="a"), Tag(label="b")
    post.tags.attach({a: {"weight": 1}, b: {"weight": 2}})
    assert [(tag.label, link.heavy) for tag, link in post.tags.pairs()] == [("a", False), ("b", True)]
    assert post.tags.where(Tagging.heavy == True).pluck(Tag.label, Tagging.heavy) == [("b", True)]  # noqa: E712
    assert post.tags.order_by(Tagging.heavy.desc()).pluck(Tag.label) == ["b", "a"]
    view = Post.include(Post.tags, where=Tagging.heavy.is_(True))[0]
    assert [(tag.label, tag.pivot.heavy) for tag in view.tags] == [("b", True)]


def test_define(db: Database) -> None:
    thing = define("Thing", {"name": str, "loud": getter(lambda self: self.name.upper()), "__doc__": "x"}, db=db)
    assert thing(name="x").loud == "X" and thing.where(loud="X").count() == 1


def test_keyed_models(db: Database) -> None:
    class Line(KeyedModel, db=db, primary_key=("order", "number")):
        order: Attr[int]
        number: Attr[int]

        @getter
        def label(self) -> str:
            return f"{self.order}/{self.number}"

    class Note(Model, db=db):
        line: BelongsTo[Line | None] = belongs_to(default=None)

    lines = [Line(order=1, number=n) for n in range(3)]
    notes = [Note(line=line) for line in (*lines, lines[0], None)]
    assert Note.pluck(Note.line.label) == ["1/0", "1/1", "1/2", "1/0", None]
    assert list(Note.where(Note.line.label == "1/0")) == [notes[0], notes[3]]


# ---------------------------------------------------------------- redefinition


def version(db: Database, body: dict[str, Any]) -> Any:
    return define("Thing", body, db=db)


def test_redefined(db: Database) -> None:
    thing = version(db, {"name": str, "loud": getter(lambda self: self.name.upper())})
    held = thing(name="x")
    old = vars(thing)["loud"]
    assert held.loud == "X"
    query = thing.where(thing.loud == "X")
    assert query.count() == 1
    assert (
        version(db, {"name": str, "loud": getter(lambda self: self.name + "!"), "more": getter(lambda s: 1)}) is thing
    )
    assert (held.loud, held.more) == ("x!", 1)
    assert old.model is None and vars(thing)["loud"].model is thing
    assert query.count() == 0, "a query that was made before sees the getter that is in force"
    version(db, {"name": str})
    with pytest.raises(UnknownName):
        _ = held.loud
    with pytest.raises(UnknownName, match="Thing has no field `loud` any more"):
        query.count()


def test_a_getter_becomes_a_field_and_back(db: Database) -> None:
    thing = version(db, {"name": str, "size": getter(lambda self: len(self.name))})
    held = thing(name="abc")
    query = thing.where(thing.size == 3)
    assert query.count() == 1
    version(db, {"name": str, "size": field(type=int, default=0)})
    assert held.size == 0 and query.count() == 0
    held.size = 3
    assert query.count() == 1
    version(db, {"name": str, "size": getter(lambda self: 7)})
    assert held.size == 7 and query.count() == 0 and held.to_dict() == {"id": 1, "name": "abc"}


def test_a_refused_redefinition_leaves_the_getters(db: Database) -> None:
    thing = version(db, {"name": str, "loud": getter(lambda self: self.name.upper())})
    held = thing(name="x")
    for wrong in (
        {"name": str, "loud": getter(lambda self: "new"), "needed": int},
        {"name": str, "loud": delegate(lambda: Missing.name)},  # type: ignore[name-defined]  # noqa: F821
        {"loud": str, "name": getter(lambda self: "new")},
    ):
        with pytest.raises(DefinitionError):
            version(db, wrong)
        assert held.loud == "X" and thing.where(loud="X").count() == 1 and held.name == "x"
        assert vars(thing)["loud"].model is thing


# ---------------------------------------------------------------- hostile functions


def test_a_function_that_writes_is_refused(base: Any) -> None:
    class Thing(base):
        @getter
        def last_words(self) -> str:
            self.delete()
            return "bye"

        @getter
        def rest(self) -> int:
            Thing.where(Thing.id > self.id).delete()
            return self.id

    thing, _ = Thing(), Thing()
    for action in (lambda: thing.last_words, lambda: Thing.pluck(Thing.last_words), lambda: Thing.pluck(Thing.rest)):
        with pytest.raises(SinewError, match=r"the getter Thing\.\w+ of <Thing 1> writes to a database"):
            action()
    assert Thing.count() == 2


@pytest.mark.parametrize("how", ["pluck", "where", "order_by", "group_by", "path", "read"])
@pytest.mark.parametrize("what", ["clear", "close", "redefine", "unbind", "raise"])
def test_functions_that_pull_the_ground_away(what: str, how: str) -> None:
    db = Database()

    class Thing(Model, db=db):
        parent: BelongsTo[Thing | None] = belongs_to(default=None)

        @getter
        def value(self) -> str:
            if what == "clear":
                db.clear()
            elif what == "close":
                db.close()
            elif what == "redefine":
                define_again()
            elif what == "unbind":
                descriptor.unbind()
            else:
                raise KeyError("boom")
            return "x"

    def define_again() -> None:
        namespace = {"__module__": __name__, "__qualname__": Thing.__qualname__, "value": getter(lambda self: "new")}
        type(Model)("Thing", (Model,), namespace, db=db)

    first = Thing()
    for _ in range(3):
        Thing(parent=first)
    descriptor = vars(Thing)["value"]
    actions: dict[str, Callable[[], Any]] = {
        "pluck": lambda: Thing.pluck(Thing.value),
        "where": lambda: Thing.where(Thing.value == "x").count(),
        "order_by": lambda: list(Thing.order_by(Thing.value)),
        "group_by": lambda: Thing.group_by(Thing.value).agg(n=sinew.count()),
        "path": lambda: Thing.where(Thing.parent.value == "x").pluck(Thing.parent.value),
        "read": lambda: first.value,
    }
    try:
        actions[how]()
    except (SinewError, KeyError, TypeError, AttributeError) as error:
        assert str(error)
    if not db.store.closed:  # type: ignore[attr-defined]
        db.store.check()  # type: ignore[attr-defined]
        db.close()


def test_a_function_that_gives_its_own_class_the_collector(base: Any) -> None:
    import gc

    class Thing(base):
        @getter
        def value(self) -> int:
            gc.collect()
            return self.id

    for _ in range(20):
        Thing()
    assert Thing.pluck(Thing.value) == list(range(1, 21))
    assert [thing.id for thing in Thing.order_by(Thing.value.desc()).limit(2)] == [20, 19]


def test_the_extension_refuses_nonsense(base: Any) -> None:
    class Thing(base):
        pass

    rows = _engine.live_rows(Thing)
    free = _engine.Getter("free", lambda self: 1)
    assert repr(free) == "<Getter ?.free>" and free.model is None and free.__get__(None, Thing) is free
    with pytest.raises(TypeError, match="needs a function, not 3"):
        _engine.Getter("x", 3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not one of the model of these rows"):
        _engine.getter_values(free, rows)
    with pytest.raises(TypeError, match="cannot be bound"):
        free.bind(int)
    free.bind(Thing)
    free.bind(Thing)
    assert repr(free) == "<Getter Thing.free>"
    thing = Thing()
    assert free.__get__(thing) == 1 and _engine.getter_values(free, _engine.live_rows(Thing)) == [1]
    free.unbind()
    with pytest.raises(TypeError, match="getter 'free' is read on records of None"):
        free.__get__(thing)


def test_annotations_that_nobody_postponed() -> None:
    """Objects, and, on 3.14, functions, in which a name may be one of later."""
    later = "Mood" if sys.version_info >= (3, 14) else "'Mood'"
    source = (
        "from enum import Enum\n"
        "class Size(Enum):\n"
        "    LARGE, SMALL = 1, 2\n"
        "class Thing(Model, db=db):\n"
        "    number: Attr[int]\n"
        "    @getter\n"
        "    def size(self) -> Size: return Size.LARGE if self.number > 2 else Size.SMALL\n"
        "    @getter\n"
        f"    def mood(self) -> {later}: return Mood.GOOD if self.number else Mood.BAD\n"
        "class Mood(Enum):\n"
        "    GOOD, BAD = 1, 2\n"
    )
    names: dict[str, Any] = {"Model": Model, "Attr": Attr, "getter": getter, "db": Database(), "__name__": "elsewhere"}
    exec(compile(source, "elsewhere", "exec", dont_inherit=True), names)
    thing, mood = names["Thing"], names["Mood"]
    for number in (0, 1, 5):
        thing(number=number)
    assert thing.order_by(thing.size, thing.number.desc()).pluck(thing.number) == [5, 1, 0]
    assert thing.where(thing.mood == mood.GOOD).pluck(thing.number) == [1, 5]
