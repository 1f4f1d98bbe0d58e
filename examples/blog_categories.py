"""A blog whose categories are a tree: what an author writes about, and what stands anywhere below a category.

    python examples/blog_categories.py

Each relation is declared once, along others: through them, the same one again and again, several of them as one.
"""

from __future__ import annotations

from datetime import date

from sinew import (
    Attr,
    BelongsTo,
    Database,
    HasMany,
    HasOne,
    ManyToMany,
    Model,
    RelationError,
    belongs_to,
    count,
    exists,
    field,
    has_many,
    has_one,
    many_to_many,
    max_,
)

blog = Database()


class Record(Model, db=blog, abstract=True):
    """The family of models that live in `blog`."""


class Author(Record):
    name: Attr[str]
    surname: Attr[str | None]
    posts: HasMany[Post] = has_many(inverse=lambda: Post.author)
    latest: HasOne[Post | None] = has_one(inverse=lambda: Post.author, order_by=lambda: Post.day.desc())
    categories: HasMany[Category] = has_many(through=lambda: Author.posts.category)
    subjects: HasMany[Category] = has_many(union=lambda: (Author.categories, Author.categories.above))
    tags: HasMany[Tag] = has_many(through=lambda: Author.posts.tags)


class Category(Record):
    title: Attr[str] = field(unique=True)
    parent: BelongsTo[Category | None] = belongs_to(default=None, acyclic=True)
    children: HasMany[Category] = has_many(inverse=lambda: Category.parent)
    above: HasMany[Category] = has_many(recursive=lambda: Category.parent)
    below: HasMany[Category] = has_many(recursive=lambda: Category.children)
    posts: HasMany[Post] = has_many(inverse=lambda: Post.category)
    all_posts: HasMany[Post] = has_many(union=lambda: (Category.posts, Category.below.posts))
    authors: HasMany[Author] = has_many(through=lambda: Category.all_posts.author)


class Post(Record):
    title: Attr[str]
    day: Attr[date]
    author: BelongsTo[Author] = belongs_to(on_delete="cascade")
    category: BelongsTo[Category | None] = belongs_to(default=None)
    tags: ManyToMany[Tag] = many_to_many(inverse=lambda: Tag.posts)


class Tag(Record):
    label: Attr[str] = field(unique=True)
    posts: ManyToMany[Post] = many_to_many(inverse=lambda: Post.tags)
    beside: HasMany[Tag] = has_many(through=lambda: Tag.posts.tags, where=lambda: Tag.label != "draft")


AUTHORS = [(0, "Ann", "Lee"), (1, "Bob", None), (2, "Eve", None)]
CATEGORIES = [
    (0, "Code", None),
    (1, "Python", 0),
    (2, "Typing", 1),
    (3, "C", 0),
    (4, "Garden", None),
    (5, "Trees", 4),
    (6, "Ponds", 4),
]
POSTS = [  # id, title, day, author, category
    (0, "Columns and rows", date(2030, 1, 5), 0, 1),
    (1, "Protocols", date(2030, 3, 9), 0, 2),
    (2, "Apple trees", date(2030, 2, 1), 0, 5),
    (3, "Pointers", date(2030, 4, 2), 1, 3),
    (4, "Why we write", date(2030, 4, 9), 1, None),
    (5, "Generics", date(2030, 1, 9), 1, 2),
]
TAGS = [(0, "howto"), (1, "speed"), (2, "draft"), (3, "unused")]
TAGGED = {0: [0, 1], 1: [0], 2: [0, 2], 3: [1, 0], 5: [2]}


def fill() -> None:
    Author.insert_many(AUTHORS, columns=["id", "name", "surname"])
    Category.insert_many(CATEGORIES, columns=["id", "title", "parent_id"])
    Post.insert_many(POSTS, columns=["id", "title", "day", "author_id", "category_id"])
    Tag.insert_many(TAGS, columns=["id", "label"])
    for post, tags in TAGGED.items():
        Post[post].tags.attach(tags)


def outline() -> None:
    """Every category with what is above it, and how much stands in it and below it."""
    for category in Category.all():
        path = " < ".join([category.title, *category.above.pluck(Category.title)])
        print(f"{path}: {len(category.posts)} here, {len(category.all_posts)} with what is below")


def authors() -> None:
    for author in Author.all():
        latest = author.latest.title if author.latest else "nothing"
        print(f"{author.name} wrote {latest} last")
        print(f"  in {author.categories.pluck(Category.title)}, so about {author.subjects.pluck(Category.title)}")
        print(f"  tags: {author.tags.order_by(Tag.label).pluck(Tag.label)}")


def questions() -> None:
    code = Category.where(title="Code").one()
    print("below Code, nearest first:", [(each.title, depth) for each, depth in code.below.pairs()])
    print("who writes about code:    ", code.authors.pluck(Author.name))
    print("who writes about gardens: ", Author.where(Author.subjects.title == "Garden").pluck(Author.name))
    print("nobody writes in or below:", Category.where(~exists(Category.all_posts)).pluck(Category.title))
    print("who has written nothing:  ", Author.where(~exists(Author.posts)).pluck(Author.name))
    print("with howto there is:      ", Tag.where(label="howto").one().beside.pluck(Tag.label))
    for row in Category.where(Category.parent.is_null()).select(
        Category.title,
        posts=count(Category.all_posts),
        authors=count(Category.authors),
        latest=max_(Category.all_posts.day),
    ):
        print(f"{row['title']}: {row['posts']} posts of {row['authors']} authors, the latest on {row['latest']}")


def moves() -> None:
    """Nothing of this is stored: moving a branch is one assignment, and every view follows."""
    code, python, garden = (Category.where(title=title).one() for title in ("Code", "Python", "Garden"))
    python.parent = garden
    print(f"Python below Garden: {len(code.all_posts)} posts on code, {len(garden.all_posts)} on gardens")
    try:
        garden.parent = Category.where(title="Typing").one()
    except RelationError as refusal:
        print(f"Garden below Typing: {refusal}")


def main() -> None:
    fill()
    for chapter in (outline, authors, questions, moves):
        print(f"\n{chapter.__name__.capitalize()}\n{'-' * len(chapter.__name__)}")
        chapter()


if __name__ == "__main__":
    main()
