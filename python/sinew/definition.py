"""What sinew knows of a concrete model, its fields and its relations.

A Definition passes three stages.

    declared    the class statement has run: own fields and relations are known, targets are names
    resolved    foreign keys have their columns, relations their inverse, lambdas have been called: nothing is built
    laid out    the engine has the table, its indexes and references (layout.py)

Resolving works on everything reachable at once and is undone as a whole when it fails, so that the next attempt,
perhaps with other models defined in between, starts afresh. What is resolved only reads names from the registry:
replacing a model (redefinition.py) changes its Definition in place, and whoever holds it sees the new one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from inspect import getattr_static
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from . import _engine, compile, computed, expressions, keys, layout, pivots, resolve, routes
from .annotations import Annotation
from .errors import DefinitionError, FieldError, RelationError, SinewError, show, suggest
from .fields import MISSING, FieldDeclaration, Type
from .relations import RelationDeclaration, is_optional, pivot_name, target_names, type_values
from .scope import Frame

if TYPE_CHECKING:
    from .database import Database
    from .getters import Getter


class FieldInfo:
    """A stored field of one concrete model, with what the extension needs to know of it.

    relation: the belongs_to whose foreign key it was created for, if it was not declared. engine: the extension's
    field, made anew (`build`) when resolving finds that it is part of the key."""

    computed: ClassVar[Literal[False]] = False  # see computed.py
    delegates: ClassVar[bool] = False

    def __init__(
        self,
        definition: Definition,
        name: str,
        type: Type,
        declaration: FieldDeclaration,
        relation: Relation | None = None,
    ) -> None:
        self.definition = definition
        self.name = name
        self.type = type
        self.declaration = declaration
        self.kind = type.kind.name
        self.nullable = type.nullable
        self.relation = relation
        self.in_key = declaration.primary_key
        # of a type field: models by name, and what stands for each
        self.type_of: tuple[tuple[str, str | int], ...] = ()
        self._default: Any = MISSING
        self._column: Any = None
        self.value_kind: Any = None  # kept by kinds.of_field
        self.engine = self.build()

    def __repr__(self) -> str:
        return f"<field {self.definition.name}.{self.name}: {self.kind}>"

    @property
    def column(self) -> Any:
        """What the class gives for this attribute (an `expressions.Column`)."""
        if self._column is None:
            self._column = expressions.Column(self.definition, (), self)
        return self._column

    @property
    def arg(self) -> Any:
        """The extension's `arg`."""
        if self.type.kind.zoned:
            return self.declaration.tz or ("aware" if self.declaration.automatic else "naive")
        return self.type.arg

    @property
    def init(self) -> bool:
        """Whether the constructor takes it."""
        return self.declaration.init

    @property
    def read_only(self) -> bool:
        """Whether its value stays what it was made: keys, and what fills itself."""
        return self.in_key or self.declaration.automatic is not None

    @property
    def default(self) -> Any:
        """The value of records that give none, as it reads back; MISSING without one, or with a factory."""
        return self._default

    def move_to(self, definition: Definition) -> None:
        """Makes it a field of another definition."""
        self.definition, self._column = definition, None
        self.engine.column = self.column

    def same_values(self, other: FieldInfo) -> bool:
        """Whether values of one are values of the other, as they are for a foreign key and its key."""
        return (self.kind, self.arg) == (other.kind, other.arg)

    def build(self) -> _engine.Field:
        """The extension's field, from what is known now."""
        d = self.declaration
        if d.default is not MISSING and self._default is MISSING:
            self._default = self._converted_default()
        clock = self.definition.db.clock
        timestamp = clock.naive if d.tz == "naive" else clock.now
        deleted = d.automatic == "deleted"
        field = _engine.Field(
            self.name,
            self.kind,
            arg=self.arg,
            nullable=self.nullable,
            default=None if deleted else self._default,
            default_factory=timestamp if d.automatic and not deleted else d.default_factory,
            check=d.check,
            key=d.key,
            intern=d.intern,
            automatic=d.counts,
            read_only=self.read_only,
            touch=d.automatic == "updated",
            stamp=timestamp if deleted else None,
            doc=d.doc,
        )
        field.column = self.column
        self.engine = field
        return field

    def _converted_default(self) -> Any:
        value, check = self.declaration.default, self.declaration.check
        if value is None:
            if not self.nullable:
                raise self.definition.problem(self.name, "default=None, but it takes no None; annotate it `| None`")
            return None
        plain = _engine.Field(self.name, self.kind, arg=self.arg, nullable=self.nullable)
        try:
            value = plain.convert(value)
        except FieldError as error:
            raise self.definition.problem(self.name, f"default={show(value)}: {error}") from None
        try:
            refused = check is not None and not check(value)
        except MemoryError:
            raise
        except Exception as error:
            raise self.definition.problem(self.name, f"default={show(value)}: its check= fails: {error}") from error
        if refused:
            raise self.definition.problem(self.name, f"default={show(value)} is refused by its own check=")
        return value


class Relation:
    """One relation of one concrete model. kind: belongs_to, has_one, has_many or many_to_many.

    A belongs_to that may lead to several models (polymorphic) has a Member for each. It has no hop of its own: paths go
    along members, and `ways` are those, or the relation itself."""

    steps: Sequence[Sequence[Relation]] = ()  # of a Fork

    def __init__(
        self, definition: Definition, name: str, declaration: RelationDeclaration, annotation: Annotation | None
    ) -> None:
        self.definition = definition
        self.name = name
        self.declaration = declaration
        self.kind = declaration.kind
        self.to_many = self.kind in ("has_many", "many_to_many")
        self.target_names = target_names(declaration, annotation)
        self.pivot_name = pivot_name(annotation)
        self.required = self.kind == "belongs_to" and not is_optional(declaration, annotation)
        self.has_condition = declaration.where is not None
        self.along = declaration.along
        self.distinct = declaration.distinct and self.kind != "many_to_many"  # entries are links
        self.descriptor: Any = None  # Reference, One or Many, from the layout on
        self._column_path: Any = None
        self.base: Relation = self  # of a member: the belongs_to that it is part of
        self.members: tuple[Member, ...] = ()
        if len(self.target_names) > 1:
            values = type_values(declaration, self.target_names)
            self.members = tuple(Member(self, name, values[name]) for name in self.target_names)
        self.reset()

    def reset(self) -> None:
        """Back to what is declared."""
        self.foreign_key: tuple[FieldInfo, ...] = ()
        self.references: tuple[FieldInfo, ...] = ()
        self.inverse_of: Relation | None = None
        self.routes: tuple[routes.Route, ...] = ()
        self.link: pivots.Link | None = None
        self.condition: Any = None
        self.ordering: tuple[Any, ...] = ()
        self.forget_path()
        for member in self.members:
            member.reset()

    def forget_path(self) -> None:
        """The path is compiled anew at its next use."""
        self._path: _engine.Path | None = None
        self._pair_path: _engine.Path | None = None
        self._way_paths: tuple[_engine.Path, ...] | None = None
        self._near_path: _engine.Path | None = None
        self.known_index: tuple[int, _engine.Index | None] | None = (
            None  # over the pairs of a many-to-many; kept by links
        )
        self._hops: tuple[routes.Hop, ...] | None = None

    def move_to(self, definition: Definition) -> None:
        """Makes it a relation of another definition."""
        self.definition, self._column_path = definition, None
        for member in self.members:
            member.move_to(definition)

    def __repr__(self) -> str:
        return f"<{self.kind} {self.definition.name}.{self.spelling} -> {self.target_name}>"

    @property
    def target_name(self) -> str:
        """The model that it leads to, or the models, as one would write them."""
        return " | ".join(self.target_names)

    @property
    def targets(self) -> tuple[Definition, ...]:
        """The models that it leads to. DefinitionError if there is none of such a name."""
        return tuple(map(self._model, self.target_names))

    @property
    def target(self) -> Definition:
        """The one model that it leads to. DefinitionError if there is none of that name; RelationError for several."""
        if self.members:
            ways = " or ".join(f"{self.definition.name}.{each.spelling}" for each in self.members)
            raise RelationError(
                f"{self.definition.name}.{self.name} leads to several models ({', '.join(self.target_names)}); say to "
                f"which: {ways}"
            )
        return self._model(self.target_names[0])

    def _model(self, name: str) -> Definition:
        models = self.definition.db.definitions
        found = models.get(name)
        if found is None:
            raise self.definition.problem(
                self.name,
                f"leads to `{name}`, which is no model of this database{suggest(name, models)} "
                f"(there are: {', '.join(models)}); is the module with its class imported?",
            )
        return found

    # ------------------------------------------------------------ polymorphic

    @property
    def spelling(self) -> str:
        """How a path writes this step."""
        return self.name

    @property
    def ways(self) -> tuple[Relation, ...]:
        """What hops can go along: its members, or itself."""
        return self.members or (self,)

    def towards(self, definition: Definition) -> Relation | None:
        """What leads to one model: a member, or itself; None if nothing does."""
        found = (each for each in self.ways if each.target_names[0] == definition.name)
        return next(found, None)

    def reference_to(self, definition: Definition) -> _engine.Reference:
        """The descriptor along which a hop goes towards one of its models; after the layout."""
        way = self.towards(definition)
        if way is None:
            raise RelationError(
                f"{self.definition.name}.{self.name} leads to {self.target_name}, and not to {definition.name}"
            )
        return way.descriptor  # type: ignore[no-any-return]

    def forked(self, ways: Sequence[Sequence[Relation]]) -> Relation:
        """Several ways from here that meet again, as one step."""
        return Fork(ways)

    def in_force(self, here: Definition) -> Relation | None:
        """The relation that this step is in the definition that is in force for its model."""
        return here.relations.get(self.name)

    def key_of(self, record: Any) -> tuple[Any, ...]:
        """What the foreign key holds in records that refer to this one, a record of a model that it leads to."""
        if self.members:
            way = self.towards(type(record).__sinew__)
            assert way is not None
            return way.key_of(record)
        return _engine.values(record, [info.engine for info in self.references])

    @property
    def column_path(self) -> Any:
        """What the class gives for this attribute (an `expressions.Path`)."""
        if self._column_path is None:
            self._column_path = expressions.Path(self.definition, (self,))
        return self._column_path

    @property
    def path(self) -> _engine.Path:
        """The compiled relation, where, order and limit included; after the layout."""
        path = self._path
        if path is None:
            with self.definition.db.lock:  # another thread may define models anew
                path = self._path = _engine.Path(self.definition.db.store, self.hops(), distinct=self.distinct)
        return path

    @property
    def pair_path(self) -> _engine.Path:
        """Of a many-to-many: the first half of its path, to the rows of the pivot."""
        path = self._pair_path
        if path is None:
            with self.definition.db.lock:
                self.hops()  # lays the model out
                path = self._pair_path = _engine.Path(self.definition.db.store, [pivots.pair_hop(self)])
        return path

    @property
    def way_paths(self) -> tuple[_engine.Path, ...]:
        """Of a many-to-many: to the rows of the pivot, by each of the ways."""
        paths = self._way_paths
        if paths is None:
            with self.definition.db.lock:
                hops = [pivots.near_hop(self, link) for link in pivots.branches(self)]
                paths = self._way_paths = tuple(_engine.Path(self.definition.db.store, [hop]) for hop in hops)
        return paths

    @property
    def near_path(self) -> _engine.Path:
        """Of a many-to-many: to all rows of the pivot whose reference to this side leads here."""
        path = self._near_path
        if path is None:
            with self.definition.db.lock:
                assert self.link is not None
                hop = (self.link.near.descriptor, True, False, None, (), None)
                path = self._near_path = _engine.Path(self.definition.db.store, [hop])
        return path

    @property
    def each_once(self) -> bool:
        """Whether no target comes twice."""
        return self.declaration.distinct if self.link is None else pivots.is_unique(self.link)

    @property
    def on_delete(self) -> str:
        """What happens here when the target of a belongs_to is deleted."""
        d = self.declaration
        return "cascade" if not d.on_delete_given and pivots.is_used(self) else d.on_delete

    def hops(self) -> tuple[routes.Hop, ...]:
        """The steps of the path, as the extension takes them; lays the model out. In a longer path that has each
        target once they may stand for the relation."""
        hops = self._hops
        if hops is None:
            with self.definition.db.lock:
                self.definition.ensure()
                ends = (self.definition, self.target, self.target if self.link is None else self.link.pivot)
                if not all(each.has_tables for each in ends):
                    raise resolve.NotLaidOut(f"{self.definition.name}.{self.spelling}")
                hops = self._hops = self._compiled_hops()
        return hops

    def whole(self) -> tuple[routes.Hop, ...]:
        """The same as one step, which gives each target as often as the relation itself does."""
        return self.hops() if self.along is None else ((self.path, False, False, None, (), None),)

    def _compiled_hops(self) -> tuple[routes.Hop, ...]:
        if self.along is not None:
            return routes.hops_of(self)
        if self.link is not None:
            return pivots.hops_of(self)
        if self.inverse_of is None:
            return ((self.descriptor, False, False, None, (), None),)
        where, order = self.compile_conditions()
        return ((self.inverse_of.descriptor, True, self.kind == "has_one", where, order, self.declaration.limit),)

    def compile_conditions(self) -> routes.Conditions:
        """where= and order_by= as the extension takes them, if it goes along no other relation. Raises what the
        compiler raises."""
        rows = Frame(self.target) if self.link is None else Frame(self.link.pivot, link=self.link)
        where = None if self.condition is None else compile.predicate_ir((self.condition,), rows)
        return where, tuple(compile.order_ir(self.ordering, rows))

    def where_values(self) -> dict[str, Any]:
        """The equalities of its condition: what a record created through it is given."""
        where = self.hops()[0][3]
        if where is not None and self.link is not None:
            return dict(compile.equalities(self.condition, self.target))
        return {} if where is None else dict(_equalities(where))


class Member(Relation):
    """One model that a polymorphic belongs_to may lead to: a step of paths (`Comment.subject.of(Post)`) and the
    engine's reference behind it. value: what the type field holds for it."""

    def __init__(self, base: Relation, target_name: str, value: str | int) -> None:
        self.base, self.value = base, value
        self.definition, self.name, self.declaration = base.definition, base.name, base.declaration
        self.kind, self.to_many, self.has_condition, self.along, self.distinct = "belongs_to", False, False, None, True
        self.target_names, self.members, self.required = (target_name,), (), base.required
        self.descriptor, self._column_path, self.pivot_name = None, None, None
        self.reset()

    @property
    def spelling(self) -> str:
        return f"{self.name}.of({self.target_names[0]})"

    def in_force(self, here: Definition) -> Relation | None:
        whole = here.relations.get(self.name)
        found = (each for each in whole.members if each.target_names == self.target_names) if whole else iter(())
        return next(found, None)

    def key_of(self, record: Any) -> tuple[Any, ...]:
        return (self.value, *super().key_of(record))


class Fork(Relation):
    """The steps between a polymorphic one and where all of its ways meet again, as one step: along whichever leads
    somewhere. ways: each begins at the same model and ends at the same."""

    def __init__(self, ways: Sequence[Sequence[Relation]]) -> None:
        first, last = ways[0][0], ways[0][-1]
        self.steps = ways
        self.definition, self.name, self.declaration = first.definition, first.name, first.declaration
        self.to_many = any(step.to_many for way in ways for step in way)
        self.kind, self.has_condition, self.along, self.distinct = "has_many", False, None, True
        self.target_names, self.members, self.required, self.base = last.target_names, (), False, self
        self.descriptor, self._column_path, self.pivot_name = None, None, None
        self.reset()

    @property
    def spelling(self) -> str:
        return ".".join([self.name, *(step.spelling for step in self.steps[0][1:])])

    def in_force(self, here: Definition) -> Relation:
        return self

    def hops(self) -> tuple[routes.Hop, ...]:
        hops = self._hops
        if hops is None:
            with self.definition.db.lock:
                self.definition.ensure()
                hops = self._hops = (routes.either(self.definition, self.steps, single=not self.to_many),)
        return hops

    def whole(self) -> tuple[routes.Hop, ...]:
        if self.to_many:
            raise RelationError(
                f"{self.definition.name}.{self.spelling} leads over several models and has each target once; say over "
                f"which: {self.definition.name}.{' or '.join(way[0].spelling for way in self.steps)}"
            )
        return self.hops()


def _equalities(predicate: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """The `field == constant` that a predicate (see _engine) implies."""
    if predicate[0] == "and":
        for part in predicate[1:]:
            yield from _equalities(part)
    elif predicate[0] == "compare" and predicate[1] == "==":
        for left, right in (predicate[2:4], predicate[3:1:-1]):
            if left[:2] == ("column", 0) and right[0] == "const":
                yield left[2].name, right[2]
    elif predicate[0] == "null" and predicate[1][:2] == ("column", 0):
        yield predicate[1][2].name, None


@dataclass(frozen=True)
class Options:
    """The keywords of a class statement. primary_key, unique and index hold names of fields or relations."""

    primary_key: tuple[str, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    index: tuple[tuple[str, ...], ...] = ()


class Definition:
    """A concrete model: `cls.__sinew__`."""

    def __init__(
        self,
        cls: type[Any],
        db: Database,
        place: Place,
        options: Options,
        validators: Mapping[str, tuple[Callable[[Any, Any], Any], ...]],
    ) -> None:
        self.cls = cls
        self.name = place.name
        self.db = db
        self.place = place
        self.options = options
        self.validators = validators
        self.order: list[str] = []  # attributes as declared
        self.declared: dict[str, FieldInfo] = {}
        self.fields: dict[str, FieldInfo] = {}
        self.relations: dict[str, Relation] = {}
        self.getters: dict[str, computed.Computed] = {}
        self.resolved = False
        self.laid_out = False
        self.table = layout.Table()
        self.made = False  # a pivot that nobody declared

    def __repr__(self) -> str:
        return f"<Definition {self.qualified}>"

    @property
    def module(self) -> str:
        """Where its class was defined, for messages and for recognising it again."""
        return self.place.module

    @property
    def qualified(self) -> str:
        """Module and qualified name."""
        return self.place.qualified

    @property
    def file(self) -> str:
        """The file of the class statement."""
        return self.place.file

    @property
    def line(self) -> int:
        """The line of the class statement."""
        return self.place.line

    # ------------------------------------------------------------ building it up

    def add_field(self, name: str, type: Type, declaration: FieldDeclaration) -> None:
        """A declared field, in declaration order."""
        self.order.append(name)
        self.declared[name] = self.fields[name] = FieldInfo(self, name, type, declaration)

    def add_relation(self, name: str, declaration: RelationDeclaration, annotation: Annotation | None) -> None:
        """A declared relation, in declaration order."""
        self.order.append(name)
        self.relations[name] = Relation(self, name, declaration, annotation)

    def add_getter(self, name: str, declaration: Getter) -> None:
        """A computed attribute."""
        self.db.getter_names.add(name)
        self.getters[name] = computed.made(self, name, declaration)

    def reset(self) -> None:
        """Back to what is declared: created foreign keys go."""
        self.resolved = False
        self.fields = dict(self.declared)
        for relation in self.relations.values():
            relation.reset()
        for info in self.getters.values():
            info.forget()

    def created(self, relation: Relation, name: str, type: Type, declaration: FieldDeclaration) -> FieldInfo:
        """A foreign key field for a belongs_to, not yet among the fields."""
        return FieldInfo(self, name, type, declaration, relation=relation)

    def add_created(self, relation: Relation, infos: Iterable[FieldInfo]) -> None:
        """Foreign keys created for a belongs_to, which take its place in the order."""
        created = {info.name: info for info in infos}
        if not created:
            return
        fields = {**self.fields, **created}
        by_relation: dict[str, list[str]] = {}
        for info in fields.values():
            if info.relation is not None:
                by_relation.setdefault(info.relation.name, []).append(info.name)
        names = [
            each for name in self.order for each in ([name] if name in self.declared else by_relation.get(name, []))
        ]
        self.fields = {name: fields[name] for name in names}

    # ------------------------------------------------------------ questions

    def validator_calls(self) -> dict[str, tuple[Callable[[Any, Any], Any], ...]]:
        """The validators as the extension calls them: with None for the record while it is made, in place of which they
        are given an Unmade."""
        unmade = Unmade(self)

        def given(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
            return lambda record, value: function(unmade if record is None else record, value)

        return {name: tuple(map(given, functions)) for name, functions in self.validators.items()}

    @property
    def has_tables(self) -> bool:
        """Whether it is laid out, or only its paths are missing, which are being compiled."""
        return self.laid_out or self in self.db.building

    def ensure(self) -> None:
        """Resolves and lays out this model and everything reachable. DefinitionError if that is impossible; nothing has
        changed then."""
        if not self.laid_out:
            layout.ensure(self)

    def may_create(self, name: str) -> bool:
        """Whether the layout may yet create a foreign key field of this name."""
        if self.laid_out:
            return False
        for relation in self.belongs_to():
            given = relation.declaration.foreign_key
            names = (given,) if isinstance(given, str) else tuple(given or ())
            if name in (*names, relation.declaration.type_field) or name.startswith(f"{relation.name}_"):
                return True
        return False

    def belongs_to(self) -> Iterator[Relation]:
        """The references of this model."""
        return (relation for relation in self.relations.values() if relation.kind == "belongs_to")

    @property
    def key_names(self) -> tuple[str, ...]:
        """The primary key as declared: names of fields or relations."""
        return self.options.primary_key or tuple(name for name, info in self.declared.items() if info.in_key)

    @property
    def primary_key(self) -> tuple[str, ...]:
        """Names of the fields of the primary key."""
        if all(name in self.declared for name in self.key_names):
            return self.key_names
        return tuple(info.name for info in keys.key_of(self))

    def attribute(self, name: str) -> Any:
        """The field or getter of this name (a FieldInfo or a Computed), or None."""
        return self.fields.get(name) or self.getters.get(name)

    @property
    def verbs(self) -> Sequence[str]:
        """The public names of the class that are neither fields nor relations."""
        names = {*dir(self.cls), *dir(type(self.cls))}
        return sorted(name for name in names if not name.startswith("_") and name != "mro")

    def suggest(self, name: str) -> str:
        """`'; did you mean `title`?'` or nothing."""
        return suggest(name, [*self.fields, *self.relations, *self.getters]) or suggest(name, self.verbs)

    def problem(self, name: str | None, text: str) -> DefinitionError:
        """The error for a mistake in this definition."""
        return self.place.problem(name, text)


class Unmade:
    """What a field's validator gets as `self` while the record is made: false, with the methods and constants of the
    class, but no values; reading one raises SinewError."""

    __slots__ = ("_definition",)

    def __init__(self, definition: Definition) -> None:
        self._definition = definition

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return f"<{self._definition.name} being made>"

    def __getattr__(self, name: str) -> Any:
        definition = self._definition
        found = getattr_static(definition.cls, name, None)
        if isinstance(found, FunctionType):
            return MethodType(found, self)
        known = name in definition.fields or name in definition.relations or name in definition.getters
        if known or isinstance(found, property):
            raise SinewError(
                f"{definition.name}.{name} is read by a validator while the record is made: there is no record yet, "
                "and a field's validator has its own value only (`if self:` tells the two cases apart)"
            )
        return getattr(definition.cls, name)


@dataclass(frozen=True)
class Place:
    """Where a class statement stands."""

    name: str
    module: str
    qualname: str
    file: str
    line: int

    @property
    def qualified(self) -> str:
        """Module and qualified name."""
        return f"{self.module}.{self.qualname}"

    def within(self, name: str, attribute: str) -> Place:
        """The place of a model that is made for an attribute of this class."""
        return Place(name, self.module, f"{self.qualname}.{attribute}", self.file, self.line)

    def problem(self, name: str | None, text: str) -> DefinitionError:
        """The error for a mistake in this class: `Post.title: text (file:line)`."""
        subject = self.name if name is None else f"{self.name}.{name}"
        joint = " " if text.startswith(_PREDICATES) else ": "
        return DefinitionError(f"{subject}{joint}{text}", file=self.file, line=self.line)


_PREDICATES = ("has ", "is ", "leads ", "takes ", "needs ", "would ", "may ", "does ", "refers ", "cannot ", "defines ",
               "goes ", "links ", "and ")  # fmt: skip
