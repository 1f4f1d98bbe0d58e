"""Collections: the live other side of a to-many relation, `ann.posts`.

The extension's part answers length, membership and iteration; here are every query verb and what changes membership.
All of it is setting foreign keys on the members: moving records one after another is one statement each, and several
are one transaction, so that a refusal leaves everything as it was.

Rules: a record whose belongs_to is required is never taken out, only moved or deleted. What a relation's where= refuses
does not get in: the simple equalities among its conditions are given to records created through it, everything else is
checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import GenericAlias
from typing import TYPE_CHECKING, Any, NoReturn

from . import _engine
from .errors import FieldError, NotFound, RelationError, SinewError, kind_of, show
from .query import Query
from .queryable import Queryable

if TYPE_CHECKING:
    from .definition import Definition, Relation


class Collection(_engine.Collection, Queryable):
    """The records that refer to one record, in order of arrival (or by the relation's order_by); live, with every query
    verb.

    >>> from sinew._example import ann, hello
    >>> len(ann.posts), hello in ann.posts, [post.title for post in ann.posts]
    (2, True, ['Hello', 'Again'])
    >>> ann.posts.where(title="Again").first() is ann.posts[-1]
    True
    """

    __slots__ = ()
    __class_getitem__: Any = classmethod(GenericAlias)
    __hash__ = None  # type: ignore[assignment]

    def _query(self) -> Query:
        return Query(self.path.target, source=(self.relation, self.owner))

    def __getitem__(self, index: Any, /) -> Any:
        if isinstance(index, slice):
            return self._query()[index]
        if not hasattr(type(index), "__index__"):
            raise FieldError(f"{_name(self.relation)} is indexed by an int or a slice, not by {show(index)}")
        return self.at(index)

    def __eq__(self, other: object, /) -> bool:
        if isinstance(other, Collection):
            return self.owner is other.owner and self.relation is other.relation
        return list(self) == list(other) if isinstance(other, (list, tuple)) else NotImplemented

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise SinewError(f"{_name(self.relation)} is a live view and cannot be copied or pickled; use list(...) of it")

    def __repr__(self) -> str:
        try:
            found = self._query().limit(4)[:]
        except SinewError:
            return f"<{_name(self.relation)} of {self.owner!r} (out of reach)>"
        records = ", ".join(map(repr, found[:3]))
        return f"<{_name(self.relation)} of {self.owner!r}: [{records}{', ...' if len(found) > 3 else ''}]>"

    def count(self) -> int:
        """How many records."""
        return len(self)

    def exists(self) -> bool:
        """Whether there is any."""
        return bool(self)

    def pairs(self) -> Iterator[tuple[Any, int]]:
        """Of a recursive relation: each record and how many steps it is away, 1 for the nearest. RelationError for any
        other.

        >>> from sinew._example import crime, prose
        >>> [(category.title, depth) for category, depth in crime.ancestors.pairs()]
        [('Prose', 1), ('Art', 2)]
        """
        relation: Relation = self.relation
        if relation.along is None or relation.along[0] != "recursive":
            raise RelationError(
                f"{_name(relation)}.pairs(): pairs are of recursive relations (record, depth) and of many-to-many ones "
                "(record, pivot)"
            )
        rows, levels = relation.path.levels(self.owner)
        return zip(rows.records(), levels, strict=True)

    # ------------------------------------------------------------ joining

    def append(self, record: Any, /) -> None:
        """Puts a record here, as setting its belongs_to does; a record that is here stays where it is.

        FieldError for anything but a record of the target model, RelationError for one that the relation's where=
        refuses.

        >>> from sinew._example import bob, hello
        >>> bob.posts.append(hello)
        >>> hello.author is bob
        True
        """
        self.extend((record,))

    def add(self, /, *records: Any) -> None:
        """The same as `extend`, the records one by one: `ann.posts.add(hello, world)`."""
        self.extend(records)

    def extend(self, records: Iterable[Any], /) -> None:
        """Puts several records here: all or none."""
        relation: Relation = self.relation
        _inverse(relation)
        joining = _members(relation, records)
        with relation.definition.db.transaction():
            for record in joining:
                _join(relation, self.owner, record)

    def __iadd__(self, records: Iterable[Any], /) -> Collection:
        """`ann.posts += [post]`: the same as `extend`."""
        self.extend(records)
        return self

    # ------------------------------------------------------------ leaving

    def remove(self, record: Any, /) -> None:
        """Takes a record out: its belongs_to becomes None. NotFound if it is not here, RelationError if its belongs_to
        is required: then move it (set its belongs_to) or delete it.

        >>> from sinew._example import hello, news
        >>> news.posts.remove(hello)
        >>> hello.category is None
        True
        """
        _inverse(self.relation)
        if record not in self:
            raise NotFound(f"{show(record)} is not in {_name(self.relation)} of {self.owner!r}; discard() accepts that")
        self.discard(record)

    def discard(self, record: Any, /) -> None:
        """Takes a record out if it is here. RelationError if its belongs_to is required."""
        relation: Relation = self.relation
        inverse = _inverse(relation)
        if record in self:
            _require_leaving(relation)
            setattr(record, inverse.name, None)

    def clear(self) -> None:
        """Takes every record out. RelationError if their belongs_to is required and there are any."""
        relation: Relation = self.relation
        inverse = _inverse(relation)
        if len(self):
            _require_leaving(relation)
            self._query().update(**{inverse.name: None})

    # ------------------------------------------------------------ creating

    def create(self, /, **values: Any) -> Any:
        """A new record here. Its key is set; so is what the relation's where= demands by `==`. RelationError for
        another key, or for values that its where= refuses; otherwise what the constructor raises. Nothing is created
        then.

        >>> from sinew._example import cid
        >>> cid.posts.create(title="New").author is cid
        True
        """
        relation: Relation = self.relation
        with relation.definition.db.transaction():
            return _create(relation, self.owner, values)

    def create_many(self, rows: Iterable[Mapping[str, Any]], /) -> list[Any]:
        """New records here, from mappings: all or none.

        >>> from sinew._example import cid
        >>> [post.title for post in cid.posts.create_many([{"title": "a"}, {"title": "b"}])]
        ['a', 'b']
        """
        relation: Relation = self.relation
        _inverse(relation)
        listed = list(rows)
        for row in listed:
            if not isinstance(row, Mapping):
                raise FieldError(f"{_name(relation)}.create_many() takes mappings of values, not {show(row)}")
        with relation.definition.db.transaction():
            return [_create(relation, self.owner, row) for row in listed]


Query.register(Collection)


# ---------------------------------------------------------------- assignment


def assign(record: Any, relation: Relation, values: Iterable[Any]) -> None:
    """`ann.posts = [...]`: the collection becomes exactly that, in that order, or nothing changes.

    RelationError if a record would have to leave whose belongs_to is required, or if the relation refuses one;
    FieldError for anything but records of the target model."""
    if isinstance(values, Collection) and values.owner is record and values.relation is relation:
        return  # to itself, as `ann.posts += [...]` does in the end
    _inverse(relation)
    wanted = _members(relation, values)
    if len(set(wanted)) < len(wanted):
        raise RelationError(f"{_name(relation)} cannot hold a record twice")
    _require_whole(relation)
    held: Any = getattr(record, relation.name)
    with relation.definition.db.transaction():
        staying = set(wanted)
        leaving = [member for member in held if member not in staying]
        if leaving:
            _require_leaving(relation)
        for member in leaving:
            setattr(member, _inverse(relation).name, None)
        for member in wanted:
            _join(relation, record, member)
        _arrange(relation, held, wanted)


def _require_whole(relation: Relation) -> None:
    """The relation shows all of its records. RelationError."""
    if relation.hops()[0][5] is not None:
        raise RelationError(f"{_name(relation)} has a limit and cannot be assigned; assign the collection without one")


def _arrange(relation: Relation, held: Iterable[Any], wanted: Sequence[Any]) -> None:
    """Puts the members of a collection into this order of arrival."""
    if list(held) != wanted:
        for place, member in enumerate(wanted):
            _engine.move(member, relation.hops()[0][0], place)


def assign_one(record: Any, relation: Relation, value: Any) -> None:
    """`user.login = login`: the old one is given up (its belongs_to becomes None), the new one is put in its place.

    RelationError if the old one's belongs_to is required, or if the relation would still show another record (its
    order_by puts that one first); nothing changes then."""
    inverse = _inverse(relation)
    if value is not None:
        _members(relation, (value,))
    path = relation.path
    old = path.first(record)
    if old is value:
        return
    with relation.definition.db.transaction():
        if old is not None:
            _require_leaving(relation, old)
            setattr(old, inverse.name, None)
        if value is not None:
            _join(relation, record, value)
        _bring_forward(relation, record, value)


def _bring_forward(relation: Relation, owner: Any, value: Any) -> None:
    """The has_one shows this record, if its order lets it. RelationError."""
    path = relation.path
    if value is not None and path.first(owner) is not value:
        _engine.move(value, relation.hops()[0][0], 0)
    shown = path.first(owner)
    if shown is not value:
        raise RelationError(
            f"{_name(relation)} of {owner!r} would be {shown!r} and not {value!r}: there are several, and that one "
            "comes first; move or delete it"
        )


# ---------------------------------------------------------------- the rules


def _members(relation: Relation, records: object) -> list[Any]:
    """The records given, each of the target model. FieldError."""
    target = relation.target
    if isinstance(records, (str, bytes, Mapping)) or not isinstance(records, Iterable):
        raise FieldError(f"{_name(relation)} takes several records of {target.name}, not {show(records)}")
    listed = list(records)
    for record in listed:
        if not isinstance(record, target.cls):
            other = f"a {target.name} of another database" if kind_of(record) == target.name else kind_of(record)
            raise FieldError(f"{_name(relation)} takes records of {target.name}, not {show(record)} ({other})")
    return listed


def _join(relation: Relation, owner: Any, record: Any) -> None:
    inverse = _inverse(relation)
    key = inverse.key_of(owner)
    if None in key or key != _engine.values(record, [info.engine for info in inverse.foreign_key]):
        setattr(record, inverse.name, owner)
    _require_fit(relation, record)


def _create(relation: Relation, owner: Any, values: Mapping[str, Any]) -> Any:
    record = relation.target.cls(**{**relation.where_values(), **_owned(relation, _own(relation, owner), values)})
    _require_fit(relation, record)
    return record


def _own(relation: Relation, owner: Any) -> dict[str, Any]:
    """What says in a record that it is here: the reference to the owner, and its foreign key."""
    inverse = _inverse(relation)
    names = (info.name for info in inverse.foreign_key)
    return {inverse.name: owner, **dict(zip(names, inverse.key_of(owner), strict=True))}


def _owned(relation: Relation, own: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a record that is to be here: with the reference to the owner. RelationError if they have another."""
    reference = next(iter(own))
    for name, value in own.items():
        if name in values and values[name] is not value and (name == reference or values[name] != value):
            raise RelationError(
                f"{_name(relation)} of {own[reference]!r} holds records with {reference}={own[reference]!r}; "
                f"{name}={show(values[name])} contradicts that"
            )
    return {**values, reference: own[reference]}


def _require_fit(relation: Relation, record: Any) -> None:
    """The relation's where= accepts the record."""
    where = relation.hops()[0][3]
    if where is None:
        return
    target: Definition = relation.target
    fields = [target.fields[name].engine for name in target.primary_key]
    keys = _engine.values(record, fields)
    same = (
        ("compare", "==", ("column", 0, field), ("const", field, key)) for field, key in zip(fields, keys, strict=True)
    )
    if not _engine.Plan(target.cls, where=("and", *same, where)).exists():
        raise RelationError(
            f"{_name(relation)} holds only records for which {relation.condition!r}; {record!r} is none, give it other "
            "values first"
        )


def _require_leaving(relation: Relation, record: Any = None) -> None:
    inverse = _inverse(relation)
    if inverse.required:
        target = relation.target.name
        which = f"{record!r}" if record is not None else f"a {target}"
        raise RelationError(
            f"{which} cannot leave {_name(relation)}: {target}.{inverse.name} is required; move or delete it (set its "
            f"`{inverse.name}` to another record, or call delete())"
        )


def _inverse(relation: Relation) -> Relation:
    """The belongs_to behind a has_one or has_many."""
    inverse = relation.inverse_of
    if inverse is None:
        _not_direct(relation)
    return inverse


def _not_direct(relation: Relation) -> NoReturn:
    steps = dict.fromkeys(_name(step) for route in relation.routes for step in route)
    raise RelationError(
        f"{_name(relation)} follows other relations and cannot be changed itself; change those ({', '.join(steps)})"
    )


def _name(relation: Relation) -> str:
    return f"{relation.definition.name}.{relation.name}"
