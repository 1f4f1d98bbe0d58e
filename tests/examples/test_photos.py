"""Photos and comments on users, posts and comments."""

from __future__ import annotations

from types import ModuleType

import pytest


def below(album: ModuleType, *ends: tuple[str, int]) -> set[int]:
    """The comments on these, and whatever is said below them."""
    found: set[int] = set()
    for end in ends:
        on = [key for key, _, _, kind, at in album.COMMENTS if (kind, at) == end]
        found = found.union(on, *(below(album, ("Comment", key)) for key in on))
    return found


def test_what_there_is_of_each_user(photos: ModuleType) -> None:
    expected = []
    for user, name in photos.USERS:
        posts = [post for post, _, author in photos.POSTS if author == user]
        own = [url for _, url, kind, at in photos.PHOTOS if (kind, at) == ("User", user)]
        of_posts = [url for _, url, kind, at in photos.PHOTOS if kind == "Post" and at in posts]
        commented = {at for _, _, author, kind, at in photos.COMMENTS if kind == "Post" and author == user}
        row = {"name": name, "avatar": own[-1] if own else None, "photos": len(own + of_posts)}
        expected.append(row | {"commented": len(commented)})
    assert photos.users() == expected


def test_discussions(photos: ModuleType) -> None:
    author = {key: by for key, _, by, _, _ in photos.COMMENTS}
    expected = []
    for post, title, _ in photos.POSTS:
        direct = [key for key, _, _, kind, at in photos.COMMENTS if (kind, at) == ("Post", post)]
        every = below(photos, ("Post", post))
        voices = {author[key] for key in every} - {None}
        expected.append({"title": title, "comments": len(direct), "discussion": len(every), "voices": len(voices)})
        assert set(photos.Post[post].discussion.pluck(photos.Comment.id)) == every
        assert len(photos.thread(photos.Post[post])) == len(every)
    assert photos.posts() == expected


def test_what_comments_are_on(photos: ModuleType) -> None:
    names = {("Post", post): title for post, title, _ in photos.POSTS}
    names |= {("Photo", photo): url for photo, url, _, _ in photos.PHOTOS}
    names |= {("Comment", comment): text for comment, text, *_ in photos.COMMENTS}
    assert photos.subjects() == [
        {"text": text}
        | {each.lower(): names[kind, at] if each == kind else None for each in ("Post", "Photo", "Comment")}
        for _, text, _, kind, at in photos.COMMENTS
    ]


def test_questions_about_comments(photos: ModuleType) -> None:
    of_post = {post: author for post, _, author in photos.POSTS}
    others = {of_post[at] for _, _, by, kind, at in photos.COMMENTS if kind == "Post" and by != of_post[at]}
    garden = {photo for photo, _, kind, at in photos.PHOTOS if (kind, at) == ("Post", 1)}
    assert photos.questions() == [
        {
            "talked about": [name for user, name in photos.USERS if user in others],
            "of photos": [text for _, text, _, kind, _ in photos.COMMENTS if kind == "Photo"],
            "of Garden's": [text for _, text, _, kind, at in photos.COMMENTS if kind == "Photo" and at in garden],
        }
    ]


@pytest.mark.parametrize("user", [0, 1, 2])
def test_a_user_who_leaves(photos: ModuleType, user: int) -> None:
    posts = {post for post, _, author in photos.POSTS if author == user}
    owners = {("User", user), *(("Post", post) for post in posts)}
    gone = {photo for photo, _, *owner in photos.PHOTOS if tuple(owner) in owners}
    silent = below(photos, *(("Post", post) for post in posts), *(("Photo", photo) for photo in gone))
    names = dict(photos.USERS) | {user: None, None: None}
    assert photos.leaving(photos.User[user]) == [
        {
            "posts": [title for post, title, _ in photos.POSTS if post not in posts],
            "photos": [url for photo, url, *_ in photos.PHOTOS if photo not in gone],
            "comments": [(text, names[by]) for key, text, by, *_ in photos.COMMENTS if key not in silent],
        }
    ]
