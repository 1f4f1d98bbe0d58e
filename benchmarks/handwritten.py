"""What a good engineer writes without us: slots classes, a dict per key, a list on the parent kept in step by hand."""

from __future__ import annotations

from datetime import datetime

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


class Store:
    def __init__(self, workload: Workload) -> None:
        self.authors = {number: Author(id=number, name=name) for number, name in workload.authors}
        self.posts: dict[int, Post] = {}

    def load(self, workload: Workload) -> None:
        for number, title, content, published_at, author_id in workload.posts:
            Post(id=number, title=title, content=content, published_at=published_at, author_id=author_id, store=self)
