"""A blog: authors, posts, and categories in a tree. Prints a walk through what sinew does.

    python examples/blog.py

The clock is stopped, so that the output is the same each time.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sinew import (
    Attr,
    BelongsTo,
    Expr,
    HasMany,
    Invalid,
    Model,
    SinewError,
    belongs_to,
    count,
    db,
    exists,
    field,
    has_many,
    max_,
    now,
    validates,
)


class Author(Model):
    """Somebody who writes."""

    name: Attr[str]
    surname: Attr[str | None] = field(default=None)
    email: Attr[str] = field(unique=True, repr=False)
    posts: HasMany[Post] = has_many(inverse=lambda: Post.author)

    @validates("email")
    def _email(self, value: str) -> str:
        if "@" not in value:
            raise Invalid("must contain @")
        return value.lower()


class Category(Model):
    """A place in a tree of subjects."""

    title: Attr[str]
    parent: BelongsTo[Category | None] = belongs_to(default=None)
    children: HasMany[Category] = has_many(inverse=lambda: Category.parent, order_by=lambda: Category.title)
    posts: HasMany[Post] = has_many(inverse=lambda: Post.category)

    @classmethod
    def roots(cls) -> Expr:
        """A scope: the categories at the top."""
        return cls.parent.is_null()


class Post(Model, index=[("author", "published_at")]):
    """A text, out once its time has come."""

    title: Attr[str]
    content: Attr[str] = field(default="", repr=False)
    published_at: Attr[datetime] = field(default_factory=now, repr=False)
    author: BelongsTo[Author] = belongs_to(on_delete="cascade")
    category: BelongsTo[Category | None] = belongs_to(default=None)

    @classmethod
    def published(cls) -> Expr:
        """A scope: what readers may see when the query runs."""
        return cls.published_at <= now()


def heading(text: str) -> None:
    print(f"\n{text}\n{'-' * len(text)}")


def outline(category: Category, depth: int = 0) -> None:
    """Prints a category with what is below it."""
    titles = ", ".join(category.posts.order_by(Post.title).pluck(Post.title)) or "no posts"
    print(f"{'  ' * depth}{category.title}: {titles}")
    for child in category.children:
        outline(child, depth + 1)


def refused(what: str, error: SinewError) -> None:
    print(f"{what}:\n    {type(error).__name__}: {error}")


def fill() -> None:
    """Constructing a record inserts it; there is no session and nothing to save."""
    ann = Author(name="Ann", surname="Lee", email="Ann@Example.org")
    bob = Author(name="Bob", email="bob@example.org")
    code = Category(title="Code")
    python = Category(title="Python", parent=code)
    Category(title="C", parent=code)
    garden = Category(title="Garden")
    Post(title="Columns and rows", author=ann, category=python, published_at=datetime(2030, 1, 5))
    Post(title="Reading a profile", author=ann, category=code, published_at=datetime(2030, 2, 1))
    Post(title="Apple trees", author=ann, category=garden, published_at=datetime(2030, 3, 9))
    Post(title="Pointers", author=bob, category=code, published_at=datetime(2030, 4, 2))
    Post(title="Next spring", author=bob, published_at=datetime(2031, 3, 1))
    print(f"{Author.count()} authors, {Category.count()} categories, {Post.count()} posts")
    print(f"{ann} wrote {len(ann.posts)} posts; the address was normalised: {ann.email}")


def one_truth() -> None:
    """A relation is stored once, as a foreign key: every view of it is right at once."""
    ann, bob = Author[1], Author[2]
    post = Post.where(title="Pointers").one()
    post.author = ann
    print(f"post.author = ann:            ann {len(ann.posts)}, bob {len(bob.posts)}")
    bob.posts.append(post)
    print(f"bob.posts.append(post):       ann {len(ann.posts)}, bob {len(bob.posts)}")
    post.update(author_id=ann.id)
    print(f"post.update(author_id=...):   ann {len(ann.posts)}, bob {len(bob.posts)}")
    post.author = bob
    print(f"one row, one object:          {Post[post.id] is post and bob.posts[-1] is post}")


def tree() -> None:
    """Categories refer to categories."""
    for root in Category.where(Category.roots()).order_by(Category.title):
        outline(root)
    python = Category.where(title="Python").one()
    print(f"parents of Python: {python.parent.title if python.parent else 'none'}")


def questions() -> None:
    """Predicates go across relations, any depth, and run in the engine over its indexes."""
    print("by Ann:       ", Post.where(Post.author.name == "Ann").pluck(Post.title))
    print("below Code:   ", Post.where(Post.category.parent.title == "Code").pluck(Post.title))
    print("three or more:", Author.where(count(Author.posts) >= 3).pluck(Author.name))
    print("on gardens:   ", Author.where(exists(Author.posts, Post.category.title == "Garden")).pluck(Author.name))
    print("unfiled:      ", Post.where(Post.category.is_null()).pluck(Post.title))
    for row in Post.group_by(Post.author).agg(posts=count(), latest=max_(Post.published_at)):
        print(f"{row['author'].name}: {row['posts']} posts, the latest on {row['latest']:%d %B %Y}")
    print(Post.where(author=Author[1]).explain())


def time() -> None:
    """`now()` in a scope is the time at which the query runs."""
    waiting = Author[2].posts.where(~Post.published())
    print("on", f"{datetime(2030, 6, 1):%d %B %Y}", "waiting:", waiting.pluck(Post.title))
    db.clock.move(timedelta(days=365))
    print("a year later waiting:", waiting.pluck(Post.title))


def mistakes() -> None:
    """Nothing is silent, and what is refused has changed nothing."""
    attempts: dict[str, Callable[[], object]] = {
        "a second one with this address": lambda: Author(name="Eve", email="bob@example.org"),
        "an address without @": lambda: Author(name="Eve", email="nowhere"),
        "a name that does not exist": lambda: Author.find_by(nmae="Ann"),
        "a value of another type": lambda: Author[1].update(name=3),
        "a parent that posts are filed under": lambda: Category[1].delete(),
    }
    for what, attempt in attempts.items():
        try:
            attempt()
        except SinewError as error:
            refused(what, error)
    print(f"still {Author.count()} authors, {Category.count()} categories, {Post.count()} posts")


def units() -> None:
    """All or nothing, and deletes that take along what belongs to them."""
    with db.transaction() as tx:
        Author[1].delete()
        print(f"without Ann: {Author.count()} authors, {Post.count()} posts (posts go with their author)")
        tx.rollback()
    print(f"rolled back: {Author.count()} authors, {Post.count()} posts")


def main() -> None:
    db.clock.freeze(datetime(2030, 6, 1))
    for chapter in (fill, one_truth, tree, questions, time, mistakes, units):
        heading(chapter.__name__.replace("_", " ").capitalize())
        chapter()


if __name__ == "__main__":
    main()
