"""Links: the live collection of a many-to-many, `post.tags`.

Each entry is a row of the pivot: a record with a key, values and validators of its own. What changes membership makes,
deletes or updates such rows, and tells which targets that was about. A change is one atomic unit: what is given is read
and looked up first, then the links that are there are found, by the unique index over the pair or in one query along
the relation; new ones go in together, those that go are deleted by one statement.

Targets are given as records or by their keys, one or several; a mapping has the pivot's values of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import pairwise
from types import GenericAlias
from typing import TYPE_CHECKING, Any, ClassVar

from . import _engine, pivots
from .collection import Collection, _name
from .compile import Lowering, equalities
from .errors import FieldError, NotFound, RelationError, kind_of, show
from .predicates import Compare, Expr, KeyAmong, Member
from .scope import Frame

if TYPE_CHECKING:
    from .definition import Definition, Relation


@dataclass(frozen=True)
class PivotChanges:
    """What a change of links did: the targets that were attached, those that were detached, and those whose links have
    other values now.

    >>> PivotChanges(attached=[], detached=[], updated=[])
    PivotChanges(attached=[], detached=[], updated=[])
    """

    attached: list[Any]
    detached: list[Any]
    updated: list[Any]

    __class_getitem__: ClassVar[Any] = classmethod(GenericAlias)


class Links(Collection):
    """The records that a pivot links to one record, in the order in which they were linked (or by the relation's
    order_by); live, with every query verb. Columns of the pivot may stand beside those of the target.

    >>> from sinew._example import Tag, Tagging, hello
    >>> [tag.label for tag in hello.tags], hello.tags.where(Tagging.weight > 1).pluck(Tag.label, Tagging.weight)
    (['c', 'python'], [('python', 2)])
    """

    __slots__ = ()

    # ------------------------------------------------------------ reading

    def __contains__(self, record: object, /) -> bool:
        relation: Relation = self.relation
        index = _pair_index(relation)
        if index is None:
            return super().__contains__(record)
        if not isinstance(record, relation.target.cls) or not _engine.alive(record):
            return False
        return _prober(relation, index, self.owner)(record) is not None

    def pairs(self) -> Iterator[tuple[Any, Any]]:
        """Each record with the row of the pivot that links it.

        >>> from sinew._example import hello
        >>> [(tag.label, tagging.weight) for tag, tagging in hello.tags.pairs()]
        [('c', 1), ('python', 2)]
        """
        relation: Relation = self.relation
        return iter(_pairs(relation, self.owner, relation.pair_path.rows(self.owner)))

    # ------------------------------------------------------------ linking

    def attach(self, target: Any, /, **pivot: Any) -> PivotChanges:
        """Links records, with these values of the pivot. What is linked already gets the values that are given.

        target: a record or a key, several, or a mapping of them to values. NotFound for keys that no record has;
        FieldError for records of other models; RelationError for what the relation's where= refuses, and for a target
        given twice (unless unique=False: then each time is another link); otherwise what the pivot's constructor
        raises. Nothing is changed then.

        >>> from sinew._example import again, python
        >>> again.tags.attach(python, weight=3).attached == [python]
        True
        >>> again.tags.attach({python.id: {"weight": 4}}).updated == [python]
        True
        """
        given = _given(self, target, pivot, "attach")
        with _unit(self):
            work = _Work(self)
            work.put(given, again=not pivots.is_unique(self.relation.link))
            return work.done()

    def detach(self, target: Any = ..., /) -> PivotChanges:
        """Unlinks records, all of them without an argument; what is not linked stays so.

        >>> from sinew._example import hello, python
        >>> hello.tags.detach([]).detached, hello.tags.detach(python).detached == [python], len(hello.tags)
        ([], True, 1)
        """
        given = None if target is ... else _given(self, target, {}, "detach")
        with _unit(self):
            work = _Work(self)
            work.drop(work.all() if given is None else work.of([record for record, _ in given]))
            return work.done()

    def sync(self, target: Any, /, **pivot: Any) -> PivotChanges:
        """Makes these the linked records: the others are unlinked, missing ones linked; links that stay are the same
        rows, with the values that are given.

        >>> from sinew._example import again, c, python
        >>> changes = again.tags.sync({c: {"weight": 5}, python: {}})
        >>> len(changes.attached), len(changes.detached), again.tags.sync([]).detached == [c, python]
        (2, 0, True)
        """
        given = _given(self, target, pivot, "sync")
        with _unit(self):
            work = _Work(self)
            work.settle(given)
            return work.done()

    def toggle(self, target: Any, /, **pivot: Any) -> PivotChanges:
        """Unlinks those of the records that are linked, and links the others, with these values.

        >>> from sinew._example import again, c
        >>> again.tags.toggle(c).attached == again.tags.toggle(c).detached == [c]
        True
        """
        given = _given(self, target, pivot, "toggle")
        with _unit(self):
            work = _Work(self)
            there = work.of([record for record, _ in given])
            linked = {record for record, _ in there}
            work.drop(there)
            work.put([each for each in given if each[0] not in linked], again=True)
            return work.done()

    def update_pivot(self, target: Any, /, **pivot: Any) -> PivotChanges:
        """Sets values of the links of records. NotFound for one that is not linked.

        >>> from sinew._example import hello, python
        >>> hello.tags.update_pivot(python, weight=2)
        PivotChanges(attached=[], detached=[], updated=[])
        """
        given = _given(self, target, pivot, "update_pivot")
        with _unit(self):
            work = _Work(self)
            missing = {record: None for record, _ in given}
            for record, _ in work.of(list(missing)):
                missing.pop(record, None)
            if missing:
                raise NotFound(
                    f"{_several(missing)} {'is' if len(missing) == 1 else 'are'} not in {_name(self.relation)} of "
                    f"{self.owner!r}; attach() links and sets the values"
                )
            work.put(given, again=False)
            return work.done()

    # ------------------------------------------------------------ as a collection

    def extend(self, records: Iterable[Any], /) -> None:
        """Links several records: all or none. The same as `attach`."""
        self.attach(records)

    def append(self, record: Any, /) -> None:
        """Links a record. The same as `attach`.

        >>> from sinew._example import python, world
        >>> world.tags.append(python)
        >>> world in python.posts
        True
        """
        self.attach(record)

    def add(self, /, *records: Any) -> None:
        """The same as `extend`, the records one by one: `hello.tags.add(python, rust)`."""
        self.attach(list(records))

    def remove(self, record: Any, /) -> None:
        """Unlinks a record. NotFound if it is not linked."""
        if not self.detach(record).detached:
            raise NotFound(f"{show(record)} is not in {_name(self.relation)} of {self.owner!r}; discard() accepts that")

    def discard(self, record: Any, /) -> None:
        """Unlinks a record if it is linked."""
        self.detach(record)

    def clear(self) -> None:
        """Unlinks every record."""
        self.detach()

    def create(self, /, **values: Any) -> Any:
        """A new record, linked. `pivot=` has the pivot's values (if the target has no field of that name). What the
        relation's where= demands by `==` is set. RelationError for values that it refuses; otherwise what the
        constructors raise. Nothing is created then.

        >>> from sinew._example import Tagging, again
        >>> tag = again.tags.create(label="new", pivot={"weight": 7})
        >>> again.tags.pluck(Tagging.weight)
        [7]
        >>> tag.delete()
        >>> len(again.tags)
        0
        """
        return self.create_many([values])[0]

    def create_many(self, rows: Iterable[Mapping[str, Any]], /) -> list[Any]:
        """New records, linked, from mappings: all or none."""
        relation: Relation = self.relation
        listed = [_separated(relation, row) for row in rows]
        target, demanded = relation.target, relation.where_values()
        with relation.definition.db.transaction():
            made = [(target.cls(**{**demanded, **values}), dict(pivot)) for values, pivot in listed]
            work = _Work(self)
            work.put(made, again=True)
            work.done()
        return [record for record, _ in made]


# ---------------------------------------------------------------- assignment


def assign(record: Any, relation: Relation, values: Any) -> None:
    """`post.tags = [b, a]`: the collection becomes exactly that, in that order, or nothing changes. Links that stay are
    the same rows with the same values."""
    if isinstance(values, Collection) and values.owner is record and values.relation is relation:
        return  # to itself, as `post.tags += [...]` does in the end
    held: Any = getattr(record, relation.name)
    given = _given(held, values, {}, "=")
    with _unit(held):
        work = _Work(held)
        work.settle(given)
        work.done()
        work.arrange([each for each, _ in given])


# ---------------------------------------------------------------- what is given

Given = Sequence[tuple[Any, Mapping[str, Any]]]
"""Records of the target, each with values of the pivot."""


def _given(links: Links, target: Any, common: Mapping[str, Any], verb: str) -> Given:
    """The records that an argument means. FieldError, NotFound; RelationError for one given twice."""
    relation: Relation = links.relation
    listed: list[tuple[Any, Any]]
    if isinstance(target, Mapping):
        listed = [(each, _values(relation, each, values)) for each, values in target.items()]
    elif _is_one(relation, target):
        listed = [(target, {})]
    else:
        listed = [(each, {}) for each in target]
    records = _records(relation, [each for each, _ in listed])
    assert relation.link is not None
    if len(set(records)) < len(records) and pivots.is_unique(relation.link):
        seen: set[Any] = set()
        twice = next(record for record in records if record in seen or seen.add(record))  # type: ignore[func-returns-value]
        asked = f"{_name(relation)} = ..." if verb == "=" else f"{_name(relation)}.{verb}()"
        raise RelationError(f"{asked} is given {twice!r} twice, and links a record once; unique=False allows several")
    found = [(record, {**common, **values}) for record, (_, values) in zip(records, listed, strict=True)]
    for _, values in found:
        _check_values(relation, values)
    return found


def _is_one(relation: Relation, target: object) -> bool:
    """Whether an argument is one record or key. A tuple is the key where keys are tuples."""
    if isinstance(target, (_engine.Record, str, bytes)) or not isinstance(target, Iterable):
        return True
    key = relation.target.primary_key
    kind = relation.target.fields[key[0]].kind if len(key) == 1 else "tuple"
    return kind_of(target) == kind  # also of networks, which one could iterate over


def _values(relation: Relation, target: object, values: object) -> Mapping[str, Any]:
    if not isinstance(values, Mapping):
        raise FieldError(
            f"{_name(relation)}: a mapping holds the pivot's values of each record, {{tag: {{...}}}}; for "
            f"{show(target)} it has {show(values)}"
        )
    return values


def _records(relation: Relation, targets: Sequence[Any]) -> list[Any]:
    """The records themselves, or those with these keys."""
    target = relation.target
    found: list[Any] = []
    missing: list[Any] = []
    find: Any = _engine.ModelMeta.find  # a model may have a field of this name
    for each in targets:
        if isinstance(each, _engine.Record):
            if not isinstance(each, target.cls):
                other = f"a {target.name} of another database" if kind_of(each) == target.name else kind_of(each)
                raise FieldError(f"{_name(relation)} takes records of {target.name}, not {show(each)} ({other})")
            found.append(each)
        elif each is None:
            raise FieldError(f"{_name(relation)} takes records of {target.name} and their keys, not None")
        else:
            record = find(target.cls, each)
            found.append(record)
            missing += [each] if record is None else []
    if missing:
        keys = ", ".join(show(each) for each in missing)
        raise NotFound(f"{_name(relation)}: there is no {target.name} with the key{'s' * (len(missing) > 1)} {keys}")
    return found


def _check_values(relation: Relation, values: Mapping[str, Any]) -> None:
    """The two sides of a link are not among its values."""
    link = relation.link
    assert link is not None
    for side in (link.near, link.far):
        for name in (side.name, *(info.name for info in side.foreign_key)):
            if name in values:
                raise RelationError(
                    f"{_name(relation)} sets {link.pivot.name}.{side.name} itself; leave {name}= out of the pivot's "
                    "values"
                )


def _separated(relation: Relation, row: Any) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """The values of a new target, and those of its link."""
    if not isinstance(row, Mapping):
        raise FieldError(f"{_name(relation)}.create_many() takes mappings of values, not {show(row)}")
    values = dict(row)
    target = relation.target
    if "pivot" not in values or "pivot" in target.fields or "pivot" in target.relations:
        return values, {}
    pivot = values.pop("pivot")
    if not isinstance(pivot, Mapping):
        raise FieldError(f"{_name(relation)}: pivot= takes a mapping of the pivot's values, not {show(pivot)}")
    _check_values(relation, pivot)
    return values, pivot


def _several(records: Iterable[Any]) -> str:
    return ", ".join(show(record) for record in records)


# ---------------------------------------------------------------- finding links

Pairs = list[tuple[Any, Any]]
"""Targets, each with the row of the pivot that links it."""


def _unit(links: Links) -> AbstractContextManager[Any]:
    relation: Relation = links.relation
    return relation.definition.db.transaction()


def _pairs(relation: Relation, owner: Any, rows: _engine.Rows) -> Pairs:
    """The targets of rows of the pivot; one whose target is missing is left out."""
    targets, starts = pivots.link_from(relation, owner).step.path.expand(rows)
    found = targets.records()
    return [
        (found[start], row) for row, (start, stop) in zip(rows.records(), pairwise(starts), strict=True) if stop > start
    ]


def _pair_index(relation: Relation) -> _engine.Index | None:
    """The unique index over the two keys, if a row in it is surely an entry of the collection."""
    return _unique_index(relation) if relation.condition is None else None


def _unique_index(relation: Relation) -> _engine.Index | None:
    """The unique index over the two keys. It is looked for once, and again when the schema has changed."""
    schema = relation.definition.db.store.schema
    known = relation.known_index
    if known is None or known[0] != schema:
        known = relation.known_index = (schema, _find_index(relation))
    return known[1]


def _find_index(relation: Relation) -> _engine.Index | None:
    link = relation.link
    if link is None or not pivots.is_unique(link):
        return None
    names = sorted(info.name for side in (link.near, link.far) for info in side.foreign_key)
    for plan, index in link.pivot.table.indexes.items():
        if plan.kind == "unique" and not plan.deferred and sorted(plan.names) == names:
            return index
    return None


def _prober(relation: Relation, index: _engine.Index, owner: Any) -> Callable[[Any], Any]:
    """A function from a record to the row that links it to the owner, or None."""
    ways = []
    for link in pivots.branches(relation):
        near, far = link.near, link.far
        keys = dict(zip((info.name for info in near.foreign_key), near.key_of(owner), strict=True))
        ways.append((keys, tuple(info.name for info in far.foreign_key), far.key_of))
    order = [each.name for each in index.fields]

    def probe(record: Any) -> Any:
        for keys, names, key_of in ways:
            whole = keys | dict(zip(names, key_of(record), strict=True))
            found = index.find([whole[name] for name in order])
            if found is not None:
                return found
        return None

    return probe


# ---------------------------------------------------------------- changing links


class _Work:
    """One change of the links of a record, within a unit."""

    def __init__(self, links: Links) -> None:
        relation: Relation = links.relation
        assert relation.link is not None
        self.relation, self.owner, self.link = relation, links.owner, relation.link
        self.changes = PivotChanges([], [], [])
        self.touched: list[Any] = []  # the targets whose links were made or updated
        self.expected = relation.pair_path.count(self.owner) if relation.condition is not None else 0

    def all(self) -> Pairs:
        """Every link."""
        return _pairs(self.relation, self.owner, self.relation.pair_path.rows(self.owner))

    def of(self, records: Sequence[Any]) -> Pairs:
        """The links to these records, in the order of the collection."""
        index = _pair_index(self.relation)
        if index is not None:
            probe = _prober(self.relation, index, self.owner)
            found = [(record, probe(record)) for record in records]
            return [(record, row) for record, row in found if row is not None]
        chosen = tuple(records)
        among: list[Expr] = [
            KeyAmong(link.far.column_path, chosen, negated=False) for link in pivots.branches(self.relation)
        ]
        pairs = _pairs(self.relation, self.owner, self._rows(among[0] if len(among) == 1 else among[0] | among[1]))
        wanted = set(records)
        return [(record, row) for record, row in pairs if record in wanted]

    def _rows(self, condition: Expr) -> _engine.Rows:
        """The rows of the pivot that are links of the owner and for which a condition holds."""
        pivot = self.link.pivot
        where = Lowering(pivot.db).predicate(condition, Frame(pivot))
        return _engine.Plan(pivot.cls, where=where, source=(self.relation.pair_path, self.owner)).rows()

    def put(self, given: Given, *, again: bool) -> None:
        """Links these records; those that are linked get the values, or, with `again`, one link more."""
        there = [] if again else self.of([record for record, _ in given])
        rows = _rows_by_target(there)
        for record, values in given:
            for row in rows.get(record, ()):
                self.update(record, row, values)
        self.insert([each for each in given if each[0] not in rows])

    def settle(self, given: Given) -> None:
        """Makes these the links."""
        rows = _rows_by_target(self.all())
        missing: list[tuple[Any, Mapping[str, Any]]] = []
        for record, values in given:
            if rows.get(record):
                self.update(record, rows[record].pop(0), values)
            else:
                missing.append((record, values))
        self.drop([(record, row) for record, left in rows.items() for row in left])
        self.insert(missing)

    def insert(self, given: Given) -> None:
        """New rows of the pivot, as one statement."""
        if not given:
            return
        self.check_other_side(given)
        cls, near, far = self.link.pivot.cls, self.link.near.name, self.link.far.name
        condition = self.relation.condition
        demanded = {} if condition is None else dict(equalities(condition, self.link.pivot))
        rows = [{**demanded, **values, near: self.owner, far: record} for record, values in given]
        if len(rows) == 1:
            cls(**rows[0])
        else:
            _engine.insert_rows(cls, rows, None)
        self.expected += len(rows)
        records = [record for record, _ in given]
        self.touched += records
        self.changes.attached.extend(records)

    def check_other_side(self, given: Given) -> None:
        """What the unique index does not know: a link that is there already, seen from the other side, and that the
        relation's where= hides."""
        index = _unique_index(self.relation)
        if index is None or not self.relation.declaration.symmetric:
            return
        probe = _prober(self.relation, index, self.owner)
        for record, _ in given:
            row = probe(record)
            if row is not None:
                raise RelationError(
                    f"{_name(self.relation)} of {self.owner!r} cannot link {record!r}: {row!r} does so already, but "
                    f"{self.relation.condition!r} does not hold; change that one"
                )

    def update(self, record: Any, row: Any, values: Mapping[str, Any]) -> None:
        """Sets values of a link; it counts as updated if that changed anything."""
        if not values:
            return
        infos = self.link.pivot.fields.values()
        stored = [info.engine for info in infos if info.declaration.automatic is None]
        before = _engine.values(row, stored)
        _engine.update(row, values)
        self.touched.append(record)
        if not all(map(_same, before, _engine.values(row, stored))):
            self.changes.updated.append(record)

    def drop(self, pairs: Pairs) -> None:
        """Deletes links, as one statement."""
        if len(pairs) == 1:
            _engine.delete(pairs[0][1])
        elif pairs:
            self._rows(_among(self.link.pivot, [row for _, row in pairs])).delete()
        self.expected -= len(pairs)
        self.changes.detached.extend(record for record, _ in pairs)

    def arrange(self, records: Sequence[Any]) -> None:
        """Puts the links to these records into this order of arrival, which those seen from both sides do not have."""
        if self.relation.declaration.symmetric:
            return
        pairs = self.all()
        if [record for record, _ in pairs] != records:
            rows = _rows_by_target(pairs)
            for place, record in enumerate(records):
                _engine.move(rows[record].pop(0), self.link.near.descriptor, place)

    def done(self) -> PivotChanges:
        """What was done. RelationError if the relation does not hold what was put into it."""
        relation = self.relation
        if relation.condition is not None and self.touched and relation.pair_path.count(self.owner) < self.expected:
            held = _rows_by_target(self.all())
            missing = [record for record in self.touched if record not in held]
            if not missing and relation.pair_path.timed:
                return self.changes  # it is another link that the relation does not hold any more
            refused = (missing or self.touched)[0]
            raise RelationError(
                f"{_name(relation)} holds only records and links for which {relation.condition!r}; {refused!r} or its "
                "link is none, give other values"
            )
        return self.changes


def _rows_by_target(pairs: Pairs) -> dict[Any, list[Any]]:
    found: dict[Any, list[Any]] = {}
    for record, row in pairs:
        found.setdefault(record, []).append(row)
    return found


def _same(a: object, b: object) -> bool:
    return a is b or (type(a) is type(b) and bool(a == b))


def _among(pivot: Definition, rows: Sequence[Any]) -> Expr:
    """The primary key is that of one of these rows."""
    columns = [pivot.fields[name].column for name in pivot.primary_key]
    if len(columns) == 1:
        return Member(columns[0], tuple(_engine.key(row) for row in rows), negated=False)
    said: Expr | None = None
    for row in rows:
        parts = [Compare("==", column, value) for column, value in zip(columns, _engine.key(row), strict=True)]
        one: Expr = parts[0]
        for part in parts[1:]:
            one = one & part
        said = one if said is None else said | one
    assert said is not None
    return said
