"""The public surface of sinew as the type checkers see it: every name that `from sinew import ...` offers.

The run-time classes live in typed modules of their own; their overloads, which would say nothing there, stand here. A
comment says why a thing is typed as it is wherever the obvious way fails in one of the checkers. tests/typing holds a
program that mypy --strict, pyright and basedpyright must accept, and mistakes that each of them must report.
"""

# pyright: strict
# Column[int | None] and Column[Decimal | None] overlap in None, which no caller ever meets:
# pyright: reportOverlappingOverload=false
# mypy: disable-error-code="overload-overlap"

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from re import Pattern, RegexFlag
from types import EllipsisType, TracebackType
from typing import (
    Any,
    ClassVar,
    Final,
    Generic,
    Literal,
    Never,
    NoReturn,
    Self,
    TypeAlias,
    dataclass_transform,
    overload,
)
from uuid import UUID

from typing_extensions import TypeVar

__all__ = [
    "Aggregate",
    "Attr",
    "BelongsTo",
    "Clock",
    "Collection",
    "Column",
    "Database",
    "DefinitionError",
    "DeleteRestricted",
    "Diagram",
    "Expr",
    "FieldError",
    "Getter",
    "GetterRead",
    "GetterReport",
    "GetterStats",
    "Groups",
    "HasMany",
    "HasOne",
    "IntegrityError",
    "Invalid",
    "KeyedModel",
    "Links",
    "ManyToMany",
    "Model",
    "ModelMeta",
    "Moment",
    "NodePlan",
    "NotFound",
    "Ordering",
    "PivotChanges",
    "Plan",
    "Query",
    "RecordDeleted",
    "RelationError",
    "Serializer",
    "SinewError",
    "Stats",
    "Transaction",
    "TransactionError",
    "Tree",
    "TreePlan",
    "UniqueError",
    "UnknownName",
    "View",
    "__version__",
    "after_commit",
    "after_create",
    "after_delete",
    "after_update",
    "attribute",
    "avg",
    "before_create",
    "before_delete",
    "before_update",
    "belongs_to",
    "count",
    "count_of",
    "created_at",
    "db",
    "define",
    "delegate",
    "deleted_at",
    "exists",
    "field",
    "getter",
    "has_many",
    "has_one",
    "latest_of",
    "many_to_many",
    "max_",
    "max_of",
    "min_",
    "min_of",
    "nested",
    "now",
    "sum_",
    "sum_of",
    "transaction",
    "updated_at",
    "validates",
]

__version__: Final[str]

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)
_T_contra = TypeVar("_T_contra", contravariant=True)
_K = TypeVar("_K")  # a model; unbounded, or the checkers refuse `cls: type[_K]` on the metaclass
_K_co = TypeVar("_K_co", covariant=True)
_M = TypeVar("_M", bound=KeyedModel)
_P = TypeVar("_P", bound=KeyedModel, default=Model)  # a pivot; one that is not declared is a plain Model
_S = TypeVar("_S")
_V = TypeVar("_V")
_A = TypeVar("_A")
_B = TypeVar("_B")
_C = TypeVar("_C")
_Num = TypeVar("_Num", int, float, Decimal, timedelta)
_Hook = TypeVar("_Hook", bound=Callable[[Any], None])
_Function = TypeVar("_Function", bound=Callable[[Any, Any, Mapping[str, Any]], Any])

_Path: TypeAlias = type[KeyedModel]  # a path has the type of its target: Author.posts is a type[Post]
_Address: TypeAlias = IPv4Address | IPv6Address | IPv4Network | IPv6Network
_Key: TypeAlias = int | str | bytes | UUID | date | time | _Address | tuple[Any, ...]
_Number: TypeAlias = float | Decimal
_Names: TypeAlias = str | Sequence[str]
_Value: TypeAlias = Callable[[Any], object] | object  # for where(title=...); pyright types a lambda by the first half
_Row: TypeAlias = Mapping[str, Any]
_Terms: TypeAlias = Column[Any] | Ordering | Sequence[Column[Any] | Ordering]

# ---------------------------------------------------------------- expressions

class Expr:
    """A predicate over rows. Composes with & | ~; its truth value is an error (`x and y`, `1 < a < 5`)."""

    def __and__(self, other: Expr, /) -> Expr: ...
    def __or__(self, other: Expr, /) -> Expr: ...
    def __invert__(self) -> Expr: ...
    def __bool__(self) -> NoReturn: ...

class Ordering:
    """A column with a direction."""

    def nulls_first(self) -> Ordering: ...
    def nulls_last(self) -> Ordering: ...

class Column(Generic[_T_co]):
    """A typed value of a row: a field, a getter, arithmetic on them, an aggregate. A hashable singleton."""

    # Covariant, so that Column[str] is a Column[str | None]. Where the other operand's own `==` takes any object (3 has
    # such a one) a wrong comparison has the type bool, and is reported where an Expr is asked for.
    @overload  # type: ignore[override]
    def __eq__(self, other: _T_co | Column[_T_co | None] | None, /) -> Expr: ...
    @overload
    def __eq__(  # pyright: ignore[reportIncompatibleMethodOverride]
        self: Column[_Number | None], other: _Number | Column[_Number | None], /
    ) -> Expr: ...
    @overload  # type: ignore[override]
    def __ne__(self, other: _T_co | Column[_T_co | None] | None, /) -> Expr: ...
    @overload
    def __ne__(  # pyright: ignore[reportIncompatibleMethodOverride]
        self: Column[_Number | None], other: _Number | Column[_Number | None], /
    ) -> Expr: ...
    @overload
    def __lt__(self, other: _T_co | Column[_T_co | None], /) -> Expr: ...
    @overload
    def __lt__(self: Column[_Number | None], other: _Number | Column[_Number | None], /) -> Expr: ...
    @overload
    def __le__(self, other: _T_co | Column[_T_co | None], /) -> Expr: ...
    @overload
    def __le__(self: Column[_Number | None], other: _Number | Column[_Number | None], /) -> Expr: ...
    @overload
    def __gt__(self, other: _T_co | Column[_T_co | None], /) -> Expr: ...
    @overload
    def __gt__(self: Column[_Number | None], other: _Number | Column[_Number | None], /) -> Expr: ...
    @overload
    def __ge__(self, other: _T_co | Column[_T_co | None], /) -> Expr: ...
    @overload
    def __ge__(self: Column[_Number | None], other: _Number | Column[_Number | None], /) -> Expr: ...
    def __hash__(self) -> int: ...
    def __bool__(self) -> NoReturn: ...
    def is_(self, other: _T_co | Column[_T_co | None] | None, /) -> Expr: ...
    def is_null(self) -> Expr: ...
    def in_(self, values: Iterable[_T_co], /) -> Expr: ...
    def not_in(self, values: Iterable[_T_co], /) -> Expr: ...
    def between(self, low: _T_co | Column[_T_co | None], high: _T_co | Column[_T_co | None], /) -> Expr: ...
    def like(self: Column[str | None], pattern: str, /) -> Expr: ...
    def ilike(self: Column[str | None], pattern: str, /) -> Expr: ...
    def contains(self: Column[str | None], part: str, /) -> Expr: ...
    def startswith(self: Column[str | None], prefix: str, /) -> Expr: ...
    def endswith(self: Column[str | None], suffix: str, /) -> Expr: ...
    def matches(self: Column[str | None], pattern: str | Pattern[str], /, flags: int | RegexFlag = 0) -> Expr: ...
    def asc(self) -> Ordering: ...
    def desc(self) -> Ordering: ...
    def nulls_first(self) -> Ordering: ...
    def nulls_last(self) -> Ordering: ...

    # Arithmetic. The self types are spelled out because mypy does not check bounds of type variables in `self`.
    @overload
    def __add__(self: Column[int], other: int | Column[int], /) -> Column[int]: ...
    @overload
    def __add__(self: Column[float], other: float | Column[float], /) -> Column[float]: ...
    @overload
    def __add__(self: Column[Decimal], other: Decimal | int | Column[Decimal | int], /) -> Column[Decimal]: ...
    @overload
    def __add__(self: Column[timedelta], other: timedelta | Column[timedelta], /) -> Column[timedelta]: ...
    @overload
    def __add__(self: Column[timedelta], other: datetime | Column[datetime], /) -> Column[datetime]: ...
    @overload
    def __add__(self: Column[timedelta], other: date | Column[date], /) -> Column[date]: ...
    @overload
    def __add__(self: Column[datetime], other: timedelta | Column[timedelta], /) -> Column[datetime]: ...
    @overload
    def __add__(self: Column[date], other: timedelta | Column[timedelta], /) -> Column[date]: ...
    @overload
    def __add__(self: Column[int | None], other: int | Column[int | None], /) -> Column[int | None]: ...
    @overload
    def __add__(self: Column[float | None], other: float | Column[float | None], /) -> Column[float | None]: ...
    @overload
    def __add__(
        self: Column[Decimal | None], other: Decimal | int | Column[Decimal | int | None], /
    ) -> Column[Decimal | None]: ...
    @overload
    def __add__(
        self: Column[timedelta | None], other: timedelta | Column[timedelta | None], /
    ) -> Column[timedelta | None]: ...
    @overload
    def __add__(
        self: Column[timedelta | None], other: datetime | Column[datetime | None], /
    ) -> Column[datetime | None]: ...
    @overload
    def __add__(self: Column[timedelta | None], other: date | Column[date | None], /) -> Column[date | None]: ...
    @overload
    def __add__(
        self: Column[datetime | None], other: timedelta | Column[timedelta | None], /
    ) -> Column[datetime | None]: ...
    @overload
    def __add__(self: Column[date | None], other: timedelta | Column[timedelta | None], /) -> Column[date | None]: ...
    __radd__ = __add__
    @overload
    def __sub__(self: Column[int], other: int | Column[int], /) -> Column[int]: ...
    @overload
    def __sub__(self: Column[float], other: float | Column[float], /) -> Column[float]: ...
    @overload
    def __sub__(self: Column[Decimal], other: Decimal | int | Column[Decimal | int], /) -> Column[Decimal]: ...
    @overload
    def __sub__(self: Column[timedelta], other: timedelta | Column[timedelta], /) -> Column[timedelta]: ...
    @overload
    def __sub__(self: Column[datetime], other: timedelta | Column[timedelta], /) -> Column[datetime]: ...
    @overload
    def __sub__(self: Column[date], other: timedelta | Column[timedelta], /) -> Column[date]: ...
    @overload
    def __sub__(self: Column[date], other: date | Column[date], /) -> Column[timedelta]: ...
    @overload
    def __sub__(self: Column[int | None], other: int | Column[int | None], /) -> Column[int | None]: ...
    @overload
    def __sub__(self: Column[float | None], other: float | Column[float | None], /) -> Column[float | None]: ...
    @overload
    def __sub__(
        self: Column[Decimal | None], other: Decimal | int | Column[Decimal | int | None], /
    ) -> Column[Decimal | None]: ...
    @overload
    def __sub__(
        self: Column[timedelta | None], other: timedelta | Column[timedelta | None], /
    ) -> Column[timedelta | None]: ...
    @overload
    def __sub__(
        self: Column[datetime | None], other: timedelta | Column[timedelta | None], /
    ) -> Column[datetime | None]: ...
    @overload
    def __sub__(self: Column[date | None], other: timedelta | Column[timedelta | None], /) -> Column[date | None]: ...
    @overload
    def __sub__(self: Column[date | None], other: date | Column[date | None], /) -> Column[timedelta | None]: ...
    @overload
    def __rsub__(self: Column[int], other: int, /) -> Column[int]: ...
    @overload
    def __rsub__(self: Column[float], other: float, /) -> Column[float]: ...
    @overload
    def __rsub__(self: Column[Decimal], other: Decimal | int, /) -> Column[Decimal]: ...
    @overload
    def __rsub__(self: Column[timedelta], other: timedelta, /) -> Column[timedelta]: ...
    @overload
    def __rsub__(self: Column[timedelta], other: datetime, /) -> Column[datetime]: ...
    @overload
    def __rsub__(self: Column[timedelta], other: date, /) -> Column[date]: ...
    @overload
    def __rsub__(self: Column[date], other: date, /) -> Column[timedelta]: ...
    @overload
    def __rsub__(self: Column[int | None], other: int, /) -> Column[int | None]: ...
    @overload
    def __rsub__(self: Column[float | None], other: float, /) -> Column[float | None]: ...
    @overload
    def __rsub__(self: Column[Decimal | None], other: Decimal | int, /) -> Column[Decimal | None]: ...
    @overload
    def __rsub__(self: Column[timedelta | None], other: timedelta, /) -> Column[timedelta | None]: ...
    @overload
    def __rsub__(self: Column[timedelta | None], other: datetime, /) -> Column[datetime | None]: ...
    @overload
    def __rsub__(self: Column[timedelta | None], other: date, /) -> Column[date | None]: ...
    @overload
    def __rsub__(self: Column[date | None], other: date, /) -> Column[timedelta | None]: ...
    @overload
    def __mul__(self: Column[int], other: int | Column[int], /) -> Column[int]: ...
    @overload
    def __mul__(self: Column[float], other: float | Column[float], /) -> Column[float]: ...
    @overload
    def __mul__(self: Column[Decimal], other: Decimal | int | Column[Decimal | int], /) -> Column[Decimal]: ...
    @overload
    def __mul__(self: Column[timedelta], other: float | Column[float], /) -> Column[timedelta]: ...
    @overload
    def __mul__(self: Column[float], other: timedelta | Column[timedelta], /) -> Column[timedelta]: ...
    @overload
    def __mul__(self: Column[int | None], other: int | Column[int | None], /) -> Column[int | None]: ...
    @overload
    def __mul__(self: Column[float | None], other: float | Column[float | None], /) -> Column[float | None]: ...
    @overload
    def __mul__(
        self: Column[Decimal | None], other: Decimal | int | Column[Decimal | int | None], /
    ) -> Column[Decimal | None]: ...
    @overload
    def __mul__(self: Column[timedelta | None], other: float | Column[float | None], /) -> Column[timedelta | None]: ...
    @overload
    def __mul__(
        self: Column[float | None], other: timedelta | Column[timedelta | None], /
    ) -> Column[timedelta | None]: ...
    __rmul__ = __mul__
    @overload
    def __truediv__(self: Column[float], other: float | Column[float], /) -> Column[float]: ...
    @overload
    def __truediv__(self: Column[Decimal], other: Decimal | int | Column[Decimal | int], /) -> Column[Decimal]: ...
    @overload
    def __truediv__(self: Column[timedelta], other: float | Column[float], /) -> Column[timedelta]: ...
    @overload
    def __truediv__(self: Column[timedelta], other: timedelta | Column[timedelta], /) -> Column[float]: ...
    @overload
    def __truediv__(self: Column[float | None], other: float | Column[float | None], /) -> Column[float | None]: ...
    @overload
    def __truediv__(
        self: Column[Decimal | None], other: Decimal | int | Column[Decimal | int | None], /
    ) -> Column[Decimal | None]: ...
    @overload
    def __truediv__(
        self: Column[timedelta | None], other: float | Column[float | None], /
    ) -> Column[timedelta | None]: ...
    @overload
    def __truediv__(
        self: Column[timedelta | None], other: timedelta | Column[timedelta | None], /
    ) -> Column[float | None]: ...
    @overload
    def __rtruediv__(self: Column[float], other: float, /) -> Column[float]: ...
    @overload
    def __rtruediv__(self: Column[Decimal], other: Decimal | int, /) -> Column[Decimal]: ...
    @overload
    def __rtruediv__(self: Column[timedelta], other: timedelta, /) -> Column[float]: ...
    @overload
    def __rtruediv__(self: Column[float | None], other: float, /) -> Column[float | None]: ...
    @overload
    def __rtruediv__(self: Column[Decimal | None], other: Decimal | int, /) -> Column[Decimal | None]: ...
    @overload
    def __rtruediv__(self: Column[timedelta | None], other: timedelta, /) -> Column[float | None]: ...

class Aggregate(Column[_T_co]):
    """A value computed over a path or a group."""

class Moment(datetime):
    """The time at which a query or a getter runs; see `now`.

    For the checkers a datetime, because it may stand wherever one may: compared, stored, reckoned with. At run time a
    class of its own, as `hash` and `==` of a datetime subclass cannot be observed; `if TYPE_CHECKING` tells them apart.
    """

    @property
    def value(self) -> datetime: ...
    @overload  # type: ignore[override]
    def __sub__(self, other: datetime, /) -> timedelta: ...
    @overload
    def __sub__(self, other: timedelta, /) -> Moment: ...

def now() -> Moment:
    """The time at which the query runs, or the relation is asked that is declared with it: `Post.published_at <= now()`
    is evaluated then, not here."""

def exists(path: _Path, /, *conditions: Expr) -> Expr:
    """True for rows from which the path leads to a row that meets the conditions, which speak of the target."""

@overload
def count() -> Aggregate[int]: ...
@overload
def count(path: _Path, /, *conditions: Expr, distinct: bool = True) -> Aggregate[int]: ...
def sum_(column: Column[_Num | None], /, *conditions: Expr, distinct: bool = True) -> Aggregate[_Num]:
    """The sum of a column over a path or a group; 0 over nothing."""

@overload
def avg(column: Column[float | None], /, *conditions: Expr, distinct: bool = True) -> Aggregate[float | None]: ...
@overload
def avg(column: Column[Decimal | None], /, *conditions: Expr, distinct: bool = True) -> Aggregate[Decimal | None]: ...
@overload
def avg(
    column: Column[timedelta | None], /, *conditions: Expr, distinct: bool = True
) -> Aggregate[timedelta | None]: ...
def min_(column: Column[_T | None], /, *conditions: Expr, distinct: bool = True) -> Aggregate[_T | None]:
    """The least value of a column over a path or a group."""

def max_(column: Column[_T | None], /, *conditions: Expr, distinct: bool = True) -> Aggregate[_T | None]:
    """The greatest value of a column over a path or a group."""

# ---------------------------------------------------------------- queries

class Query(Generic[_K_co]):
    """An immutable description of rows; runs when it is iterated or a terminal verb is called."""

    def where(self, *conditions: Expr | Callable[[_K_co], object], **values: _Value) -> Query[_K_co]: ...
    def order_by(self, *terms: Column[Any] | Ordering) -> Query[_K_co]: ...
    def offset(self, rows: int, /) -> Query[_K_co]: ...
    def limit(self, rows: int, /) -> Query[_K_co]: ...
    def all(self) -> Query[_K_co]: ...
    def with_deleted(self) -> Query[_K_co]: ...
    def only_deleted(self) -> Query[_K_co]: ...
    @overload
    def include(self, path: _Path, /, *paths: _Path) -> Tree[_K_co]: ...
    @overload
    def include(
        self,
        path: _Path,
        /,
        *,
        where: Expr | None = None,
        order_by: _Terms | None = None,
        limit: int | None = None,
        offset: int | None = None,
        only: Sequence[str | Column[Any]] | None = None,
    ) -> Tree[_K_co]: ...
    def group_by(self, *by: Column[Any] | _Path) -> Groups: ...
    def __iter__(self) -> Iterator[_K_co]: ...
    def __len__(self) -> int: ...
    def __bool__(self) -> bool: ...
    def __contains__(self, record: object, /) -> bool: ...
    @overload
    def __getitem__(self, index: int, /) -> _K_co: ...
    @overload
    def __getitem__(self, index: slice, /) -> list[_K_co]: ...
    def get(self, key: Any, /) -> _K_co: ...
    def find(self, key: Any, /) -> _K_co | None: ...
    def find_by(self, **values: Any) -> _K_co | None: ...
    def first(self) -> _K_co | None: ...
    def last(self) -> _K_co | None: ...
    def one(self) -> _K_co: ...
    def one_or_none(self) -> _K_co | None: ...
    def count(self) -> int: ...
    def exists(self) -> bool: ...
    @overload
    def pluck(self, column: Column[_A], /) -> list[_A]: ...
    @overload
    def pluck(self, first: Column[_A], second: Column[_B], /) -> list[tuple[_A, _B]]: ...
    @overload
    def pluck(self, first: Column[_A], second: Column[_B], third: Column[_C], /) -> list[tuple[_A, _B, _C]]: ...
    @overload
    def pluck(
        self, first: Column[Any], second: Column[Any], third: Column[Any], fourth: Column[Any], /, *more: Column[Any]
    ) -> list[tuple[Any, ...]]: ...
    def select(self, *columns: Column[Any], **named: Column[Any]) -> list[dict[str, Any]]: ...
    def sum(self, column: Column[_Num | None], /) -> _Num: ...
    @overload
    def avg(self, column: Column[float | None], /) -> float | None: ...
    @overload
    def avg(self, column: Column[Decimal | None], /) -> Decimal | None: ...
    @overload
    def avg(self, column: Column[timedelta | None], /) -> timedelta | None: ...
    def min(self, column: Column[_T | None], /) -> _T | None: ...
    def max(self, column: Column[_T | None], /) -> _T | None: ...
    def in_batches(self, size: int = 1000, /) -> Iterator[list[_K_co]]: ...
    def explain(self) -> Plan: ...
    def update(self, **values: Any) -> int: ...
    def delete(self, *, force: bool = False) -> int: ...
    def restore(self) -> int: ...

class Groups:
    """Rows grouped by columns or relations."""

    def agg(self, **aggregates: Aggregate[Any]) -> list[dict[str, Any]]: ...

class Tree(Generic[_K_co]):
    """A query shaped by `include`: a read-only sequence of views."""

    def where(self, *conditions: Expr | Callable[[_K_co], object], **values: _Value) -> Tree[_K_co]: ...
    def order_by(self, *terms: Column[Any] | Ordering) -> Tree[_K_co]: ...
    def offset(self, rows: int, /) -> Tree[_K_co]: ...
    def limit(self, rows: int, /) -> Tree[_K_co]: ...
    @overload
    def include(self, path: _Path, /, *paths: _Path) -> Tree[_K_co]: ...
    @overload
    def include(
        self,
        path: _Path,
        /,
        *,
        where: Expr | None = None,
        order_by: _Terms | None = None,
        limit: int | None = None,
        offset: int | None = None,
        only: Sequence[str | Column[Any]] | None = None,
    ) -> Tree[_K_co]: ...
    def __iter__(self) -> Iterator[View[_K_co]]: ...
    def __len__(self) -> int: ...
    def __bool__(self) -> bool: ...
    def __contains__(self, thing: object, /) -> bool: ...
    @overload
    def __getitem__(self, index: int, /) -> View[_K_co]: ...
    @overload
    def __getitem__(self, index: slice, /) -> list[View[_K_co]]: ...
    def first(self) -> View[_K_co] | None: ...
    def last(self) -> View[_K_co] | None: ...
    def one(self) -> View[_K_co]: ...
    def one_or_none(self) -> View[_K_co] | None: ...
    def to_dicts(self) -> list[dict[str, Any]]: ...
    def explain(self) -> TreePlan: ...

class View(Generic[_K_co]):
    """A record within a tree. Its own attributes pass through and are not typed; `record` is."""

    @property
    def record(self) -> _K_co: ...
    @property
    def pivot(self) -> Any: ...
    def __getattr__(self, name: str, /) -> Any: ...

class Collection(Query[_M]):
    """The live other side of a relation."""

    def append(self, record: _M, /) -> None: ...
    def add(self, *records: _M) -> None: ...
    def extend(self, records: Iterable[_M], /) -> None: ...
    def __iadd__(self, records: Iterable[_M], /) -> Self: ...
    def remove(self, record: _M, /) -> None: ...
    def discard(self, record: _M, /) -> None: ...
    def clear(self) -> None: ...
    def create(self, **values: Any) -> _M: ...
    def create_many(self, rows: Iterable[_Row], /) -> list[_M]: ...
    def pairs(self) -> Iterator[tuple[_M, int]]: ...  # (record, depth) of a recursive relation

@dataclass(frozen=True)
class PivotChanges(Generic[_M]):
    """What a change of links did."""

    attached: list[_M]
    detached: list[_M]
    updated: list[_M]

class Links(Collection[_M], Generic[_M, _P]):
    """A collection through a pivot."""

    # A dict is an iterable of its keys, so this takes a record, an id, a list of them, and {record or id: values}.
    def attach(self, target: _M | _Key | Iterable[_M | _Key], /, **pivot: Any) -> PivotChanges[_M]: ...
    def detach(self, target: _M | _Key | Iterable[_M | _Key] = ..., /) -> PivotChanges[_M]: ...
    def sync(self, target: _M | _Key | Iterable[_M | _Key], /, **pivot: Any) -> PivotChanges[_M]: ...
    def toggle(self, target: _M | _Key | Iterable[_M | _Key], /, **pivot: Any) -> PivotChanges[_M]: ...
    def update_pivot(self, target: _M | _Key, /, **pivot: Any) -> PivotChanges[_M]: ...
    def pairs(  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
    ) -> Iterator[tuple[_M, _P]]: ...

# ---------------------------------------------------------------- descriptors

class Attr(Generic[_T]):
    """A stored field: the value on a record, a `Column` on the class."""

    @overload
    def __get__(self, instance: None, owner: Any, /) -> Column[_T]: ...
    @overload
    def __get__(self, instance: object, owner: Any, /) -> _T: ...
    def __set__(self, instance: object, value: _T, /) -> None: ...

class Getter(Generic[_T_co]):
    """A computed attribute: the value on a record, a `Column` on the class."""

    @overload
    def __get__(self, instance: None, owner: Any, /) -> Column[_T_co]: ...
    @overload
    def __get__(self, instance: object, owner: Any, /) -> _T_co: ...
    def __set__(self, instance: object, value: Never, /) -> None: ...  # without it mypy allows the assignment

class _Reference(Generic[_T_contra, _T_co]):
    # Lets `self: _Reference[None, _M | None]` match just the references that may be None, and find their target. The
    # plainer `self: BelongsTo[_M | None]` gives type[Never] in mypy for BelongsTo[Post | Photo | None].
    ...

class BelongsTo(_Reference[_T, _T]):
    """The record that a foreign key here refers to; on the class a path to its model."""

    @overload
    def __get__(self: _Reference[None, _M | None], instance: None, owner: Any, /) -> type[_M]: ...
    @overload
    def __get__(self: BelongsTo[_M], instance: None, owner: Any, /) -> type[_M]: ...
    @overload
    def __get__(self, instance: object, owner: Any, /) -> _T: ...
    def __set__(self, instance: object, value: _T, /) -> None: ...

class HasOne(_Reference[_T, _T]):
    """The one record that refers to this one, or None; on the class a path to its model."""

    # No overload for HasOne[Post]: it must be HasOne[Post | None].
    @overload
    def __get__(self: _Reference[None, _M | None], instance: None, owner: Any, /) -> type[_M]: ...
    @overload
    def __get__(self: _Reference[None, _T], instance: object, owner: Any, /) -> _T: ...
    def __set__(self, instance: object, value: _T, /) -> None: ...

class HasMany(Generic[_M]):
    """The records that refer to this one, as a live collection; on the class a path to their model."""

    @overload
    def __get__(self, instance: None, owner: Any, /) -> type[_M]: ...
    @overload
    def __get__(self, instance: object, owner: Any, /) -> Collection[_M]: ...
    def __set__(self, instance: object, value: Iterable[_M], /) -> None: ...

class ManyToMany(Generic[_M, _P]):
    """Records linked through a pivot, as a live collection; on the class a path to their model."""

    @overload
    def __get__(self, instance: None, owner: Any, /) -> type[_M]: ...
    @overload
    def __get__(self, instance: object, owner: Any, /) -> Links[_M, _P]: ...
    def __set__(self, instance: object, value: Iterable[_M], /) -> None: ...

# ---------------------------------------------------------------- declarations
# The checkers read three things of a specifier: `default` or `default_factory` in the call, the literal default of
# `init` in the signature, and the type of the result, which makes `Attr[str] = field(default=3)` an error. That type
# must not lead to `_M`, whose bound leads back here through `field_specifiers`: pyright then takes the relations for
# constructor arguments. So has_many and many_to_many return Any.
#
# `default=...`, the Ellipsis itself, says that the argument may be left out: author_id: Attr[int] = field(default=...).
# The positional `target` is for `define`, where no annotation names it.

@overload
def field(
    *,
    default: EllipsisType = ...,
    unique: bool | Literal["deferred"] = False,
    index: bool | Literal["ordered"] = False,
    primary_key: bool = False,
    repr: bool = True,
    init: bool = True,
    check: Callable[[Any], object] | None = None,
    key: Callable[[Any], object] | None = None,
    intern: bool = False,
    type: Any = None,
    tz: Literal["naive", "aware"] | None = None,
    doc: str | None = None,
) -> Attr[Any]: ...
@overload
def field(
    *,
    default: _T,
    unique: bool | Literal["deferred"] = False,
    index: bool | Literal["ordered"] = False,
    primary_key: bool = False,
    repr: bool = True,
    init: bool = True,
    check: Callable[[Any], object] | None = None,
    key: Callable[[Any], object] | None = None,
    intern: bool = False,
    type: Any = None,
    tz: Literal["naive", "aware"] | None = None,
    doc: str | None = None,
) -> Attr[_T]: ...
@overload
def field(
    *,
    default_factory: Callable[[], _T],
    unique: bool | Literal["deferred"] = False,
    index: bool | Literal["ordered"] = False,
    primary_key: bool = False,
    repr: bool = True,
    init: bool = True,
    check: Callable[[Any], object] | None = None,
    key: Callable[[Any], object] | None = None,
    intern: bool = False,
    type: Any = None,
    tz: Literal["naive", "aware"] | None = None,
    doc: str | None = None,
) -> Attr[_T]: ...
def created_at(
    *, tz: Literal["naive", "aware"] = "aware", doc: str | None = None, init: Literal[False] = False
) -> Attr[datetime]:
    """A timestamp that fills itself when the record is constructed."""

def updated_at(
    *, tz: Literal["naive", "aware"] = "aware", doc: str | None = None, init: Literal[False] = False
) -> Attr[datetime]:
    """A timestamp that fills itself with each change of the record."""

def deleted_at(
    *, tz: Literal["naive", "aware"] = "aware", doc: str | None = None, init: Literal[False] = False
) -> Attr[datetime | None]:
    """Turns on soft delete."""

@overload
def belongs_to(
    target: _Names | None = None,
    /,
    *,
    foreign_key: _Names | None = None,
    references: Callable[[], Column[Any] | Sequence[Column[Any]]] | _Names | None = None,
    inverse: Callable[[], _Path] | str | None = None,
    default: None,
    on_delete: Literal["restrict", "cascade", "nullify", "keep"] = ...,
    enforce: bool = True,
    unique: bool = False,
    acyclic: bool = False,
    type_field: str | None = None,
    type_values: Mapping[str, Any] | None = None,
    init: bool = True,
) -> BelongsTo[Any | None]: ...
@overload
def belongs_to(
    target: _Names | None = None,
    /,
    *,
    foreign_key: _Names | None = None,
    references: Callable[[], Column[Any] | Sequence[Column[Any]]] | _Names | None = None,
    inverse: Callable[[], _Path] | str | None = None,
    default: Any = ...,
    on_delete: Literal["restrict", "cascade", "nullify", "keep"] = ...,
    enforce: Literal[False],
    unique: bool = False,
    acyclic: bool = False,
    type_field: str | None = None,
    type_values: Mapping[str, Any] | None = None,
    init: bool = True,
) -> BelongsTo[Any | None]: ...
@overload
def belongs_to(
    target: _Names | None = None,
    /,
    *,
    foreign_key: _Names | None = None,
    references: Callable[[], Column[Any] | Sequence[Column[Any]]] | _Names | None = None,
    inverse: Callable[[], _Path] | str | None = None,
    default: EllipsisType = ...,
    on_delete: Literal["restrict", "cascade", "nullify", "keep"] = ...,
    enforce: Literal[True] = True,
    unique: bool = False,
    acyclic: bool = False,
    type_field: str | None = None,
    type_values: Mapping[str, Any] | None = None,
    init: bool = True,
) -> BelongsTo[Any]: ...
def has_one(
    target: str | None = None,
    /,
    *,
    inverse: Callable[[], _Path] | str | None = None,
    through: Callable[[], _Path] | str | None = None,
    where: Callable[[], Expr] | None = None,
    order_by: Callable[[], _Terms] | _Names | None = None,
    init: Literal[False] = False,
) -> HasOne[Any | None]:
    """Declares the record that refers to this one."""

def has_many(
    target: str | None = None,
    /,
    *,
    inverse: Callable[[], _Path] | str | None = None,
    through: Callable[[], _Path] | str | None = None,
    recursive: Callable[[], _Path] | str | None = None,
    union: Callable[[], Sequence[_Path]] | Sequence[str] | None = None,
    intersection: Callable[[], Sequence[_Path]] | Sequence[str] | None = None,
    difference: Callable[[], Sequence[_Path]] | Sequence[str] | None = None,
    where: Callable[[], Expr] | None = None,
    order_by: Callable[[], _Terms] | _Names | None = None,
    limit: int | None = None,
    distinct: bool = True,
    init: Literal[False] = False,
) -> Any:
    """Declares the records that refer to this one, or a path to others."""

def many_to_many(
    target: str | None = None,
    /,
    *,
    inverse: Callable[[], _Path] | str | None = None,
    pivot: Callable[[], _Path] | str | None = None,
    foreign_key: _Names | None = None,
    other_key: _Names | None = None,
    unique: bool = True,
    where: Callable[[], Expr] | None = None,
    order_by: Callable[[], _Terms] | _Names | None = None,
    symmetric: bool = False,
    init: Literal[False] = False,
) -> Any:
    """Declares records linked through a pivot."""

@overload
def getter(function: Callable[[Any], _T], /) -> Getter[_T]: ...
@overload
def getter(*, cache: bool = True, doc: str | None = None) -> Callable[[Callable[[Any], _T]], Getter[_T]]: ...
def delegate(path: Callable[[], Column[_T]], /) -> Getter[_T]:
    """A getter that reads a column along a path."""

def count_of(path: Callable[[], _Path], /) -> Getter[int]:
    """A getter that counts along a path."""

def sum_of(column: Callable[[], Column[_Num | None]], /) -> Getter[_Num]:
    """A getter that adds up a column along a path."""

def min_of(column: Callable[[], Column[_T | None]], /) -> Getter[_T | None]:
    """A getter for the least value along a path."""

def max_of(column: Callable[[], Column[_T | None]], /) -> Getter[_T | None]:
    """A getter for the greatest value along a path."""

def latest_of(column: Callable[[], Column[Any]], /) -> Getter[Any]:
    """A getter for the record with the greatest value along a path."""

@overload
def validates() -> Callable[[Callable[[_S], None]], Callable[[_S], None]]: ...
@overload
def validates(name: str, /, *names: str) -> Callable[[Callable[[_S, _V], _V]], Callable[[_S, _V], _V]]: ...
def before_create(hook: _Hook, /) -> _Hook:
    """Called before a record is inserted; raising refuses."""

def after_create(hook: _Hook, /) -> _Hook:
    """Called when a record has been inserted."""

def before_update(hook: _Hook, /) -> _Hook:
    """Called before a change is applied; raising refuses."""

def after_update(hook: _Hook, /) -> _Hook:
    """Called when a change has been applied."""

def before_delete(hook: _Hook, /) -> _Hook:
    """Called before a record is deleted; raising refuses."""

def after_delete(hook: _Hook, /) -> _Hook:
    """Called when a record has been deleted; its fields still read."""

def after_commit(hook: _Hook, /) -> _Hook:
    """Called when the unit that changed the record is committed."""

# ---------------------------------------------------------------- models

@dataclass_transform(
    kw_only_default=True,
    eq_default=False,
    field_specifiers=(field, belongs_to, has_one, has_many, many_to_many, created_at, updated_at, deleted_at),
)
class ModelMeta(type):
    """The verbs of a model. On the metaclass, so that a field of the same name hides them without a conflict."""

    def __getitem__(cls: type[_K], key: Any, /) -> _K: ...
    def get(cls: type[_K], key: Any, /) -> _K: ...
    def find(cls: type[_K], key: Any, /) -> _K | None: ...
    def find_by(cls: type[_K], **values: Any) -> _K | None: ...
    def get_or_create(cls: type[_K], *, defaults: _Row | None = None, **values: Any) -> tuple[_K, bool]: ...
    def upsert(cls: type[_K], *, on: _Names | None = None, **values: Any) -> _K: ...
    def create_tree(cls: type[_K], **values: Any) -> _K: ...
    @overload
    def insert_many(
        cls, rows: Iterable[_Row] | Mapping[str, Sequence[Any]], /, *, hooks: bool = False, progress: bool = False
    ) -> int: ...
    @overload
    def insert_many(
        cls,
        rows: Iterable[Sequence[Any]],
        /,
        *,
        columns: Sequence[str | Column[Any]],
        hooks: bool = False,
        progress: bool = False,
    ) -> int: ...

    # steps of a path
    def is_(cls: type[_K], other: _K | None, /) -> Expr: ...
    def is_null(cls) -> Expr: ...
    def in_(cls: type[_K], records: Iterable[_K | None], /) -> Expr: ...
    def not_in(cls: type[_K], records: Iterable[_K | None], /) -> Expr: ...
    def is_a(cls, model: _Path, /, *models: _Path) -> Expr: ...
    def of(cls, model: type[_M], /) -> type[_M]: ...

    # the verbs of Query
    def where(cls: type[_K], *conditions: Expr | Callable[[_K], object], **values: _Value) -> Query[_K]: ...
    def order_by(cls: type[_K], *terms: Column[Any] | Ordering) -> Query[_K]: ...
    def offset(cls: type[_K], rows: int, /) -> Query[_K]: ...
    def limit(cls: type[_K], rows: int, /) -> Query[_K]: ...
    def all(cls: type[_K]) -> Query[_K]: ...
    def with_deleted(cls: type[_K]) -> Query[_K]: ...
    def only_deleted(cls: type[_K]) -> Query[_K]: ...
    @overload
    def include(cls: type[_K], path: _Path, /, *paths: _Path) -> Tree[_K]: ...
    @overload
    def include(
        cls: type[_K],
        path: _Path,
        /,
        *,
        where: Expr | None = None,
        order_by: _Terms | None = None,
        limit: int | None = None,
        offset: int | None = None,
        only: Sequence[str | Column[Any]] | None = None,
    ) -> Tree[_K]: ...
    def group_by(cls, *by: Column[Any] | _Path) -> Groups: ...
    def first(cls: type[_K]) -> _K | None: ...
    def last(cls: type[_K]) -> _K | None: ...
    def one(cls: type[_K]) -> _K: ...
    def one_or_none(cls: type[_K]) -> _K | None: ...
    def count(cls) -> int: ...
    def exists(cls) -> bool: ...
    @overload
    def pluck(cls, column: Column[_A], /) -> list[_A]: ...
    @overload
    def pluck(cls, first: Column[_A], second: Column[_B], /) -> list[tuple[_A, _B]]: ...
    @overload
    def pluck(cls, first: Column[_A], second: Column[_B], third: Column[_C], /) -> list[tuple[_A, _B, _C]]: ...
    @overload
    def pluck(
        cls, first: Column[Any], second: Column[Any], third: Column[Any], fourth: Column[Any], /, *more: Column[Any]
    ) -> list[tuple[Any, ...]]: ...
    def select(cls, *columns: Column[Any], **named: Column[Any]) -> list[dict[str, Any]]: ...
    def sum(cls, column: Column[_Num | None], /) -> _Num: ...
    @overload
    def avg(cls, column: Column[float | None], /) -> float | None: ...
    @overload
    def avg(cls, column: Column[Decimal | None], /) -> Decimal | None: ...
    @overload
    def avg(cls, column: Column[timedelta | None], /) -> timedelta | None: ...
    def min(cls, column: Column[_T | None], /) -> _T | None: ...
    def max(cls, column: Column[_T | None], /) -> _T | None: ...
    def in_batches(cls: type[_K], size: int = 1000, /) -> Iterator[list[_K]]: ...
    def explain(cls) -> Plan: ...

class KeyedModel(metaclass=ModelMeta):
    """A model that declares its own key."""

    # Here and not on the metaclass, for pyright, which looks for them here. mypy checks no class keywords under a
    # metaclass of its own.
    def __init_subclass__(
        cls,
        *,
        abstract: bool = False,
        db: Database | None = None,
        primary_key: _Names = ...,
        index: Sequence[_Names] = ...,
        unique: Sequence[_Names] = ...,
    ) -> None: ...
    @property
    def changes(self) -> dict[str, tuple[Any, Any]]: ...
    @property
    def changed(self) -> bool: ...
    def was(self, name: str, /) -> Any: ...
    def update(self, **values: Any) -> None: ...
    def delete(self, *, force: bool = False) -> None: ...
    def restore(self) -> None: ...
    def expire(self, *names: str) -> None:
        """Drops kept values of getters: of all without names."""
    def to_dict(self, *names: str) -> dict[str, Any]: ...
    def assign_tree(self, values: _Row, /, *, remove_missing: bool = False) -> None: ...

class Model(KeyedModel, abstract=True):
    """A model with the key `id`, counting up from 1."""

    id: Attr[int] = field(default=...)

def define(
    name: str,
    fields: Mapping[str, Any],
    /,
    *,
    base: _Path | None = None,
    abstract: bool = False,
    db: Database | None = None,
    primary_key: _Names = ...,
    index: Sequence[_Names] = ...,
    unique: Sequence[_Names] = ...,
) -> type[Any]:
    """A model made at run time: fields are types, `field(...)` or relations."""

# ---------------------------------------------------------------- database

class Transaction:
    """What `with db.transaction() as tx` gives."""

    def __enter__(self) -> Transaction: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
    def rollback(self) -> None: ...

class Clock:
    """The time that `now()` tells in one database."""

    def now(self) -> datetime: ...  # aware, UTC
    def naive(self) -> datetime: ...  # local
    def freeze(self, moment: datetime, /) -> None: ...
    def move(self, delta: timedelta, /) -> None: ...
    def unfreeze(self) -> None: ...

class Database:
    """An isolated registry of models with their records."""

    clock: Clock
    def __init__(self) -> None: ...
    @property
    def models(self) -> Mapping[str, type[Any]]: ...
    def transaction(self, *, wait: float | None = None) -> Transaction: ...
    def check(self) -> None: ...
    def clear(self) -> None: ...
    def close(self) -> None: ...
    def stats(self) -> Stats: ...
    audit_getters: bool
    """Whether each read of a getter's kept value computes it anew, and compares."""
    def explain_getter(self, record: KeyedModel, name: str, /) -> GetterReport: ...
    def diagram(self) -> Diagram: ...

db: Database

def transaction(*, wait: float | None = None) -> Transaction:
    """`db.transaction()` of the default database."""

@dataclass(frozen=True)
class Plan:
    """How a query was answered: `str` is for people."""

    model: str
    access: str  # scan probe postings range semijoin path rows empty
    index: tuple[str, ...] | None
    ordered_by_index: bool
    sorted: bool
    rows_examined: int
    rows_found: int
    predicates: int

@dataclass(frozen=True)
class NodePlan:
    """What a node of a tree took."""

    path: str
    parents: int
    records: int
    places: int

@dataclass(frozen=True)
class TreePlan:
    """How a tree was found: `str` is for people."""

    roots: Plan
    nodes: tuple[NodePlan, ...]

@dataclass(frozen=True)
class Stats:
    """What a database holds: `str` is for people."""

    rows: int
    by_model: Mapping[str, int]
    parked: int
    positions: int
    handles: int
    blocks: int
    bytes: int
    revision: int
    pins: int
    getters: Mapping[str, GetterStats]

@dataclass(frozen=True)
class GetterRead:
    """Something that a getter's function read: `str` is for people."""

    kind: str
    what: str
    same: bool
    record: Any = None
    was: Any = None
    now: Any = None
    getter: Any = None

@dataclass(frozen=True)
class GetterReport:
    """What a getter read and when it was computed: `str` is for people."""

    model: type
    name: str
    record: Any
    state: Literal["not computed", "right", "stale", "expired", "good for one read", "not kept"]
    computed: int | None = None
    verified: int | None = None
    revision: int = 0
    reads: tuple[GetterRead, ...] = ...
    cause: GetterRead | None = None
    through: tuple[GetterRead, ...] = ...

@dataclass(frozen=True)
class GetterStats:
    """How often a getter was asked and computed: `str` is for people."""

    hits: int
    verified: int
    computed: int
    values: int
    bytes: int

class Diagram:
    """Models and relations as a drawing."""

# ---------------------------------------------------------------- serializers

class Serializer(Generic[_M]):
    """Turns records into plain data."""

    fields: ClassVar[Sequence[str | tuple[str, str]]]
    @classmethod
    def dump(cls, record: _M | View[_M], /, **options: Any) -> dict[str, Any]: ...
    @classmethod
    def dump_many(cls, records: Iterable[_M | View[_M]], /, **options: Any) -> list[dict[str, Any]]: ...
    @classmethod
    def dump_json(cls, records: _M | View[_M] | Iterable[_M | View[_M]], /, **options: Any) -> str: ...

def attribute(function: _Function, /) -> _Function:
    """Marks a method of a serializer as one of its attributes."""

def nested(
    serializer: type[Serializer[Any]] | Callable[[], type[Serializer[Any]]], /, *, only: Sequence[str] | None = None
) -> Any:
    """The attribute of a serializer that another one makes."""

# ---------------------------------------------------------------- errors

class SinewError(Exception):
    """The base of every error of sinew."""

class DefinitionError(SinewError):
    """A model that cannot be; names file and line."""

    file: str | None
    line: int | None
    problems: tuple[DefinitionError, ...]  # of `db.check()`, when there are several

class FieldError(SinewError, TypeError, ValueError):
    """A value that a field does not take."""

class Invalid(SinewError):
    """A validator refuses; `errors` has the messages by field."""

    errors: Mapping[str, Sequence[str]]
    def __init__(self, message: str, /) -> None: ...

class UniqueError(SinewError):
    """Another record, `existing`, has this key."""

    model: type[Any]
    fields: tuple[str, ...]
    values: tuple[Any, ...]
    existing: Any

class NotFound(SinewError, LookupError):
    """No record has this key."""

class UnknownName(SinewError, AttributeError):
    """No field, relation, scope or option has this name; the message suggests one."""

class RelationError(SinewError):
    """What a relation cannot do."""

class IntegrityError(SinewError):
    """Foreign keys that refer to nothing."""

    problems: tuple[tuple[type[Any], Any, str, Any], ...]  # model, key, relation, value

class DeleteRestricted(SinewError):
    """Other records refer to what was to be deleted."""

    referring: tuple[tuple[type[Any], str, int], ...]  # model, relation, how many

class RecordDeleted(SinewError):
    """The record has no row any more."""

class TransactionError(SinewError):
    """A transaction of another thread or task, or one that is over."""
