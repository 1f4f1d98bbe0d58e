"""What is known of getters: why a value is right or is not, and how often each has been asked and computed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from . import _engine
from .computed import Computed
from .errors import FieldError, UnknownName, kind_of, show, suggest
from .moment import EPOCH, TICK

if TYPE_CHECKING:
    from .database import Database
    from .definition import Definition

State = Literal["not computed", "right", "stale", "expired", "good for one read", "not kept"]
ENDS = (-(2**63), 2**63 - 1)  # of the time, for the engine


@dataclass(frozen=True)
class GetterRead:
    """Something that a getter's function read. kind: field, target, first, members, count, in, find, query, value,
    column, records, record, getter or time; what: in words; record: whose, if of one; was: what came out then; now:
    what comes out now, of a field; same: whether reading it again gives the same."""

    kind: str
    what: str
    same: bool
    record: Any = field(repr=False, default=None)
    was: Any = None
    now: Any = None
    getter: _engine.Getter | None = field(repr=False, default=None)

    def __str__(self) -> str:
        if self.kind == "field" and not self.same:
            return f"{self.what}: {show(self.was)} is now {show(self.now)}"
        said = self.what if self.was is None and self.kind != "field" else f"{self.what}: {show(self.was)}"
        return said if self.same else f"{said}, which has changed"


@dataclass(frozen=True)
class GetterReport:
    """What a getter of a record has read, when it was computed, and whether its value is right.

    state: "not computed"; "right"; "stale", and `cause` is the first read that would come out otherwise, of the getter
    itself or of one that it has read, which `through` names; "expired" by hand; "good for one read", as it read
    something that nobody can tell when it changes; "not kept", with cache=False. computed: the revision of the database
    when its function began; verified: the revision at which the value was last found right; revision: that of now."""

    model: type
    name: str
    record: Any
    state: State
    computed: int | None = None
    verified: int | None = None
    revision: int = 0
    reads: tuple[GetterRead, ...] = ()
    cause: GetterRead | None = None
    through: tuple[GetterRead, ...] = ()

    def __str__(self) -> str:
        lines = [f"{self.model.__name__}.{self.name} of {show(self.record)}: {self.state}"]
        if self.cause is not None:
            lines[0] += f", because {self.cause}"
        lines += [f"  through {read.what}" for read in self.through]
        if self.computed is not None:
            lines.append(
                f"computed at revision {self.computed:,}, found right at {self.verified:,}, now {self.revision:,}"
            )
        lines += [f"  {'=' if read.same else '!'} {read}" for read in self.reads]
        return "\n".join(lines)


@dataclass(frozen=True)
class GetterStats:
    """Of one getter: how many reads found its value right, how many values were found right by asking again what they
    had read, how often its function ran to its end; values: how many are kept, in so many bytes of the engine's
    memory."""

    hits: int
    verified: int
    computed: int
    values: int
    bytes: int

    def __str__(self) -> str:
        return (
            f"{self.hits:,} hits, {self.verified:,} verified, {self.computed:,} computed; "
            f"{self.values:,} kept in {self.bytes:,} bytes"
        )


def explain(db: Database, record: Any, name: str) -> GetterReport:
    """The report of `db.explain_getter`."""
    definition = getattr(type(record), "__sinew__", None)
    if definition is None or definition.db is not db:
        raise FieldError(f"explain_getter() takes a record of this database, not {show(record)} ({kind_of(record)})")
    info = find(definition, name)
    getter = info.descriptor
    revision = db.store.revision
    if not getter.cache:
        return GetterReport(type(record), name, record, "not kept", revision=revision)
    known = _engine.getter_report(record, getter)
    if known is None:
        return GetterReport(type(record), name, record, "not computed", revision=revision)
    reads = tuple(_read(*each) for each in known["reads"])
    cause, through = (None, ()) if known["right"] else _cause(reads)
    return GetterReport(
        model=type(record),
        name=name,
        record=record,
        state=_state(known),
        computed=known["computed"],
        verified=known["verified"],
        revision=revision,
        reads=reads,
        cause=cause,
        through=through,
    )


def _cause(reads: tuple[GetterRead, ...]) -> tuple[GetterRead | None, tuple[GetterRead, ...]]:
    """The first read that would come out otherwise, and the getters through which it is one: stale in their turn."""
    through: list[GetterRead] = []
    while True:
        cause = next((read for read in reads if not read.same), None)
        if cause is None or cause.getter is None or cause in through:
            return cause or (through.pop() if through else None), tuple(through)
        known = _engine.getter_report(cause.record, cause.getter)
        through.append(cause)
        reads = () if known is None or known["right"] else tuple(_read(*each) for each in known["reads"])


def find(definition: Definition, name: str) -> Computed:
    """The getter of a model by name. UnknownName."""
    info = definition.getters.get(name) if isinstance(name, str) else None
    if info is None:
        raise UnknownName(f"{definition.name} has no getter `{name}`{suggest(str(name), definition.getters)}")
    return info


def expire(record: Any, names: tuple[str, ...]) -> None:
    """Drops the values of getters of a record: of all without names."""
    definition = type(record).__sinew__
    listed = [find(definition, name) for name in names] if names else definition.getters.values()
    for info in listed:
        _engine.expire(record, info.descriptor)


def counts(db: Database) -> Iterator[tuple[str, GetterStats]]:
    """The stats of each getter whose values are kept, by `Model.name`."""
    for definition in db.definitions.values():
        for name, info in definition.getters.items():
            if info.descriptor.cache:
                yield f"{definition.name}.{name}", GetterStats(*_engine.getter_counts(info.descriptor))


# ---------------------------------------------------------------- in words


def _state(known: dict[str, Any]) -> State:
    if known["once"]:
        return "good for one read"
    if known["expired"]:
        return "expired"
    return "right" if known["right"] else "stale"


def _read(kind: str, same: bool, model: Any, record: Any, about: Any, answer: Any) -> GetterRead:
    owner = "a record that is gone" if record is None else show(record)
    was = now = None
    if kind == "field":
        was, now = answer
        what = f"{model.__name__}.{about.name} of {owner}"
    elif kind == "column":
        what = f"all of {model.__name__}.{about.name}"
    elif kind == "records":
        what = f"which {model.__name__} records there are"
    elif kind == "record":
        what = f"whether {owner} is there"
    elif kind == "target":
        what, was = f"{model.__name__}.{about.name} of {owner}", answer
    elif kind == "getter":
        what = f"the getter {model.__name__}.{about.name} of {owner}"
    elif kind == "find":
        what, was = f"{model.__name__} by {', '.join(each.name for each in about.fields)}", answer
    elif kind == "value":
        what = f"what the engine computes of {owner}"
    elif kind == "time":
        what = _times(*answer)
    else:
        what, was = _asked(kind, model, owner, about, answer)
    return GetterRead(kind, what, same, record, was, now, about if kind == "getter" and record is not None else None)


def _asked(kind: str, model: Any, owner: str, about: Any, answer: Any) -> tuple[str, Any]:
    if isinstance(about, _engine.Plan):
        return f"{'how many there are in' if kind == 'count' else 'the records of'} a query of {model.__name__}", answer
    name = _relation_name(model, about)
    said = {
        "first": f"the first of {name} of {owner}",
        "members": f"which records are in {name} of {owner}",
        "count": f"how many are in {name} of {owner}",
        "in": f"whether a record is in {name} of {owner}",
    }
    return said[kind], answer


def _relation_name(model: Any, path: Any) -> str:
    definition: Definition = model.__sinew__
    found = next((each.name for each in definition.relations.values() if getattr(each, "path", None) is path), None)
    return f"{model.__name__}.{found}" if found else f"a relation of {model.__name__}"


def _times(low: int, high: int) -> str:
    since = "" if low == ENDS[0] else f" from {EPOCH + low * TICK:%Y-%m-%d %H:%M:%S.%f} UTC"
    until = "" if high == ENDS[1] else f" until {EPOCH + high * TICK:%Y-%m-%d %H:%M:%S.%f} UTC"
    return f"the time{since}{until}" if since or until else "the time"
