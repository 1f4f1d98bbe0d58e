"""Slots classes and dicts kept in step by hand; see ../handwritten.py."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, ClassVar

from .. import handwritten
from ..side import Objects
from ..workload import Workload


class Visit:
    __slots__ = ("id", "place")

    def __init__(self, *, id: int, place: int) -> None:
        self.id = id
        self.place = place


class HandWritten(Objects):
    name = "by hand"
    Store: ClassVar[type[handwritten.Store]] = handwritten.Store

    def __init__(self, workload: Workload) -> None:
        super().__init__(workload)
        self.visits: list[Visit] = []
        self.store: Any = None

    def fill(self) -> None:
        self.empty()
        self.store.load(self.workload)
        self.store.load_taggings(self.workload)

    def empty(self) -> None:
        self.close()
        self.store = self.Store(self.workload)

    def fill_visits(self) -> None:
        self.close()
        self.visits = [Visit(id=number, place=place) for number, place in enumerate(self.workload.visits, 1)]

    def fill_folders(self) -> None:
        self.close()
        folders: dict[int | None, handwritten.Folder] = {}
        for number, around in self.workload.folders:
            folders[number] = handwritten.Folder(id=number, around=folders.get(around))
        self.folders = list(folders.values())

    def hold(self) -> None:
        self.posts, self.authors = list(self.store.posts.values()), list(self.store.authors.values())

    def release(self) -> None:
        self.posts, self.authors = [], list(self.store.authors.values()) if self.store else []

    def close(self) -> None:
        self.store, self.visits, self.posts, self.authors, self.folders = None, [], [], [], []

    # ------------------------------------------------------------ records

    def construct(self, rows: Sequence[Any]) -> int:
        store, make = self.store, self.Store.Post
        for number, title, content, published_at, author_id in rows:
            make(id=number, title=title, content=content, published_at=published_at, author_id=author_id, store=store)
        return len(store.posts)

    def insert_many(self, inputs: Sequence[dict[str, list[Any]]]) -> int:
        store, make = self.store, self.Store.Post
        for columns in inputs:
            for number, title, content, published_at, author_id in zip(*columns.values(), strict=True):
                make(
                    id=number, title=title, content=content, published_at=published_at, author_id=author_id, store=store
                )
        return len(store.posts)

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
        get = self.store.posts.get
        for key in keys:
            post = get(key)
        title: str = post.title
        return title

    def find_by(self, labels: Sequence[str]) -> int:
        get = self.store.tags_by_label.get
        for label in labels:
            tag = get(label)
        number: int = tag.id
        return number

    def small_query(self, keys: Sequence[int]) -> str:
        return self.find(keys)

    # ------------------------------------------------------------ queries

    def count_range(self, moments: Sequence[datetime]) -> list[int]:
        return [len([1 for post in self.posts if post.published_at < moment]) for moment in moments]

    def exists_range(self, moments: Sequence[datetime]) -> list[bool]:
        return [any(post.published_at < moment for post in self.posts) for moment in moments]

    def pluck_range(self, moments: Sequence[datetime]) -> list[list[int]]:
        return [[post.id for post in self.posts if post.published_at < moment] for moment in moments]

    def filter_range(self, moments: Sequence[datetime]) -> list[Any]:
        before = moments[0]
        return [post for post in self.store.posts.values() if post.published_at < before]

    def order_by_str(self, _: Sequence[None]) -> list[int]:
        return [post.id for post in sorted(self.posts, key=attrgetter("title"))]

    def order_by_int(self, _: Sequence[None]) -> list[int]:
        return [post.id for post in sorted(self.posts, key=attrgetter("author_id"))]

    def group(self, _: Sequence[None]) -> dict[int, int]:
        return Counter(post.author_id for post in self.posts)

    def group_visits(self, _: Sequence[None]) -> dict[int, int]:
        return Counter(visit.place for visit in self.visits)

    def across(self, names: Sequence[str]) -> list[list[int]]:
        authors = self.store.authors
        return [
            [post.id for author in authors.values() if author.name == name for post in author.posts] for name in names
        ]

    def across_two(self, labels: Sequence[str]) -> list[list[int]]:
        store = self.store
        tags = [store.tags_by_label[label] for label in labels]
        return [sorted({tagging.post_id for tagging in store.taggings_of_tag[tag.id].values()}) for tag in tags]

    def count_across(self, _: Sequence[None]) -> list[tuple[int, int]]:
        return [(author.id, len(author.posts)) for author in self.store.authors.values()]

    def count_across_three(self, _: Sequence[None]) -> list[tuple[int, int]]:
        taggings = self.store.taggings_of_post
        return [
            (author.id, len({tagging.tag_id for post in author.posts for tagging in taggings[post.id]}))
            for author in self.store.authors.values()
        ]

    def through(self, authors: Sequence[Any]) -> int:
        taggings, tags = self.store.taggings_of_post, self.store.tags
        found = (
            list({tags[tagging.tag_id] for post in author.posts for tagging in taggings[post.id]}) for author in authors
        )
        return sum(map(len, found))

    def count_through(self, authors: Sequence[Any]) -> int:
        taggings = self.store.taggings_of_post
        return sum(
            [len({tagging.tag_id for post in author.posts for tagging in taggings[post.id]}) for author in authors]
        )

    # ------------------------------------------------------------ trees

    def tree(self, _: Sequence[None]) -> list[list[str]]:
        return [[post.title for post in author.posts] for author in self.store.authors.values()]

    def tree_dicts(self, _: Sequence[None]) -> list[dict[str, Any]]:
        return [
            {
                "id": author.id,
                "name": author.name,
                "posts": [{"id": post.id, "title": post.title, "content": post.content} for post in author.posts],
            }
            for author in self.store.authors.values()
        ]

    # ------------------------------------------------------------ closures

    def descendants(self, folders: Sequence[handwritten.Folder]) -> list[list[int]]:
        return [self.all_below(folder) for folder in folders]

    def all_below(self, folder: handwritten.Folder) -> list[int]:
        found, level = [], folder.inside
        while level:
            found += [each.id for each in level]
            level = [inner for each in level for inner in each.inside]
        return found

    def ancestors(self, folders: Sequence[handwritten.Folder]) -> list[list[int]]:
        found = []
        for folder in folders:
            above, each = [], folder.around
            while each is not None:
                above.append(each.id)
                each = each.around
            found.append(above)
        return found

    # ------------------------------------------------------------ changes

    def update(self, moments: Sequence[datetime]) -> int:
        before, changed = moments[0], 0
        for post in self.store.posts.values():
            if post.published_at < before:
                post.content = "new"
                changed += 1
        return changed

    def undo_update(self, _: Sequence[datetime]) -> None:
        for row in self.workload.posts:
            self.store.posts[row[0]].content = row[2]

    def increment(self, _: Sequence[None]) -> int:
        for tagging in self.store.taggings.values():
            tagging.weight += 1
        return len(self.store.taggings)

    def undo_increment(self, _: Sequence[None]) -> None:
        for row in self.workload.taggings:
            self.store.taggings[row[0]].weight = row[3]

    def rollback(self, posts: Sequence[Any]) -> list[str]:
        before = []
        for post in posts:
            before.append((post, post.content))
            post.content = "new"
        for post, content in reversed(before):
            post.content = content
        return [post.content for post in posts[:10]]

    def undo_rollback(self, _: Sequence[Any]) -> None:
        """Done already."""

    def delete(self, places: Sequence[int]) -> tuple[int, int]:
        store = self.store
        for place in places:
            store.delete_author(self.authors[place])
        return len(store.posts), len(store.taggings)


SIDE = HandWritten
