"""Trees: queries whose rows come with what relations lead to.

A Tree is a query and nodes (nodes.py), and like the query an immutable value: each question runs it on the store as it
is then. The rows of all nodes are found in one call of the extension (csrc/binding/levels.c), level by level, each row
once; so what a question answers shows one state of the store. Views are made when they are asked for.

Values that only Python computes (a Decimal's arithmetic, a regular expression) are computed for the rows that the tree
would have without the conditions that need them, which are found first. If somebody writes between the parts of a
question, another thread for instance, it begins again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import GenericAlias
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from . import _engine, compile, host, pivots
from .compile import Lowering, Slot
from .errors import NotFound, SinewError, UnknownName, suggest
from .explain import NodePlan, TreePlan
from .nodes import Level, Node, Options, frames_of, including, levels, lower
from .query import MOST, Query, _bound, _index
from .scope import Frame
from .steady import settled, steadily
from .views import Branch, View

if TYPE_CHECKING:
    from .definition import Definition, Relation
    from .pivots import Link

ATTEMPTS = 10
"""How often a question begins again because somebody has written meanwhile."""


class Tree:
    """A query shaped by `include`: a read-only sequence of views. `where`, `order_by`, `offset` and `limit` are about
    the roots. Nothing runs until it is asked, and each question sees the store as it is then; `tree[:]` keeps an
    answer.

    >>> from sinew._example import Author, Post
    >>> tree = Author.where(Author.name < "C").include(Author.posts, only=["title"]).include(Author.posts.category)
    >>> tree
    <Tree of <Query Author where Author.name < 'C'> with Author.posts (only 'title'), Author.posts.category>
    >>> [(author.name, len(author.posts)) for author in tree]
    [('Ann', 2), ('Bob', 1)]
    >>> tree.order_by(Author.name.desc()).first().posts[0].category.title
    'Art'
    """

    __slots__ = ("_query", "_root")
    __class_getitem__: Any = classmethod(GenericAlias)

    def __init__(self, query: Query, root: Node | None = None, /) -> None:
        self._query = query
        self._root = Node(query._definition.name) if root is None else root

    # ------------------------------------------------------------ shaping

    def include(self, /, *paths: Any, **options: Any) -> Tree:
        """The same with more relations: several paths, or one with where=, order_by=, limit=, offset= and only=.

        A path of several steps includes each of them; options are about the last. What is included already is merged;
        RelationError if it was given another option of the same name.

        >>> from sinew._example import Author
        >>> Author.include(Author.posts).include(Author.posts.category, only=["title"])[1].posts[0].category.title
        'Art'
        """
        definition = self._query._definition
        return Tree(self._query, steadily(definition.db, including, self._root, definition, paths, options))

    def where(self, /, *predicates: Any, **equalities: Any) -> Tree:
        """Only roots for which everything given holds: see Query.where."""
        return Tree(self._query.where(*predicates, **equalities), self._root)

    def order_by(self, /, *terms: Any) -> Tree:
        """Roots sorted by columns: see Query.order_by."""
        return Tree(self._query.order_by(*terms), self._root)

    def offset(self, rows: int, /) -> Tree:
        """Without the first roots."""
        return Tree(self._query.offset(rows), self._root)

    def limit(self, rows: int, /) -> Tree:
        """At most so many roots."""
        return Tree(self._query.limit(rows), self._root)

    # ------------------------------------------------------------ the sequence

    def __iter__(self) -> Iterator[View]:
        found = _Growth(self._root, self._query).branch()
        self._query._iterated(len(found))
        return iter(found)

    def __len__(self) -> int:
        return len(self._query)

    def __bool__(self) -> bool:
        return self._query.exists()

    def __contains__(self, thing: object, /) -> bool:
        if not isinstance(thing, View):
            return thing in self._query
        return thing._sinew_node is self._root and thing.record in self._query

    def __getitem__(self, index: Any, /) -> Any:
        if isinstance(index, slice):
            return self._slice(index)
        place = _index(index)
        found = self._at(place)
        if not len(found):
            raise IndexError(f"{self!r} has no row {place}")
        return found[0]

    def first(self) -> Any:
        """The first view, or None."""
        return self._at(0).first()

    def last(self) -> Any:
        """The last view, or None."""
        return self._at(-1).first()

    def one(self) -> Any:
        """The only view. NotFound if there is none, SinewError if there are several.

        >>> from sinew._example import Post
        >>> Post.where(title="World").include(Post.author).one().author.name
        'Bob'
        """
        found = self.one_or_none()
        if found is None:
            raise NotFound(f"{self!r} finds no record; one_or_none() gives None instead of an error")
        return found

    def one_or_none(self) -> Any:
        """The only view, or None if there is none. SinewError if there are several."""
        found = _Growth(self._root, self._query._window(0, 2)).branch()
        if len(found) > 1:
            raise SinewError(
                f"{self!r} finds several records, among them {found[0].record!r} and {found[1].record!r}; first() "
                "takes one"
            )
        return found.first()

    def to_dicts(self) -> list[dict[str, Any]]:
        """The whole tree as plain data: a dict of each root's fields (those of only=), and under the names of included
        relations dicts, None, or lists of dicts. A record at two places is two dicts.

        >>> from sinew._example import Author
        >>> bob = Author.where(name="Bob").include(Author.posts.category, only=["title"]).to_dicts()[0]
        >>> bob["posts"][0]["category"]
        {'title': 'Art'}
        """
        growth = _Growth(self._root, self._query)
        for _ in range(ATTEMPTS):
            levels = growth.branch().levels
            found = levels.dicts(growth.sheets(levels))
            if found is not None:
                return found
        raise SinewError(
            f"{self!r}: something else writes all the time while the tree is read; read it within db.transaction()"
        )

    def explain(self) -> TreePlan:
        """Runs the tree and tells what it took: how the roots were found, and for each node from how many records it
        was gone on, and how many records at how many places that led to.

        >>> from sinew._example import Post
        >>> print(Post.include(Post.author).explain())
        Post: looked at every row; 3 rows examined, 3 found
        Post.author: from 3 records to 2 records at 3 places
        """
        growth = _Growth(self._root, self._query)
        found = growth.branch().levels
        nodes = tuple(
            NodePlan(level.node.written, len(found.rows(level.parent)), len(found.rows(number)), found.entries(number))
            for number, level in enumerate(growth.levels)
            if number > 0
        )
        return TreePlan(self._query.explain(), nodes)

    def __getattr__(self, name: str, /) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(f"Tree has no attribute {name}")
        if name in dir(Query):
            raise UnknownName(
                f"a Tree has no `{name}`: ask the query before include(), {self._query._definition.name}"
                f".where(...).{name}(...)"
            )
        verbs = [each for each in dir(Tree) if not each.startswith("_")]
        raise UnknownName(f"a Tree has no `{name}`{suggest(name, verbs)}")

    def __repr__(self) -> str:
        below = ", ".join(map(repr, self._root.all_below()))
        return f"<Tree of {self._query!r}{' with ' if below else ''}{below}>"

    # ------------------------------------------------------------ running

    def _at(self, place: int) -> Branch:
        """The root at a place (negative from the end), or nothing."""
        if place >= 0:
            return _Growth(self._root, self._query._window(place, 1)).branch()
        return _Growth(self._root, self._query, slice(place, place + 1 or None)).branch()

    def _slice(self, index: slice) -> Any:
        start, stop, step = _bound(index.start), _bound(index.stop), _bound(index.step)
        if (start or 0) < 0 or (0 if stop is None else stop) < 0 or (1 if step is None else step) < 0:
            return _Growth(self._root, self._query).branch()[index]
        start = start or 0
        window = self._query._window(start, None if stop is None else max(0, stop - start))
        return _Growth(self._root, window).branch()[::step]


@dataclass(slots=True, eq=False)
class _Path:
    """The way to a level. slots: what Python computes for it, of all rows of the level or, where links lead there by
    several ways, of those of each: the path to these."""

    path: _engine.Path
    slots: tuple[tuple[_engine.Path | None, Sequence[Slot]], ...] = ()

    @property
    def asks(self) -> bool:
        """Whether Python computes anything for it."""
        return any(slots for _, slots in self.slots)


class _Growth:
    """One question to a tree. window: which of the query's rows are the roots, counted from the end."""

    def __init__(self, root: Node, query: Query, window: slice | None = None) -> None:
        self.query = query
        self.window = window
        self.root = root
        self.levels: tuple[Level, ...] | list[Level] = ()  # from the first branch on
        self.db = query._definition.db

    def branch(self) -> Branch:
        """The views of the roots, from a state of the store that nobody has changed meanwhile."""
        store = self.db.store
        for _ in range(ATTEMPTS):
            revision = store.revision
            found = settled(self.db, self._grown)
            if store.revision == revision:
                break
        return found.root()  # type: ignore[no-any-return]

    def _grown(self) -> _engine.Levels:
        self.levels = levels(self.root, self.query._definition)
        run = host.start(self.db)
        rows = self.query._rows(run)
        if self.window is not None:
            rows = self._end(rows)
        paths = [_path(level, run) for level in self.levels[1:]]
        if any(path.asks for path in paths):
            self._fill(paths, rows, run)
        return self._found(rows, [path.path for path in paths], run)

    def _end(self, rows: _engine.Rows) -> _engine.Rows:
        start, stop, _ = self.window.indices(len(rows)) if self.window is not None else (0, 0, 1)
        inside = self.window is not None and len(rows) >= -self.window.start
        return rows.slice(start, stop) if inside else rows.slice(0, 0)

    def _fill(self, paths: Sequence[_Path], rows: _engine.Rows, run: host.Run) -> None:
        """Computes what only Python can, for the rows that there are without asking it."""
        bare = [_plain(level) if each.asks else each.path for each, level in zip(paths, self.levels[1:], strict=True)]
        found = self._found(rows, bare, run)
        for number, each in enumerate(paths, 1):
            for way, slots in each.slots:
                if slots:
                    host.fill(each.path, slots, run, self._asked(found, number, way, run))

    def _asked(self, found: _engine.Levels, number: int, way: _engine.Path | None, run: host.Run) -> _engine.Rows:
        """The rows of which the conditions of a level speak: its own, or links; those to which a way leads."""
        if way is not None:
            return way.expand(found.rows(self.levels[number].parent), run.time)[0]
        links = found.links(number)
        return found.rows(number) if links is None else links

    def _found(self, rows: _engine.Rows, paths: Sequence[_engine.Path], run: host.Run) -> _engine.Levels:
        return _engine.Levels(rows, self._nodes(paths), View, Branch, run.time)

    def _nodes(self, paths: Sequence[_engine.Path]) -> tuple[Any, ...]:
        nodes: list[tuple[Any, ...]] = []
        for level, path in zip(self.levels, (None, *paths), strict=True):
            relation = level.relation
            name = "" if relation is None else relation.name
            single = relation is not None and not relation.to_many
            own = relation is not None and relation.inverse_of is not None  # the children of others are others
            nodes.append((name, level.node, level.known(), level.parent, path, _beyond(level), single, own))
        return tuple(nodes)

    def sheets(self, found: _engine.Levels) -> tuple[Any, ...]:
        """What the dicts of each level show."""
        run = host.start(self.db)
        return tuple(
            (
                _sheet(level.definition, level.names, found.rows(number), run),
                None if level.link is None else _sheet(level.link.pivot, tuple(level.link.pivot.fields)),
            )
            for number, level in enumerate(self.levels)
        )


def _relation(level: Level) -> Relation:
    assert level.relation is not None
    return level.relation


def _plain(level: Level) -> _engine.Path:
    """The relation's own path, or that to its links."""
    relation = _relation(level)
    return relation.path if level.link is None else relation.pair_path


def _beyond(level: Level) -> Any:
    """What leads from the links of a level to its rows: a path, or what tells the ways apart, and a path for either."""
    if level.link is None:
        return None
    first, *others = (link.far.path for link in pivots.branches(_relation(level)))
    return (_relation(level).near_path, first, *others) if others else first


def _path(level: Level, run: host.Run) -> _Path:
    """The relation's path; with options, a path that goes along it and leaves what they leave of each row's targets."""
    relation, options = _relation(level), level.node.options
    if not any(replace(options, only=None).given()):
        return _Path(_plain(level))
    cut = (min(options.offset or 0, MOST), None if options.limit is None else min(options.limit, MOST))
    lowering = run.lowering()
    said = [_said(lowering, frame, options) for frame in frames_of(relation)]
    store = level.definition.db.store
    if len(said) > 1:
        return _by_ways(relation, said, cut)
    where, order, slots = said[0]
    hop = (_plain(level), False, not relation.to_many, where, order, cut)
    distinct = level.link is not None or relation.distinct
    return _Path(_engine.Path(store, (hop,), distinct=distinct), ((None, slots),))


_Said: TypeAlias = tuple[Any, tuple[Any, ...], list[Slot]]
"""A condition and an order, and what Python computes for them."""


def _said(lowering: Lowering, frame: Frame, options: Options) -> _Said:
    """What options say of the rows of a frame."""
    before = len(lowering.slots)
    where, order = lower(lowering, frame, options)
    if frame.link is not None:  # links that lead nowhere are not counted
        where = compile.both([_there(frame.link), *([] if where is None else [where])])
    return where, order, lowering.slots[before:]


def _there(link: Link) -> Any:
    return ("exists", 0, link.far.path, None)


def _by_ways(relation: Relation, said: Sequence[_Said], cut: Any) -> _Path:
    """The same to links that are seen from both sides; the relation's own order is that of what is equal."""
    store, links = relation.definition.db.store, pivots.branches(relation)
    ways, asked = [], []
    for path, link, own, (where, order, slots) in zip(
        relation.way_paths, links, pivots.orders(relation), said, strict=True
    ):
        ways.append((path, where, order + own, None))
        leading = _engine.Path(store, ((path, False, False, _there(link), (), None),)) if slots else None
        asked.append((leading, slots))
    return _Path(_engine.Path(store, (pivots.by_ways(ways, cut),)), tuple(asked))


def _sheet(
    definition: Definition, names: tuple[str, ...], rows: _engine.Rows | None = None, run: host.Run | None = None
) -> tuple[Any, ...]:
    """What dicts show of a model's rows: names, and beside them fields, or of getters the value of each row."""
    shown = []
    for name in names:
        info = definition.attribute(name)
        if not info.computed:
            shown.append(info.engine)
        elif rows is not None and run is not None:
            shown.append(tuple(host.columns(Frame(definition), [info.column], rows, run)[0]))
    return names, tuple(shown)
