"""Every form that the API page shows, as a program that both checkers must accept without a remark.

It is checked, not run. `assert_type` makes it check itself: a type that changes is an error on its line.
"""

# pyright: strict, reportMissingModuleSource=false

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Network
from enum import Enum
from typing import Any, Literal, Self, TypeVar, assert_type
from uuid import UUID, uuid4

from sinew import (
    Aggregate,
    Attr,
    BelongsTo,
    Collection,
    Column,
    Database,
    Expr,
    HasMany,
    HasOne,
    Invalid,
    KeyedModel,
    Links,
    ManyToMany,
    Model,
    Moment,
    NotFound,
    PivotChanges,
    Query,
    Serializer,
    SinewError,
    UniqueError,
    UnknownName,
    View,
    after_commit,
    after_create,
    after_delete,
    after_update,
    attribute,
    avg,
    before_create,
    before_delete,
    before_update,
    belongs_to,
    count,
    count_of,
    created_at,
    db,
    define,
    delegate,
    deleted_at,
    exists,
    field,
    getter,
    has_many,
    has_one,
    latest_of,
    many_to_many,
    max_,
    max_of,
    min_,
    min_of,
    nested,
    now,
    sum_,
    sum_of,
    transaction,
    updated_at,
    validates,
)

# ---------------------------------------------------------------- declaring, as on the API page


class Author(Model):
    name: Attr[str]                                    # required, not null
    surname: Attr[str | None] = field(default=None)    # nullable
    email: Attr[str] = field(unique=True, repr=False)  # unique index; not shown in repr
    posts: HasMany[Post] = has_many(inverse=lambda: Post.author)
    categories: HasMany[Category] = has_many(through=lambda: Author.posts.category)   # any depth

    @getter                                            # cached, never stale
    def full_name(self) -> str:
        return f"{self.name} {self.surname}" if self.surname else self.name

    @validates("email")                                # may normalise; raise Invalid(...) to refuse
    def _email(self, value: str) -> str:
        if "@" not in value:
            raise Invalid("must contain @")
        return value.lower()

    @validates()                                       # the whole record
    def _names_differ(self) -> None:
        if self.surname == self.name:
            raise Invalid("name and surname are the same")


class Category(Model):
    title: Attr[str]
    parent: BelongsTo[Category | None] = belongs_to(default=None)
    children: HasMany[Category] = has_many(inverse=lambda: Category.parent)
    posts: HasMany[Post] = has_many(inverse=lambda: Post.category)


class Tag(Model):
    label: Attr[str] = field(unique=True)
    posts: ManyToMany[Post, Tagging] = many_to_many(inverse=lambda: Post.tags)


class Tagging(Model):                                  # the pivot, a model like any other
    post: BelongsTo[Post] = belongs_to(on_delete="cascade")
    tag: BelongsTo[Tag] = belongs_to(on_delete="cascade")
    weight: Attr[int] = field(default=1)


class Post(Model, index=[("author", "published_at")]):
    title: Attr[str]
    content: Attr[str] = field(default="")
    published_at: Attr[datetime] = field(default_factory=datetime.now)
    author: BelongsTo[Author] = belongs_to(on_delete="cascade")
    category: BelongsTo[Category | None] = belongs_to(default=None)
    comments: HasMany[Comment] = has_many(inverse=lambda: Comment.subject)
    tags: ManyToMany[Tag, Tagging] = many_to_many(inverse=lambda: Tag.posts)

    @classmethod
    def published(cls) -> Expr:                        # a scope: a predicate that composes with & | ~
        return cls.published_at <= now()


class Photo(Model):
    url: Attr[str]
    comments: HasMany[Comment] = has_many(inverse=lambda: Comment.subject)


class Comment(Model):
    body: Attr[str]
    subject: BelongsTo[Post | Photo] = belongs_to(on_delete="cascade")   # polymorphic: the union is the allow-list


# ---------------------------------------------------------------- declaring, what the page says in words

shop = Database()


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Size:                                            # a class of one's own as the type of a field
    width: int = 1


class Named:                                           # a mixin
    __slots__ = ()

    @getter
    def shout(self) -> str:
        return str(self).upper()


class Stored(Model, db=shop, abstract=True):           # a family with a database and two fields
    created_at: Attr[datetime] = created_at()
    updated_at: Attr[datetime] = updated_at()


class User(Named, Stored, unique=[("name", "role")]):
    name: Attr[str]
    role: Attr[Literal["guest", "premium"]] = field(default="guest")
    deleted_at: Attr[datetime | None] = deleted_at()
    orders: HasMany[Order] = has_many(inverse="user", where=lambda: Order.paid >= 0, order_by=lambda: Order.total)
    last_login: HasOne[Login | None] = has_one(inverse=lambda: Login.user, order_by=lambda: Login.at.desc())
    owned: HasMany[Document] = has_many(inverse=lambda: Document.owner)
    shared: ManyToMany[Document] = many_to_many(inverse=lambda: Document.readers)      # a pivot is made
    documents: HasMany[Document] = has_many(union=lambda: (User.owned, User.shared))
    newest: HasMany[Order] = has_many(inverse="user", order_by=lambda: (Order.created_at.desc(), Order.id), limit=3)
    bought_first: HasOne[Product | None] = has_one(through=lambda: User.orders.products, order_by=lambda: Order.id)

    spent = sum_of(lambda: User.orders.paid)
    dearest = max_of(lambda: User.orders.total)
    cheapest = min_of(lambda: User.orders.total)
    newest_order = latest_of(lambda: User.orders.created_at)

    @getter(cache=False, doc="What a letter begins with.")
    def greeting(self) -> str:
        return f"Good day, {self.name}"

    @before_create
    def _trim(self) -> None:
        self.name = self.name.strip()

    @after_create
    @after_commit
    def _tell(self) -> None: ...

    @before_update
    def _role_is_final(self) -> None:
        if self.was("role") == "premium":
            raise Invalid("premium stays premium")

    @after_update
    @after_delete
    def _log(self) -> None:
        print(self.changes, self.changed)

    @before_delete
    def _no_open_orders(self) -> None:
        if self.orders.where(Order.total > Order.paid).exists():
            raise Invalid("has open orders")


class Login(Stored):
    user: BelongsTo[User] = belongs_to(on_delete="cascade", foreign_key="user_id", inverse=lambda: User.last_login)
    at: Attr[datetime] = field(default_factory=now, index="ordered")


class Order(Stored):
    user: BelongsTo[User] = belongs_to()
    status: Attr[Literal["open", "completed"]] = field(default="open")
    total: Attr[Decimal] = field(default=Decimal(0), check=lambda value: value >= 0)
    paid: Attr[Decimal] = field(default=Decimal(0))
    items: HasMany[Item] = has_many(inverse=lambda: Item.order)
    products: HasMany[Product] = has_many(through=lambda: Order.items.product, distinct=False)


class Product(Stored):
    sku: Attr[str] = field(unique="deferred", intern=True, doc="stock keeping unit")
    color: Attr[Color] = field(default=Color.RED, type=Color)
    size: Attr[Size] = field(default_factory=Size, key=lambda size: size.width, index="ordered")
    count: Attr[int] = field(default=0)                # hides the verb of the class; Product.all().count() remains


class Item(KeyedModel, db=shop, primary_key=("order", "number")):
    order: BelongsTo[Order] = belongs_to(on_delete="cascade")
    number: Attr[int]
    product: BelongsTo[Product] = belongs_to(references=lambda: Product.sku, unique=True)
    sku = delegate(lambda: Item.product.sku)
    price: Attr[Decimal | None] = field(default=None)


class Document(KeyedModel, db=shop):
    id: Attr[UUID] = field(primary_key=True, default_factory=uuid4)
    owner: BelongsTo[User] = belongs_to()
    editor: BelongsTo[User | None] = belongs_to(enforce=False, on_delete="keep", default=None)
    readers: ManyToMany[User] = many_to_many(inverse=lambda: User.shared)
    reader_count = count_of(lambda: Document.readers)


class Host(KeyedModel, db=shop):
    address: Attr[IPv4Address] = field(primary_key=True)
    inside: Attr[IPv6Network | None] = field(default=None, index="ordered")


class Article(Model):                                  # a foreign key that is declared, for the checkers
    title: Attr[str]
    views: Attr[int] = field(default=0)
    score: Attr[float | None] = field(default=None)
    author: BelongsTo[Author] = belongs_to(default=...)    # may be left out when the other is given
    author_id: Attr[int] = field(default=...)

    @classmethod
    def popular(cls) -> Query[Self]:                   # a query rather than a predicate
        return cls.where(cls.views > 100).order_by(cls.views.desc())


class Place(Model):
    name: Attr[str]
    within: BelongsTo[Place | None] = belongs_to(default=None, acyclic=True)
    parts: HasMany[Place] = has_many(inverse=lambda: Place.within)
    ancestors: HasMany[Place] = has_many(recursive=lambda: Place.within)
    descendants: HasMany[Place] = has_many(recursive=lambda: Place.parts)
    rest: HasMany[Place] = has_many(difference=lambda: (Place.descendants, Place.parts))
    both: HasMany[Place] = has_many(intersection=lambda: (Place.descendants, Place.parts))
    neighbours: ManyToMany[Place] = many_to_many(symmetric=True)
    reachable: ManyToMany[Place, Road] = many_to_many(
        pivot=lambda: Road, foreign_key="start_id", other_key="end_id", unique=False, where=lambda: Place.name != ""
    )


class Road(Model):
    start: BelongsTo[Place] = belongs_to()
    end: BelongsTo[Place] = belongs_to()
    length: Attr[float]


class Note(Model):
    about: BelongsTo[Article | Place | None] = belongs_to(
        default=None, type_field="kind", type_values={"Article": "a", "Place": "p"}
    )


Run = define("Run", {"title": str, "author": belongs_to("Author"), "steps": has_many("Step")}, db=shop, index=["title"])
run = Run(title="first")
Run.where(Run.title == "first").count()


# ---------------------------------------------------------------- creating, reading, changing

ann = Author(name="Ann", email="ann@x.io")
bob = Author(name="Bob", surname=None, email="bob@x.io", id=7)
post = Post(title="Hello", author=ann)
Post(title="Hello", author=ann, category=None, published_at=now(), content="...")
Article(title="Hello", author=ann)
Article(title="Hello", author_id=ann.id)
Item(order=Order[1], number=1, product=Product[1])
Document(owner=User[1])
Login(user=User[1])
tag = Tag(label="new")
comment = Comment(body="!", subject=post)
Comment(body="!", subject=Photo(url="x"))

assert_type(ann.id, int)
assert_type(ann.name, str)
assert_type(ann.surname, str | None)
assert_type(ann.full_name, str)
assert_type(post.published_at, datetime)
assert_type(post.author, Author)
assert_type(post.category, Category | None)
assert_type(post.author.posts, Collection[Post])
assert_type(post.tags, Links[Tag, Tagging])
assert_type(comment.subject, Post | Photo)
assert_type(Note().about, Article | Place | None)
assert_type(User[1].last_login, Login | None)
assert_type(User[1].shared, Links[Document, Model])
assert_type(User[1].role, Literal["guest", "premium"])
assert_type(User[1].deleted_at, datetime | None)
assert_type(Document[uuid4()].id, UUID)
assert_type(Document[uuid4()].reader_count, int)
assert_type(Host[IPv4Address("10.0.0.1")].inside, IPv6Network | None)
assert_type(Host.where(Host.address >= IPv4Address("10.0.0.0")).max(Host.address), IPv4Address | None)
assert_type(Item[1, 2].sku, str)
assert_type(Product[1].count, int)
assert_type(Product[1].color, Color)
assert_type(Product.size, Column[Size])
assert_type(User[1].shout, str)
assert_type(User[1].bought_first, Product | None)
assert_type(User[1].spent, Decimal)
assert_type(User[1].dearest, Decimal | None)
assert_type(User.cheapest, Column[Decimal | None])
assert_type(User[1].newest_order, Any)
assert_type(Place[1].reachable, Links[Place, Road])
assert_type(Article.popular(), Query[Article])
assert_type(Article[1].author_id, int)

assert_type(Author[1], Author)
assert_type(Author.get(1), Author)
assert_type(Author.find(1), Author | None)
assert_type(Author.find_by(email="ann@x.io"), Author | None)

post.author = bob
bob.posts.append(post)
article = Article(title="x", author=ann)
article.author_id = bob.id
post.category = None
post.published_at = now()
post.published_at = now().value
post.update(title="x", content="y")
post.delete()
assert_type(Article.where(Article.title == "x").update(views=Article.views + 1), int)
assert_type(Post.where(title="x").delete(), int)
Author.insert_many([{"name": "Ann", "email": "ann@x.io"}], progress=True)
Author.insert_many([("Ann", "ann@x.io")], columns=["name", "email"], hooks=True)
Author.insert_many([("Ann", "ann@x.io")], columns=(Author.name, Author.email))
Author.insert_many({"name": ["Ann"], "email": ["ann@x.io"]})
assert_type(Author.upsert(email="ann@x.io", name="Anna"), Author)
Author.upsert(on="email", email="ann@x.io", name="Anna")
record, created = Author.get_or_create(email="ann@x.io", defaults={"name": "Ann"})
assert_type(record, Author)
assert_type(created, bool)

assert_type(len(ann.posts), int)
assert_type(post in ann.posts, bool)
assert_type(ann.posts[0], Post)
assert_type(ann.posts[:2], list[Post])
for child in ann.posts:
    assert_type(child, Post)
ann.posts.add(post)
ann.posts.add(post, post)
ann.posts.extend([post])
ann.posts.remove(post)
ann.posts.discard(post)
ann.posts.clear()
assert_type(ann.posts.create(title="new"), Post)
assert_type(ann.posts.create_many([{"title": "a"}, {"title": "b"}]), list[Post])
assert_type(ann.posts.where(Post.published()).order_by(Post.title).first(), Post | None)
ann.posts = [post]
assert_type(ann.posts, Collection[Post])

tag2 = Tag(label="old")
assert_type(post.tags.attach(tag, weight=2), PivotChanges[Tag])
post.tags.attach({tag: {"weight": 2}, 2: {}})
post.tags.attach([tag, tag2, 3])
weights = {tag: {"weight": 2}, tag2: {"weight": 3}}
post.tags.sync(weights)
post.tags.sync([tag, tag2])
post.tags.toggle([tag, 2])
post.tags.toggle(tag)
post.tags.detach(tag)
post.tags.detach()
changes = post.tags.update_pivot(tag, weight=3)
assert_type(changes.attached, list[Tag])
for each, link in post.tags.pairs():
    assert_type(each, Tag)
    assert_type(link.weight, int)
post.tags = [tag2, tag]
for place, depth in Place[1].ancestors.pairs():
    assert_type(place, Place)
    assert_type(depth, int)

assert_type(post.changes, dict[str, tuple[Any, Any]])
assert_type(post.changed, bool)
post.was("title")
post.expire("html")
assert_type(post.to_dict("full_name"), dict[str, Any])
assert_type(Post.create_tree(title="x", author=ann, comments=[{"body": "!"}], tags=[tag, {"label": "b"}]), Post)
post.assign_tree({"title": "y", "comments": []}, remove_missing=False)
User[1].delete()
User[1].delete(force=True)
User[1].restore()
User.with_deleted().count()
User.only_deleted().where(name="x").restore()
User[1].last_login = None


# ---------------------------------------------------------------- querying

Post.where(author=ann, title="Hello")
Post.where(author=[ann, bob], title=lambda title: title.isupper())
Post.where(Post.title.startswith("H") & ~Post.category.is_null())
Post.where(Post.author.email == "ann@x.io")
Post.where(exists(Post.comments, Comment.body.contains("code")))
Author.where(count(Author.posts) >= 3)
Author.where(sum_(Author.posts.id) > 3, max_(Author.posts.published_at) < now())
Order.where(Order.total - Order.paid > 0)
Post.where(Post.published()).order_by(Post.published_at.desc(), Post.title).offset(10).limit(5)
Author.where(Author.full_name == "Ann Lee")
Post.where(Post.author.full_name == "Ann Lee")


def slow_check(candidate: Post) -> bool:
    return candidate.title.istitle()


Post.where(lambda p: slow_check(p))
Post.where(slow_check, Post.id > 3)
assert_type(Post.pluck(Post.title), list[str])
assert_type(Post.pluck(Post.author.surname), list[str | None])
assert_type(Post.pluck(Post.title, Post.id), list[tuple[str, int]])
assert_type(Post.where(title="x").pluck(Post.id, Post.title, Post.author.full_name), list[tuple[int, str, str]])
assert_type(Post.select(Post.id, Post.title, n=count(Post.comments)), list[dict[str, Any]])
assert_type(Post.count(), int)
assert_type(Post.all().exists(), bool)
assert_type(Post.first(), Post | None)
assert_type(Post.where(title="x").last(), Post | None)
assert_type(Post.where(title="x").one(), Post)
assert_type(Post.one_or_none(), Post | None)
assert_type(Article.sum(Article.views), int)
assert_type(Order.all().sum(Order.total), Decimal)
assert_type(Article.avg(Article.views), float | None)
assert_type(Order.avg(Order.total), Decimal | None)
assert_type(Post.min(Post.published_at), datetime | None)
assert_type(Article.max(Article.score), float | None)
assert_type(Post.group_by(Post.author).agg(n=count(), latest=max_(Post.published_at)), list[dict[str, Any]])
print(Post.where(title="x").explain())
for batch in Post.all().in_batches(1000):
    assert_type(batch, list[Post])

assert_type(Post.title, Column[str])
assert_type(Author.surname, Column[str | None])
assert_type(Author.full_name, Column[str])
assert_type(Post.author, type[Author])
assert_type(Post.category, type[Category])
assert_type(Author.posts, type[Post])
assert_type(Post.tags, type[Tag])
assert_type(User.last_login, type[Login])
assert_type(Author.posts.category.posts.tags.label, Column[str])
assert_type(Post.published(), Expr)
assert_type(Author.posts.published(), Expr)
assert_type(Post.where(Post.published()), Query[Post])

Author.where(Author.posts.published() | (Author.name == "Ann"))
Author.where((Author.posts.title == "a") & (Author.posts.id > 3))
Author.where(exists(Author.posts, Post.title == "a", Post.id > 3))
Author.where(count(Author.posts, Post.published(), distinct=False) > 1)
Post.where(exists(Post.category), ~exists(Post.comments))
Post.where(Post.author.is_(ann), Post.category.is_(None), Post.category.parent.is_null())
Comment.where(Comment.subject.of(Post).title == "x", Comment.subject.is_a(Post))
assert_type(Comment.subject.of(Post), type[Post])
Comment.where(Comment.subject.of(Post).is_(post))
Post.where(Post.author.in_([ann]), Post.category.not_in([None]), Post.author.in_(Author.where(name="Ann")))
Author.where(Author.posts.in_({post}), ~Author.posts.category.in_(()))
Comment.where(Comment.subject.of(Post).in_([post]))
Note.where(Note.about.of(Place).name == "x", exists(Note.about), Note.about.is_null())
Post.order_by(Post.author.name, Post.title.desc().nulls_first(), Author.surname.nulls_first())

Article.where(
    Article.title != "x",
    Article.views < 3,
    Article.views <= Article.id,
    3 > Article.views,
    Article.views.in_([1, 2]),
    Article.views.not_in({1, 2}),
    Article.views.between(1, 2),
    Article.score.is_null(),
    Article.score.is_(None),
    Article.score == None,  # noqa: E711
    Article.score > 3,
    Article.title.like("a%"),
    Article.title.ilike("a%"),
    Article.title.contains("a"),
    Article.title.startswith("a"),
    Article.title.matches(r"^[A-Z]\w+"),
    Article.title.matches("a", re.IGNORECASE | re.MULTILINE),
    Article.title.matches("a", flags=0),
    Article.title.matches(re.compile("a")),
    Article.title.endswith("a"),
    Article.author.surname == Article.author.name,
    Article.author.name == Article.author.surname,
    Order.status == "completed",
    Product.size == Size(),
    Product.color.in_([Color.RED]),
)
assert_type(Article.views + 1, Column[int])
assert_type(Article.views * 1.5, Column[float])
assert_type(100 - Article.views, Column[int])
assert_type(Article.views / 2, Column[float])
assert_type(Article.score + 1, Column[float | None])
assert_type(Order.total - Order.paid, Column[Decimal])
assert_type(Item.price - Order.paid, Column[Decimal | None])
assert_type(now() - Post.published_at, Column[timedelta])
assert_type(Post.published_at + timedelta(days=1), Column[datetime])
assert_type(Post.published_at - Post.author.posts.published_at, Column[timedelta])
Post.where(now() - Post.published_at > timedelta(days=7), Post.published_at > now() - timedelta(days=7))
assert_type(now(), Moment)
assert_type(now() - timedelta(days=7), Moment)
assert_type(now() - post.published_at, timedelta)
assert_type(post.published_at <= now(), bool)
assert_type(count(Post.comments), Aggregate[int])
assert_type(sum_(Order.total), Aggregate[Decimal])
assert_type(sum_(Article.score), Aggregate[float])
assert_type(avg(Article.views), Aggregate[float | None])
assert_type(avg(Order.total), Aggregate[Decimal | None])
assert_type(min_(Post.title), Aggregate[str | None])
assert_type(max_(Article.score), Aggregate[float | None])

users = User.where(role="premium").include(
    User.orders, where=Order.status == "completed", order_by=Order.total.desc(), limit=10, only=["id", "total"]
).include(User.orders.items.product)
for user in users:
    assert_type(user, View[User])
    assert_type(user.record, User)
    print(user.name, [order.total for order in user.orders], user.shared[0].pivot)
assert_type(users.to_dicts(), list[dict[str, Any]])
User.include(User.orders, User.last_login)


M = TypeVar("M", bound=Model)


def newest(model: type[M], size: int) -> list[M]:
    return list(model.order_by(model.id.desc()).limit(size))


assert_type(newest(Post, 3), list[Post])


# ---------------------------------------------------------------- the rest

with db.transaction() as tx:
    Post(title="in one unit", author=ann)
    with transaction(wait=0.5):
        post.delete()
    tx.rollback()
assert_type(shop.models["User"].count(), Any)
shop.check()
shop.clock.freeze(datetime(2030, 1, 1))
shop.clock.move(timedelta(days=1))
shop.clock.unfreeze()
print(shop.stats(), db.explain_getter(ann, "full_name"), db.diagram())
shop.clear()
shop.close()

try:
    Author[2]
except NotFound as missing:
    print(missing)
except UniqueError as twice:
    print(twice.model, twice.fields, twice.values, twice.existing)
except Invalid as invalid:
    print(invalid.errors["name"])
except (UnknownName, SinewError) as error:
    print(error)


class AuthorSerializer(Serializer[Author]):
    fields = ("name", "full_name")


class PostSerializer(Serializer[Post]):
    fields = ("title", "published_at", ("author_name", "author.full_name"))
    author = nested(AuthorSerializer, only=("name",))

    @attribute
    def html(self, post: Post, options: Mapping[str, Any]) -> str:
        return f"<h1>{post.title}</h1>" if options.get("show_email") else ""


assert_type(PostSerializer.dump(post, show_email=True), dict[str, Any])
assert_type(PostSerializer.dump_many(ann.posts), list[dict[str, Any]])
PostSerializer.dump_many(Post.where(title="x"))
PostSerializer.dump_many(Post.include(Post.author))
assert_type(PostSerializer.dump_json([post]), str)
PostSerializer.dump_json(post)
