"""Photos and comments on users and posts: references to several models, both ways, and discussions of any depth.

python examples/photos.py
"""

from __future__ import annotations

from typing import Any

from sinew import (
    Attr,
    BelongsTo,
    Database,
    HasMany,
    HasOne,
    Model,
    belongs_to,
    count,
    exists,
    has_many,
    has_one,
)

album = Database()
Rows = list[dict[str, Any]]


class Record(Model, db=album, abstract=True):
    """The family of models that live in `album`."""


class User(Record):
    name: Attr[str]
    posts: HasMany[Post] = has_many(inverse=lambda: Post.author)
    photos: HasMany[Photo] = has_many(inverse=lambda: Photo.owner)
    avatar: HasOne[Photo | None] = has_one(inverse=lambda: Photo.owner, order_by=lambda: Photo.id.desc())
    said: HasMany[Comment] = has_many(inverse=lambda: Comment.author)
    commented: HasMany[Post] = has_many(through=lambda: User.said.on.of(Post))
    gallery: HasMany[Photo] = has_many(union=lambda: (User.photos, User.posts.photos))


class Post(Record):
    title: Attr[str]
    author: BelongsTo[User] = belongs_to(on_delete="cascade")
    photos: HasMany[Photo] = has_many(inverse=lambda: Photo.owner)
    comments: HasMany[Comment] = has_many(inverse=lambda: Comment.on)
    discussion: HasMany[Comment] = has_many(union=lambda: (Post.comments, Post.comments.answers))
    voices: HasMany[User] = has_many(through=lambda: Post.discussion.author)


class Photo(Record):
    """Of a user or of a post: the first of the references to several models."""

    url: Attr[str]
    owner: BelongsTo[User | Post] = belongs_to(on_delete="cascade")
    comments: HasMany[Comment] = has_many(inverse=lambda: Comment.on)


class Comment(Record):
    """On a post, on a photo, or on another comment: the second one."""

    text: Attr[str]
    author: BelongsTo[User | None] = belongs_to(default=None, on_delete="nullify")
    on: BelongsTo[Post | Photo | Comment] = belongs_to(on_delete="cascade")
    replies: HasMany[Comment] = has_many(inverse=lambda: Comment.on)
    answers: HasMany[Comment] = has_many(recursive=lambda: Comment.replies)


USERS = [(0, "Ann"), (1, "Bob"), (2, "Cid")]
POSTS = [(0, "Hello", 0), (1, "Garden", 1), (2, "Silence", 0)]  # id, title, author
PHOTOS = [
    (0, "ann.png", "User", 0),
    (1, "hello.png", "Post", 0),
    (2, "ann2.png", "User", 0),
    (3, "garden.png", "Post", 1),
]
COMMENTS = [  # id, text, author, what it is on
    (0, "First!", 1, "Post", 0),
    (1, "Not quite", 0, "Comment", 0),
    (2, "Nice apples", None, "Photo", 3),
    (3, "Indeed", 2, "Comment", 1),
    (4, "Pears", 1, "Comment", 2),
    (5, "Welcome", 1, "Post", 0),
    (6, "Dig deeper", 0, "Post", 1),
]


def fill() -> None:
    User.insert_many(USERS, columns=["id", "name"])
    Post.insert_many(POSTS, columns=["id", "title", "author_id"])
    Photo.insert_many(PHOTOS, columns=["id", "url", "owner_type", "owner_id"])
    Comment.insert_many(COMMENTS, columns=["id", "text", "author_id", "on_type", "on_id"])


def users() -> Rows:
    """What is there of each user: the avatar (the latest photo), all photos, and the posts that they commented on?"""
    return User.select(User.name, avatar=User.avatar.url, photos=count(User.gallery), commented=count(User.commented))


def posts() -> Rows:
    """How long is the discussion of each post, answers to answers included, and how many take part?"""
    return Post.select(
        Post.title, comments=count(Post.comments), discussion=count(Post.discussion), voices=count(Post.voices)
    )


def thread(on: Post | Photo | Comment, depth: int = 0) -> list[str]:
    """What is said below a post, a photo or a comment, indented by depth?"""
    lines: list[str] = []
    for comment in on.replies if isinstance(on, Comment) else on.comments:
        name = comment.author.name if comment.author else "somebody"
        lines += [f"{'  ' * depth}{name}: {comment.text}", *thread(comment, depth + 1)]
    return lines


def subjects() -> Rows:
    """What is each comment on? A step that several models have follows those; `of` says which is meant."""
    return Comment.select(
        Comment.text,
        post=Comment.on.of(Post).title,
        photo=Comment.on.of(Photo).url,
        comment=Comment.on.of(Comment).text,
    )


def questions() -> Rows:
    """Whose posts do others comment on, and what is said of photos, and of those of one post?"""
    by_another = exists(User.posts.comments, Comment.author.id != User.id)
    return [
        {
            "talked about": User.where(by_another).pluck(User.name),
            "of photos": Comment.where(Comment.on.is_a(Photo)).pluck(Comment.text),
            "of Garden's": Comment.where(Comment.on.of(Photo).owner.of(Post).title == "Garden").pluck(Comment.text),
        }
    ]


def leaving(user: User) -> Rows:
    """Who goes takes along posts, photos, and whatever is said below them; what they said elsewhere stays, unsigned."""
    user.delete()
    left = Comment.pluck(Comment.text, Comment.author.name)
    return [{"posts": Post.pluck(Post.title), "photos": Photo.pluck(Photo.url), "comments": left}]


def show(rows: Rows) -> None:
    for row in rows:
        print("  ", *(f"{name}: {value}" for name, value in row.items()))


def main() -> None:
    fill()
    for question in (users, posts, subjects, questions):
        print(question.__doc__)
        show(question())
    print(f"{thread.__doc__}\n  ", "\n   ".join(thread(Post[0])))
    print(leaving.__doc__)
    show(leaving(User[0]))


if __name__ == "__main__":
    main()
