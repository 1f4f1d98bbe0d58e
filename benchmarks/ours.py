"""The same models in sinew."""

from __future__ import annotations

from datetime import datetime

from sinew import Attr, BelongsTo, Database, HasMany, Model, belongs_to, field, has_many

from .workload import Workload

store = Database()


class Stored(Model, db=store, abstract=True):
    """The family of the benchmark's models."""


class Author(Stored):
    name: Attr[str]
    posts: HasMany[Post] = has_many(inverse=lambda: Post.author)
    tags: HasMany[Tag] = has_many(through=lambda: Author.posts.taggings.tag)


class Post(Stored):
    title: Attr[str]
    content: Attr[str]
    published_at: Attr[datetime]
    author: BelongsTo[Author] = belongs_to(on_delete="cascade")
    taggings: HasMany[Tagging] = has_many(inverse=lambda: Tagging.post)

    def short(self) -> str:
        return self.title


class Tag(Stored):
    label: Attr[str] = field(unique=True)
    taggings: HasMany[Tagging] = has_many(inverse=lambda: Tagging.tag)


class Tagging(Stored, unique=[("post", "tag")]):
    post: BelongsTo[Post] = belongs_to(on_delete="cascade")
    tag: BelongsTo[Tag] = belongs_to(on_delete="cascade")
    weight: Attr[int]


class Visit(Stored):
    """A column of small integers without an index."""

    place: Attr[int]


class Folder(Stored):
    """A tree."""

    around: BelongsTo[Folder | None] = belongs_to(default=None, on_delete="cascade")
    inside: HasMany[Folder] = has_many(inverse=lambda: Folder.around)
    ancestors: HasMany[Folder] = has_many(recursive=lambda: Folder.around)
    descendants: HasMany[Folder] = has_many(recursive=lambda: Folder.inside)


def authors(workload: Workload) -> None:
    """Empties the store and loads authors and tags."""
    store.clear()
    Author.insert_many(workload.authors, columns=["id", "name"])
    Tag.insert_many(workload.tags, columns=["id", "label"])


def load(workload: Workload) -> None:
    """Constructs every post, one by one."""
    for number, title, content, published_at, author_id in workload.posts:
        Post(id=number, title=title, content=content, published_at=published_at, author_id=author_id)  # type: ignore[call-arg]
