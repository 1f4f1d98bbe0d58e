"""The models of the stateful test, and the same as the oracle sees them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sinew import (
    Attr,
    BelongsTo,
    Database,
    HasMany,
    HasOne,
    KeyedModel,
    ManyToMany,
    Model,
    belongs_to,
    define,
    deleted_at,
    field,
    has_many,
    has_one,
    many_to_many,
)

from .computed import (
    OfAuthors,
    OfBoxes,
    OfCategories,
    OfKeepers,
    OfMembers,
    OfPosts,
    OfReaders,
    OfRemarks,
    OfShelves,
    OfTaggings,
    OfTags,
    OfTopics,
    wild_getter,
)
from .oracle import Ref, Shape

store = Database()


class Numbered(Model, db=store, abstract=True):
    """Models with the implicit id."""


class Author(OfAuthors, Numbered):
    name: Attr[str]
    email: Attr[str | None] = field(default=None, unique=True)
    posts: HasMany[Post] = has_many(inverse=lambda: Post.author)
    reviewed: HasMany[Post] = has_many(inverse=lambda: Post.reviewer)
    best: HasMany[Post] = has_many(
        inverse=lambda: Post.author,
        where=lambda: Post.score > 0,
        order_by=lambda: (Post.score.desc(), Post.title),
        limit=3,
    )
    profile: HasOne[Profile | None] = has_one(inverse=lambda: Profile.author)
    top: HasOne[Post | None] = has_one(inverse=lambda: Post.author, order_by=lambda: Post.score.desc())
    categories: HasMany[Category] = has_many(through=lambda: Author.posts.category)
    above: HasMany[Category] = has_many(through=lambda: Author.categories.ancestors)
    around: HasMany[Category] = has_many(union=lambda: (Author.categories, Author.above))
    shared: HasMany[Category] = has_many(intersection=lambda: (Author.categories, Author.reviewed.category))
    unshared: HasMany[Category] = has_many(difference=lambda: (Author.categories, Author.reviewed.category))
    remarks: HasMany[Remark] = has_many(inverse=lambda: Remark.about)


class Profile(Numbered):
    text: Attr[str] = field(default="")
    author: BelongsTo[Author] = belongs_to(unique=True, on_delete="cascade")


class Category(OfCategories, Numbered):
    title: Attr[str]
    parent: BelongsTo[Category | None] = belongs_to(default=None, on_delete="cascade")
    children: HasMany[Category] = has_many(inverse=lambda: Category.parent)
    posts: HasMany[Post] = has_many(inverse=lambda: Post.category)
    ancestors: HasMany[Category] = has_many(recursive=lambda: Category.parent)
    descendants: HasMany[Category] = has_many(recursive=lambda: Category.children)
    writers: HasMany[Author] = has_many(through=lambda: Category.posts.author)
    remarks: HasMany[Remark] = has_many(inverse=lambda: Remark.about)


class Post(OfPosts, Numbered, index=[("author", "score")], unique=[("author", "title")]):
    title: Attr[str]
    score: Attr[int | None] = field(default=None, index="ordered")
    author: BelongsTo[Author] = belongs_to()
    reviewer: BelongsTo[Author | None] = belongs_to(default=None, on_delete="nullify")
    category: BelongsTo[Category | None] = belongs_to(default=None, on_delete="nullify")
    origin: BelongsTo[Post | None] = belongs_to(default=None, enforce=False, on_delete="keep")
    copies: HasMany[Post] = has_many(inverse=lambda: Post.origin)
    originals: HasMany[Post] = has_many(recursive=lambda: Post.origin)
    taggings: HasMany[Tagging] = has_many(inverse=lambda: Tagging.post)
    seen_in: HasMany[Remark] = has_many(inverse=lambda: Remark.seen)
    tags: ManyToMany[Tag, Tagging] = many_to_many(inverse=lambda: Tag.posts)
    marks: ManyToMany[Tag, Mark] = many_to_many(unique=False)


class Tag(OfTags, Numbered):
    label: Attr[str] = field(unique=True, intern=True)
    rank: Attr[int | None] = field(default=None, unique="deferred")
    taggings: HasMany[Tagging] = has_many(inverse=lambda: Tagging.tag)
    seen_in: HasMany[Remark] = has_many(inverse=lambda: Remark.seen)
    pin: HasOne[Remark | None] = has_one(inverse=lambda: Remark.pinned)
    posts: ManyToMany[Post, Tagging] = many_to_many(inverse=lambda: Post.tags)
    kin: ManyToMany[Tag, Kinship] = many_to_many(symmetric=True, foreign_key="a", other_key="b")


class Tagging(OfTaggings, Numbered, unique=[("post", "tag")]):
    """The pivot of posts and tags."""

    post: BelongsTo[Post] = belongs_to(on_delete="cascade")
    tag: BelongsTo[Tag] = belongs_to(on_delete="cascade")
    weight: Attr[int] = field(default=1)


class Mark(Numbered):
    """A pivot with any number of rows for a pair, and rows that lead nowhere."""

    post: BelongsTo[Post] = belongs_to()
    tag: BelongsTo[Tag | None] = belongs_to(default=None)
    weight: Attr[int | None] = field(default=None)


class Kinship(Numbered):
    """A pivot whose rows are seen from both sides."""

    a: BelongsTo[Tag] = belongs_to()
    b: BelongsTo[Tag] = belongs_to()
    weight: Attr[int | None] = field(default=None)


class Badge(Numbered):
    """Referred to by a unique field that may change."""

    code: Attr[str] = field(unique=True)
    level: Attr[Decimal | None] = field(default=None, index="ordered")
    note: Attr[Any] = field(default=None)
    holders: HasMany[Member] = has_many(inverse=lambda: Member.badge)
    fans: HasMany[Member] = has_many(inverse=lambda: Member.liked)


class Member(OfMembers, Numbered):
    badge: BelongsTo[Badge | None] = belongs_to(default=None, references="code")
    liked: BelongsTo[Badge | None] = belongs_to(default=None, references="code", enforce=False, on_delete="keep")
    mentor: BelongsTo[Member | None] = belongs_to(default=None, on_delete="nullify")
    pupils: HasMany[Member] = has_many(inverse=lambda: Member.mentor)


class Remark(OfRemarks, Numbered):
    """Refers to records of several models, three times: cascading, nullifying, and one to one."""

    text: Attr[str]
    about: BelongsTo[Author | Category | Remark | None] = belongs_to(
        default=None, on_delete="cascade", type_values={"Category": "c"}
    )
    seen: BelongsTo[Tag | Post | None] = belongs_to(
        default=None, on_delete="nullify", type_field="kind", foreign_key="number", type_values={"Post": 1, "Tag": 2}
    )
    pinned: BelongsTo[Author | Tag | None] = belongs_to(default=None, unique=True)
    replies: HasMany[Remark] = has_many(inverse=lambda: Remark.about)


class Keeper(OfKeepers, Numbered):
    wilds: HasMany[Wild] = has_many(inverse="owner")  # type: ignore[valid-type]


class Hall(Numbered):
    """Deleted for good, whatever hangs from it."""

    topics: HasMany[Topic] = has_many(inverse=lambda: Topic.hall)


class Reader(OfReaders, Numbered):
    name: Attr[str] = field(unique=True)
    gone: Attr[datetime | None] = deleted_at()
    topics: HasMany[Topic] = has_many(inverse=lambda: Topic.owner)
    guided: HasMany[Topic] = has_many(inverse=lambda: Topic.guide)
    led: HasMany[Topic] = has_many(inverse=lambda: Topic.leader)
    watches: HasMany[Watch] = has_many(inverse=lambda: Watch.reader)


class Topic(OfTopics, Numbered):
    title: Attr[str | None] = field(default=None, unique=True)
    parent: BelongsTo[Topic | None] = belongs_to(default=None, on_delete="cascade")
    owner: BelongsTo[Reader | None] = belongs_to(default=None, on_delete="cascade")
    guide: BelongsTo[Reader | None] = belongs_to(default=None, on_delete="nullify")
    leader: BelongsTo[Reader | None] = belongs_to(default=None)
    hall: BelongsTo[Hall | None] = belongs_to(default=None, on_delete="cascade")
    gone: Attr[datetime | None] = deleted_at(tz="naive")
    below: HasMany[Topic] = has_many(inverse=lambda: Topic.parent)
    watches: HasMany[Watch] = has_many(inverse=lambda: Watch.topic)


class Watch(Numbered, unique=[("topic", "reader")]):
    """The pivot of topics and readers."""

    topic: BelongsTo[Topic] = belongs_to(on_delete="cascade")
    reader: BelongsTo[Reader] = belongs_to(on_delete="cascade")
    gone: Attr[datetime | None] = deleted_at()


class Shelf(OfShelves, KeyedModel, db=store, primary_key=("room", "number")):
    room: Attr[str]
    number: Attr[int]
    boxes: HasMany[Box] = has_many(inverse=lambda: Box.shelf)


class Box(OfBoxes, KeyedModel, db=store):
    label: Attr[str] = field(primary_key=True)
    shelf: BelongsTo[Shelf | None] = belongs_to(default=None, on_delete="nullify")
    inside: BelongsTo[Box | None] = belongs_to(default=None)
    content: HasMany[Box] = has_many(inverse=lambda: Box.inside)


@dataclass(frozen=True)
class Variant:
    """What may differ from one definition of Wild to the next."""

    tag_index: Any = None  # None, True or "ordered"
    tag_unique: bool = False
    extra: bool = False
    note_required: bool = False
    owner_required: bool = False
    on_delete: str = "nullify"
    one_to_one: bool = False
    tree: bool = False
    together: str = ""  # class keyword over owner and tag: "", "index" or "unique"

    def possible(self) -> bool:
        """No required reference that would be nullified or kept."""
        return not (self.owner_required and self.on_delete in ("nullify", "keep"))

    def fields(self) -> dict[str, Any]:
        nullable, kept = not self.owner_required, self.on_delete == "keep"
        owner: dict[str, Any] = {"on_delete": self.on_delete, "enforce": not kept, "unique": self.one_to_one}
        found: dict[str, Any] = {
            "tag": field(type=str, unique=self.tag_unique, index=self.tag_index or False),
            "note": field(type=int if self.note_required else "int | None", default=0 if self.note_required else None),
            "owner": belongs_to("Keeper | None", default=None, **owner) if nullable else belongs_to("Keeper", **owner),
        }
        if self.extra:
            found["extra"] = field(type=int, default=7, index=True)
        if self.tree:
            found["parent"] = belongs_to("Wild | None", default=None, on_delete="cascade")
            found["children"] = has_many("Wild", inverse="parent")
        return found

    def define(self) -> Any:
        fields = {**self.fields(), "name": wild_getter(self.extra)}
        keywords = {self.together: [("owner", "tag")]} if self.together else {}
        return define("Wild", fields, base=Numbered, **keywords)

    def shape(self) -> Shape:
        extra, tree = ("extra",) if self.extra else (), ("parent_id",) if self.tree else ()
        nullable = {"parent_id"}
        nullable |= set() if self.note_required else {"note"}
        nullable |= set() if self.owner_required else {"owner_id"}
        owner = Ref("owner", ("owner_id",), "Keeper", ("id",), self.on_delete, self.on_delete != "keep")
        parent = Ref("parent", ("parent_id",), "Wild", ("id",), "cascade")
        unique = [("tag",)] if self.tag_unique else []
        unique += [("owner_id",)] if self.one_to_one else []
        unique += [("owner_id", "tag")] if self.together == "unique" else []
        return Shape(
            ("id", "tag", "note", "owner_id", *extra, *tree),
            ("id",),
            frozenset(nullable),
            tuple(unique),
            (owner, parent) if self.tree else (owner,),
        )


PLAIN = Variant()
Wild: Any = PLAIN.define()

MODELS: dict[str, Any] = {
    "Author": Author,
    "Profile": Profile,
    "Category": Category,
    "Post": Post,
    "Tag": Tag,
    "Tagging": Tagging,
    "Mark": Mark,
    "Kinship": Kinship,
    "Badge": Badge,
    "Member": Member,
    "Remark": Remark,
    "Keeper": Keeper,
    "Wild": Wild,
    "Shelf": Shelf,
    "Box": Box,
    "Hall": Hall,
    "Reader": Reader,
    "Topic": Topic,
    "Watch": Watch,
}

SOFT = ("Reader", "Topic", "Watch")

SHAPES = {
    "Author": Shape(("id", "name", "email"), ("id",), frozenset({"email"}), (("email",),)),
    "Profile": Shape(
        ("id", "text", "author_id"),
        ("id",),
        unique=(("author_id",),),
        refs=(Ref("author", ("author_id",), "Author", ("id",), "cascade"),),
    ),
    "Category": Shape(
        ("id", "title", "parent_id"),
        ("id",),
        frozenset({"parent_id"}),
        refs=(Ref("parent", ("parent_id",), "Category", ("id",), "cascade"),),
    ),
    "Post": Shape(
        ("id", "title", "score", "author_id", "reviewer_id", "category_id", "origin_id"),
        ("id",),
        frozenset({"score", "reviewer_id", "category_id", "origin_id"}),
        (("author_id", "title"),),
        (
            Ref("author", ("author_id",), "Author", ("id",)),
            Ref("reviewer", ("reviewer_id",), "Author", ("id",), "nullify"),
            Ref("category", ("category_id",), "Category", ("id",), "nullify"),
            Ref("origin", ("origin_id",), "Post", ("id",), "keep", enforce=False),
        ),
    ),
    "Tag": Shape(("id", "label", "rank"), ("id",), frozenset({"rank"}), (("label",),), deferred=(("rank",),)),
    "Tagging": Shape(
        ("id", "post_id", "tag_id", "weight"),
        ("id",),
        unique=(("post_id", "tag_id"),),
        refs=(
            Ref("post", ("post_id",), "Post", ("id",), "cascade"),
            Ref("tag", ("tag_id",), "Tag", ("id",), "cascade"),
        ),
    ),
    "Mark": Shape(
        ("id", "post_id", "tag_id", "weight"),
        ("id",),
        frozenset({"tag_id", "weight"}),
        refs=(
            Ref("post", ("post_id",), "Post", ("id",), "cascade"),
            Ref("tag", ("tag_id",), "Tag", ("id",), "cascade"),
        ),
    ),
    "Kinship": Shape(
        ("id", "a_id", "b_id", "weight"),
        ("id",),
        frozenset({"weight"}),
        unique=(("a_id", "b_id"),),
        refs=(Ref("a", ("a_id",), "Tag", ("id",), "cascade"), Ref("b", ("b_id",), "Tag", ("id",), "cascade")),
    ),
    "Badge": Shape(("id", "code", "level", "note"), ("id",), frozenset({"level", "note"}), (("code",),)),
    "Member": Shape(
        ("id", "badge_id", "liked_id", "mentor_id"),
        ("id",),
        frozenset({"badge_id", "liked_id", "mentor_id"}),
        refs=(
            Ref("badge", ("badge_id",), "Badge", ("code",)),
            Ref("liked", ("liked_id",), "Badge", ("code",), "keep", enforce=False),
            Ref("mentor", ("mentor_id",), "Member", ("id",), "nullify"),
        ),
    ),
    "Remark": Shape(
        ("id", "text", "about_type", "about_id", "kind", "number", "pinned_type", "pinned_id"),
        ("id",),
        frozenset({"about_type", "about_id", "kind", "number", "pinned_type", "pinned_id"}),
        (("pinned_type", "pinned_id"),),
        (
            *(
                Ref("about", ("about_id",), target, ("id",), "cascade", tag=("about_type", value))
                for target, value in (("Author", "Author"), ("Category", "c"), ("Remark", "Remark"))
            ),
            *(
                Ref("seen", ("number",), target, ("id",), "nullify", tag=("kind", value))
                for target, value in (("Tag", 2), ("Post", 1))
            ),
            *(
                Ref("pinned", ("pinned_id",), target, ("id",), tag=("pinned_type", target))
                for target in ("Author", "Tag")
            ),
        ),
    ),
    "Keeper": Shape(("id",), ("id",)),
    "Wild": PLAIN.shape(),
    "Shelf": Shape(("room", "number"), ("room", "number")),
    "Hall": Shape(("id",), ("id",)),
    "Reader": Shape(("id", "name", "gone"), ("id",), frozenset({"gone"}), (("name",),), soft=True),
    "Topic": Shape(
        ("id", "title", "parent_id", "owner_id", "guide_id", "leader_id", "hall_id", "gone"),
        ("id",),
        frozenset({"title", "parent_id", "owner_id", "guide_id", "leader_id", "hall_id", "gone"}),
        (("title",),),
        (
            Ref("parent", ("parent_id",), "Topic", ("id",), "cascade"),
            Ref("owner", ("owner_id",), "Reader", ("id",), "cascade"),
            Ref("guide", ("guide_id",), "Reader", ("id",), "nullify"),
            Ref("leader", ("leader_id",), "Reader", ("id",)),
            Ref("hall", ("hall_id",), "Hall", ("id",), "cascade"),
        ),
        soft=True,
    ),
    "Watch": Shape(
        ("id", "topic_id", "reader_id", "gone"),
        ("id",),
        frozenset({"gone"}),
        (("topic_id", "reader_id"),),
        (
            Ref("topic", ("topic_id",), "Topic", ("id",), "cascade"),
            Ref("reader", ("reader_id",), "Reader", ("id",), "cascade"),
        ),
        soft=True,
    ),
    "Box": Shape(
        ("label", "shelf_room", "shelf_number", "inside_id"),
        ("label",),
        frozenset({"shelf_room", "shelf_number", "inside_id"}),
        refs=(
            Ref("shelf", ("shelf_room", "shelf_number"), "Shelf", ("room", "number"), "nullify"),
            Ref("inside", ("inside_id",), "Box", ("label",)),
        ),
    ),
}

# relation of has_many / has_one -> (model of the children, name of their belongs_to)
COLLECTIONS = {
    "Author": {"posts": ("Post", "author"), "reviewed": ("Post", "reviewer"), "remarks": ("Remark", "about")},
    "Category": {"children": ("Category", "parent"), "posts": ("Post", "category"), "remarks": ("Remark", "about")},
    "Post": {"copies": ("Post", "origin"), "taggings": ("Tagging", "post"), "seen_in": ("Remark", "seen")},
    "Tag": {"taggings": ("Tagging", "tag"), "seen_in": ("Remark", "seen")},
    "Remark": {"replies": ("Remark", "about")},
    "Badge": {"holders": ("Member", "badge"), "fans": ("Member", "liked")},
    "Member": {"pupils": ("Member", "mentor")},
    "Keeper": {"wilds": ("Wild", "owner")},
    "Shelf": {"boxes": ("Box", "shelf")},
    "Hall": {"topics": ("Topic", "hall")},
    "Reader": {
        "topics": ("Topic", "owner"),
        "guided": ("Topic", "guide"),
        "led": ("Topic", "leader"),
        "watches": ("Watch", "reader"),
    },
    "Topic": {"below": ("Topic", "parent"), "watches": ("Watch", "topic")},
    "Box": {"content": ("Box", "inside")},
}
