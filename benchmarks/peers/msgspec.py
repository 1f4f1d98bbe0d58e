"""msgspec's Structs in place of slots classes, with the same dicts kept by hand."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct

from .. import handwritten
from .handwritten import HandWritten


class Author(Struct, kw_only=True, eq=False):
    id: int
    name: str
    posts: list[Any] = []


class Post(Struct, kw_only=True, eq=False):
    id: int
    title: str
    content: str
    published_at: datetime
    author_id: int
    store: handwritten.Store

    def __post_init__(self) -> None:
        store: Any = self.store
        if self.id in store.posts:
            raise ValueError(self.id)
        store.posts[self.id] = self
        store.authors[self.author_id].posts.append(self)

    @property
    def author(self) -> Any:
        return self.store.authors[self.author_id]

    @author.setter
    def author(self, author: Any) -> None:
        posts: Any = self.store.authors[self.author_id].posts
        posts.remove(self)
        self.author_id = author.id
        author.posts.append(self)

    def short(self) -> str:
        return self.title


class Tag(Struct, kw_only=True, eq=False):
    id: int
    label: str


class Tagging(Struct, kw_only=True, eq=False):
    id: int
    post_id: int
    tag_id: int
    weight: int
    store: handwritten.Store

    def __post_init__(self) -> None:
        store: Any = self.store
        if (self.post_id, self.tag_id) in store.pairs:
            raise ValueError((self.post_id, self.tag_id))
        store.taggings[self.id] = self
        store.pairs.add((self.post_id, self.tag_id))
        store.taggings_of_post[self.post_id].append(self)
        store.taggings_of_tag[self.tag_id][self.id] = self


class Store(handwritten.Store):
    Author, Post, Tag, Tagging = Author, Post, Tag, Tagging


class Msgspec(HandWritten):
    name = "msgspec"
    imports = "import msgspec"
    Store = Store


SIDE = Msgspec
