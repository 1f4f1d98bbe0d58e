"""A build: sources, targets made of them, and which of these are out of date, and why.

    python examples/build_graph.py

Nothing is marked as dirty, and no times are compared. The fingerprint of a target is a getter over what it is made
of; a target is out of date when it was built with another fingerprint. A change that makes no difference (a comment,
a date) is stopped where it makes none, by the early cut-off of getters.
"""

from __future__ import annotations

import re
import zlib
from typing import Any

from sinew import (
    Attr,
    BelongsTo,
    Database,
    HasMany,
    ManyToMany,
    Model,
    belongs_to,
    count_of,
    field,
    getter,
    has_many,
    many_to_many,
)

project = Database()
Rows = list[dict[str, Any]]
ran: list[str] = []  # which getters ran since the last question


class Base(Model, db=project, abstract=True):
    """The family of models that live in `project`."""


class Source(Base):
    path: Attr[str] = field(unique=True)
    text: Attr[str]
    saved: Attr[int] = field(default=0)  # when it was last written
    targets: ManyToMany[Target] = many_to_many(inverse=lambda: Target.sources)

    @getter
    def fingerprint(self) -> str:
        """Of the text without comments and space: that is all that the compiler sees."""
        ran.append(self.path)
        return hashed(re.sub(r"//.*|\s+", " ", self.text).strip())


class Target(Base):
    name: Attr[str] = field(unique=True)
    recipe: Attr[str]
    built: Attr[str | None] = field(default=None)  # the fingerprint that it was built with
    sources: ManyToMany[Source] = many_to_many(inverse=lambda: Source.targets)
    needs: ManyToMany[Target, Need] = many_to_many(inverse=lambda: Target.needed_by, foreign_key="target")
    needed_by: ManyToMany[Target, Need] = many_to_many(inverse=lambda: Target.needs, foreign_key="part")
    everything: HasMany[Target] = has_many(recursive=lambda: Target.needs)
    part_count = count_of(lambda: Target.everything)

    @getter
    def fingerprint(self) -> str:
        ran.append(self.name)
        parts = [self.recipe, *(each.fingerprint for each in self.sources), *(each.fingerprint for each in self.needs)]
        return hashed(" ".join(parts))

    @getter
    def why(self) -> str | None:
        """Why it must be built, if it must."""
        if self.built is None:
            return "never built"
        below = [each.name for each in self.needs if each.why is not None]
        if below:
            return f"needs {', '.join(below)}"
        return None if self.built == self.fingerprint else "changed"

    @getter
    def stale(self) -> bool:
        return self.why is not None


class Need(Base):
    target: BelongsTo[Target] = belongs_to()
    part: BelongsTo[Target] = belongs_to()


SOURCES = {
    "util.h": "int twice(int n);",
    "util.c": "int twice(int n) { return n * 2; }",
    "main.c": "int main(void) { return twice(21); }",
    "guide.md": "# Twice",
}
TARGETS = {
    "util.o": ("cc -c util.c", ["util.h", "util.c"], []),
    "main.o": ("cc -c main.c", ["util.h", "main.c"], []),
    "app": ("cc -o app", [], ["util.o", "main.o"]),
    "docs": ("md guide.md", ["guide.md"], []),
    "dist": ("tar", [], ["app", "docs"]),
}


def hashed(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"


def fill() -> None:
    Source.insert_many(list(SOURCES.items()), columns=["path", "text"])
    for name, (recipe, sources, needs) in TARGETS.items():
        target = Target(name=name, recipe=recipe)
        target.sources.attach([source(path) for path in sources])
        target.needs.attach([target_named(each) for each in needs])


def source(path: str) -> Source:
    return Source.where(path=path).one()


def target_named(name: str) -> Target:
    return Target.where(name=name).one()


def save(path: str, text: str | None = None) -> None:
    file = source(path)
    file.update(saved=file.saved + 1, text=file.text if text is None else text)


def to_do() -> Rows:
    """What must be built, and why? `stale` is a column of the model like any other."""
    ran.clear()
    stale = Target.where(Target.stale.is_(True)).pluck(Target.name, Target.why)
    return [{"stale": stale, "looked at": sorted(set(ran))}]


def build() -> list[str]:
    """Builds what must be built, parts first. Returns what was built."""
    done = []
    for target in Target.where(Target.stale.is_(True)).order_by(Target.part_count):
        target.built = target.fingerprint
        done.append(target.name)
    return done


def at_first() -> Rows:
    """A new project: nothing was ever built."""
    return to_do()


def built() -> Rows:
    """All of it is built, parts first; then nothing is left."""
    return [{"built": build()}, *to_do()]


def saved_unchanged() -> Rows:
    """A source is saved as it was: its date is another one, which nothing reads."""
    save("util.h")
    return to_do()


def commented() -> Rows:
    """A comment more: the fingerprint of the source is computed, comes out the same, and nothing above it is."""
    save("util.h", "int twice(int n); // doubles")
    return to_do()


def changed() -> Rows:
    """A real change: both objects read the header."""
    save("util.h", "long twice(long n);")
    return [*to_do(), {"built": build()}, *to_do()]


def another_recipe() -> Rows:
    """Another recipe for the guide: the program has nothing to do with it."""
    target_named("docs").recipe = "md --toc guide.md"
    return [*to_do(), {"built": build()}]


def another_edge() -> Rows:
    """The guide gets a part in the program."""
    target_named("app").sources.attach(source("guide.md"))
    return [*to_do(), {"built": build()}]


def tried() -> Rows:
    """A change that is taken back: what was built is up to date again, and nothing has to be computed to know it."""
    with project.transaction() as tx:
        save("main.c", "int main(void) { return 0; }")
        tx.rollback()
    return to_do()


def main() -> None:
    fill()
    for question in (at_first, built, saved_unchanged, commented, changed, another_recipe, another_edge, tried):
        print(question.__doc__)
        for row in question():
            for name, value in row.items():
                print(f"    {name}: {', '.join(map(str, value)) or '-'}")


if __name__ == "__main__":
    main()
