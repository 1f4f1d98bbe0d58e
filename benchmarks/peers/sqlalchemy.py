"""SQLAlchemy's ORM, on SQLite in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint, create_engine, event, exists, func, insert, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, selectinload
from sqlalchemy.pool import StaticPool

from ..workload import Workload
from . import sql


class Stored(DeclarativeBase):
    pass


class Author(Stored):
    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    posts: Mapped[list[Post]] = relationship(
        back_populates="author", cascade="all, delete-orphan", passive_deletes=True, order_by="Post.id"
    )


class Post(Stored):
    __tablename__ = "posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    content: Mapped[str]
    published_at: Mapped[datetime]
    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id", ondelete="CASCADE"), index=True)
    author: Mapped[Author] = relationship(back_populates="posts")
    taggings: Mapped[list[Tagging]] = relationship(back_populates="post", passive_deletes=True)

    def short(self) -> str:
        return self.title


class Tag(Stored):
    __tablename__ = "tags"
    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(unique=True)


class Tagging(Stored):
    __tablename__ = "taggings"
    __table_args__ = (UniqueConstraint("post_id", "tag_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id", ondelete="CASCADE"))
    tag_id: Mapped[int] = mapped_column(ForeignKey("tags.id", ondelete="CASCADE"), index=True)
    weight: Mapped[int]
    post: Mapped[Post] = relationship(back_populates="taggings")
    tag: Mapped[Tag] = relationship()


class SQLAlchemy(sql.Mapped):
    name = "SQLAlchemy"
    imports = "import sqlalchemy.orm"

    def __init__(self, workload: Workload) -> None:
        super().__init__(workload)
        self.engine = create_engine("sqlite://", poolclass=StaticPool)
        event.listen(self.engine, "connect", lambda raw, _: raw.execute("pragma foreign_keys = on"))
        Stored.metadata.create_all(self.engine)
        self.session = Session(self.engine)

    def connection(self) -> sqlite3.Connection:
        """The session starts anew."""
        self.session.close()
        self.session = Session(self.engine)
        raw = self.engine.raw_connection()
        found: Any = raw.driver_connection
        raw.close()
        assert isinstance(found, sqlite3.Connection)
        return found

    def stored(self, moment: datetime) -> str:
        return moment.isoformat(" ", "microseconds")

    def hold(self) -> None:
        self.places = list(self.session.scalars(select(Author).order_by(Author.id)))
        some = select(Author).where(Author.id <= self.authors_held()).order_by(Author.id)
        self.authors = list(self.session.scalars(some.options(selectinload(Author.posts))))
        self.posts = list(self.session.scalars(select(Post).where(Post.id <= self.first()).order_by(Post.id)))

    def release(self) -> None:
        self.posts, self.authors = [], []
        self.session.close()
        self.session = Session(self.engine)
        self.authors = list(self.session.scalars(select(Author).order_by(Author.id)))

    def close(self) -> None:
        super().close()
        self.posts, self.authors = [], []
        self.session.close()
        self.engine.dispose()

    def number(self, model: type[Stored]) -> int:
        return self.session.scalars(select(func.count()).select_from(model)).one()

    # ------------------------------------------------------------ records

    def construct(self, rows: Sequence[Any]) -> int:
        for number, title, content, published_at, author_id in rows:
            self.session.add(
                Post(id=number, title=title, content=content, published_at=published_at, author_id=author_id)
            )
        self.session.commit()
        return self.number(Post)

    def insert_many(self, inputs: Sequence[dict[str, list[Any]]]) -> int:
        for columns in inputs:
            rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
            self.session.execute(insert(Post), rows)
        self.session.commit()
        return self.number(Post)

    def iterate(self, authors: Sequence[Any]) -> int:
        for author in authors:
            for post in author.posts:  # noqa: B007 - its last value
                pass
            number: int = post.id
            self.session.expire(author, ["posts"])
        return number

    def move(self, moves: Sequence[tuple[int, int]]) -> list[int]:
        posts, authors = self.posts, self.places
        for post, author in moves:
            posts[post].author = authors[author]
        self.session.flush()
        return [len(author.posts) for author in authors[:10]]

    def find(self, keys: Sequence[int]) -> str:
        for key in keys:
            post = self.session.get(Post, key)
        assert post is not None
        return post.title

    def find_by(self, labels: Sequence[str]) -> int:
        for label in labels:
            tag = self.session.scalars(select(Tag).filter_by(label=label)).one_or_none()
        assert tag is not None
        return tag.id

    def small_query(self, keys: Sequence[int]) -> str:
        for key in keys:
            post = self.session.scalars(select(Post).where(Post.id == key)).first()
        assert post is not None
        return post.title

    # ------------------------------------------------------------ queries

    def numbers(self, query: Any) -> list[int]:
        return list(self.session.scalars(query))

    def pairs(self, query: Any) -> list[tuple[int, int]]:
        return [(one, other) for one, other in self.session.execute(query)]

    def count_range(self, moments: Sequence[datetime]) -> list[int]:
        query = select(func.count()).select_from(Post)
        return [self.session.scalars(query.where(Post.published_at < moment)).one() for moment in moments]

    def exists_range(self, moments: Sequence[datetime]) -> list[bool]:
        queries = [select(exists().where(Post.published_at < moment)) for moment in moments]
        return [self.session.scalars(query).one() for query in queries]

    def pluck_range(self, moments: Sequence[datetime]) -> list[list[int]]:
        return [self.numbers(select(Post.id).where(Post.published_at < moment)) for moment in moments]

    def filter_range(self, moments: Sequence[datetime]) -> list[Any]:
        return list(self.session.scalars(select(Post).where(Post.published_at < moments[0])))

    def order_by_str(self, _: Sequence[None]) -> list[int]:
        return self.numbers(select(Post.id).order_by(Post.title, Post.id))

    def order_by_int(self, _: Sequence[None]) -> list[int]:
        return self.numbers(select(Post.id).order_by(Post.author_id, Post.id))

    def group(self, _: Sequence[None]) -> dict[int, int]:
        return dict(self.pairs(select(Post.author_id, func.count()).group_by(Post.author_id)))

    def across(self, names: Sequence[str]) -> list[list[int]]:
        query = select(Post.id).join(Post.author)
        return [self.numbers(query.where(Author.name == name)) for name in names]

    def across_two(self, labels: Sequence[str]) -> list[list[int]]:
        query = select(Post.id).join(Post.taggings).join(Tagging.tag)
        return [self.numbers(query.where(Tag.label == label)) for label in labels]

    def count_across(self, _: Sequence[None]) -> list[tuple[int, int]]:
        return self.pairs(select(Author.id, func.count(Post.id)).outerjoin(Author.posts).group_by(Author.id))

    def count_across_three(self, _: Sequence[None]) -> list[tuple[int, int]]:
        query = select(Author.id, func.count(Tagging.tag_id.distinct())).outerjoin(Author.posts)
        return self.pairs(query.outerjoin(Post.taggings).group_by(Author.id))

    def through(self, authors: Sequence[Any]) -> int:
        query = select(Tag).join(Tagging, Tagging.tag_id == Tag.id).join(Tagging.post).distinct()
        return sum([len(self.session.scalars(query.where(Post.author_id == author.id)).all()) for author in authors])

    # ------------------------------------------------------------ trees

    def tree(self, _: Sequence[None]) -> list[list[str]]:
        return [[post.title for post in author.posts] for author in self.authors_with_posts()]

    def tree_dicts(self, _: Sequence[None]) -> list[dict[str, Any]]:
        return [
            {
                "id": author.id,
                "name": author.name,
                "posts": [{"id": post.id, "title": post.title, "content": post.content} for post in author.posts],
            }
            for author in self.authors_with_posts()
        ]

    def authors_with_posts(self) -> Sequence[Author]:
        self.session.expunge_all()
        return self.session.scalars(select(Author).order_by(Author.id).options(selectinload(Author.posts))).all()

    # ------------------------------------------------------------ changes

    def update(self, moments: Sequence[datetime]) -> int:
        statement = update(Post).where(Post.published_at < moments[0]).values(content="new")
        found: Any = self.session.execute(statement)
        self.session.commit()
        return int(found.rowcount)

    def increment(self, _: Sequence[None]) -> int:
        found: Any = self.session.execute(update(Tagging).values(weight=Tagging.weight + 1))
        self.session.commit()
        return int(found.rowcount)

    def rollback(self, posts: Sequence[Any]) -> list[str]:
        for post in posts:
            post.content = "new"
        self.session.flush()
        self.session.rollback()
        return [post.content for post in posts[:10]]

    def delete(self, places: Sequence[int]) -> tuple[int, int]:
        for place in places:
            self.session.delete(self.places[place])
        self.session.commit()
        return self.number(Post), self.number(Tagging)


SIDE = SQLAlchemy
