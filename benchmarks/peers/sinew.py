"""Ours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sinew import count

from .. import ours
from ..ours import Author, Folder, Post, Tag, Tagging, Visit, store
from ..side import Objects
from ..workload import Workload


class Sinew(Objects):
    name = "sinew"
    imports = "import sinew"

    def __init__(self, workload: Workload) -> None:
        super().__init__(workload)
        self.tags: list[Tag] = []
        """Held as the others are, for finding them."""

    def fill(self) -> None:
        self.empty()
        Post.insert_many(self.workload.post_columns)
        Tagging.insert_many(self.workload.tagging_columns)

    def empty(self) -> None:
        ours.authors(self.workload)

    def fill_visits(self) -> None:
        store.clear()
        Visit.insert_many({"place": self.workload.visits})

    def fill_folders(self) -> None:
        store.clear()
        Folder.insert_many(self.workload.folders, columns=["id", "around_id"])
        self.folders = list(Folder.all())

    def hold(self) -> None:
        self.posts, self.authors, self.tags = list(Post.all()), list(Author.all()), list(Tag.all())

    def release(self) -> None:
        self.posts, self.authors, self.tags = [], list(Author.all()), []

    # ------------------------------------------------------------ records

    def construct(self, rows: Sequence[Any]) -> int:
        for number, title, content, published_at, author_id in rows:
            Post(id=number, title=title, content=content, published_at=published_at, author_id=author_id)  # type: ignore[call-arg]
        return Post.count()

    def insert_many(self, inputs: Sequence[dict[str, list[Any]]]) -> int:
        for columns in inputs:
            Post.insert_many(columns)
        return Post.count()

    def iterate(self, authors: Sequence[Any]) -> int:
        for author in authors:
            for post in author.posts:  # noqa: B007 - its last value
                pass
        number: int = post.id
        return number

    def move(self, moves: Sequence[tuple[int, int]]) -> list[int]:
        posts, authors = self.posts, self.authors
        for post, author in moves:
            posts[post].author = authors[author]
        return [len(author.posts) for author in authors[:10]]

    def find(self, keys: Sequence[int]) -> str:
        find = Post.find
        for key in keys:
            post = find(key)
        assert post is not None
        return post.title

    def find_by(self, labels: Sequence[str]) -> int:
        find_by = Tag.find_by
        for label in labels:
            tag = find_by(label=label)
        assert tag is not None
        return tag.id

    def small_query(self, keys: Sequence[int]) -> str:
        for key in keys:
            post = Post.where(id=key).first()
        assert post is not None
        return post.title

    # ------------------------------------------------------------ queries

    def count_range(self, moments: Sequence[datetime]) -> list[int]:
        return [Post.where(Post.published_at < moment).count() for moment in moments]

    def exists_range(self, moments: Sequence[datetime]) -> list[bool]:
        return [Post.where(Post.published_at < moment).exists() for moment in moments]

    def pluck_range(self, moments: Sequence[datetime]) -> list[list[int]]:
        return [Post.where(Post.published_at < moment).pluck(Post.id) for moment in moments]

    def filter_range(self, moments: Sequence[datetime]) -> list[Any]:
        return list(Post.where(Post.published_at < moments[0]))

    def order_by_str(self, _: Sequence[None]) -> list[int]:
        return Post.order_by(Post.title).pluck(Post.id)

    def order_by_int(self, _: Sequence[None]) -> list[int]:
        return Post.order_by(Post.author_id).pluck(Post.id)  # type: ignore[attr-defined]

    def group(self, _: Sequence[None]) -> dict[int, int]:
        key: Any = Post.author_id  # type: ignore[attr-defined]
        return {row["author_id"]: row["n"] for row in Post.group_by(key).agg(n=count())}

    def group_visits(self, _: Sequence[None]) -> dict[int, int]:
        return {row["place"]: row["n"] for row in Visit.group_by(Visit.place).agg(n=count())}

    def across(self, names: Sequence[str]) -> list[list[int]]:
        return [Post.where(Post.author.name == name).pluck(Post.id) for name in names]

    def across_two(self, labels: Sequence[str]) -> list[list[int]]:
        return [Post.where(Post.taggings.tag.label == label).pluck(Post.id) for label in labels]

    def count_across(self, _: Sequence[None]) -> list[tuple[int, int]]:
        return Author.pluck(Author.id, count(Author.posts))

    def count_across_three(self, _: Sequence[None]) -> list[tuple[int, int]]:
        return Author.pluck(Author.id, count(Author.posts.taggings.tag))

    def through(self, authors: Sequence[Any]) -> int:
        return sum([len(list(author.tags)) for author in authors])

    def count_through(self, authors: Sequence[Any]) -> int:
        return sum([len(author.tags) for author in authors])

    # ------------------------------------------------------------ trees

    def tree(self, _: Sequence[None]) -> list[list[str]]:
        return [[post.title for post in author.posts] for author in Author.include(Author.posts)]

    def tree_dicts(self, _: Sequence[None]) -> list[dict[str, Any]]:
        return Author.include(Author.posts, only=["id", "title", "content"]).to_dicts()

    # ------------------------------------------------------------ closures

    def descendants(self, folders: Sequence[Folder]) -> list[list[int]]:
        return [folder.descendants.pluck(Folder.id) for folder in folders]

    def ancestors(self, folders: Sequence[Folder]) -> list[list[int]]:
        return [[each.id for each in folder.ancestors] for folder in folders]

    # ------------------------------------------------------------ changes

    def update(self, moments: Sequence[datetime]) -> int:
        return Post.where(Post.published_at < moments[0]).update(content="new")

    def increment(self, _: Sequence[None]) -> int:
        return Tagging.all().update(weight=Tagging.weight + 1)

    def rollback(self, posts: Sequence[Any]) -> list[str]:
        with store.transaction() as transaction:
            for post in posts:
                post.content = "new"
            transaction.rollback()
        return [post.content for post in posts[:10]]

    def delete(self, places: Sequence[int]) -> tuple[int, int]:
        for place in places:
            self.authors[place].delete()
        return Post.count(), Tagging.count()


SIDE = Sinew
