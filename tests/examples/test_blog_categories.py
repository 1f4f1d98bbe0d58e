"""A blog whose categories are a tree."""

from __future__ import annotations

from types import ModuleType


def parents(blog: ModuleType, category: int) -> list[int]:
    above = {key: parent for key, _, parent in blog.CATEGORIES}
    found: list[int] = []
    while (parent := above[found[-1] if found else category]) is not None:
        found.append(parent)
    return found


def test_what_is_above_and_below_a_category(blog_categories: ModuleType) -> None:
    blog = blog_categories
    for key, _, _ in blog.CATEGORIES:
        above = parents(blog, key)
        below = {other for other, _, _ in blog.CATEGORIES if key in parents(blog, other)}
        posts = {post for post, _, _, _, category in blog.POSTS if category in below | {key}}
        assert blog.Category[key].above.pluck(blog.Category.id) == above
        assert set(blog.Category[key].below.pluck(blog.Category.id)) == below
        assert set(blog.Category[key].all_posts.pluck(blog.Post.id)) == posts
        authors = {author for post, _, _, author, _ in blog.POSTS if post in posts}
        assert set(blog.Category[key].authors.pluck(blog.Author.id)) == authors


def test_what_an_author_writes_about(blog_categories: ModuleType) -> None:
    blog = blog_categories
    for key, _, _ in blog.AUTHORS:
        posts = [post for post in blog.POSTS if post[3] == key]
        categories = {category for *_, category in posts if category is not None}
        subjects = categories.union(*(parents(blog, category) for category in categories))
        tags = {tag for post, *_ in posts for tag in blog.TAGGED.get(post, [])}
        latest = max(posts, key=lambda post: post[2], default=None)
        author = blog.Author[key]
        assert set(author.categories.pluck(blog.Category.id)) == categories
        assert set(author.subjects.pluck(blog.Category.id)) == subjects
        assert set(author.tags.pluck(blog.Tag.id)) == tags
        assert (author.latest.id if author.latest else None) == (latest[0] if latest else None)


def test_the_same_asked_from_the_other_end(blog_categories: ModuleType) -> None:
    blog = blog_categories
    written = {(author, category) for _, _, _, author, category in blog.POSTS if category is not None}
    for key, _, _ in blog.CATEGORIES:
        above = {author for author, category in written if key in parents(blog, category)}
        about = above | {author for author, category in written if key == category}
        assert set(blog.Author.where(blog.Author.posts.category.above.id == key).pluck(blog.Author.id)) == above
        assert set(blog.Author.where(blog.Author.subjects.id == key).pluck(blog.Author.id)) == about


def test_moving_a_branch(blog_categories: ModuleType) -> None:
    blog = blog_categories
    blog.moves()
    assert blog.Category[1].above.pluck(blog.Category.title) == ["Garden"]
    assert set(blog.Category[4].all_posts.pluck(blog.Post.id)) == {0, 1, 2, 5}
