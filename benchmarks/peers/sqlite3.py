"""SQL, in memory, with the indexes that the others have."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, ClassVar

from ..workload import Workload
from .sql import InSQLite

SCHEMA = """
create table authors (id integer primary key, name text not null);
create table tags (id integer primary key, label text not null unique);
create table posts (
    id integer primary key, title text not null, content text not null, published_at text not null,
    author_id integer not null references authors (id) on delete cascade
);
create index posts_author_id on posts (author_id);
create table taggings (
    id integer primary key,
    post_id integer not null references posts (id) on delete cascade,
    tag_id integer not null references tags (id) on delete cascade,
    weight integer not null, unique (post_id, tag_id)
);
create index taggings_tag_id on taggings (tag_id);
create table visits (id integer primary key, place integer not null);
create table folders (id integer primary key, around_id integer references folders (id) on delete cascade);
create index folders_around_id on folders (around_id);
"""
COLUMNS = "id, title, content, published_at, author_id"
INSERT = f"insert into posts ({COLUMNS}) values (?, ?, ?, ?, ?)"


class SQLite(InSQLite):
    """The held "records" are ids: there are no objects."""

    name = "sqlite3"
    imports = "import sqlite3"
    parts: ClassVar[dict[str, int]] = {"find": 10, "find_by": 10, "small_query": 10, "construct": 10}

    def __init__(self, workload: Workload) -> None:
        super().__init__(workload)
        self.store = sqlite3.connect(":memory:")
        self.store.executescript(SCHEMA)
        self.store.execute("pragma foreign_keys = on")

    def connection(self) -> sqlite3.Connection:
        self.store.commit()
        return self.store

    def fill_visits(self) -> None:
        self.store.executemany("insert into visits (place) values (?)", ((place,) for place in self.workload.visits))

    def fill_folders(self) -> None:
        self.store.execute("delete from folders")
        self.store.executemany("insert into folders values (?, ?)", self.workload.folders)
        self.folders = [number for number, _ in self.workload.folders]

    def hold(self) -> None:
        self.posts = [row[0] for row in self.workload.posts]
        self.authors = [number for number, _ in self.workload.authors]

    def release(self) -> None:
        self.hold()

    def close(self) -> None:
        super().close()
        self.store.close()

    def number(self, table: str) -> int:
        return self.numbers(f"select count(*) from {table}")[0]

    def numbers(self, query: str, parameters: Iterable[Any] = ()) -> list[int]:
        return [row[0] for row in self.store.execute(query, tuple(parameters))]

    # ------------------------------------------------------------ records

    def construct(self, rows: Sequence[Any]) -> int:
        execute = self.store.execute
        for number, title, content, published_at, author_id in rows:
            execute(INSERT, (number, title, content, str(published_at), author_id))
        self.store.commit()
        return self.number("posts")

    def insert_many(self, inputs: Sequence[dict[str, list[Any]]]) -> int:
        for columns in inputs:
            texts = map(str, columns["published_at"])
            rows = zip(columns["id"], columns["title"], columns["content"], texts, columns["author_id"], strict=True)
            self.store.executemany(INSERT, rows)
        self.store.commit()
        return self.number("posts")

    def iterate(self, authors: Sequence[int]) -> int:
        for author in authors:
            for post in self.store.execute(f"select {COLUMNS} from posts where author_id = ?", (author,)):  # noqa: B007 - its last value
                pass
        number: int = post[0]
        return number

    def lengths(self, authors: Sequence[int]) -> int:
        query = "select count(*) from posts where author_id = ?"
        return sum([self.store.execute(query, (author,)).fetchone()[0] for author in authors])

    def move(self, moves: Sequence[tuple[int, int]]) -> list[int]:
        execute, posts, authors = self.store.execute, self.posts, self.authors
        for post, author in moves:
            execute("update posts set author_id = ? where id = ?", (authors[author], posts[post]))
        self.store.commit()
        query = "select count(*) from posts where author_id = ?"
        return [self.store.execute(query, (author,)).fetchone()[0] for author in authors[:10]]

    def find(self, keys: Sequence[int]) -> str:
        execute = self.store.execute
        for key in keys:
            post = execute(f"select {COLUMNS} from posts where id = ?", (key,)).fetchone()
        title: str = post[1]
        return title

    def find_by(self, labels: Sequence[str]) -> int:
        execute = self.store.execute
        for label in labels:
            tag = execute("select id, label from tags where label = ?", (label,)).fetchone()
        number: int = tag[0]
        return number

    def small_query(self, keys: Sequence[int]) -> str:
        return self.find(keys)

    # ------------------------------------------------------------ queries

    def count_range(self, moments: Sequence[datetime]) -> list[int]:
        return self.numbers("select count(*) from posts where published_at < ?", map(str, moments))

    def exists_range(self, moments: Sequence[datetime]) -> list[bool]:
        query = "select exists (select 1 from posts where published_at < ?)"
        return [bool(self.store.execute(query, (str(moment),)).fetchone()[0]) for moment in moments]

    def pluck_range(self, moments: Sequence[datetime]) -> list[list[int]]:
        return [self.numbers("select id from posts where published_at < ?", [str(moment)]) for moment in moments]

    def filter_range(self, moments: Sequence[datetime]) -> list[Any]:
        query = f"select {COLUMNS} from posts where published_at < ?"
        return self.store.execute(query, (str(moments[0]),)).fetchall()

    def ids(self, records: Sequence[Any]) -> list[int]:
        return [record[0] for record in records]

    def order_by_str(self, _: Sequence[None]) -> list[int]:
        return self.numbers("select id from posts order by title, id")

    def order_by_int(self, _: Sequence[None]) -> list[int]:
        return self.numbers("select id from posts order by author_id, id")

    def group(self, _: Sequence[None]) -> dict[int, int]:
        return dict(self.store.execute("select author_id, count(*) from posts group by author_id"))

    def group_visits(self, _: Sequence[None]) -> dict[int, int]:
        return dict(self.store.execute("select place, count(*) from visits group by place"))

    def across(self, names: Sequence[str]) -> list[list[int]]:
        query = "select posts.id from posts join authors on posts.author_id = authors.id where authors.name = ?"
        return [self.numbers(query, [name]) for name in names]

    def across_two(self, labels: Sequence[str]) -> list[list[int]]:
        query = "select taggings.post_id from taggings join tags on taggings.tag_id = tags.id where tags.label = ?"
        return [self.numbers(query, [label]) for label in labels]

    def count_across(self, _: Sequence[None]) -> list[tuple[int, int]]:
        query = (
            "select authors.id, count(posts.id) from authors left join posts on posts.author_id = authors.id "
            "group by authors.id"
        )
        return self.store.execute(query).fetchall()

    def count_across_three(self, _: Sequence[None]) -> list[tuple[int, int]]:
        query = (
            "select authors.id, count(distinct taggings.tag_id) from authors "
            "left join posts on posts.author_id = authors.id left join taggings on taggings.post_id = posts.id "
            "group by authors.id"
        )
        return self.store.execute(query).fetchall()

    def through(self, authors: Sequence[int]) -> int:
        query = (
            "select distinct tags.id, tags.label from posts join taggings on taggings.post_id = posts.id "
            "join tags on tags.id = taggings.tag_id where posts.author_id = ?"
        )
        return sum([len(self.store.execute(query, (author,)).fetchall()) for author in authors])

    def count_through(self, authors: Sequence[int]) -> int:
        query = (
            "select count(distinct taggings.tag_id) from posts join taggings on taggings.post_id = posts.id "
            "where posts.author_id = ?"
        )
        return sum([self.store.execute(query, (author,)).fetchone()[0] for author in authors])

    # ------------------------------------------------------------ trees

    def tree(self, _: Sequence[None]) -> list[list[str]]:
        """A join, and the rows paired by hand."""
        found: dict[int, list[str]] = {}
        query = (
            "select authors.id, posts.title from authors left join posts on posts.author_id = authors.id "
            "order by authors.id, posts.id"
        )
        for author, title in self.store.execute(query):
            titles = found.setdefault(author, [])
            if title is not None:
                titles.append(title)
        return list(found.values())

    def tree_dicts(self, _: Sequence[None]) -> list[dict[str, Any]]:
        """A query for each level."""
        authors = self.store.execute("select id, name from authors order by id")
        found = {number: {"id": number, "name": name, "posts": []} for number, name in authors}
        for author, number, title, content in self.store.execute("select author_id, id, title, content from posts"):
            found[author]["posts"].append({"id": number, "title": title, "content": content})
        return list(found.values())

    # ------------------------------------------------------------ closures

    def descendants(self, folders: Sequence[int]) -> list[list[int]]:
        query = (
            "with recursive below (id) as (select id from folders where around_id = ? union all "
            "select folders.id from below join folders on folders.around_id = below.id) select id from below"
        )
        return [self.numbers(query, [folder]) for folder in folders]

    def ancestors(self, folders: Sequence[int]) -> list[list[int]]:
        query = (
            "with recursive above (id) as (select around_id from folders where id = ? union all "
            "select folders.around_id from above join folders on folders.id = above.id "
            "where folders.around_id is not null) select id from above where id is not null"
        )
        return [self.numbers(query, [folder]) for folder in folders]

    # ------------------------------------------------------------ changes

    def update(self, moments: Sequence[datetime]) -> int:
        found = self.store.execute("update posts set content = 'new' where published_at < ?", (str(moments[0]),))
        self.store.commit()
        return found.rowcount

    def increment(self, _: Sequence[None]) -> int:
        found = self.store.execute("update taggings set weight = weight + 1")
        self.store.commit()
        return found.rowcount

    def rollback(self, posts: Sequence[int]) -> list[str]:
        execute = self.store.execute
        for post in posts:
            execute("update posts set content = 'new' where id = ?", (post,))
        self.store.rollback()
        return [execute("select content from posts where id = ?", (post,)).fetchone()[0] for post in posts[:10]]

    def undo_rollback(self, _: Sequence[int]) -> None:
        """Done already."""

    def delete(self, places: Sequence[int]) -> tuple[int, int]:
        for place in places:
            self.store.execute("delete from authors where id = ?", (self.authors[place],))
        self.store.commit()
        return self.number("posts"), self.number("taggings")


SIDE = SQLite
