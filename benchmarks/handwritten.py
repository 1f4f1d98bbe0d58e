"""What a good engineer writes without us: slots classes, a dict per key, a list on the parent kept in step by hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

from .workload import Workload


class Author:
    __slots__ = ("id", "name", "posts")

    def __init__(self, *, id: int, name: str) -> None:
        self.id = id
        self.name = name
        self.posts: list[Post] = []


class Post:
    __slots__ = ("author_id", "content", "id", "published_at", "store", "title")

    def __init__(
        self, *, id: int, title: str, content: str, published_at: datetime, author_id: int, store: Store
    ) -> None:
        if id in store.posts:
            raise ValueError(id)
        self.id = id
        self.title = title
        self.content = content
        self.published_at = published_at
        self.author_id = author_id
        self.store = store
        store.posts[id] = self
        store.authors[author_id].posts.append(self)

    @property
    def author(self) -> Author:
        return self.store.authors[self.author_id]

    @author.setter
    def author(self, author: Author) -> None:
        self.store.authors[self.author_id].posts.remove(self)
        self.author_id = author.id
        author.posts.append(self)

    def short(self) -> str:
        return self.title


class Tag:
    __slots__ = ("id", "label")

    def __init__(self, *, id: int, label: str) -> None:
        self.id = id
        self.label = label


class Tagging:
    __slots__ = ("id", "post_id", "tag_id", "weight")

    def __init__(self, *, id: int, post_id: int, tag_id: int, weight: int, store: Store) -> None:
        if (post_id, tag_id) in store.pairs:
            raise ValueError((post_id, tag_id))
        self.id = id
        self.post_id = post_id
        self.tag_id = tag_id
        self.weight = weight
        store.taggings[id] = self
        store.pairs.add((post_id, tag_id))
        store.taggings_of_post[post_id].append(self)
        store.taggings_of_tag[tag_id][id] = self


class Folder:
    __slots__ = ("around", "id", "inside")

    def __init__(self, *, id: int, around: Folder | None) -> None:
        self.id = id
        self.around = around
        self.inside: list[Folder] = []
        if around is not None:
            around.inside.append(self)


class Store:
    """Everything, and every index. The classes of the records are a peer's own where it has others."""

    Author: ClassVar[Any] = Author
    Post: ClassVar[Any] = Post
    Tag: ClassVar[Any] = Tag
    Tagging: ClassVar[Any] = Tagging

    def __init__(self, workload: Workload) -> None:
        self.authors: dict[int, Author] = {
            number: self.Author(id=number, name=name) for number, name in workload.authors
        }
        self.posts: dict[int, Post] = {}
        self.tags = {number: self.Tag(id=number, label=label) for number, label in workload.tags}
        self.tags_by_label = {tag.label: tag for tag in self.tags.values()}
        self.taggings: dict[int, Tagging] = {}
        self.pairs: set[tuple[int, int]] = set()
        self.taggings_of_post: defaultdict[int, list[Tagging]] = defaultdict(list)
        self.taggings_of_tag: defaultdict[int, dict[int, Tagging]] = defaultdict(dict)  # long: left in constant time

    def load(self, workload: Workload) -> None:
        make = self.Post
        for number, title, content, published_at, author_id in workload.posts:
            make(id=number, title=title, content=content, published_at=published_at, author_id=author_id, store=self)

    def load_taggings(self, workload: Workload) -> None:
        make = self.Tagging
        for number, post_id, tag_id, weight in workload.taggings:
            make(id=number, post_id=post_id, tag_id=tag_id, weight=weight, store=self)

    def delete_author(self, author: Author) -> None:
        """With the author's posts and their taggings."""
        del self.authors[author.id]
        for post in author.posts:
            del self.posts[post.id]
            self.delete_taggings(self.taggings_of_post.pop(post.id, ()))

    def delete_taggings(self, taggings: Iterable[Tagging]) -> None:
        """Of a post that is deleted."""
        for tagging in taggings:
            del self.taggings[tagging.id]
            self.pairs.remove((tagging.post_id, tagging.tag_id))
            del self.taggings_of_tag[tagging.tag_id][tagging.id]
