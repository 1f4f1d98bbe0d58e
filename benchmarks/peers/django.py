# mypy: disable-error-code="misc,no-any-return"
# ruff: noqa: E402 - models can be imported when there are settings
"""Django's ORM without the rest of Django, on SQLite in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["benchmarks"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=False,
)
django.setup()

from django.db import connection, models, transaction
from django.db.models import Count, F

from ..workload import Workload
from .sql import Mapped


class Author(models.Model):
    name = models.TextField()

    class Meta:
        app_label = "benchmarks"
        db_table = "authors"


class Post(models.Model):
    title = models.TextField()
    content = models.TextField()
    published_at = models.DateTimeField()
    author = models.ForeignKey(Author, models.CASCADE, related_name="posts")

    class Meta:
        app_label = "benchmarks"
        db_table = "posts"

    def short(self) -> Any:
        return self.title


class Tag(models.Model):
    label = models.TextField(unique=True)

    class Meta:
        app_label = "benchmarks"
        db_table = "tags"


class Tagging(models.Model):
    post = models.ForeignKey(Post, models.CASCADE, related_name="taggings")
    tag = models.ForeignKey(Tag, models.CASCADE, related_name="taggings")
    weight = models.IntegerField()

    class Meta:
        app_label = "benchmarks"
        db_table = "taggings"
        unique_together = (("post", "tag"),)


class Django(Mapped):
    name = "Django"
    imports = "import django.db.models"

    def __init__(self, workload: Workload) -> None:
        super().__init__(workload)
        with connection.schema_editor() as editor:
            for model in (Author, Post, Tag, Tagging):
                editor.create_model(model)

    def connection(self) -> sqlite3.Connection:
        connection.ensure_connection()
        found: sqlite3.Connection = connection.connection
        return found

    def hold(self) -> None:
        self.posts = list(Post.objects.filter(id__lte=self.first()).select_related("author").order_by("id"))
        some = Author.objects.filter(id__lte=self.authors_held()).order_by("id")
        self.authors = list(some.prefetch_related("posts"))
        self.places = list(Author.objects.order_by("id"))

    def release(self) -> None:
        self.posts, self.authors = [], list(Author.objects.order_by("id"))

    def close(self) -> None:
        super().close()
        self.posts, self.authors, self.places = [], [], []
        with connection.schema_editor() as editor:
            for model in (Tagging, Tag, Post, Author):
                editor.delete_model(model)

    # ------------------------------------------------------------ records

    def construct(self, rows: Sequence[Any]) -> int:
        create = Post.objects.create
        with transaction.atomic():
            for number, title, content, published_at, author_id in rows:
                create(id=number, title=title, content=content, published_at=published_at, author_id=author_id)
        return Post.objects.count()

    def insert_many(self, inputs: Sequence[dict[str, list[Any]]]) -> int:
        for columns in inputs:
            Post.objects.bulk_create(
                Post(id=number, title=title, content=content, published_at=published_at, author_id=author_id)
                for number, title, content, published_at, author_id in zip(*columns.values(), strict=True)
            )
        return Post.objects.count()

    def iterate_held(self, authors: Sequence[Any]) -> int:
        for author in authors:
            for post in author.posts.all():  # noqa: B007 - its last value
                pass
        return int(post.id)

    def iterate(self, authors: Sequence[Any]) -> int:
        return self.iterate_held(authors)

    def lengths(self, authors: Sequence[Any]) -> int:
        return sum([author.posts.count() for author in authors])

    def move(self, moves: Sequence[tuple[int, int]]) -> list[int]:
        posts, authors = self.posts, self.places
        with transaction.atomic():
            for place, author in moves:
                post = posts[place]
                post.author = authors[author]
                post.save(update_fields=["author"])
        return [author.posts.count() for author in authors[:10]]

    def find(self, keys: Sequence[int]) -> str:
        for key in keys:
            post = Post.objects.get(pk=key)
        return str(post.title)

    def find_by(self, labels: Sequence[str]) -> int:
        for label in labels:
            tag = Tag.objects.get(label=label)
        return int(tag.id)

    def small_query(self, keys: Sequence[int]) -> str:
        for key in keys:
            post = Post.objects.filter(id=key).first()
        return str(post.title)

    # ------------------------------------------------------------ queries

    def count_range(self, moments: Sequence[datetime]) -> list[int]:
        return [Post.objects.filter(published_at__lt=moment).count() for moment in moments]

    def exists_range(self, moments: Sequence[datetime]) -> list[bool]:
        return [Post.objects.filter(published_at__lt=moment).exists() for moment in moments]

    def pluck_range(self, moments: Sequence[datetime]) -> list[list[int]]:
        return [_ids(Post.objects.filter(published_at__lt=moment)) for moment in moments]

    def filter_range(self, moments: Sequence[datetime]) -> list[Any]:
        return list(Post.objects.filter(published_at__lt=moments[0]))

    def order_by_str(self, _: Sequence[None]) -> list[int]:
        return _ids(Post.objects.order_by("title", "id"))

    def order_by_int(self, _: Sequence[None]) -> list[int]:
        return _ids(Post.objects.order_by("author_id", "id"))

    def group(self, _: Sequence[None]) -> dict[int, int]:
        return dict(Post.objects.values_list("author_id").annotate(n=Count("id")))

    def across(self, names: Sequence[str]) -> list[list[int]]:
        return [_ids(Post.objects.filter(author__name=name)) for name in names]

    def across_two(self, labels: Sequence[str]) -> list[list[int]]:
        return [_ids(Post.objects.filter(taggings__tag__label=label)) for label in labels]

    def count_across(self, _: Sequence[None]) -> list[tuple[int, int]]:
        return list(Author.objects.annotate(n=Count("posts")).order_by("id").values_list("id", "n"))

    def count_across_three(self, _: Sequence[None]) -> list[tuple[int, int]]:
        counted = Author.objects.annotate(n=Count("posts__taggings__tag", distinct=True))
        return list(counted.order_by("id").values_list("id", "n"))

    # ------------------------------------------------------------ trees

    def tree(self, _: Sequence[None]) -> list[list[str]]:
        authors = Author.objects.order_by("id").prefetch_related("posts")
        return [[post.title for post in author.posts.all()] for author in authors]

    def tree_dicts(self, _: Sequence[None]) -> list[dict[str, Any]]:
        return [
            {
                "id": author.id,
                "name": author.name,
                "posts": [{"id": post.id, "title": post.title, "content": post.content} for post in author.posts.all()],
            }
            for author in Author.objects.order_by("id").prefetch_related("posts")
        ]

    # ------------------------------------------------------------ changes

    def update(self, moments: Sequence[datetime]) -> int:
        return int(Post.objects.filter(published_at__lt=moments[0]).update(content="new"))

    def increment(self, _: Sequence[None]) -> int:
        return int(Tagging.objects.update(weight=F("weight") + 1))

    def rollback(self, posts: Sequence[Any]) -> list[str]:
        with transaction.atomic():
            for post in posts:
                post.content = "new"
                post.save(update_fields=["content"])
            transaction.set_rollback(True)
        for post in posts:
            post.refresh_from_db(fields=["content"])
        return [str(post.content) for post in posts[:10]]

    def delete(self, places: Sequence[int]) -> tuple[int, int]:
        with transaction.atomic():
            for place in places:
                self.places[place].delete()
        return Post.objects.count(), Tagging.objects.count()


def _ids(query: Any) -> list[int]:
    return list(query.values_list("id", flat=True))


SIDE = Django
