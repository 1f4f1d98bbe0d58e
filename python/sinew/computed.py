"""What a model makes of its getters (getters.py): the attribute of a record, and the column of a query.

    Function   a Python function of the record. Python computes it for a query's rows, a column at a time (host.py)
    Delegate   a column at the end of a to-one path: in a query it is that column
    Fold       an aggregate along a path: in a query it is that aggregate, at the row that is looked at
    Latest     the record with the greatest value along a path

The lambdas of the last three are called when the model is resolved, or when somebody asks before. What they compile to
is made at the first read, and forgotten when a model of the database is defined anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from . import _engine, host, kinds
from .aggregates import Aggregate
from .columns import Column, Operand, Ordering, columns_of
from .compile import Lowering
from .errors import DefinitionError, FieldError, SinewError, show
from .fields import Type
from .kinds import Kind
from .path import Path, is_path, root_of, steps_of
from .reach import over
from .scope import Frame, ends
from .steady import steadily
from .ways import walk

if TYPE_CHECKING:
    from .definition import Definition, Relation
    from .getters import Getter
    from .host import Run


class Computed:
    """A getter of one concrete model. descriptor: what stands in the class."""

    computed: ClassVar[Literal[True]] = True
    delegates: ClassVar[bool] = False  # whether it is the column at the end of `expression`

    def __init__(self, definition: Definition, name: str, declaration: Getter) -> None:
        self.definition = definition
        self.name = name
        self.declaration = declaration
        self._column: Column | None = None
        self._kind: Kind | None = None
        self._busy: set[str] = set()
        self.descriptor = _engine.Getter(name, self._function(), cache=declaration.cache, doc=self._doc())
        self.descriptor.column = self.column

    def _function(self) -> Callable[[Any], Any]:
        """What computes it of a record."""
        raise NotImplementedError

    def _doc(self) -> str | None:
        doc: str | None = self.declaration.doc
        return doc

    def __repr__(self) -> str:
        return f"<{self.declaration.verb} {self.definition.name}.{self.name}>"

    @property
    def column(self) -> Column:
        """What the class gives for this attribute."""
        if self._column is None:
            self._column = Column(self.definition, (), self)
        return self._column

    @property
    def model(self) -> type:
        """The class, as errors ask for it."""
        return self.definition.cls

    @property
    def kind(self) -> str:
        """As of a field."""
        return self.value_kind.name

    @property
    def arg(self) -> Any:
        """As of a field."""
        return self.value_kind.arg

    @property
    def value_kind(self) -> Kind:
        """How its values compare and sort. DefinitionError if that depends on itself."""
        if self._kind is None:
            kind: Kind = self._alone(self._kind_now)
            self._kind = kind
        return self._kind

    @property
    def in_python(self) -> bool:
        """Whether Python has to compute it for a query."""
        return True

    def move_to(self, definition: Definition) -> None:
        """Makes it a getter of another definition."""
        self.definition, self._column = definition, None
        self.descriptor.column = self.column
        self.forget()

    def bind(self) -> None:
        """The model has its table."""
        self.descriptor.bind(self.definition.cls)

    def unbind(self) -> None:
        """It is no getter of its model any more."""
        self.descriptor.unbind()

    def forget(self) -> None:
        """What was worked out is worked out anew."""
        self._kind = None

    def check(self) -> None:
        """Calls its lambda, and finds its mistakes. DefinitionError."""

    def values(self, rows: _engine.Rows, run: Run) -> list[Any]:
        """Its values for rows of the model."""
        raise NotImplementedError

    def _kind_now(self) -> Kind:
        raise NotImplementedError

    def _alone(self, step: Callable[[], Any]) -> Any:
        with self.definition.db.lock:
            if step.__name__ in self._busy:
                raise self.problem(f"leads back to itself by {self.declaration.verb}(), and has no value to begin with")
            self._busy.add(step.__name__)
            try:
                return step()
            finally:
                self._busy.discard(step.__name__)

    def problem(self, text: str) -> DefinitionError:
        """The error for a mistake in its declaration."""
        return self.definition.problem(self.name, text)


# ---------------------------------------------------------------- a function


class Function(Computed):
    """A getter with a body."""

    def _function(self) -> Callable[[Any], Any]:
        function: Callable[[Any], Any] = self.declaration.given
        return function

    def _doc(self) -> str | None:
        own: str | None = getattr(self.declaration.given, "__doc__", None)
        return own if self.declaration.doc is None else self.declaration.doc

    def values(self, rows: _engine.Rows, run: Run) -> list[Any]:
        return _engine.getter_values(self.descriptor, rows)

    def _kind_now(self) -> Kind:
        return _of_type(self.declaration.returns, f"{self.definition.name}.{self.name}")


_LOOSE = frozenset({"Enum", "Literal", "datetime", "time", "object"})
"""Kinds of which the type alone does not tell the engine how to hold a value."""


def _of_type(of: Type | None, called: str) -> Kind:
    """The kind of what a function is annotated to return."""
    if of is None or of.kind.name in _LOOSE:
        name = "object" if of is None else of.kind.name
        members = (of.arg if name == "Literal" else tuple(of.arg)) if of is not None and name in _CHOICES else ()
        rank = {member: place for place, member in enumerate(members)}.__getitem__ if members else None
        return Kind(name, None if of is None else of.arg, loose=True, rank=rank)
    return Kind(of.kind.name, field=_engine.Field(called, of.kind.name, nullable=True))


_CHOICES = frozenset({"Enum", "Literal"})


# ---------------------------------------------------------------- a path


class Declared(Computed):
    """A getter whose lambda gives a path or a column. expression: what it stands for in a query."""

    def __init__(self, definition: Definition, name: str, declaration: Getter) -> None:
        super().__init__(definition, name, declaration)
        self._expression: Any = None

    def forget(self) -> None:
        super().forget()
        self._expression = None
        self.descriptor.function = self._first

    def _function(self) -> Callable[[Any], Any]:
        return self._first

    def _first(self, record: Any) -> Any:
        """Computes it of a record: the first time, when the models are there to be compiled for."""
        return steadily(self.definition.db, self._read_first, record)

    def _read_first(self, record: Any) -> Any:
        with self.definition.db.lock:
            read = self.descriptor.function = self.reader()
        return read(record)

    @property
    def expression(self) -> Any:
        """What its lambda says. DefinitionError."""
        if self._expression is None:
            self._expression = self._alone(self._read)
        return self._expression

    def check(self) -> None:
        try:
            _ = self.expression, self.value_kind
        except (DefinitionError, MemoryError):
            raise
        except (SinewError, TypeError) as error:
            raise self.problem(f"{self.declaration.verb}() cannot be computed: {error}") from error

    def reader(self) -> Callable[[Any], Any]:
        """A function that reads it of a record."""
        raise NotImplementedError

    def _read(self) -> Any:
        try:
            given = self.declaration.given()
        except (DefinitionError, MemoryError):
            raise
        except Exception as error:
            raise self.problem(f"{self.declaration.verb}() fails: {error}") from error
        return self._understood(given)

    def _understood(self, given: Any) -> Any:
        raise NotImplementedError

    def _need_own(self, roots: Sequence[Definition], given: Any) -> None:
        for root in roots:
            if root.cls is not self.definition.cls:
                name = self.definition.name
                raise self.problem(
                    f"takes a path that starts at {name}, such as `{name}.{_some_relation(self.definition)}`, and "
                    f"{given!r} starts at {root.name}"
                )

    def _lowering(self) -> tuple[Lowering, Frame]:
        self.definition.ensure()
        return Lowering(self.definition.db), Frame(self.definition)

    def _by_engine(self) -> Callable[[Any], Any]:
        lowering, frame = self._lowering()
        return _engine.Plan(self.definition.cls, values=[lowering.value(self.column, frame)]).at


def _some_relation(definition: Definition) -> str:
    return next(iter(definition.relations), "relation")


class Standing(Declared):
    """One whose value is that of its expression."""

    @property
    def in_python(self) -> bool:
        return kinds.computed_in_python(self.expression)

    def _kind_now(self) -> Kind:
        return kinds.of_value(self.expression)

    def values(self, rows: _engine.Rows, run: Run) -> list[Any]:
        return host.values(self.expression, Frame(self.definition), rows, run)


class Delegate(Standing):
    """A column at the end of a to-one path. expression: that column."""

    delegates = True

    def _understood(self, given: Any) -> Column:
        if is_path(given):
            hint = f"count them, count_of(lambda: {given!r})" if _has_many(steps_of(given)) else "name a column of it"
            raise self.problem(f"takes a column, and delegate(lambda: {given!r}) gives a path; {hint}")
        if not isinstance(given, Column):
            raise self.problem(f"takes a column, delegate(lambda: Post.author.name), not {_shown(given)}")
        self._need_own([given.root], given)
        if given.some:
            raise self.problem(
                f"takes a to-one path, and {given!r} gives several values; say which: max_of(lambda: {given!r}) or "
                "min_of, sum_of, latest_of; or read all of them with pluck()"
            )
        return given

    def reader(self) -> Callable[[Any], Any]:
        if not self.in_python:
            return self._by_engine()
        lowering, _ = self._lowering()
        found = ends([], self.definition, self.name)
        reads = [(lowering.path(way).first if way else None, info.name) for way, _, info in found]

        def read(record: Any) -> Any:
            for first, name in reads:
                target = record if first is None else first(record)
                value = None if target is None else getattr(target, name)
                if value is not None:
                    return value
            return None

        return read


class Fold(Standing):
    """An aggregate along a path. expression: that aggregate."""

    def _understood(self, given: Any) -> Aggregate:
        verb = self.declaration.verb
        if verb == "count_of":
            if not is_path(given):
                hint = f"; leave the column out: {Path(given.root, given.steps)!r}" if _has_steps(given) else ""
                raise self.problem(f"takes a path, count_of(lambda: Author.posts), not {_shown(given)}{hint}")
            self._need_own([root_of(given)], given)
            return Aggregate("count", given, None, (), True)
        self._need_own([each.root for each in _need_columns(self, given)], given)
        found = Aggregate(verb.removesuffix("_of"), None, given, (), True)
        over(found, Frame(self.definition))
        return found

    def reader(self) -> Callable[[Any], Any]:
        if self.declaration.verb == "count_of":
            lowering, _ = self._lowering()
            return lowering.path(self._relations()).count
        return self._in_python() if self.in_python else self._by_engine()

    def _relations(self) -> list[Relation]:
        return over(self.expression, Frame(self.definition))[1]

    def _in_python(self) -> Callable[[Any], Any]:
        lowering, frame = self._lowering()
        node: Aggregate = self.expression
        operand, db = node.over, self.definition.db
        assert operand is not None
        inner, rows = over(node, frame)[2].alone(), lowering.path(self._relations()).rows
        kind = kinds.of_value(operand)
        return lambda record: host.fold(node.op, host.at_targets(operand, inner, rows(record), host.start(db)), kind)


class Latest(Declared):
    """The record with the greatest value. expression: the column of the value."""

    def _kind_now(self) -> Kind:
        kinds.aggregated("max", self.expression, kinds.of_value(self.expression))
        return Kind("object", loose=True)

    def _understood(self, given: Any) -> Column:
        _need_columns(self, given)
        if not isinstance(given, Column) or not given.steps:
            raise self.problem(f"takes a column along a path, latest_of(lambda: Author.posts.id), not {given!r}")
        self._need_own([given.root], given)
        return given

    def values(self, rows: _engine.Rows, run: Run) -> list[Any]:
        ordered = self._ordered()
        if ordered is not None:
            targets, starts = ordered.expand(rows, run.time)
            return [targets.at(stop - 1) if start < stop else None for start, stop in pairwise(starts)]
        targets, starts = self._path().expand(rows, run.time)
        listed, kind = self._at(targets, run), kinds.of_value(self.expression)
        places = (_last(listed, range(start, stop), kind) for start, stop in pairwise(starts))
        return [None if place is None else targets.at(place) for place in places]

    def reader(self) -> Callable[[Any], Any]:
        ordered = self._ordered()
        if ordered is not None:
            found = ordered.rows

            def last(record: Any) -> Any:
                rows = found(record)
                return rows.at(-1) if len(rows) else None

            return last
        targets, db, kind = self._path().rows, self.definition.db, kinds.of_value(self.expression)

        def read(record: Any) -> Any:
            rows = targets(record)
            place = _last(self._at(rows, host.start(db)), range(len(rows)), kind)
            return None if place is None else rows.at(place)

        return read

    def _at(self, targets: _engine.Rows, run: Run) -> list[Any]:
        return host.at_targets(self.expression, Frame(self._relations()[-1].target), targets, run)

    def _relations(self) -> list[Relation]:
        return walk(self.definition, self.expression.steps)

    def _path(self) -> _engine.Path:
        return self._lowering()[0].path(self._relations())

    def _ordered(self) -> _engine.Path | None:
        """The path to the targets that have a value, the one that is wanted last; None if Python has to compare."""
        lowering, _ = self._lowering()
        target = self._relations()[-1].target
        column = Column(target, (), self.expression.field)
        order = lowering.order(Ordering(column, none_first=True), Frame(target))
        if lowering.slots:
            return None
        there = ("not", ("null", lowering.value(column, Frame(target))))
        hop = (self._path(), False, False, there, (order,), None)
        return _engine.Path(self.definition.db.store, (hop,))


def _last(listed: Sequence[Any], places: range, kind: Kind) -> int | None:
    """Where the greatest value stands, of equal ones the last."""
    there = [place for place in reversed(places) if listed[place] is not None]
    key = kind.key or kind.rank
    try:
        return max(there, key=lambda place: listed[place] if key is None else key(listed[place]), default=None)
    except TypeError as error:
        raise FieldError(f"latest_of() over values that have no order: {error}") from error


def _need_columns(info: Declared, given: Any) -> list[Column]:
    verb = info.declaration.verb
    if is_path(given) or not isinstance(given, Operand):
        hint = "; name a column of it" if is_path(given) else ""
        raise info.problem(f"takes a column along a path, {verb}(lambda: Author.posts.id), not {_shown(given)}{hint}")
    found: list[Column] = list(columns_of(given))
    return found


def _has_many(steps: Sequence[Relation]) -> bool:
    return any(step.to_many for step in steps)


def _has_steps(given: Any) -> bool:
    return isinstance(given, Column) and bool(given.steps)


def _shown(given: Any) -> str:
    return repr(given) if is_path(given) or isinstance(given, Operand) else show(given)


_CLASSES: dict[str, type[Computed]] = {"getter": Function, "delegate": Delegate, "latest_of": Latest}


def made(definition: Definition, name: str, declaration: Getter) -> Computed:
    """What a model makes of a declaration."""
    return _CLASSES.get(declaration.verb, Fold)(definition, name, declaration)


def all_of(definition: Definition) -> Iterator[Computed]:
    """The getters of all models of its database."""
    for each in list(definition.db.definitions.values()):
        yield from each.getters.values()
