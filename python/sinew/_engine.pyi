"""The extension module: records, collections, plans over the C engine.

Python declares and displays; whatever looks at more than one record happens here. See docs/architecture.md.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, Self, TypeAlias, final

# ------------------------------------------------------------------ plans, as plain data
#
# Values (V), predicates (P) and orderings (O) reach the engine as nested tuples:
#
#   V  ("column", depth, Field)                       depth 0: the row looked at; 1: the row around it; ...
#      ("const", Field | kind, value)                 converted like a value of that field (or of that plain kind)
#      ("moment", Field | kind, microseconds)         the time, and so much more; beside a datetime, or in arithmetic
#      ("follow", depth, Path, V)                     V at the one row that the to-one path leads to; null without one
#      ("host", depth, slot, kind)                    computed beforehand, see Plan.set_host
#      ("else", V, V)                                 the second where the first is null; both of one field type
#      ("arith", "+" | "-" | "*" | "/", V, V)
#      ("aggregate", depth, "count" | "sum" | "avg" | "min" | "max", Path, P | None, V | None, distinct)
#   P  ("compare", "==" | "!=" | "<" | "<=" | ">" | ">=", V, V)
#      ("in", V, Field | kind, values)                values: any iterable; None among them matches null
#      ("text", "like" | "ilike" | "contains" | "startswith" | "endswith", V, V)
#      ("null", V)   ("truth", V)   ("not", P)   ("and", P, ...)   ("or", P, ...)
#      ("exists", depth, Path, P | None)
#   O  (V, descending, nulls_first)
#
# Inside "follow", and in the conditions of "exists" and "aggregate", the row stepped to is depth 0 and everything
# around moves one deeper.

_IR: TypeAlias = tuple[Any, ...]

MISSING: Final[Any]

def install(**hooks: Any) -> None:
    """Gives the extension what it needs from the Python layer, once, at import.

    errors: the module with the exception classes and the functions that build them (see errors.py);
    declare(meta, name, bases, namespace, keywords) -> type: what the class statement of a model does;
    layout(cls): called when a model without a table is first used; lays it out or raises;
    missing_class_attribute(cls, name), missing_record_attribute(record, name): return the exception for an unknown name
    (the former may, if its layout has added the attribute, return a 1-tuple that holds its value instead);
    find_by(cls, values) -> record | None: the general case of Model.find_by;
    current_task() -> object | None: the running asyncio task, if any.
    """

# ------------------------------------------------------------------ classes and records

class ModelMeta(type):
    """The type of every model: constructs in C, refuses unknown names with a suggestion. The query verbs are attached
    by sinew.model when it is imported."""

    def __getitem__(cls, key: Any, /) -> Any: ...
    def get(cls, key: Any, /) -> Any: ...
    def find(cls, key: Any, /) -> Any: ...
    def find_by(cls, **values: Any) -> Any: ...

def new_class(meta: type[ModelMeta], name: str, bases: tuple[type, ...], namespace: dict[str, Any], /) -> Any:
    """The class itself, without the Python layer's part: only for `declare`. `__slots__ = ()` is added."""

class Record(metaclass=ModelMeta):
    """The base of KeyedModel: a row of a table, one object for as long as somebody holds it. Weak-referenceable,
    compared and hashed by identity."""

def bind_model(
    cls: type,
    store: Store,
    /,
    *,
    fields: Sequence[Field],
    parameters: Sequence[Field | Reference],
    primary_key: Sequence[Field],
    validators: Mapping[str, Sequence[Callable[[Any, Any], Any]]],
    partial: bool = False,
) -> None:
    """Gives a class its table (columns in the order of `fields`) and its constructor (keyword `parameters`). Binds each
    field. Called by the layout; a second call for the same class is an error (see Store.add_field and its
    neighbours). partial: whoever uses the class calls the layout hook again until `laid_out`."""

def laid_out(cls: type, /) -> None:
    """The layout of a class that was bound as partial has come to its end."""

def attach(cls: type, name: str, value: Any = ..., /) -> None:
    """Sets an attribute of a model that is not special, or deletes it: in the class itself, whatever the metaclass has
    under this name."""

def set_primary_index(cls: type, index: Index, /) -> None:
    """The unique index over the primary key, which Model[key] probes."""

def alive(record: object, /) -> bool:
    """Whether a record has its row, and it is not parked. TypeError for what is no record."""

def row(record: Record, /) -> int:
    """The position of the record's row, for tests and display. RecordDeleted if it has none."""

def update(record: Record, values: Mapping[str, Any], /) -> None:
    """Sets several attributes (fields, belongs_to) as one statement: all or nothing."""

def parked(record: object, /) -> bool:
    """Whether a record is soft-deleted: its row is kept, can be read and restored. TypeError for what is no record."""

def delete(record: Record, force: bool = False, /) -> None:
    """Parks the row if its model has a stamp (RecordDeleted if it is parked already), unless force; else deletes it."""

def restore(record: Record, /) -> bool:
    """Brings a parked row back, and what comes with it; False if it is alive."""

def values(record: Record, fields: Sequence[Field], /) -> tuple[Any, ...]:
    """Stored values, in one look."""

def key(record: Record, /) -> Any:
    """The primary key: a value, or a tuple for a composite one."""

def insert_rows(
    cls: type,
    rows: Iterable[Any],
    columns: Sequence[str] | None,
    progress: Callable[[int], None] | None = None,
    /,
) -> int:
    """Inserts mappings (columns None) or sequences in the order of `columns` (names of fields or of belongs_to). All or
    nothing. progress(n) is called every few thousand rows with the number so far."""

def insert_columns(
    cls: type,
    columns: Mapping[str, Sequence[Any]],
    progress: Callable[[int], None] | None = None,
    /,
) -> int:
    """Inserts from columns of equal length. All or nothing."""

# ------------------------------------------------------------------ descriptors

@final
class Field:
    """A stored column of one model: the descriptor in the class, and the converter of its values.

    kind: the name of a row of fields.KINDS.
    arg: the Enum class; the tuple of Literal members; for object the class (or tuple of classes) for isinstance, None
    for Any; for datetime and time "naive" or "aware".
    key: for kind object: a function to an orderable, hashable value of another field type, called once when stored;
    what the indexes and orderings use is then `key_field`, a hidden column (kind "key") made along.
    column: what the class gives for this attribute (a Column).
    """

    def __new__(
        cls,
        name: str,
        kind: str,
        /,
        *,
        arg: Any = None,
        nullable: bool = False,
        default: Any = ...,
        default_factory: Callable[[], Any] | None = None,
        check: Callable[[Any], object] | None = None,
        key: Callable[[Any], object] | None = None,
        intern: bool = False,
        automatic: bool = False,
        read_only: bool = False,
        hidden: bool = False,
        touch: bool = False,
        stamp: Callable[[], Any] | None = None,
        column: Any = None,
        doc: str | None = None,
    ) -> Self:
        """default: MISSING for none. automatic: an int key that counts up. read_only: a primary key, or a created_at:
        set at construction only. touch: an updated_at: default_factory gives it anew with each update of the row.
        stamp: a deleted_at: gives the moment at which rows are parked, and makes the model park its deleted rows.
        hidden: no attribute of its own (a foreign key's column that shares its name with nothing is not hidden)."""

    name: Final[str]
    kind: Final[str]
    arg: Final[Any]
    nullable: Final[bool]
    automatic: Final[bool]
    read_only: Final[bool]
    default: Final[Any]
    default_factory: Final[Callable[[], Any] | None]
    column: Any
    model: Final[type | None]
    key_field: Final[Field | None]
    def __get__(self, record: Any, cls: Any = None, /) -> Any: ...
    def __set__(self, record: Any, value: Any, /) -> None: ...
    def convert(self, value: Any, /) -> Any:
        """The value as it would be read back after being stored; FieldError if it would be refused. Runs neither check=
        nor validators."""

@final
class Reference:
    """The descriptor of a belongs_to: reads the target record, sets the foreign key `fields`.

    path: what the class gives for this attribute. A polymorphic one has members, one for each model that it may lead
    to, with the same fields as its own; the first is a Literal that holds the member's tag. Hops go along members,
    which are bound, not the whole."""

    def __new__(
        cls,
        name: str,
        fields: Sequence[Field],
        /,
        *,
        required: bool,
        path: Any = None,
        default: Any = ...,
        doc: str | None = None,
        tag: Any = None,
        members: Sequence[Reference] | None = None,
    ) -> Self:
        """default: MISSING, or None; Ellipsis is spelled by the Python layer. required: None is refused."""
    name: Final[str]
    fields: Final[tuple[Field, ...]]
    required: Final[bool]
    path: Any
    model: Final[type | None]
    target: Final[type | None]
    tag: Final[Any]
    members: Final[tuple[Reference, ...] | None]
    def bind(
        self,
        target: type,
        target_fields: Sequence[Field],
        from_index: Index,
        to_index: Index,
        on_delete: str,
        enforce: bool,
        /,
    ) -> None:
        """Makes the engine's reference. from_index: over `fields` (many, or unique); to_index: unique, over
        target_fields, which are those of `fields` behind a member's tag."""
    def forbid_cycles(self) -> None:
        """No record may be met again by going on along it. RelationError if one is."""
    def unbind(self) -> None: ...

@final
class One:
    """The descriptor of a has_one: reads the first target of its path. Setting calls setter(record, value)."""
    def __init__(
        self,
        name: str,
        /,
        *,
        path: Any = None,
        setter: Callable[[Any, Any], None] | None = None,
        doc: str | None = None,
    ) -> None: ...
    name: Final[str]
    path: Any
    relation: Any  # the Python layer's description
    def bind(self, path: Path, /) -> None: ...

@final
class Many:
    """The descriptor of a has_many: reads a live collection. Setting calls setter(record, values)."""
    def __init__(
        self,
        name: str,
        /,
        *,
        path: Any = None,
        setter: Callable[[Any, Any], None] | None = None,
        doc: str | None = None,
    ) -> None: ...
    name: Final[str]
    path: Any
    relation: Any  # the Python layer's description, reachable from each collection
    def bind(self, path: Path, collection: type, /) -> None: ...

@final
class Getter:
    """The descriptor of an attribute that a function of the record computes. Setting it is a FieldError."""

    def __new__(
        cls, name: str, function: Callable[[Any], Any], /, *, cache: bool = True, doc: str | None = None
    ) -> Self: ...
    name: Final[str]
    function: Callable[[Any], Any]
    cache: Final[bool]
    column: Any
    model: Final[type | None]
    def __get__(self, record: Any, cls: Any = None, /) -> Any:
        """`column` on a class. RecordDeleted, TypeError for another class's record, FieldError for a value that is an
        iterator or awaitable, and what the function raises."""
    def __set__(self, record: Any, value: Any, /) -> None: ...
    def bind(self, cls: type, /) -> None:
        """Makes it a getter of this model."""
    def unbind(self) -> None: ...

def track_time(low: int | None, high: int | None, /) -> None:
    """What the getter that runs in this thread computes is right from `low` until `high`: microseconds since 1970 in
    UTC; None: whenever."""

def track_once() -> None:
    """What the getter that runs in this thread computes is good for one read."""

def getter_store() -> Store | None:
    """The store of the getter that runs in this thread."""

def getter_run() -> int:
    """The number of the run of a getter that goes on in this thread; 0 outside of any."""

def expire(record: Any, getter: Getter, /) -> bool:
    """Drops the value that is kept; whether there was one. What has read it is computed anew, too."""

def getter_counts(getter: Getter, /) -> tuple[int, int, int, int, int]:
    """How many reads found the value right, how many values were found right by asking what they read, how often the
    function ran to its end; how many values are kept, and the bytes of the engine's memory for them."""

def getter_report(record: Any, getter: Getter, /) -> dict[str, Any] | None:
    """What is known of a kept value: right (as far as can be told without running a function), once, expired, computed
    and verified (revisions), reads: a list of (kind, same, model, record, about, answer). None without a value."""

def getter_values(getter: Getter, rows: Rows, /) -> list[Any]:
    """The values of a getter for rows of its model; None for rows that have been deleted since. An exception gets a
    note that names getter and record (errors.note_getter)."""

# ------------------------------------------------------------------ the store

@final
class Index:
    """An index of one model, made by Store.add_index."""

    kind: Final[Literal["unique", "many", "ordered"]]
    fields: Final[tuple[Field, ...]]
    def find(self, values: Sequence[Any], /) -> Any:
        """The record with this key in a unique index, or None."""

@final
class Store:
    """The rows of one database. Closing it, or dropping the last reference, releases every value."""

    def __init__(self, database: Any = None, /) -> None:
        """database: what a record's db is for the Python layer (held weakly)."""
    database: Final[Any]
    depth: Final[int]
    revision: Final[int]
    schema: Final[int]
    """Grows when columns, indexes or references change."""
    closed: Final[bool]
    def begin(self, wait: float | None = None, /) -> None:
        """Opens a transaction (or a savepoint in it) that belongs to this thread and asyncio task. TransactionError if
        another has one open, after `wait` seconds."""
    def commit(self) -> None:
        """Closes the innermost. IntegrityError, DeleteRestricted or UniqueError leave it open: roll back then."""
    def rollback(self) -> None: ...
    def refuse(self, refuse: bool, /) -> None:
        """While true, every statement (and begin) of this store raises errors.transaction_closed(): the rest of a block
        whose transaction has been rolled back by hand. Ends by itself never; rollback() and commit() still work."""
    def check(self) -> None:
        """Walks every structure of the engine; AssertionError names the invariant that does not hold."""
    def clear(self) -> None:
        """Removes all rows of all models. TransactionError in a transaction."""
    def close(self) -> None: ...
    def stats(self) -> dict[str, int]:
        """rows, parked, positions, handles, blocks, bytes, revision, pins."""
    def add_field(self, cls: type, field: Field, values: Sequence[Any] | None = None, /) -> None:
        """Adds a column to a laid-out model, with that of its keys; values: one for each row, parked ones too, in
        insertion order (None: all null or the default)."""
    def drop_field(self, field: Field, /) -> None:
        """Drops a column that is in no index, with that of its keys."""
    def add_index(self, cls: type, kind: str, fields: Sequence[Field], /, *, deferred: bool = False) -> Index: ...
    def drop_index(self, index: Index, /) -> None: ...
    def set_parameters(
        self,
        cls: type,
        parameters: Sequence[Field | Reference],
        validators: Mapping[str, Sequence[Callable[[Any, Any], Any]]],
        /,
    ) -> None: ...
    def forget(self) -> None:
        """Drops all kept values of getters, and those that are being computed."""
    def set_clock(self, frozen: bool, microseconds: int, /) -> None:
        """The time that moments and getters see: since 1970 in UTC if frozen, else how far it is ahead of the time of
        day."""
    def time(self) -> int:
        """That time, in microseconds since 1970."""
    audits: bool
    """Whether each read of a getter's kept value computes it anew and compares."""
    def compact(self) -> int:
        """Compacts what is worth it now (it happens by itself between statements); the number of tables compacted."""

@final
class Path:
    """A compiled relation. hops: (along, backward, single, P | None, sequence of O, cut), each starting where the one
    before ended. along: a Reference; a Path, to go through it; ("recursive", Path), again and again; or ("union" |
    "intersection" | "difference", Path, ...). A union without O may have ways in place of its paths, (Path, P | None,
    sequence of O, Path | None): what each says of the rows of its path, with O that agree, and what leads on from them.
    cut: None, a limit, or (offset, limit | None)."""

    def __new__(cls, store: Store, hops: Sequence[tuple[Any, ...]], /, *, distinct: bool = True) -> Self: ...
    single: Final[bool]
    timed: Final[bool]
    """Whether its targets depend on the time, which is told to the engine whenever the path is asked."""
    source: Final[type]
    target: Final[type]
    def first(self, record: Any, /) -> Any: ...
    def rows(self, record: Any, /) -> Rows: ...
    def count(self, record: Any, /) -> int: ...
    def contains(self, record: Any, target: Any, /) -> bool: ...
    def expand(self, rows: Rows, at: int | None = None, /) -> tuple[Rows, list[int]]:
        """The targets of each of `rows`, one after another, and where each one's begin (len(rows) + 1 offsets). at: the
        time that moments see, as of Store.time(); None: now."""
    def set_host(self, slot: int, model: type, rows: Rows | None, values: Sequence[Any], /) -> None:
        """The same as Plan.set_host, for the host slots of the hops' conditions and orders."""
    def levels(self, record: Any, /) -> tuple[Rows, list[int]]:
        """The targets of a path that is one recursive hop, and how many steps each is away."""

class Collection:
    """The live other side of a to-many relation of one record; the Python layer derives its own from this one, with
    `__slots__ = ()`. Iterating goes over the rows as they were at its start and skips rows deleted since."""

    owner: Final[Any]
    relation: Final[Any]  # Many.relation
    path: Final[Path]
    def __len__(self) -> int: ...
    def __contains__(self, record: object, /) -> bool: ...
    def __iter__(self) -> Iterator[Any]: ...
    def at(self, index: int, /) -> Any:
        """The record at an index (negative from the end); IndexError."""

# ------------------------------------------------------------------ queries

@final
class Rows:
    """Row numbers of one model, in order: what a plan yields. Valid for as long as it lives; iterating skips rows that
    have been deleted since."""

    model: Final[type]
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...
    def records(self, start: int = 0, stop: int | None = None, /) -> list[Any]: ...
    def at(self, index: int, /) -> Any: ...
    def slice(self, start: int, stop: int, /) -> Rows: ...
    def filter(self, test: Callable[[Any], object], /) -> Rows:
        """The rows for whose records a function says yes; rows deleted since, also by the function, are left out."""
    def delete(self, force: bool = False, /) -> int:
        """As delete(record) does; rows that are parked already are passed over."""
    def restore(self) -> int: ...
    def update(self, fields: Sequence[Field], columns: Sequence[Sequence[Any]], constant: Sequence[bool], /) -> int:
        """Sets fields of all rows as one statement. columns[i]: a value for each row, or, if constant[i], one value for
        all."""

@final
class RowsIter:
    """What iterating over Rows or a Collection goes with."""

    def __iter__(self) -> RowsIter: ...
    def __next__(self) -> Any: ...
    def __length_hint__(self) -> int: ...

@final
class Plan:
    """A compiled query. Immutable but for set_host; may run any number of times, each time on the store as it is then.

    source: None (all rows), a (Path, record) pair, or Rows. life: which rows count, without a Path; Rows know
    themselves. values: what `columns`, `aggregate` and `group` refer to by position. at: the time that moments see in
    all runs, as of Store.time(); None: that of each run."""

    model: Final[type]
    def __new__(
        cls,
        model: type,
        /,
        *,
        where: _IR | None = None,
        order: Sequence[_IR] = (),
        offset: int = 0,
        limit: int | None = None,
        values: Sequence[_IR] = (),
        source: Any = None,
        life: Literal["live", "parked", "stored"] = "live",
        at: int | None = None,
    ) -> Self: ...
    timed: Final[bool]
    """Whether its rows or values depend on the time."""
    def rows(self, at: int | None = None, /) -> Rows:
        """at: the time of this run."""
    def first(self) -> Any: ...
    def count(self) -> int: ...
    def exists(self) -> bool: ...
    def columns(self, rows: Rows, /) -> list[list[Any]]:
        """For each of `values` the list of its Python values over rows."""
    def at(self, record: Any, /) -> Any:
        """The first of `values` for one record, which may be parked. RecordDeleted."""
    def targets(self, value: int, rows: Rows, /) -> tuple[Rows, list[int]]:
        """Of values[value], an aggregate over a path: the targets that it looks at from each of `rows` (those for which
        its condition holds), one after another, and where each one's begin (len(rows) + 1 offsets)."""
    def aggregate(self, operation: str, value: int | None, rows: Rows, /) -> Any:
        """count sum avg min max of values[value] (None: rows). Not for kinds without arithmetic in the engine (Decimal
        sums)."""
    def group(self, keys: Sequence[int], rows: Rows, /) -> tuple[Rows, Sequence[int]]:
        """Groups rows by values[k]: the first row of each group in order of first encounter, and each row's group
        number (as a memoryview of unsigned ints; 2**32 - 1 for a row that has been deleted since)."""
    def group_aggregate(
        self, operation: str, value: int | None, rows: Rows, groups: Sequence[int], count: int, /
    ) -> list[Any]: ...
    def set_host(self, slot: int, model: type, rows: Rows | None, values: Sequence[Any], /) -> None:
        """The values of a host slot for these rows of model (None: all live rows in insertion order); null
        elsewhere."""
    def explain(self) -> dict[str, Any]:
        """Runs the query and tells: access (scan probe postings range semijoin path rows empty), index (field names or
        None), ordered_by_index, sorted, examined, found."""
    def kind(self, value: int, /) -> str:
        """The kind of values[value]: of a field, or the plain kind of arithmetic."""

# ------------------------------------------------------------------ trees

@final
class Levels:
    """The rows of a tree, found at one moment: a level for each node, the root first.

    rows: the roots. nodes: for each level (name, node, known, parent, path, beyond, single, fresh). node: the Python
    layer's description, by which views are told apart. known: what a view answers by name: a Field, which is read; the
    number of a level below (or a tuple of them: the first that has something); None, a field that is not shown.
    parent: a number before its own. path: from the parent's rows (None for the root). beyond: None, or a Path from the
    targets of path, which are links then, to the level's rows; or (near, Path, turned), where links to which the Path
    near does not lead from the parent's row go on along the Path turned. single: at most one target for each row.
    fresh: no target has two rows. view, branch: the classes of what is given out."""

    def __new__(
        cls,
        rows: Rows,
        nodes: tuple[tuple[Any, ...], ...],
        view: type[View],
        branch: type[Branch],
        at: int | None = None,
        /,
    ) -> Self: ...
    revision: Final[int]
    def root(self) -> Any:
        """The branch of the roots."""
    def rows(self, level: int, /) -> Rows:
        """The rows of a level, each once."""
    def links(self, level: int, /) -> Rows | None:
        """For each entry of a level the link that leads to it."""
    def entries(self, level: int, /) -> int:
        """How many places there are in a level."""
    def dicts(self, sheets: tuple[Any, ...], /) -> list[dict[str, Any]] | None:
        """The tree as plain data; None if the store has been changed since the rows were found. sheets: for each level
        (names, and beside each a Field or a tuple with the value of each row), and the same for its links or None."""

class View:
    """A record at its place in a tree; the Python layer derives its own from this one, with `__slots__ = ()` and
    `_sinew_hidden(name)`, which raises for a field that is not shown."""

    record: Final[Any]
    pivot: Final[Any]
    _sinew_node: Final[Any]
    _sinew_known: Final[Mapping[str, Any]]
    def __getattr__(self, name: str, /) -> Any: ...

class Branch:
    """The views below one record; the Python layer derives its own from this one, with `__slots__ = ()`."""

    node: Final[Any]
    levels: Final[Levels]
    def __len__(self) -> int: ...
    def __contains__(self, thing: object, /) -> bool: ...
    def __iter__(self) -> Iterator[Any]: ...
    def at(self, index: int, /) -> Any:
        """The view at an index (negative from the end); IndexError."""
    def place(self, thing: object, /) -> int:
        """Where a record, or that of a view, stands first; -1 if it is not there."""
    def rows(self) -> Rows: ...

@final
class BranchIter:
    """What iterating over a Branch goes with."""

    def __iter__(self) -> BranchIter: ...
    def __next__(self) -> Any: ...
    def __length_hint__(self) -> int: ...

def live_rows(model: type, /) -> Rows:
    """All live rows of a model in insertion order."""

def stored_rows(model: type, /) -> Rows:
    """All rows of a model, parked ones too, in insertion order."""

def move(record: Any, reference: Reference, position: int, /) -> None:
    """Puts the record at a place among those with the same foreign key."""

DEBUG: Final[bool]
"""Whether this build checks the whole store after each statement."""
