"""A pivot of two belongs_to, deferred uniqueness, and references to a unique field that may change."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant

from .machine import NAMES, PICK, Base, statement
from .models import Badge, Category, Member, Post, Tag, Tagging

RANKS = st.sampled_from([None, 1, 2, 3])
CODES = st.sampled_from(["", "x", "y", "ß"])
LEVELS = st.sampled_from([None, *map(Decimal, ("1", "1.00", "0", "-0", "-1", "1e30"))])
WAYS = st.sampled_from(["assign", "assign all", "assign all but one", "extend", "remove", "clear"])
NOTES = st.sampled_from([None, "x", (1, "y"), [[]], float("inf")])


class Labels(Base):
    """Tags on posts, badges and who holds them."""

    # ------------------------------------------------------------ tags

    @statement(label=NAMES, rank=RANKS, hold=st.booleans())
    def create_tag(self, label: str, rank: int | None, hold: bool) -> None:
        self.create("Tag", {"label": label, "rank": rank}, {"label": label, "rank": rank}, hold)

    @statement(label=NAMES, rank=RANKS, tag=PICK, known=st.booleans())
    def upsert_tag(self, label: str, rank: int | None, tag: int, known: bool) -> None:
        if known and (row := self.pick("Tag", tag)):
            label = row.values["label"]
        found = next((row for row in self.oracle.of("Tag") if row.values["label"] == label), None)
        if found is None:
            self.create_tag(label, rank, False)
        else:
            self.both(
                lambda: Tag.upsert(on="label", label=label, rank=rank),
                lambda: self.oracle.update([(found.uid, {"rank": rank})]),
            )

    @statement(tag=PICK, rank=RANKS)
    def set_rank(self, tag: int, rank: int | None) -> None:
        if row := self.pick("Tag", tag):
            record = self.record(row)
            self.both(lambda: setattr(record, "rank", rank), lambda: self.oracle.update([(row.uid, {"rank": rank})]))

    @statement(by=st.integers(-1, 1))
    def shift_ranks(self, by: int) -> None:
        rows = [row for row in self.oracle.of("Tag") if row.values["rank"] is not None]
        changes = [(row.uid, {"rank": row.values["rank"] + by}) for row in rows]
        self.both(lambda: Tag.where(Tag.rank != None).update(rank=Tag.rank + by), lambda: self.oracle.update(changes))  # noqa: E711

    @statement(post=PICK, tag=PICK, weight=st.integers(0, 3))
    def tag_post(self, post: int, tag: int, weight: int) -> None:
        on, what = self.pick("Post", post), self.pick("Tag", tag)
        if on and what:
            keys = {"post_id": on.values["id"], "tag_id": what.values["id"]}
            self.create(
                "Tagging",
                {"post": self.record(on), "tag": self.record(what), "weight": weight},
                {**keys, "weight": weight},
                weight > 1,
            )

    @statement(post=PICK, numbers=st.lists(st.integers(1, 6), max_size=3), columns=st.booleans())
    def tag_many(self, post: int, numbers: list[int], columns: bool) -> None:
        """In bulk and by key, so that some dangle: refused at once, or at the end of the transaction."""
        on = self.pick("Post", post)
        if on is None:
            return
        number, before = on.values["id"], set(Tagging.pluck(Tagging.id))
        pairs = [(number, each) for each in numbers]

        def theirs() -> None:
            def change() -> None:
                for offset, (first, second) in enumerate(pairs):
                    values = {"id": 1_000_000 + offset, "post_id": first, "tag_id": second, "weight": 1}
                    self.oracle._create("Tagging", values)

            self.oracle.statement(change)

        def ours() -> None:
            if columns:
                Tagging.insert_many({"post_id": [number] * len(numbers), "tag_id": numbers})
            else:
                Tagging.insert_many(pairs, columns=["post_id", Tagging.tag_id])

        if self.both(ours, theirs):
            made = [key for key in Tagging.pluck(Tagging.id) if key not in before]
            for row, key in zip(self.oracle.rows[len(self.oracle.rows) - len(pairs) :], made, strict=True):
                row.values["id"] = key

    @statement(tagging=PICK, tag=PICK)
    def change_tag(self, tagging: int, tag: int) -> None:
        row, to = self.pick("Tagging", tagging), self.pick("Tag", tag)
        if row and to:
            record, target = self.record(row), self.record(to)
            change = {"tag_id": to.values["id"]}
            self.both(lambda: setattr(record, "tag", target), lambda: self.oracle.update([(row.uid, change)]))

    @statement(label=NAMES)
    def untag_by_query(self, label: str) -> None:
        ref = self.reference("Tagging", "tag")
        uids = [
            row.uid
            for row in self.oracle.of("Tagging")
            if (target := self.oracle.target(row, ref)) and target.values["label"] == label
        ]
        self.both(Tagging.where(Tagging.tag.label == label).delete, lambda: self.oracle.delete(uids))

    # ------------------------------------------------------------ badges

    @statement(code=CODES, level=LEVELS, note=NOTES)
    def create_badge(self, code: str, level: Decimal | None, note: Any) -> None:
        values = {"code": code, "level": level, "note": note}
        self.create("Badge", values, values, code == "x")

    @statement(badge=PICK, code=CODES, level=LEVELS, note=NOTES)
    def change_badge(self, badge: int, code: str, level: Decimal | None, note: Any) -> None:
        if row := self.pick("Badge", badge):
            record, values = self.record(row), {"code": code, "level": level, "note": note}
            self.both(lambda: record.update(**values), lambda: self.oracle.update([(row.uid, values)]))

    @statement(badge=PICK, mentor=PICK, code=CODES, how=st.integers(0, 7))
    def create_member(self, badge: int, mentor: int, code: str, how: int) -> None:
        given = self.pick("Badge", badge) if how & 1 else None
        above = self.pick("Member", mentor) if how & 2 else None
        liked = code if how & 4 else None
        self.create(
            "Member",
            {"badge": given and self.record(given), "liked_id": liked, "mentor": above and self.record(above)},
            {"badge_id": given and given.values["code"], "liked_id": liked, "mentor_id": above and above.values["id"]},
            how > 3,
        )

    @statement(member=PICK, to=PICK, name=st.sampled_from(["badge", "liked", "mentor"]), clear=st.booleans())
    def set_member(self, member: int, to: int, name: str, clear: bool) -> None:
        ref = self.reference("Member", name)
        row, target = self.pick("Member", member), None if clear else self.pick(ref.target, to)
        if row:
            record, value = self.record(row), target and self.record(target)
            change = {ref.columns[0]: target and target.values[ref.target_columns[0]]}
            self.both(lambda: setattr(record, name, value), lambda: self.oracle.update([(row.uid, change)]))

    @statement(code=CODES, to=PICK)
    def move_members_by_query(self, code: str, to: int) -> None:
        target = self.pick("Badge", to)
        rows = [row for row in self.oracle.of("Member") if row.values["liked_id"] == code]
        badge, key = target and self.record(target), target and target.values["code"]
        self.both(
            lambda: Member.where(Member.liked_id == code).update(badge=badge),
            lambda: self.oracle.update([(row.uid, {"badge_id": key}) for row in rows]),
        )

    # ------------------------------------------------------------ a collection made to be something

    @statement(category=PICK, picks=st.lists(PICK, max_size=4), way=WAYS)
    def change_collection(self, category: int, picks: list[int], way: str) -> None:
        row, posts = self.pick_crowded("Category", category), self.oracle.of("Post")
        if row is None or not posts:
            return
        record = self.record(row)
        ref, number = self.reference("Post", "category"), row.values["id"]
        chosen = list({post.uid: post for post in (posts[pick % len(posts)] for pick in picks)}.values())
        if "all" in way:  # in another order each time
            first = sum(picks) % len(posts)
            chosen = (posts[first:] + posts[:first])[len(way) > len("assign all") :]
        records = [self.record(post) for post in chosen]
        here = [post.uid for post in self.oracle.children(row, "Post", ref)]
        wanted = [post.uid for post in chosen]
        leave = {"category_id": None}

        def assign() -> None:
            self.oracle.update([(uid, leave) for uid in here if uid not in wanted])
            self.oracle.update([(uid, {"category_id": number}) for uid in wanted])
            self.oracle.arrange(wanted, ref)

        def remove() -> None:
            for each in records:
                record.posts.discard(each)

        ways: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
            "assign": (lambda: setattr(record, "posts", records), assign),
            "assign all": (lambda: setattr(record, "posts", records), assign),
            "assign all but one": (lambda: setattr(record, "posts", records), assign),
            "extend": (
                lambda: record.posts.extend(records),
                lambda: self.oracle.update([(uid, {"category_id": number}) for uid in wanted]),
            ),
            "remove": (remove, lambda: self.oracle.update([(uid, leave) for uid in wanted if uid in here])),
            "clear": (record.posts.clear, lambda: self.oracle.update([(uid, leave) for uid in here])),
        }
        self.both(*ways[way])

    # ------------------------------------------------------------ comparing

    @invariant()
    def labels_agree(self) -> None:
        if not hasattr(self, "oracle"):
            return
        taggings, ref = self.oracle.of("Tagging"), self.reference("Tagging", "tag")
        tagged = [
            (row.values["post_id"], target.values["label"])
            for row in taggings
            if (target := self.oracle.target(row, ref)) is not None
        ]
        posts = self.oracle.of("Post")
        assert Post.where(Post.taggings.tag.label == "a").pluck(Post.id) == [
            post.values["id"] for post in posts if (post.values["id"], "a") in tagged
        ]
        assert Tag.where(Tag.rank >= 2).pluck(Tag.id) == [
            row.values["id"] for row in self.oracle.of("Tag") if (row.values["rank"] or 0) >= 2
        ]
        for row in taggings:
            pair = {name: row.values[name] for name in ("post_id", "tag_id")}
            assert Tagging.where(**pair).pluck(Tagging.id) == [row.values["id"]]
        badges = self.oracle.of("Badge")
        for level in (Decimal("1.0"), Decimal(0)):
            at_level = [row.values["id"] for row in badges if row.values["level"] == level]
            assert Badge.where(level=level).pluck(Badge.id) == at_level
        ordered = sorted(badges, key=lambda row: (row.values["level"] is None, row.values["level"] or 0))
        assert Badge.order_by(Badge.level).pluck(Badge.id) == [row.values["id"] for row in ordered]
        held = self.reference("Member", "badge")
        for row in badges:
            found = Badge.find_by(code=row.values["code"])
            assert found is self.record(row)
            count = len(self.oracle.children(row, "Member", held))
            assert Member.where(badge=found).count() == count
        ref = self.reference("Post", "category")
        for row in self.oracle.of("Category"):
            assert Category.where(Category.id == row.values["id"]).one().posts.pluck(Post.id) == [
                post.values["id"] for post in self.oracle.children(row, "Post", ref)
            ]
