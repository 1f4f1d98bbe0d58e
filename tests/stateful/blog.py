"""Authors, posts, categories, shelves and boxes."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant

from sinew import count, exists

from .machine import NAMES, PICK, SCORES, SELDOM, Base, statement
from .models import MODELS, SHAPES, SOFT, Author, Category, Post
from .oracle import Row


class Blog(Base):
    """Every way to create, move and delete what refers to each other, and queries over it."""

    # ------------------------------------------------------------ creating

    @statement(name=NAMES, email=st.sampled_from([None, "a@x", "b@x", "c@x"]), hold=st.booleans())
    def create_author(self, name: str, email: str | None, hold: bool) -> None:
        self.create("Author", {"name": name, "email": email}, {"name": name, "email": email}, hold)

    @statement(number=st.sampled_from([0, -3, 5, 50]))
    def create_author_with_id(self, number: int) -> None:
        self.create("Author", {"id": number, "name": "n"}, {"id": number, "name": "n"}, True)

    @statement(author=PICK, text=NAMES)
    def create_profile(self, author: int, text: str) -> None:
        if row := self.pick("Author", author):
            self.create(
                "Profile",
                {"author": self.record(row), "text": text},
                {"author_id": row.values["id"], "text": text},
                False,
            )

    @statement(title=NAMES, parent=PICK, nested=st.booleans())
    def create_category(self, title: str, parent: int, nested: bool) -> None:
        row = self.pick("Category", parent) if nested else None
        self.create(
            "Category",
            {"title": title, "parent": row and self.record(row)},
            {"title": title, "parent_id": row and row.values["id"]},
            nested,
        )

    @statement(title=NAMES, score=SCORES, author=PICK, category=PICK, origin=st.integers(-2, 6), hold=st.booleans())
    def create_post(self, title: str, score: int | None, author: int, category: int, origin: int, hold: bool) -> None:
        by = self.pick("Author", author)
        within = self.pick("Category", category) if category % 2 else None
        if by:
            plain = {"title": title, "score": score, "origin_id": origin if origin > 0 else None}
            self.create(
                "Post",
                plain | {"author": self.record(by), "category": within and self.record(within)},
                plain | {"author_id": by.values["id"], "category_id": within and within.values["id"]},
                hold,
            )

    @statement(title=NAMES, author=st.integers(-1, 4))
    def create_post_by_key(self, title: str, author: int) -> None:
        self.create("Post", {"title": title, "author_id": author}, {"title": title, "author_id": author}, False)

    @statement(room=NAMES, number=st.integers(0, 2))
    def create_shelf(self, room: str, number: int) -> None:
        self.create("Shelf", {"room": room, "number": number}, {"room": room, "number": number}, False)

    @statement(label=NAMES, shelf=PICK, inside=PICK, how=st.integers(0, 3))
    def create_box(self, label: str, shelf: int, inside: int, how: int) -> None:
        on = self.pick("Shelf", shelf) if how & 1 else None
        within = self.pick("Box", inside) if how & 2 else None
        room, number = on.get(("room", "number")) if on else (None, None)
        self.create(
            "Box",
            {"label": label, "shelf": on and self.record(on), "inside": within and self.record(within)},
            {
                "label": label,
                "shelf_room": room,
                "shelf_number": number,
                "inside_id": within and within.values["label"],
            },
            True,
        )

    @statement(author=PICK, titles=st.lists(NAMES, max_size=4), score=SCORES)
    def insert_many(self, author: int, titles: list[str], score: int | None) -> None:
        row = self.pick("Author", author)
        if row is None:
            return
        number = row.values["id"]
        rows = [{"title": title, "score": score, "author_id": number} for title in titles]
        before = set(Post.pluck(Post.id))

        def theirs() -> None:
            fresh = 1_000_000

            def change() -> None:
                for offset, values in enumerate(rows):
                    self.oracle._create("Post", values | {"id": fresh + offset})

            self.oracle.statement(change)

        if self.both(lambda: Post.insert_many(rows), theirs):
            made = [key for key in Post.pluck(Post.id) if key not in before]
            for each, key in zip(self.oracle.rows[len(self.oracle.rows) - len(rows) :], made, strict=True):
                each.values["id"] = key

    # ------------------------------------------------------------ changing

    @statement(post=PICK, title=NAMES, score=SCORES)
    def set_fields(self, post: int, title: str, score: int | None) -> None:
        if row := self.pick("Post", post):
            record = self.record(row)
            changes = {"title": title, "score": score}
            self.both(lambda: record.update(**changes), lambda: self.oracle.update([(row.uid, changes)]))

    @statement(author=PICK, email=st.sampled_from([None, "a@x", "b@x"]))
    def set_email(self, author: int, email: str | None) -> None:
        if row := self.pick("Author", author):
            record = self.record(row)
            self.both(
                lambda: setattr(record, "email", email), lambda: self.oracle.update([(row.uid, {"email": email})])
            )

    @statement(post=PICK, author=PICK, way=st.integers(0, 2))
    def move_post(self, post: int, author: int, way: int) -> None:
        row, to = self.pick("Post", post), self.pick("Author", author)
        if row is None or to is None:
            return
        record, owner = self.record(row), self.record(to)
        ways = [
            lambda: setattr(record, "author", owner),
            lambda: setattr(record, "author_id", owner.id),
            lambda: owner.posts.append(record),
        ]
        self.both(ways[way], lambda: self.oracle.update([(row.uid, {"author_id": to.values["id"]})]))

    @statement(post=PICK, to=PICK, name=st.sampled_from(["reviewer", "category", "origin"]), clear=st.booleans())
    def set_reference(self, post: int, to: int, name: str, clear: bool) -> None:
        models = {"reviewer": "Author", "category": "Category", "origin": "Post"}
        row, target = self.pick("Post", post), None if clear else self.pick(models[name], to)
        if row:
            record, value = self.record(row), target and self.record(target)
            change = {f"{name}_id": target and target.values["id"]}
            self.both(lambda: setattr(record, name, value), lambda: self.oracle.update([(row.uid, change)]))

    @statement(category=PICK, to=PICK)
    def move_category(self, category: int, to: int) -> None:
        row, target = self.pick("Category", category), self.pick("Category", to)
        if row and target:
            record, parent = self.record(row), self.record(target)
            self.both(
                lambda: setattr(record, "parent", parent),
                lambda: self.oracle.update([(row.uid, {"parent_id": target.values["id"]})]),
            )

    @statement(box=PICK, shelf=PICK)
    def put_box(self, box: int, shelf: int) -> None:
        row, to = self.pick("Box", box), self.pick("Shelf", shelf)
        if row and to:
            record, owner = self.record(row), self.record(to)
            values = {"shelf_room": to.values["room"], "shelf_number": to.values["number"]}
            self.both(lambda: owner.boxes.add(record), lambda: self.oracle.update([(row.uid, values)]))

    @statement(score=SCORES, title=NAMES)
    def update_by_query(self, score: int | None, title: str) -> None:
        rows = [row for row in self.oracle.of("Post") if row.values["title"] == title]
        self.both(
            lambda: Post.where(title=title).update(score=score),
            lambda: self.oracle.update([(row.uid, {"score": score}) for row in rows]),
        )

    @statement()
    def rotate_emails(self) -> None:
        rows = self.oracle.of("Author")
        emails = [row.values["email"] for row in rows]
        if len(rows) > 1:
            changes = [(row.uid, {"email": None}) for row in rows]
            self.both(lambda: Author.all().update(email=None), lambda: self.oracle.update(changes))
            for row, email in zip(rows, emails[1:] + emails[:1], strict=True):
                record = self.record(row)
                change = {"email": email}
                self.both(
                    lambda record=record, email=email: setattr(record, "email", email),
                    lambda row=row, change=change: self.oracle.update([(row.uid, change)]),
                )

    # ------------------------------------------------------------ deleting

    @statement(model=st.sampled_from(list(MODELS)), which=PICK)
    def delete(self, model: str, which: int) -> None:
        if row := self.pick_crowded(model, which):
            record = self.record(row)
            if self.both(record.delete, lambda: self.oracle.delete([row.uid])):
                assert self.is_alive(record) == (model in SOFT)  # whose fields can still be read

    @statement(score=SCORES)
    def delete_by_query(self, score: int | None) -> None:
        rows = [row for row in self.oracle.of("Post") if row.values["score"] == score]
        self.both(Post.where(score=score).delete, lambda: self.oracle.delete([row.uid for row in rows]))

    @statement(really=SELDOM)
    def delete_all_categories(self, really: bool) -> None:
        if not really:
            return
        rows = [row.uid for row in self.oracle.of("Category")]
        self.both(Category.all().delete, lambda: self.oracle.delete(rows))

    # ------------------------------------------------------------ comparing

    def compare_more(self, row: Row, record: Any) -> None:
        super().compare_more(row, record)
        if row.model != "Author":
            return
        author = next(ref for ref in SHAPES["Post"].refs if ref.name == "author")
        posts = self.oracle.children(row, "Post", author)
        good = [post for post in posts if post.values["score"] is not None and post.values["score"] > 0]
        good.sort(key=lambda post: (-post.values["score"], post.values["title"].encode("utf-8", "surrogatepass")))
        assert self.record_keys(record.best) == self.keys(good[:3])
        scored = sorted(posts, key=lambda post: (post.values["score"] is None, -(post.values["score"] or 0)))
        assert self.record_keys(filter(None, [record.top])) == self.keys(scored[:1])
        profile = next(ref for ref in SHAPES["Profile"].refs)
        profiles = self.oracle.children(row, "Profile", profile)
        assert self.record_keys(filter(None, [record.profile])) == self.keys(profiles[:1])

    @invariant()
    def queries_agree(self) -> None:
        if not hasattr(self, "oracle"):
            return
        authors, posts = self.oracle.of("Author"), self.oracle.of("Post")
        reference = {ref.name: ref for ref in SHAPES["Post"].refs}
        author, category = reference["author"], reference["category"]
        scores = {post.uid: post.values["score"] for post in posts}
        assert Post.where(Post.score > 0).pluck(Post.id) == [
            post.values["id"] for post in posts if (scores[post.uid] or 0) > 0
        ]
        assert Post.where(Post.score != 1).count() == sum(score != 1 for score in scores.values())
        assert Post.where(Post.category.title == "a").pluck(Post.id) == [
            post.values["id"]
            for post in posts
            if (target := self.oracle.target(post, category)) and target.values["title"] == "a"
        ]
        children = {row.uid: self.oracle.children(row, "Post", author) for row in authors}
        assert Author.where(count(Author.posts) >= 2).pluck(Author.id) == [
            row.values["id"] for row in authors if len(children[row.uid]) >= 2
        ]
        assert Author.where(exists(Author.posts, Post.score > 0, Post.title == "a")).pluck(Author.id) == [
            row.values["id"]
            for row in authors
            if any((scores[post.uid] or 0) > 0 and post.values["title"] == "a" for post in children[row.uid])
        ]
        titled = {
            row.uid: {t.values["title"] for post in children[row.uid] if (t := self.oracle.target(post, category))}
            for row in authors
        }
        assert Author.where(Author.posts.category.title == "b").pluck(Author.id) == [
            row.values["id"] for row in authors if "b" in titled[row.uid]
        ]
        ordered = sorted(
            posts,
            key=lambda post: (
                scores[post.uid] is None,
                -(scores[post.uid] or 0),
                post.values["title"].encode("utf-8", "surrogatepass"),
            ),
        )
        assert Post.order_by(Post.score.desc(), Post.title).offset(1).limit(3).pluck(Post.id) == [
            post.values["id"] for post in ordered[1:4]
        ]
