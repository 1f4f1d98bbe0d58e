"""Getters of the models: over every kind of relation and query, of each other, conditional, catching, uncached.

The bodies run twice: in the getter, on the record, and in the twin (twin.py), on something that looks like the
record, notes what is read, and reads other getters by running their functions. `ask` is how a body puts a question
that is more than a read of the record: the twin runs it on the record. Each run of a getter is written to RUNS.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from sinew import NotFound, count_of, delegate, getter, latest_of, max_, max_of, min_of, sum_of

RUNS: list[tuple[Any, str]] = []  # record and name, for each run of a function by the store
Noted = Callable[[Any], Any]


class Models:
    """The models by name, looked up when a body runs: their module imports this one."""

    def __getattr__(self, name: str) -> Any:
        from . import models

        return getattr(models, name)


m = Models()


class Twin:
    """What looks like a record to the body of a getter, and takes questions instead of it."""

    __slots__ = ()

    def asked(self, question: Noted) -> Any:
        raise NotImplementedError


def noted(function: Noted) -> Noted:
    @functools.wraps(function)
    def body(self: Any) -> Any:
        RUNS.append((self, function.__name__))
        return function(self)

    return body


def computed(function: Noted) -> Any:
    """A getter that tells when it runs."""
    return getter(noted(function))


def uncached(function: Noted) -> Any:
    return getter(cache=False)(noted(function))


def ask(record: Any, question: Noted) -> Any:
    """What a question about a record gives."""
    return record.asked(question) if isinstance(record, Twin) else question(record)


class OfAuthors:
    __slots__ = ()

    @computed
    def shout(self: Any) -> str:
        return str(self.name.upper())

    @computed
    def contact(self: Any) -> str:
        return str(self.email or self.name)

    @computed
    def never(self: Any) -> int:
        """Reads nothing."""
        return 7

    @computed
    def post_titles(self: Any) -> list[str]:
        return [post.title for post in self.posts]

    @computed
    def post_list(self: Any) -> list[Any]:
        return list(self.posts)

    @computed
    def how_many(self: Any) -> int:
        return len(self.posts)

    @computed
    def writes(self: Any) -> bool:
        return bool(self.posts.exists())

    @computed
    def first_title(self: Any) -> str | None:
        first = self.posts.first()
        return None if first is None else first.title

    @computed
    def ends(self: Any) -> Any:
        """Indexing, from both ends."""
        return (self.posts[0], self.posts[-1].title) if len(self.posts) else None

    @computed
    def best_titles(self: Any) -> tuple[str, ...]:
        return tuple([post.title for post in self.best])

    @computed
    def bio(self: Any) -> str | None:
        return None if self.profile is None else self.profile.text

    @computed
    def top_score(self: Any) -> int | None:
        return None if self.top is None else self.top.score

    @computed
    def category_titles(self: Any) -> list[str]:
        return [category.title for category in self.categories]

    @computed
    def sets(self: Any) -> tuple[Any, ...]:
        return (len(self.around), tuple(self.shared), tuple(self.unshared), tuple(self.above))

    @computed
    def remarked(self: Any) -> list[str]:
        return [remark.text for remark in self.remarks]

    @computed
    def worth(self: Any) -> int:
        return sum(post.worth for post in self.posts)

    @computed
    def scored(self: Any) -> int:
        return int(ask(self, lambda me: me.posts.where(m.Post.score > 0).count()))

    @computed
    def leading(self: Any) -> list[str]:
        return list(
            ask(self, lambda me: m.Post.where(author=me).order_by(m.Post.score.desc()).limit(2).pluck(m.Post.title))
        )

    @computed
    def sum_of_scores(self: Any) -> int:
        return int(ask(self, lambda me: me.posts.where(m.Post.score < 100).sum(m.Post.score)))

    @computed
    def aggregated(self: Any) -> Any:
        return ask(self, lambda me: m.Author.where(id=me.id).pluck(max_(m.Author.posts.score)))

    @computed
    def namesakes(self: Any) -> int:
        return int(ask(self, lambda me: m.Author.where(name=me.name).count()))

    @computed
    def unread(self: Any) -> bool:
        return bool(ask(self, lambda me: m.Post.where(author=me, reviewer=None).exists()))

    @computed
    def holder(self: Any) -> Any:
        """A unique key, hit or miss."""
        return ask(self, lambda me: m.Author.find_by(email="a@x"))

    @computed
    def next_one(self: Any) -> Any:
        return ask(self, lambda me: m.Author.find(me.id + 1))

    @computed
    def next_name(self: Any) -> str:
        return "nobody" if self.next_one is None else str(self.next_one.contact)

    @computed
    def mood(self: Any) -> str | None:
        """One of two branches."""
        return self.bio if len(self.posts) > 2 else self.contact

    @computed
    def summary(self: Any) -> str:
        """The top of a diamond."""
        return f"{self.shout} {self.how_many} {self.mood} {self.contact}"

    @computed
    def by_category(self: Any) -> list[Any]:
        return list(ask(self, lambda me: m.Post.where(author=me).group_by(m.Post.category).agg(n=max_(m.Post.score))))

    @computed
    def careful(self: Any) -> list[str]:
        """Catches what others raise."""
        found = []
        for post in self.posts:
            try:
                found.append(post.strict)
            except ValueError as error:
                found.append(str(error))
        return found

    @uncached
    def fleeting(self: Any) -> str:
        return self.name + "!"

    @computed
    def on_fleeting(self: Any) -> int:
        return len(self.fleeting) + len(self.posts)

    @computed
    def declared(self: Any) -> tuple[Any, ...]:
        return (self.post_count, self.most, self.latest, self.scores)

    post_count = count_of(lambda: m.Author.posts)
    most = max_of(lambda: m.Author.posts.score)
    least = min_of(lambda: m.Author.posts.score)
    scores = sum_of(lambda: m.Author.posts.category.id)
    latest = latest_of(lambda: m.Author.posts.score)


class OfCategories:
    __slots__ = ()

    @computed
    def depth(self: Any) -> int:
        """Of a chain that may be a circle."""
        return 0 if self.parent is None else self.parent.depth + 1

    @computed
    def safe_depth(self: Any) -> int:
        try:
            return int(self.depth)
        except RecursionError:
            return -1

    @computed
    def trail(self: Any) -> str:
        return "/".join([*(each.title for each in self.ancestors), self.title])

    @computed
    def below(self: Any) -> int:
        return len(self.descendants)

    @computed
    def under_the_first(self: Any) -> bool:
        first = ask(self, lambda me: m.Category.find(1))
        return first is not None and self in first.descendants

    @computed
    def writer_names(self: Any) -> tuple[str, ...]:
        return tuple([writer.shout for writer in self.writers])

    @computed
    def fullest(self: Any) -> Any:
        """The child with most below it, through a getter of each."""
        children = list(self.children)
        return max(children, key=lambda child: child.below) if children else None

    @computed
    def remarked(self: Any) -> list[str]:
        return [remark.text for remark in self.remarks]

    post_count = count_of(lambda: m.Category.posts)
    title_above = delegate(lambda: m.Category.parent.title)


class OfPosts:
    __slots__ = ()

    @computed
    def headline(self: Any) -> str:
        return f"{self.title} by {self.author.shout}"

    @computed
    def worth(self: Any) -> int:
        return (self.score or 0) % 1000 + len(self.tags)

    @computed
    def is_good(self: Any) -> bool:
        """Few values: what is above is mostly cut off."""
        return self.worth > 1

    @computed
    def strict(self: Any) -> str:
        if self.score is None or self.score < 0:
            raise ValueError(f"no score: {self.title}")
        return str(self.title)

    @computed
    def verdict(self: Any) -> str:
        return f"{'good' if self.is_good else 'bad'}: {self.author.name}"

    @computed
    def labels(self: Any) -> list[str]:
        return [tag.label for tag in self.tags]

    @computed
    def weights(self: Any) -> list[Any]:
        return [(tag.label, tagging.weight) for tag, tagging in self.tags.pairs()]

    @computed
    def heavy(self: Any) -> list[str]:
        return list(ask(self, lambda me: me.tags.where(m.Tagging.weight > 1).pluck(m.Tag.label)))

    @computed
    def mark_weight(self: Any) -> int:
        return sum(mark.weight or 0 for _, mark in self.marks.pairs())

    @computed
    def origin_title(self: Any) -> str | None:
        """Of a target that may be missing."""
        return None if self.origin is None else self.origin.title

    @computed
    def copy_count(self: Any) -> int:
        return len(self.copies)

    @computed
    def source(self: Any) -> Any:
        originals = list(self.originals)
        return originals[-1] if originals else self

    @computed
    def leads(self: Any) -> bool:
        return self in self.author.best

    @computed
    def is_tagged_one(self: Any) -> bool:
        tag = ask(self, lambda me: m.Tag.find(1))
        return tag is not None and tag in self.tags

    @computed
    def place(self: Any) -> str:
        """What catches a miss."""
        number = (self.score or 0) + 1
        try:
            return str(ask(self, lambda me: m.Category.get(number)).title)
        except NotFound:
            return "nowhere"

    @computed
    def shelf(self: Any) -> str:
        return "none" if self.category is None else str(self.category.trail)

    @computed
    def seen(self: Any) -> int:
        return len(self.seen_in)

    author_name = delegate(lambda: m.Post.author.name)
    author_shout = delegate(lambda: m.Post.author.shout)
    reviewer_email = delegate(lambda: m.Post.reviewer.email)


class OfTags:
    __slots__ = ()

    @computed
    def kin_labels(self: Any) -> list[str]:
        return [tag.label for tag in self.kin]

    @computed
    def pin_text(self: Any) -> str:
        return "" if self.pin is None else str(self.pin.text)

    @computed
    def rank_here(self: Any) -> int:
        """How many rank before it."""
        return int(ask(self, lambda me: 0 if me.rank is None else m.Tag.where(m.Tag.rank < me.rank).count()))

    @computed
    def headlines(self: Any) -> list[str]:
        return [post.headline for post in self.posts]

    post_count = count_of(lambda: m.Tag.posts)
    weight_sum = sum_of(lambda: m.Tag.taggings.weight)


class OfTaggings:
    """Getters of a pivot."""

    __slots__ = ()

    @computed
    def text(self: Any) -> str:
        return f"{self.post.title}#{self.tag.label}*{self.weight}"


class OfMembers:
    __slots__ = ()

    @computed
    def code(self: Any) -> str:
        return "" if self.badge is None else str(self.badge.code)

    @computed
    def likes(self: Any) -> Any:
        return None if self.liked is None else str(self.liked.level)

    @computed
    def school(self: Any) -> list[str]:
        return [pupil.code for pupil in self.pupils]


class OfRemarks:
    __slots__ = ()

    @computed
    def subject(self: Any) -> str:
        """Of one of several models."""
        about = self.about
        if about is None:
            return "nothing"
        return str(
            about.name if self.about_type == "Author" else about.text if self.about_type == "Remark" else about.title
        )

    @computed
    def seen_by(self: Any) -> Any:
        return None if self.seen is None else self.seen.id

    @computed
    def reply_count(self: Any) -> int:
        return len(self.replies)


class OfReaders:
    """Of a model that is deleted softly."""

    __slots__ = ()

    @computed
    def topic_titles(self: Any) -> list[Any]:
        return [topic.title for topic in self.topics]

    @computed
    def all_topics(self: Any) -> int:
        return int(ask(self, lambda me: m.Topic.with_deleted().where(owner_id=me.id).count()))

    @computed
    def watched(self: Any) -> list[Any]:
        return [watch.topic.title for watch in self.watches]


class OfTopics:
    __slots__ = ()

    @computed
    def people(self: Any) -> str:
        return "+".join(reader.name for reader in (self.owner, self.guide, self.leader) if reader is not None)

    @computed
    def below_count(self: Any) -> int:
        return len(self.below)

    @computed
    def hall_size(self: Any) -> int:
        return 0 if self.hall is None else len(self.hall.topics)

    @computed
    def watcher_count(self: Any) -> int:
        return len(self.watches)


class OfKeepers:
    __slots__ = ()

    @computed
    def tags(self: Any) -> list[str]:
        return [wild.tag for wild in self.wilds]

    @computed
    def wild_names(self: Any) -> list[str]:
        return [wild.name for wild in self.wilds]


class OfShelves:
    __slots__ = ()

    @computed
    def contents(self: Any) -> list[str]:
        return [box.label for box in self.boxes]


class OfBoxes:
    __slots__ = ()

    @computed
    def stands(self: Any) -> Any:
        """A composite key."""
        return None if self.shelf is None else (self.shelf.room, self.shelf.number)

    @computed
    def fills(self: Any) -> list[str]:
        return [box.label for box in self.content]


def wild_getter(extra: bool) -> Any:
    """The getter of the model that is defined anew: another function each time."""

    def name(self: Any) -> str:
        return f"{self.tag}{self.extra}" if extra else f"{self.tag}-{self.note}"

    return computed(name)
