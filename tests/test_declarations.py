"""Class statements: annotations in every form, options, keys, relations, bases, and what each mistake is told."""

from __future__ import annotations

import functools
import inspect
import pydoc
import subprocess
import sys
import typing
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, Flag
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Network
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NewType, Optional, Union
from uuid import UUID, uuid4

import pytest

from sinew import (
    Attr,
    BelongsTo,
    Database,
    DefinitionError,
    FieldError,
    HasMany,
    HasOne,
    KeyedModel,
    Model,
    SinewError,
    UniqueError,
    UnknownName,
    annotations,
    belongs_to,
    created_at,
    define,
    deleted_at,
    field,
    fields,
    has_many,
    has_one,
    many_to_many,
    updated_at,
    validates,
)

if TYPE_CHECKING:
    from decimal import Decimal as OnlyForCheckers


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Unchecked(typing.Protocol):
    """Not runtime_checkable."""


class _Shared(Model, abstract=True):
    shared: Attr[int]


class Bits(Flag):
    ONE = 1
    TWO = 2


class Size:
    width = 1


UserId = NewType("UserId", int)


def refused(build: Callable[[], Any], *words: str) -> DefinitionError:
    with pytest.raises(DefinitionError) as caught:
        build()
    for word in words:
        assert word in str(caught.value), f"{word!r} is not in: {caught.value}"
    return caught.value


def kind_of(model: Any, name: str) -> tuple[str, Any, bool]:
    info = model.__sinew__.fields[name]
    return info.kind, info.arg, info.nullable


# ---------------------------------------------------------------- annotations


@pytest.mark.parametrize(
    ("text", "head", "targets", "optional"),
    [
        ("Attr[str]", "Attr", (), False),
        ("'Attr[str | None]'", "Attr", (), True),
        ("sinew.Attr[Optional[str]]", "Attr", (), True),
        ("Attr['Color | None']", "Attr", (), True),
        ("BelongsTo[Author]", "BelongsTo", ("Author",), False),
        ("BelongsTo[blog.models.Author | None]", "BelongsTo", ("Author",), True),
        ("BelongsTo['Author | None']", "BelongsTo", ("Author",), True),
        ("BelongsTo[Optional[Author]]", "BelongsTo", ("Author",), True),
        ("BelongsTo[Union[Post, Photo, None]]", "BelongsTo", ("Post", "Photo"), True),
        ("HasMany['Post']", "HasMany", ("Post",), False),
        ("HasOne[Post | None]", "HasOne", ("Post",), True),
        ("ClassVar[int]", "ClassVar", (), False),
        ("typing.ClassVar", "ClassVar", (), False),
        ("int", "", (), False),
        ("list[Attr[int]]", "", (), False),
        ("Attr[", "", (), False),
    ],
)
def test_reading_annotations(text: str, head: str, targets: tuple[str, ...], optional: bool) -> None:
    read = annotations.read(text)
    assert (read.head, read.targets, read.optional) == (head, targets, optional)


def test_evaluated_annotations_read_the_same() -> None:
    class Post:
        pass

    for as_object, text in [
        (BelongsTo[Post], "BelongsTo[Post]"),
        (BelongsTo[Optional["Post"]], "BelongsTo[Post | None]"),
        (BelongsTo[Post | None], "BelongsTo[Post | None]"),
        (HasMany["Post"], "HasMany[Post]"),
        (HasOne["Post | None"], "HasOne[Post | None]"),
    ]:
        one, other = annotations.read(as_object), annotations.read(text)
        assert (one.head, one.targets, one.optional) == (other.head, other.targets, other.optional)
    assert annotations.read(ClassVar[int]).head == "ClassVar"
    assert annotations.read(int).head == ""
    assert annotations.read(typing.ForwardRef("Attr[int]")).head == "Attr"


@pytest.mark.parametrize(
    ("annotation", "kind", "arg", "nullable"),
    [
        (bool, "bool", None, False),
        (int, "int", None, False),
        (UserId, "int", None, False),
        (float | None, "float", None, True),
        (Optional[str], "str", None, True),  # noqa: UP045
        (Union[None, bytes], "bytes", None, True),  # noqa: UP007
        (date, "date", None, False),
        (datetime, "datetime", None, False),
        (timedelta, "timedelta", None, False),
        (Decimal, "Decimal", None, False),
        (UUID, "UUID", None, False),
        (IPv4Address, "IPv4Address", None, False),
        (IPv6Network | None, "IPv6Network", None, True),
        (IPv4Interface, "IPv4Interface", None, False),
        (type("IPv4Address", (IPv4Address,), {"__module__": "ipaddress"}), "object", ..., False),
        (IPv4Address | IPv6Address, "object", (IPv4Address, IPv6Address), False),
        (Color, "Enum", Color, False),
        (Color | None, "Enum", Color, True),
        (Bits, "object", Bits, False),
        (Literal["a", "b"], "Literal", ("a", "b"), False),
        (Literal["a", None], "Literal", ("a",), True),
        (Literal["a"] | None, "Literal", ("a",), True),
        (Any, "object", None, True),
        (Size, "object", Size, False),
        (list[int], "object", list, False),
        (int | str, "object", (int, str), False),
        (typing.Annotated[int, "positive"], "int", None, False),
    ],
)
def test_types_of_fields(annotation: Any, kind: str, arg: Any, nullable: bool) -> None:
    found = fields.kind_for(annotation)
    assert (found.kind.name, found.arg, found.nullable) == (kind, annotation if arg is ... else arg, nullable)


@pytest.mark.parametrize("annotation", [None, 3, Literal["a"] | int, Enum])
def test_what_is_no_type(annotation: Any) -> None:
    with pytest.raises(fields.NotAType):
        fields.kind_for(annotation)


def test_types_are_found_in_the_body_the_frame_the_module_and_the_standard_table(db: Database) -> None:
    class Local(Enum):
        A = 1

    class Everything(Model, db=db):
        class Inner(Enum):
            B = 1

        inner: Attr[Inner]
        local: Attr[Local | None]
        module: Attr[Color]
        standard: Attr[OnlyForCheckers] = field(type=Decimal)
        quoted: Attr[Literal["x", "y"]]
        date: Attr[date]  # the field has the name of its type
        later: Attr[date]

    assert kind_of(Everything, "inner") == ("Enum", Everything.Inner, False)
    assert kind_of(Everything, "local") == ("Enum", Local, True)
    assert kind_of(Everything, "module") == ("Enum", Color, False)
    assert kind_of(Everything, "standard") == ("Decimal", None, False)
    assert kind_of(Everything, "quoted") == ("Literal", ("x", "y"), False)
    assert kind_of(Everything, "date") == kind_of(Everything, "later") == ("date", None, False)


def test_the_standard_table_knows_what_the_module_did_not_import(db: Database) -> None:
    names = {"Model": Model, "Attr": Attr, "db": db, "__name__": "elsewhere"}
    exec(
        "from __future__ import annotations\n"
        "class Bare(Model, db=db):\n"
        "    a: Attr[Decimal]\n    b: Attr[UUID | None]\n    c: Attr[Optional[timedelta]]\n"
        "    d: Attr[ipaddress.IPv4Address]\n    e: Attr[IPv6Network]\n",
        names,
    )
    bare: Any = names["Bare"]
    kinds = [kind_of(bare, name)[0] for name in "abcde"]
    assert kinds == ["Decimal", "UUID", "timedelta", "IPv4Address", "IPv6Network"]


def test_types_of_modules_that_nobody_uses_are_not_imported() -> None:
    program = "import sys, sinew; print(*sorted({'uuid', 'ipaddress'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "\n"


def test_without_the_future_import(db: Database) -> None:
    """Annotations that are objects; on 3.14 functions, in which a name may be one of later."""
    later = "Writer | None" if sys.version_info >= (3, 14) else "'Writer | None'"
    source = (
        "from sinew import *\nfrom sinew import Attr, BelongsTo, HasMany, Model, belongs_to, field\n"
        "from typing import ClassVar, Optional\n"
        "class Book(Model, db=db):\n"
        "    title: Attr[str]\n"
        "    color: Attr[Optional[Color]]\n"
        "    quoted: Attr['int | None'] = field(default=None)\n"
        "    limit: ClassVar[int] = 3\n"
        f"    writer: BelongsTo[{later}] = belongs_to(default=None)\n"
        "class Writer(Model, db=db):\n"
        "    books: HasMany[Book]\n"
    )
    names: dict[str, Any] = {"sinew": sys.modules["sinew"], "db": db, "Color": Color, "__name__": "elsewhere"}
    exec(compile(source, "elsewhere", "exec", dont_inherit=True), names)
    assert not isinstance(names["Book"].__annotations__["title"], str)
    book, writer = names["Book"], names["Writer"]
    assert kind_of(book, "color") == ("Enum", Color, True)
    assert kind_of(book, "quoted") == ("int", None, True)
    assert book.limit == 3
    db.check()
    someone = writer()
    assert list(someone.books) == []


def test_a_type_that_cannot_be_evaluated(db: Database) -> None:
    def unknown() -> None:
        class Bad(Model, db=db):
            color: Attr[Colr]  # type: ignore[name-defined]  # noqa: F821

    def no_type() -> None:
        class Bad(Model, db=db):
            number: Attr[3]  # type: ignore[valid-type]

    def model() -> None:
        class Good(Model, db=db):
            name: Attr[str]

        class Bad(Model, db=db):
            good: Attr[Good]

    refused(unknown, "Bad.color", "Colr", "field(type=Color)", "did you mean `Color`")
    refused(no_type, "Bad.number", "3")
    refused(model, "Bad.good", "BelongsTo[Good]")


def test_annotations_that_are_no_fields(db: Database) -> None:
    def bare() -> None:
        class Bad(Model, db=db):
            title: str

    def unsubscripted() -> None:
        class Bad(Model, db=db):
            title: Attr  # type: ignore[type-arg]

    def bare_default() -> None:
        class Bad(Model, db=db):
            title: Attr[str] = "x"  # type: ignore[assignment]

    def bare_list() -> None:
        class Bad(Model, db=db):
            others: HasMany[Bad] = []  # type: ignore[assignment]

    def unannotated() -> None:
        class Bad(Model, db=db):
            title = field(default="x")

    def wrong_function() -> None:
        class Bad(Model, db=db):
            other: BelongsTo[Bad] = has_many()

    def field_for_relation() -> None:
        class Bad(Model, db=db):
            other: BelongsTo[Bad] = field()  # type: ignore[assignment]

    def relation_for_field() -> None:
        class Bad(Model, db=db):
            other: Attr[int] = belongs_to("Bad")  # type: ignore[assignment]

    refused(bare, "Bad.title", "title: Attr[str]", "ClassVar[str]")
    refused(unsubscripted, "Bad.title", "Attr[str]")
    refused(bare_default, "Bad.title", "field(default='x')")
    refused(bare_list, "Bad.others", "has_many(...)")
    refused(unannotated, "Bad.title", "Attr[")
    refused(wrong_function, "Bad.other", "has_many()", "HasMany[")
    refused(field_for_relation, "Bad.other", "belongs_to(")
    refused(relation_for_field, "Bad.other", "belongs_to()")


def test_constants_and_methods_stay_in_the_class(base: type[Model]) -> None:
    class Post(base):  # type: ignore[valid-type,misc]
        LIMIT: ClassVar[int] = 7
        plain = "constant"
        title: Attr[str]

        def shout(self) -> str:
            return self.title.upper() + type(self).plain

    assert (Post.LIMIT, Post.plain) == (7, "constant")
    assert Post(title="x").shout() == "Xconstant"


# ---------------------------------------------------------------- options of fields


@pytest.mark.parametrize(
    ("annotation", "declaration", "words"),
    [
        ("Attr[str]", lambda: field(uniqe=True), ("uniqe", "did you mean `unique`")),
        ("Attr[str]", lambda: field("x"), ("default=",)),
        ("Attr[int]", lambda: field(index="sorted"), ("sorted", "ordered")),
        ("Attr[int]", lambda: field(unique="later"), ("later", "deferred")),
        ("Attr[int]", lambda: field(default=1, default_factory=int), ("default_factory",)),
        ("Attr[int]", lambda: field(tz="aware"), ("tz=", "datetime")),
        ("Attr[datetime]", lambda: field(tz="utc"), ("utc", "aware")),
        ("Attr[int]", lambda: field(key=abs), ("key=",)),
        ("Attr[Size]", lambda: field(unique=True), ("key=",)),
        ("Attr[Size]", lambda: field(key="width"), ("key=", "function")),
        ("Attr[int]", lambda: field(check=3), ("check=", "function")),
        ("Attr[int]", lambda: field(intern=True), ("intern=",)),
        ("Attr[int]", lambda: field(repr="no"), ("repr=",)),
        ("Attr[int]", lambda: field(init=False), ("init=False", "default")),
        ("Attr[int | None]", lambda: field(primary_key=True), ("primary key", "None")),
        ("Attr[int]", lambda: field(default="x"), ("'x'", "int")),
        ("Attr[int]", lambda: field(default=True), ("True", "int")),
        ("Attr[int]", lambda: field(default=None), ("None", "| None")),
        ("Attr[int]", lambda: field(default=-1, check=lambda v: v > 0), ("-1", "check=")),
        ("Attr[list]", lambda: field(default=[]), ("mutable", "default_factory=list")),
        ("Attr[dict]", lambda: field(default={"a": 1}), ("mutable", "default_factory=lambda: {'a': 1}")),
        ("Attr[bytes]", lambda: field(default=bytearray(b"x")), ("mutable", "default_factory")),
        ("Attr[Any]", lambda: field(default=set()), ("mutable", "default_factory=set")),
        ("Attr[str]", lambda: field(type=int), ("is annotated `Attr[str]`", "type=int", "leave type= out")),
        ("Attr[str]", lambda: field(type=str | None), ("is annotated `Attr[str]`", "type=str | None")),
        ("Attr[Color | None]", lambda: field(type=str), ("is annotated `Attr[Color | None]`", "type=str")),
        ("Attr[Literal['a']]", lambda: field(type=Literal["b"]), ("is annotated", "'b'")),
        ("Attr[int]", lambda: created_at(), ("datetime",)),
        ("Attr[datetime]", lambda: deleted_at(), ("None until the record is deleted", "Attr[datetime | None]")),
        ("Attr[int | None]", lambda: deleted_at(), ("deleted_at() is for", "int")),
    ],
)
def test_options_that_contradict(annotation: str, declaration: Callable[[], Any], words: tuple[str, ...]) -> None:
    def build() -> None:
        namespace = {
            "__module__": __name__,
            "__qualname__": "Bad",
            "__annotations__": {"thing": annotation},
            "thing": declaration(),
        }
        type(Model)("Bad", (Model,), namespace, db=Database())

    refused(build, "Bad.thing", *words)


@pytest.mark.parametrize(
    ("annotation", "type", "kind"),
    [
        ("Attr[str]", str, ("str", None, False)),
        ("Attr[str | None]", str, ("str", None, True)),
        ("Attr[Color]", Color, ("Enum", Color, False)),
        ("Attr[Color]", "Color", ("Enum", Color, False)),
        ("Attr[UserId]", int, ("int", None, False)),
        ("Attr[OnlyForCheckers]", str, ("str", None, False)),
        ("Attr[Any]", str, ("str", None, False)),
        ("Attr[Size | None]", str, ("str", None, True)),
    ],
)
def test_a_type_may_repeat_the_annotation_or_say_what_it_cannot(
    annotation: str, type: Any, kind: tuple[str, Any, bool], db: Database
) -> None:
    namespace = {"__module__": __name__, "__qualname__": "Good", "__annotations__": {"thing": annotation}}
    good = Model.__class__("Good", (Model,), {**namespace, "thing": field(type=type)}, db=db)
    assert kind_of(good, "thing") == kind


def test_defaults_are_converted_once_and_factories_called_per_record(base: type[Model]) -> None:
    class Post(base):  # type: ignore[valid-type,misc]
        ratio: Attr[float] = field(default=3)
        tags: Attr[list[str]] = field(default_factory=list)
        note: Attr[str | None] = field(default=None)

    one, other = Post(), Post()
    assert (one.ratio, type(one.ratio)) == (3.0, float)
    assert one.tags == [] and one.tags is not other.tags
    assert one.note is None


def test_timestamps_fill_themselves(db: Database, base: type[Model]) -> None:
    class Post(base):  # type: ignore[valid-type,misc]
        title: Attr[str]
        created: Attr[datetime] = created_at()
        updated: Attr[datetime] = updated_at()
        local: Attr[datetime] = created_at(tz="naive")

    db.clock.freeze(datetime(2030, 1, 1, tzinfo=UTC))
    post = Post(title="a")
    assert post.created == post.updated == datetime(2030, 1, 1, tzinfo=UTC)
    assert post.created.tzinfo is not None and post.local.tzinfo is None
    assert post.local.astimezone(UTC) == post.created
    db.clock.move(timedelta(hours=1))
    post.title = "b"
    assert post.created == datetime(2030, 1, 1, tzinfo=UTC)
    assert post.updated == datetime(2030, 1, 1, 1, tzinfo=UTC)
    with pytest.raises(UnknownName, match=r"Post\.created fills itself"):
        Post(title="c", created=datetime.now(UTC))
    with pytest.raises(TypeError, match=r"Post\.created fills itself"):
        post.created = datetime.now(UTC)


def test_datetimes_are_naive_or_aware_as_declared(base: type[Model]) -> None:
    class Post(base):  # type: ignore[valid-type,misc]
        naive: Attr[datetime]
        aware: Attr[datetime] = field(tz="aware", default_factory=lambda: datetime.now(UTC))

    assert kind_of(Post, "naive")[1] == "naive"
    assert kind_of(Post, "aware")[1] == "aware"
    with pytest.raises(TypeError, match=r"Post\.naive"):
        Post(naive=datetime.now(UTC))


# ---------------------------------------------------------------- keys


def test_the_implicit_id(base: type[Model]) -> None:
    class Post(base):  # type: ignore[valid-type,misc]
        title: Attr[str] = field(default="")

    assert list(Post.__sinew__.fields) == ["id", "title"]
    assert [Post().id, Post(id=7).id, Post().id] == [1, 7, 8]


def test_keys_of_ones_own(db: Database) -> None:
    class Event(KeyedModel, db=db):
        id: Attr[UUID] = field(primary_key=True, default_factory=uuid4)
        name: Attr[str] = field(default="")

    class Country(Model, db=db):
        code: Attr[str] = field(primary_key=True)

    class Line(KeyedModel, db=db, primary_key=("order", "number")):
        order: Attr[int]
        number: Attr[int]

    event = Event()
    assert isinstance(event.id, UUID) and Event[event.id] is event
    assert list(Country.__sinew__.fields) == ["code"]
    assert Country["de"] is Country.find_by(code="de") if Country(code="de") else False
    line = Line(order=1, number=2)
    assert Line[1, 2] is line


def test_keys_that_cannot_be(db: Database) -> None:
    def none() -> None:
        class Bad(KeyedModel, db=db):
            name: Attr[str]

    def two() -> None:
        class Bad(KeyedModel, db=db, primary_key=("a",)):
            a: Attr[int]
            b: Attr[int] = field(primary_key=True)

    def unknown() -> None:
        class Bad(KeyedModel, db=db, primary_key=("ordr",)):
            order: Attr[int]

        db.check()

    def cycle() -> None:
        database = Database()

        class One(KeyedModel, db=database, primary_key=("two",)):
            two: BelongsTo[Two] = belongs_to()

        class Two(KeyedModel, db=database, primary_key=("one",)):
            one: BelongsTo[One] = belongs_to()

        database.check()

    refused(none, "Bad", "primary key", "primary_key=True")
    refused(two, "Bad", "two keys")
    refused(unknown, "primary_key=", "ordr", "did you mean `order`")
    refused(cycle, "depends on itself", "One.two", "Two.one")


def test_relations_in_keys_and_indexes_expand(db: Database) -> None:
    class Order(Model, db=db):
        items: HasMany[Item]

    class Item(KeyedModel, db=db, primary_key=("order", "number"), index=[("order", "price")], unique=["order"]):
        order: BelongsTo[Order] = belongs_to(on_delete="cascade")
        number: Attr[int]
        price: Attr[int] = field(default=0)

    class Note(Model, db=db):
        item: BelongsTo[Item]

    assert Item.__sinew__.primary_key == ("order_id", "number")
    order = Order()
    item = Item(order=order, number=1)
    assert Item[order.id, 1] is item
    note = Note(item=item)
    assert (note.item_order_id, note.item_number) == (order.id, 1)
    assert list(Note.__sinew__.fields) == ["id", "item_order_id", "item_number"]
    with pytest.raises(UniqueError):
        Item(order=order, number=2)


# ---------------------------------------------------------------- relations


def test_foreign_keys_are_created_or_declared(base: type[Model]) -> None:
    class Author(base):  # type: ignore[valid-type,misc]
        name: Attr[str]

    class Post(base):  # type: ignore[valid-type,misc]
        author: BelongsTo[Author] = belongs_to(default=...)
        author_id: Attr[int] = field(default=...)
        editor: BelongsTo[Author | None] = belongs_to(default=None, foreign_key="edited_by")

    ann = Author(name="Ann")
    one, other = Post(author=ann), Post(author_id=ann.id)
    assert one.author is other.author is ann
    assert one.edited_by is None
    one.editor = ann
    assert one.edited_by == ann.id
    assert list(Post.__sinew__.fields) == ["id", "author_id", "edited_by"]


def test_foreign_key_columns_can_be_named_before_the_layout(base: type[Model]) -> None:
    class Post(base):  # type: ignore[valid-type,misc]
        author: BelongsTo[Author]

    class Author(base):  # type: ignore[valid-type,misc]
        name: Attr[str]

    assert repr(Post.author_id) == "Post.author_id"
    assert Post.author_id is Post.author_id
    ann = Author(name="Ann")
    assert Post.where(Post.author_id == ann.id).count() == 0


def test_references_to_a_unique_field(base: type[Model]) -> None:
    class Product(base, unique=[("maker", "code")]):  # type: ignore[valid-type,misc,call-arg]
        sku: Attr[str] = field(unique=True)
        maker: Attr[str] = field(default="")
        code: Attr[int] = field(default=0)
        items: HasMany[Item] = has_many(inverse=lambda: Item.product)

    class Item(base):  # type: ignore[valid-type,misc]
        product: BelongsTo[Product] = belongs_to(references=lambda: Product.sku)
        other: BelongsTo[Product | None] = belongs_to(references=("code", "maker"), default=None)

    product = Product(sku="x1")
    item = Item(product=product)
    assert item.product_id == "x1"
    assert item.product is product and list(product.items) == [item]
    item.other = product
    assert (item.other_maker, item.other_code) == ("", 0)


def test_references_that_cannot_be(base: type[Model], db: Database) -> None:
    def not_unique() -> None:
        class Product(base):  # type: ignore[valid-type,misc]
            sku: Attr[str]

        class Bad(base):  # type: ignore[valid-type,misc]
            product: BelongsTo[Product] = belongs_to(references="sku")

        db.check()

    refused(not_unique, "Bad.product", "sku", "unique=True")


def test_declared_foreign_keys_must_fit(db: Database) -> None:
    class Author(Model, db=db):
        name: Attr[str]

    def of_another_type() -> None:
        database = Database()

        class Author(Model, db=database):
            name: Attr[str]

        class Bad(Model, db=database):
            author: BelongsTo[Author]
            author_id: Attr[str]

        database.check()

    def nullable() -> None:
        database = Database()

        class Author(Model, db=database):
            name: Attr[str]

        class Bad(Model, db=database):
            author: BelongsTo[Author | None] = belongs_to(default=None)
            author_id: Attr[int]

        database.check()

    def taken() -> None:
        database = Database()

        class Author(Model, db=database):
            name: Attr[str]

        class Bad(Model, db=database):
            author: BelongsTo[Author]

            def author_id(self) -> int:
                return 3

        database.check()

    refused(of_another_type, "Bad.author_id", "int", "str")
    refused(nullable, "Bad.author_id", "| None")
    refused(taken, "Bad.author", "author_id", "foreign_key=")


@pytest.mark.parametrize(
    ("annotation", "declaration", "words"),
    [
        ("BelongsTo[Bad]", lambda: belongs_to(on_delete="nullify"), ("nullify", "| None")),
        ("BelongsTo[Bad | None]", lambda: belongs_to(on_delete="keep"), ("keep", "enforce=False")),
        ("BelongsTo[Bad]", lambda: belongs_to(enforce=False), ("enforce=False", "| None")),
        ("BelongsTo[Bad]", lambda: belongs_to(default=None), ("default=None", "| None")),
        ("BelongsTo[Bad]", lambda: belongs_to(on_delete="cascde"), ("cascde", "did you mean `cascade`")),
        ("BelongsTo[Bad]", lambda: belongs_to(on_delete=[]), ("on_delete=",)),
        ("BelongsTo[Bad]", lambda: belongs_to(foreign_key=3), ("foreign_key=",)),
        ("BelongsTo[Bad]", lambda: belongs_to(foreign_kye="x"), ("foreign_kye", "did you mean `foreign_key`")),
        ("BelongsTo[Bad]", lambda: belongs_to(default=3), ("default=3",)),
        ("BelongsTo[Bad | None]", lambda: belongs_to(acyclic=3), ("acyclic= takes True or False", "3")),
        ("HasOne[Bad]", lambda: has_one(), ("HasOne[Bad | None]",)),
        ("HasMany[Bad | None]", lambda: has_many(), ("HasMany[Bad]",)),
        ("HasMany[Bad]", lambda: has_many(limit=-1), ("limit=", "-1")),
        ("HasMany[Bad]", lambda: has_many(where=3), ("where=", "lambda")),
        ("HasMany[Bad]", lambda: has_many(invrse="x"), ("invrse", "did you mean `inverse`")),
        ("HasMany[3]", lambda: has_many(), ("names no model",)),
        ("ManyToMany[Bad | None]", lambda: many_to_many(), ("ManyToMany[Bad]", "never None")),
        ("ManyToMany[Bad]", lambda: many_to_many(unique=3), ("unique=", "True or False")),
        ("ManyToMany[Bad]", lambda: many_to_many(symmetric="x"), ("symmetric=", "True or False")),
        ("ManyToMany[Bad]", lambda: many_to_many(pivot=3), ("pivot=", "lambda: Tagging")),
        ("ManyToMany[Bad]", lambda: many_to_many(foreign_key=3), ("foreign_key=",)),
        ("ManyToMany[Bad]", lambda: many_to_many(other_key=[]), ("other_key=",)),
        ("ManyToMany[Bad]", lambda: many_to_many(limit=3), ("limit",)),
        ("ManyToMany[Bad, Other]", lambda: many_to_many(pivot="Third"), ("`Other`", "pivot=`Third`")),
        ("ManyToMany[Bad, Other, Third]", lambda: many_to_many(), ("names no model",)),
    ],
)
def test_relations_that_contradict(annotation: str, declaration: Callable[[], Any], words: tuple[str, ...]) -> None:
    def build() -> None:
        namespace = {
            "__module__": __name__,
            "__qualname__": "Bad",
            "__annotations__": {"thing": annotation},
            "thing": declaration(),
        }
        type(Model)("Bad", (Model,), namespace, db=Database())

    refused(build, "Bad.thing", *words)


def test_finding_the_inverse(base: type[Model]) -> None:
    class User(base):  # type: ignore[valid-type,misc]
        name: Attr[str]
        logins: HasMany[Login]
        last: HasOne[Login | None] = has_one(order_by=lambda: Login.at.desc())
        sent: HasMany[Letter] = has_many(inverse="sender")
        received: HasMany[Letter] = has_many()
        long: HasMany[Letter] = has_many(inverse=lambda: Letter.sender, where=lambda: Letter.pages > 2, limit=1)

    class Login(base):  # type: ignore[valid-type,misc]
        user: BelongsTo[User]
        at: Attr[int]

    class Letter(base):  # type: ignore[valid-type,misc]
        pages: Attr[int] = field(default=1)
        sender: BelongsTo[User] = belongs_to()
        receiver: BelongsTo[User] = belongs_to(inverse=lambda: User.received)

    ann, bob = User(name="Ann"), User(name="Bob")
    Login(user=ann, at=1)
    late = Login(user=ann, at=3)
    Login(user=ann, at=2)
    assert ann.last is late and bob.last is None
    letters = [Letter(sender=ann, receiver=bob, pages=n) for n in (1, 3, 4)]
    assert list(ann.sent) == letters == list(bob.received)
    assert list(ann.long) == letters[1:2]
    assert not list(ann.received) and len(ann.logins) == 3


def test_inverses_that_cannot_be_found(db: Database) -> None:
    def build(inverse: Any, expected: str) -> Callable[[], None]:
        def run() -> None:
            database = Database()

            class Author(Model, db=database):
                posts: HasMany[Post] = has_many(inverse=inverse)

            class Post(Model, db=database):
                title: Attr[str]
                author: BelongsTo[Author]
                other: BelongsTo[Post | None] = belongs_to(default=None)
                others: HasMany[Post] = has_many()

            _lookup["Post"] = Post
            database.check()

        return run

    _lookup: dict[str, Any] = {}
    refused(build("autor", ""), "Author.posts", "autor", "did you mean `author`")
    refused(build("other", ""), "Author.posts", "Post.other", "`author`")
    refused(build(lambda: _lookup["Post"].title, ""), "Author.posts", "inverse=", "Post.title")
    refused(build(lambda: _lookup["Post"].autor, ""), "Author.posts", "inverse=", "autor")
    refused(build(lambda: _lookup["Post"].author.posts, ""), "Author.posts", "inverse=")


def test_conditions_that_cannot_be(db: Database) -> None:
    def build(**options: Any) -> Callable[[], None]:
        def run() -> None:
            database = Database()

            class Author(Model, db=database):
                name: Attr[str]
                posts: HasMany[Post] = has_many(**options)

            class Post(Model, db=database):
                title: Attr[str]
                author: BelongsTo[Author]

            found.update(Author=Author, Post=Post)
            database.check()

        return run

    found: dict[str, Any] = {}
    refused(build(where=lambda: found["Post"].title), "Author.posts", "where=")
    refused(build(where=lambda: found["Author"].name == "x"), "Author.posts", "where=")
    refused(build(where=lambda: found["Post"].titel == "x"), "Author.posts", "where=", "titel")
    refused(build(where=lambda: found["Post"].title == 3), "Author.posts", "where=")
    refused(build(order_by=lambda: found["Post"].author), "Author.posts", "order_by=")
    refused(build(order_by="titel"), "order_by=", "titel", "did you mean `title`")


def test_two_references_on_one_key(db: Database) -> None:
    def build() -> None:
        class Bad(Model, db=db):
            first: BelongsTo[Bad | None] = belongs_to(default=None, foreign_key="key")
            second: BelongsTo[Bad | None] = belongs_to(default=None, foreign_key="key")

        db.check()

    refused(build, "Bad.second", "`first`", "key")


def test_a_failed_layout_leaves_no_trace(db: Database) -> None:
    class Author(Model, db=db):
        name: Attr[str]
        posts: HasMany[Post]

    class Post(Model, db=db):
        author: BelongsTo[Author]
        place: BelongsTo[Place]

    refused(lambda: Author(name="x"), "Post.place", "Place")
    refused(lambda: Post.count(), "Post.place")
    assert list(Post.__sinew__.fields) == ["id"]

    class Place(Model, db=db):
        code: Attr[str] = field(primary_key=True)

    ann = Author(name="Ann")
    post = Post(author=ann, place=Place(code="x"))
    assert post.place_id == "x"
    assert list(ann.posts) == [post]


def test_check_reports_every_problem(db: Database) -> None:
    class One(Model, db=db):
        other: BelongsTo[Missing]  # type: ignore[name-defined]  # noqa: F821
        twos: HasMany[Two]

    class Two(Model, db=db):
        ones: HasMany[One] = has_many()

    error = refused(db.check, "One.other", "Missing", "Two.ones", "One.twos")
    assert len(error.problems) == 3
    assert all(problem.file == __file__ and problem.line for problem in error.problems)


# ---------------------------------------------------------------- names, bases, mixins


@pytest.mark.parametrize(
    "name", ["update", "delete", "restore", "changes", "changed", "was", "expire", "to_dict", "assign_tree"]
)
def test_a_field_may_not_have_the_name_of_a_record_method(name: str) -> None:
    refused(lambda: define("Bad", {name: int}, db=Database()), f"Bad.{name}", "choose another")


def test_a_field_may_shadow_a_class_verb(base: type[Model]) -> None:
    class Product(base):  # type: ignore[valid-type,misc]
        count: Attr[int] = field(default=2)

    product = Product()
    assert product.count == 2
    assert repr(Product.count) == "Product.count"
    assert Product.all().count() == 1


@pytest.mark.parametrize("name", ["__init__", "__new__", "__del__", "__eq__", "__hash__"])
def test_methods_that_a_model_may_not_define(name: str) -> None:
    def method(self: Any, *args: Any) -> Any:
        return None

    refused(lambda: define("Bad", {name: method}, db=Database()), "Bad", name)

    def through_a_mixin() -> None:
        mixin = type("Mixin", (), {"__slots__": (), name: method})
        define("Bad", {}, base=(mixin, Model), db=Database())

    refused(through_a_mixin, "Mixin", name)


def test_slots_cached_properties_and_mixins(db: Database) -> None:
    def slots() -> None:
        class Bad(Model, db=db):
            __slots__ = ("x",)

    def cached() -> None:
        class Bad(Model, db=db):
            @functools.cached_property
            def total(self) -> int:
                return 3

    class WithDict:
        pass

    class WithField:
        __slots__ = ()
        name: Attr[str]

    def dictionary() -> None:
        class Bad(WithDict, Model, db=db):
            title: Attr[str]

    def fields_in_mixin() -> None:
        class Bad(WithField, Model, db=db):
            title: Attr[str]

    refused(slots, "Bad", "__slots__")
    refused(cached, "total", "cached_property", "@getter")
    refused(dictionary, "WithDict", "__slots__ = ()")
    refused(fields_in_mixin, "WithField.name", "abstract=True")


def test_abstract_bases_carry_everything(db: Database) -> None:
    class Named:
        __slots__ = ()

        def shout(self) -> str:
            return str(self.name).upper()  # type: ignore[attr-defined]

    class Stored(Model, db=db, abstract=True, unique=["name"]):
        name: Attr[str]
        parent: BelongsTo[Stored | None]

        @validates("name")
        def _strip(self, value: str) -> str:
            return value.strip()

    class Thing(Named, Stored):
        parent: BelongsTo[Thing | None] = belongs_to(default=None)
        price: Attr[int] = field(default=0)
        name: Attr[str] = field(repr=False)

    thing = Thing(name=" x ")
    assert thing.shout() == "X"
    assert list(Thing.__sinew__.fields) == ["id", "name", "parent_id", "price"]
    assert Thing.__sinew__.db is db and "Stored" not in db.models
    assert repr(thing) == "<Thing 1>"
    with pytest.raises(UniqueError):
        Thing(name="x")
    with pytest.raises(UnknownName, match="abstract"):
        _ = Stored.name
    with pytest.raises(DefinitionError, match="abstract"):
        Stored(name="x")
    with pytest.raises(DefinitionError, match="abstract"):
        Stored.count()


def test_concrete_models_cannot_be_subclassed(db: Database) -> None:
    class Good(Model, db=db):
        title: Attr[str]

    def build() -> None:
        class Bad(Good):
            more: Attr[str]

    refused(build, "Bad", "Good", "abstract=True")
    assert list(db.models) == ["Good"]


def test_class_keywords(db: Database) -> None:
    refused(lambda: define("Bad", {}, db=db, indx=["a"]), "indx", "did you mean `index`")
    refused(lambda: define("Bad", {}, db=3), "db=3")
    refused(lambda: define("Bad", {}, db=db, abstract="yes"), "abstract=")
    refused(lambda: define("Bad", {"a": int}, db=db, unique="a"), "unique='a'")
    refused(lambda: define("Bad", {"a": int}, db=db, index=[3]), "index=")

    def unknown_field() -> None:
        define("Bad", {"title": str}, db=db, index=["titel"])
        db.check()

    refused(unknown_field, "index=", "titel", "did you mean `title`")


def test_hidden_fields(db: Database) -> None:
    class Base(Model, db=db, abstract=True):
        title: Attr[str]

    def build() -> None:
        class Bad(Base):
            title = "x"  # type: ignore[assignment]

    refused(build, "Bad.title", "hidden")


def test_validators_name_fields(db: Database) -> None:
    def unknown() -> None:
        class Bad(Model, db=db):
            email: Attr[str]

            @validates("emial")
            def _check(self, value: str) -> str:
                return value

    def whole_record() -> None:
        class Bad(Model, db=db):
            @validates()
            def _check(self) -> None: ...

    refused(unknown, "emial", "did you mean `email`")
    refused(whole_record, "not built yet")
    refused(lambda: validates(3), "names")  # type: ignore[arg-type]


# ---------------------------------------------------------------- define


def test_define(db: Database) -> None:
    define("Author", {"name": str}, db=db)
    run = define(
        "Run",
        {
            "title": str,
            "note": "str | None",
            "color": Attr[Color],
            "author": belongs_to("Author | None"),
            "steps": has_many("Step"),
            "shout": lambda self: self.title.upper(),
        },
        db=db,
        index=["title"],
    )
    step = define("Step", {"run": belongs_to("Run"), "number": field(type=int, default=0)}, db=db)
    first = run(title="x", note=None, color=Color.RED, author=None)
    step(run=first)
    assert len(first.steps) == 1 and first.shout() == "X"
    assert first.author is None and first.author_id is None
    assert run.__module__ == __name__
    refused(lambda: define("class", {"a b": int}, db=db), "a b")


# ---------------------------------------------------------------- the same name again


def test_a_second_model_of_the_same_name(db: Database) -> None:
    def one() -> None:
        class Twice(Model, db=db):
            title: Attr[str]

    def other() -> None:
        class Twice(Model, db=db):
            title: Attr[str]

    one()
    refused(other, "Twice", "one.<locals>", "other.<locals>", __file__)


def test_redefinition_before_the_first_use(db: Database) -> None:
    def build(options: dict[str, Any]) -> Any:
        return define("Post", {"author": belongs_to("Author"), **options}, db=db)

    post = build({"title": int})
    assert build({"title": str, "views": int}) is post
    define("Author", {"name": str}, db=db)
    author = db.models["Author"](name="Ann")
    assert post(title="x", views=3, author=author).author is author


def test_redefinition_keeps_rows_class_and_records(db: Database) -> None:
    def author(fields: dict[str, Any]) -> Any:
        return define("Author", {"name": str, "posts": has_many("Post"), **fields}, db=db)

    def post(fields: dict[str, Any], **options: Any) -> Any:
        return define("Post", {"author": belongs_to("Author"), **fields}, db=db, **options)

    authors, posts = author({}), post({"title": str})
    ann = authors(name="Ann")
    first, second = posts(title="a", author=ann), posts(title="b", author=ann)
    query = posts.where(posts.title == "b")

    again = post(
        {"title": str, "views": field(type=int, default=7), "shout": lambda self: self.title.upper()}, unique=["title"]
    )
    assert again is posts
    assert posts[1] is first and first.views == 7 and first.shout() == "A"
    assert list(ann.posts) == [first, second] and second.author is ann
    assert query.one() is second
    with pytest.raises(UniqueError):
        posts(title="a", author=ann)
    assert posts(title="c", author=ann, views=1).id == 3

    post({"title": field(type=str, index="ordered")})
    assert not hasattr(first, "views") and first.title == "a"
    posts(title="a", author=ann)
    author({"email": field(type=str, default="?")})
    assert ann.email == "?" and len(ann.posts) == 4 and first.author is ann
    assert posts.where(posts.author.email == "?").count() == 4
    db.store.check()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"title": str, "size": int}, ("Post.size", "required", "default")),
        ({"title": int}, ("Post.title", "'a'")),
        ({"title": str, "id": field(type=str, primary_key=True)}, ("Post", "key")),
        ({"title": field(type=str, unique=True)}, ("title", "'a'")),
        ({"title": str, "author": None}, ("Author.posts", "BelongsTo[Author]")),
    ],
)
def test_impossible_redefinitions_leave_the_old_model_in_force(
    db: Database, fields: dict[str, Any], words: tuple[str, ...]
) -> None:
    def post(fields: dict[str, Any]) -> Any:
        merged = {"author": belongs_to("Author"), **fields}
        return define("Post", {name: value for name, value in merged.items() if value is not None}, db=db)

    author = define("Author", {"name": str, "posts": has_many("Post")}, db=db)
    posts = post({"title": str})
    ann = author(name="Ann")
    first, second = posts(title="a", author=ann), posts(title="a", author=ann)

    refused(lambda: post(fields), *words)

    assert list(posts.__sinew__.fields) == ["id", "author_id", "title"]
    assert first.title == "a" and first.author is ann and list(ann.posts) == [first, second]
    third = posts(title="c", author=ann)
    assert posts.where(posts.title == "c").one() is third and third.to_dict() == {"id": 3, "author_id": 1, "title": "c"}
    assert posts.where(posts.author.name == "Ann").count() == 3
    db.store.check()


def test_a_model_cannot_be_run_again_as_an_abstract_base(db: Database) -> None:
    def build(abstract: bool, db: Database = db) -> Any:
        class Post(Model, db=db, abstract=abstract):
            title: Attr[str]

        return Post

    model = build(False)
    post = model(title="x")
    refused(
        lambda: build(True), "Post is a model of this database", "test_declarations.py", "another name", "Database()"
    )
    assert build(False) is model and model.all().one() is post and db.models["Post"] is model
    other = Database()
    base = build(True, other)
    assert build(True, other).__sinew__ is None and "Post" not in other.models

    class Note(base):
        """A model of its own."""

    assert Note(title="y").title == "y"


def test_redefinition_adds_and_drops_a_field_that_is_ordered_by_a_key(db: Database) -> None:
    class Box(Model, db=db):
        label: Attr[str]

    Box.insert_many([{"label": "a"}, {"label": "b"}])

    class Box(Model, db=db):  # type: ignore[no-redef]
        label: Attr[str]
        size: Attr[Any] = field(default=None, key=lambda size: size["width"])

    first, second = Box.all()
    assert first.size is None
    first.size, second.size = {"width": 3}, {"width": 2}
    Box(label="c", size={"width": 1})
    assert Box.order_by(Box.size).pluck(Box.label) == ["c", "b", "a"]

    class Box(Model, db=db):  # type: ignore[no-redef]
        label: Attr[str]

    assert Box.pluck(Box.label) == ["a", "b", "c"]


def test_redefinition_within_a_transaction_is_refused(db: Database) -> None:
    def post() -> Any:
        return define("Post", {"title": str}, db=db)

    post()(title="x")
    with db.transaction(), pytest.raises(Exception, match="transaction"):
        post()


def test_super_works_in_a_redefined_class(db: Database) -> None:
    def build(mark: str) -> Any:
        class Post(Model, db=db):
            title: Attr[str]

            def to_dict(self, *names: str) -> dict[str, Any]:
                return {**super().to_dict(*names), "mark": mark}

        return Post

    first = build("one")
    post = first(title="x")
    assert build("two") is first
    assert post.to_dict() == {"id": 1, "title": "x", "mark": "two"}


def test_methods_of_records_may_come_and_go_with_a_redefinition(db: Database) -> None:
    def build(own: bool) -> Any:
        class Post(Model, db=db):
            title: Attr[str]

            if own:

                def delete(self, *, force: bool = False) -> Any:
                    return "kept"

                def update(self, /, **values: Any) -> None:
                    super().update(**{name: value.upper() for name, value in values.items()})

        return Post

    model = build(False)
    post = model(title="x")
    assert build(True) is model and post.delete() == "kept" and model.delete(post) == "kept"
    post.update(title="y")
    assert post.title == "Y"
    assert build(False) is model
    post.update(title="z")
    assert post.title == "z" and post.delete() is None and model.count() == 0
    with pytest.raises(SinewError, match=r"Post\.delete\(\) is a method of one record"):
        model.delete()


# ---------------------------------------------------------------- found by trying to break it


def test_a_model_whose_fields_shadow_every_verb(db: Database) -> None:
    verbs = ("count", "first", "where", "all", "get", "find", "find_by", "exists", "order_by", "pluck")
    model = define("Odd", {"id": int, **{name: field(type=int, default=0) for name in verbs}}, db=db)
    record = model(count=3, find_by=4)
    assert model.get_or_create(count=3) == (record, False)
    assert model.upsert(id=1, find_by=5) is record and record.find_by == 5


def test_fields_may_have_the_names_that_methods_use_inside(base: type[Model]) -> None:
    model = define("Inside", dict.fromkeys(("self", "cls"), str), base=base)
    record = model(self="a", cls="b")
    record.update(self="c", cls="d")
    assert model.where(self="c", cls="d").one() is record
    assert model.get_or_create(self="c", cls="d") == (record, False)


def test_update_and_delete_of_a_class_tell_what_to_write(base: type[Model]) -> None:
    class Note(base):  # type: ignore[misc, valid-type]
        text: Attr[str]

    class Own(base):  # type: ignore[misc, valid-type]
        @classmethod
        def delete(cls) -> str:
            return cls.__name__

    note = Note(text="a")
    for call in (lambda: Note.update(text="x"), lambda: Note.update(), lambda: Note.update({"text": "x"})):
        with pytest.raises(SinewError, match=r"Note\.update\(\) is a method of one record.*Note\.all\(\)\.update\("):
            call()
    with pytest.raises(SinewError, match=r"Note\.where\(\.\.\.\)\.delete\(\)"):
        Note.delete()
    assert note.text == "a"
    Note.update(note, text="b")
    assert note.text == "b" and Own.delete() == "Own"


def test_other_methods_of_records_tell_what_to_write(base: type[Model]) -> None:
    class Note(base):  # type: ignore[misc, valid-type]
        text: Attr[str]

        def was(self, name: str) -> str:
            return f"{name} of {self.to_dict()['text']}, {super().to_dict()}"

    note: Any = Note(text="a")
    calls: list[tuple[Callable[[], Any], str]] = [
        (lambda: Note.to_dict(), r"Note\.to_dict\(\) is a method of one record; for many: Note\.select\("),
        (lambda: Note.restore(), r"Note\.restore\(\) is a method of one record; for many: Note\.where"),
        (lambda: Note.expire("text"), r"Note\.expire\(\) is a method of one record; call it on a record, Note\[key\]"),
        (lambda: Note.assign_tree({}), r"Note\.assign_tree\(\) is a method of one record; call it on"),
        (lambda: Model.was("text"), r"Model\.was\(\) is a method of one record; call it on a record, Model\[key\]"),
    ]
    for call, message in calls:
        with pytest.raises(SinewError, match=message):
            call()
    assert Note.to_dict(note) == note.to_dict() == {"id": 1, "text": "a"}
    assert Note.was(note, "text") == note.was("text") == "text of a, {'id': 1, 'text': 'a'}"
    assert "stored fields" in inspect.getdoc(Note.to_dict)


def test_declared_attributes_cannot_be_deleted_from_the_class(base: type[Model]) -> None:
    class Note(base):  # type: ignore[misc, valid-type]
        text: Attr[str]
        constant = 1

    with pytest.raises(FieldError, match=r"Note\.text is declared by the class statement and cannot be deleted"):
        del Note.text
    del Note.constant
    assert Note(text="a").text == "a" and not hasattr(Note, "constant")


def test_signature_and_help_of_a_model(db: Database) -> None:
    class Author(Model, db=db):
        name: Attr[str]

    class Post(Model, db=db):
        """About posts."""

        title: Attr[str]
        views: Attr[int] = field(default=0)
        hidden: Attr[int] = field(default=0, init=False)
        tags: Attr[list[str]] = field(default_factory=list)
        author: BelongsTo[Author] = belongs_to()
        editor: BelongsTo[Author] = belongs_to(default=...)
        editor_id: Attr[int] = field(default=...)
        reader: BelongsTo[Author | None] = belongs_to(default=None)

    empty = inspect.Parameter.empty
    assert {name: each.default for name, each in inspect.signature(Post).parameters.items()} == {
        "id": ..., "title": empty, "views": 0, "tags": ..., "author": empty, "editor": ..., "editor_id": ...,
        "reader": None,
    }  # fmt: skip
    text = pydoc.plain(pydoc.render_doc(Post))
    assert "About posts." in text and "Sets several fields and references at once" in text


@pytest.mark.parametrize(
    ("annotation", "hint"),
    [
        ("Final[int]", "a constant is a `ClassVar`, `x: ClassVar[int]`"),
        ("Attr[int] | None", "`Attr` stands outside of everything else, as in `x: Attr[int | None]`"),
        ("Optional[BelongsTo[P]]", "`BelongsTo` stands outside of everything else, as in `x: BelongsTo[Post | None]`"),
        ("HasManny[P]", "did you mean `HasMany[P]`?"),
        ("attr[int]", "did you mean `Attr[int]`?"),
        ("list[int]", "a field is `x: Attr[list[int]]`"),
    ],
)
def test_annotations_that_are_nearly_right(db: Database, annotation: str, hint: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        type(Model)("P", (Model,), {"__module__": __name__, "__annotations__": {"x": annotation}}, db=db)
    assert hint in str(caught.value)


@pytest.mark.parametrize("annotation", [Literal[()], Literal[[1]], Unchecked])  # type: ignore[valid-type]
def test_types_that_no_value_can_be_checked_against(annotation: Any) -> None:
    with pytest.raises(fields.NotAType):
        fields.kind_for(annotation)


@pytest.mark.parametrize(
    ("contents", "keywords", "words"),
    [
        ({"x": belongs_to(3)}, {}, "takes the name of a model, belongs_to('Author'), not 3"),
        ({"x": belongs_to("M", foreign_key="a-b")}, {}, "foreign_key= takes the name of a field"),
        ({"x": belongs_to("M", init=1)}, {}, "init= takes True or False, not 1"),
        ({"x": field(type=int, default=1, check=lambda v: v / 0)}, {}, "default=1: its check= fails: division by zero"),
        ({"x": int}, {"unique": [()]}, "has unique=[()] with an empty group"),
        ({f"f{n}": int for n in range(9)}, {"index": [tuple(f"f{n}" for n in range(9))]}, "8 are the most"),
        ({"x": has_many("M"), "m": belongs_to("M")}, {"index": ["x"]}, "names `x`, a has_many, which has no column"),
        ({"x": int}, {"base": int}, "needs a model as its base"),
        ({"x": int}, {"base": 3}, "needs a model as its base"),
        ({1: int}, {}, "takes the name of a class and a mapping of fields"),
    ],
)
def test_definitions_that_cannot_be(db: Database, contents: Any, keywords: dict[str, Any], words: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        define("M", contents, db=db, **keywords)
        db.check()
    assert words in str(caught.value)


def test_messages_of_what_has_no_argument(base: type[Model]) -> None:
    class Node(base):  # type: ignore[misc, valid-type]
        number: Attr[int | str] = field(default=1)
        hidden: Attr[int] = field(default=1, init=False)
        parent: BelongsTo[Node | None] = belongs_to(default=None, init=False)

    for name in ("hidden", "parent"):
        with pytest.raises(UnknownName, match=rf"Node\.{name} has init=False and cannot be given here"):
            Node(**{name: None})
    with pytest.raises(FieldError, match=r"Node\.number takes an instance of int or str, not 1\.5"):
        Node(number=1.5)
    with pytest.raises(UnknownName, match="did you mean `shared`"):
        _Shared.shard  # noqa: B018


def test_messages_of_missing_arguments(base: type[Model]) -> None:
    class Owner(base):  # type: ignore[misc, valid-type]
        name: Attr[str]

    class Pet(base):  # type: ignore[misc, valid-type]
        name: Attr[str]
        age: Attr[int]
        owner: BelongsTo[Owner]

    def told(**given: Any) -> str:
        with pytest.raises(FieldError) as caught:
            Pet(**given)
        return str(caught.value)

    assert told(owner=Owner(name="Ann")) == (
        "Pet() misses `name`, `age`; give them by keyword, or declare a default with field(default=...)"
    )
    assert told(name="Rex", age=3) == (
        "Pet() misses `owner`; give it by keyword, or declare a default with belongs_to(default=...)"
    )
    assert told(name="Rex") == (
        "Pet() misses `age`, `owner`; give them by keyword, or declare a default with field(default=...) and "
        "belongs_to(default=...)"
    )


def test_redefinition_takes_the_new_bases(db: Database) -> None:
    def cell(word: str) -> type[Any]:
        class Part(Model, db=db, abstract=True):
            def said(self) -> str:
                return word

        class Whole(Part):
            def again(self) -> str:
                return f"{super().said()}, {word}"

        assert issubclass(Whole, Part)
        return Whole

    record = cell("old")()
    again = cell("new")
    assert type(record) is again
    assert (record.said(), record.again()) == ("new", "new, new")


def test_a_refused_redefinition_of_a_reference_leaves_it_in_force(db: Database) -> None:
    def cell(**options: Any) -> type[Any]:
        class Member(Model, db=db):
            team: BelongsTo[Team | None] = belongs_to(default=None, **options)
            chief: BelongsTo[Member | None] = belongs_to(default=None, **options)
            members: HasMany[Member] = has_many(inverse="chief")

        return Member

    class Team(Model, db=db):
        members: HasMany[Member] = has_many()  # type: ignore[name-defined]

    Member = cell()
    team = Team()
    a = Member(team=team)
    b, c = Member(team=team, chief=a), Member(team=team, chief=a)
    for _ in range(2):
        with pytest.raises(DefinitionError, match="exists already"):
            cell(unique=True)
        assert (a.team, b.chief, list(team.members), list(a.members)) == (team, a, [a, b, c], [b, c])
        assert Member.where(Member.chief.team.id == team.id).count() == 2
        a.members.append(a)
        assert Team.where(Team.members.id == 1).one() is team and list(a.members) == [b, c, a]
        a.chief = None


def test_a_descriptor_that_raises_attribute_error_is_not_missing(base: type[Model]) -> None:
    class Refusing:
        def __get__(self, record: object, cls: object = None) -> Any:
            raise AttributeError("not today")

    class Middle(base, abstract=True):  # type: ignore[misc, valid-type]
        refusing = Refusing()

    class Note(Middle):
        text: Attr[str]

    for owner in (Note, Note(text="a")):
        with pytest.raises(AttributeError, match="not today"):
            owner.refusing  # noqa: B018


def test_adding_to_a_collection_in_place(base: type[Model]) -> None:
    class Task(base):  # type: ignore[misc, valid-type]
        title: Attr[str]
        done: Attr[bool] = field(default=False)
        project: BelongsTo[Project | None] = belongs_to(default=None)

    class Project(base):  # type: ignore[misc, valid-type]
        tasks: HasMany[Task] = has_many()
        two: HasMany[Task] = has_many(limit=2, order_by="title")

    a, b, c, project = Task(title="a"), Task(title="b"), Task(title="c"), Project()
    held = project.tasks
    project.tasks += [c, a]
    project.tasks += (b,)
    assert list(held) == [c, a, b] and list(project.two) == [a, b]
    project.two += [c]  # an assignment would be refused: it has a limit
    with pytest.raises(FieldError, match="takes records of Task"):
        project.tasks += [project]
    project.tasks = project.tasks
    assert list(held) == [c, a, b]
    with pytest.raises(FieldError, match=r"compare it: Task\.title == value, or Task\.title != None"):
        Task.where(Task.title)
    with pytest.raises(FieldError, match=r"compare it: Task\.done\.is_\(True\)$"):
        Task.where(Task.done)


def test_what_stands_for_nothing_in_other_libraries_is_told_of_none(base: type[Model]) -> None:
    class NAType:
        """As pandas calls it."""

    model = define("Row", {"i": int, "s": str, "b": bool, "d": datetime}, base=base)
    good = {"i": 1, "s": "", "b": True, "d": datetime(2020, 1, 1)}
    for name in good:
        for nothing in (NAType(), float("nan")):
            with pytest.raises(FieldError, match=rf"Row\.{name} takes .*; None in a nullable field$"):
                model(**{**good, name: nothing})


def test_a_refused_redefinition_keeps_the_order_of_arrival(db: Database) -> None:
    def member(**options: Any) -> Any:
        return define("Member", {"team": belongs_to("Team | None", default=None, **options)}, db=db)

    teams, members = define("Team", {"members": has_many("Member")}, db=db), member()
    team = teams()
    first, second, third = members(team=team), members(team=team), members(team=team)
    first.team = None
    first.team = team
    refused(lambda: member(unique=True), "team_id")
    assert list(team.members) == [second, third, first]
    team.members.append(members())
    db.store.check()
