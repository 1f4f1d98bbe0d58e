"""Getters computed a second time, by the same functions but outside any cache, and what each of them had read.

A twin looks like a record to the function of a getter. It notes each read with its result, and how to ask again: a
getter had to run again if one of the reads of its last run would give something else now, and need not if none would.
The twins stand on the plain views of the store, which tests/stateful compares with an oracle of its own.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, NamedTuple

from sinew import Collection, Links

from .computed import RUNS, Twin
from .models import MODELS, SOFT
from .oracle import Oracle

KEYS = {"Shelf": ("room", "number"), "Box": ("label",)}
FILTERED = frozenset({"best", "top"})  # relations with a condition or an order: asked by a query
ATOMS = (type(None), bool, int, str, bytes, date, timedelta)
Question = Callable[[Any], Any]


class Token(NamedTuple):
    """A row, not held. life: which of the rows that had this key in turn."""

    model: str
    key: Any
    life: Any


class Gone(Exception):
    """The row of a token is deleted."""


@dataclass(frozen=True)
class Raised:
    error: Exception

    def __repr__(self) -> str:
        return f"{type(self.error).__name__}(...)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Raised) and type(other.error) is type(self.error)


@dataclass(frozen=True)
class Read:
    """wide: a question that covers more than was asked: the getter may depend on that. query: may depend on any
    column and membership that the query looked at."""

    owner: Token
    question: Question
    result: Any
    wide: Question | None
    wide_result: Any
    query: bool


@dataclass(frozen=True)
class ReadOfGetter:
    owner: Token
    name: str
    surely: int
    perhaps: int
    value: Any


@dataclass
class Node:
    """A getter of a row, as of its last update. surely, perhaps: how often its value has changed for those that read
    it, at least and at most. epoch: of the models, when it last ran."""

    runs: int = 0
    look: int = 0
    epoch: int = 0
    value: Any = None
    identity: int = 0
    surely: int = 0
    perhaps: int = 0
    fleeting: bool = False
    trace: list[Read | ReadOfGetter] = field(default_factory=list)

    def asks_queries(self) -> bool:
        return any(isinstance(each, Read) and each.query for each in self.trace)


def outcome(question: Question, record: Any) -> Any:
    try:
        return question(record)
    except (AssertionError, Gone):
        raise  # these are ours
    except Exception as error:
        return Raised(error.with_traceback(None))


def same(a: Any, b: Any) -> bool:
    """Not only equal: the same types, spelled the same."""
    if isinstance(a, list | tuple) and type(a) is type(b) and len(a) == len(b) and not isinstance(a, Token):
        return all(map(same, a, b))
    return type(a) is type(b) and a == b and repr(a) == repr(b)


def cut_off(old: Any, new: Any) -> bool | None:
    """Whether a getter that ran again with these values has not changed for those that read it. None: either will
    do."""
    if isinstance(old, Token):
        return bool(old == new)  # the identical record
    if type(old) is tuple and type(new) is tuple and len(old) == len(new):
        parts = [cut_off(*pair) for pair in zip(old, new, strict=True)]
        records = any(isinstance(each, Token) for each in old)
        return False if False in parts else None if None in parts or records else True
    return type(old) is type(new) and type(old) in ATOMS and bool(old == new)


class World:
    """All getters that were looked at, and what they had read."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle
        self.nodes: dict[tuple[Token, str], Node] = {}
        self.runs: Counter[tuple[Token, str]] = Counter()
        self.seen: Counter[str] = Counter()
        self.running: dict[tuple[Token, str], list[Read | ReadOfGetter]] = {}  # what each has read so far
        self.look = 0
        self.epoch = 0  # of the models: after a redefinition, or a refused one, everything may be computed anew
        self.kinds: dict[tuple[type, str], Any] = {}
        RUNS.clear()

    # ------------------------------------------------------------ rows without holding them

    def begin_to_look(self) -> None:
        self.look += 1
        self.lives = {}
        for row in self.oracle.rows:
            key = row.get(self.oracle.shapes[row.model].key)
            self.lives[row.model, key] = row.uid

    def token(self, record: Any) -> Token:
        model = type(record).__name__
        key = tuple([getattr(record, name) for name in KEYS.get(model, ("id",))])
        gone = record.gone if model in SOFT else None
        return Token(model, key, self.lives[model, key] if gone is None else repr(gone))

    def resolve(self, token: Token) -> Any:
        model, key, life = token
        if isinstance(life, str):
            for each in MODELS[model].only_deleted():
                if (each.id,) == key and repr(each.gone) == life:
                    return each
            raise Gone
        if self.lives.get((model, key)) != life:
            raise Gone
        return MODELS[model][key if len(key) > 1 else key[0]]

    def plain(self, value: Any) -> Any:
        """A value with tokens for its records and twins."""
        if isinstance(value, TwinRecord):
            return value._token
        if isinstance(value, tuple(MODELS.values())):
            return self.token(value)
        if type(value) in (list, tuple):
            return type(value)([self.plain(each) for each in value])
        if type(value) is dict:
            return [(name, self.plain(each)) for name, each in value.items()]
        return value

    def alive(self, value: Any, trace: list[Read | ReadOfGetter]) -> Any:
        """A plain value with twins for its records."""
        if isinstance(value, Token):
            return TwinRecord(self, self.resolve(value), value, trace)
        if type(value) in (list, tuple):
            return type(value)([self.alive(each, trace) for each in value])
        return value

    # ------------------------------------------------------------ what classes have

    def kind(self, cls: type, name: str) -> Any:
        if (cls, name) not in self.kinds:
            static = inspect.getattr_static(cls, name)
            function = getattr(static, "function", None)
            self.kinds[cls, name] = static if hasattr(function, "__wrapped__") else None
        return self.kinds[cls, name]

    def getters(self, cls: type) -> list[str]:
        names = {name: None for klass in cls.__mro__ for name in vars(klass)}
        return [name for name in names if self.kind(cls, name) is not None]

    def redefined(self) -> None:
        self.kinds.clear()
        self.epoch += 1

    # ------------------------------------------------------------ getters

    def drain(self) -> None:
        for record, name in RUNS:
            self.runs[self.token(record), name] += 1
        RUNS.clear()

    def update(self, token: Token, name: str) -> Node:
        """Compares a getter with its twin, and whether it ran with whether it had to. Those that it read come first."""
        node = self.nodes.setdefault((token, name), Node(epoch=self.epoch))
        if node.look == self.look:
            return node
        assert (token, name) not in self.running
        record = self.resolve(token)
        real = outcome(lambda record: getattr(record, name), record)
        self.drain()
        trace = self.running[token, name] = []
        kind = self.kind(type(record), name)
        twin = TwinRecord(self, record, token, trace)
        try:
            must, may = self.changed(node, trace)
            trace.clear()
            fresh = self.plain(outcome(kind.function.__wrapped__, twin))
        finally:
            del self.running[token, name]
        where = f"{token.model}[{token.key}].{name}"
        assert same(self.plain(real), fresh), f"{where} is {self.plain(real)!r} and should be {fresh!r}"
        runs = self.runs[token, name]
        epoch = self.epoch if runs > node.runs else node.epoch
        self.judge(where, node, Node(runs, self.look, epoch, fresh, id(real)), trace, kind, must, may)
        return node

    def compare(self, record: Any, name: str, naive: Callable[[Any], Any]) -> None:
        """A getter without a function of its own, with what one says to a twin."""
        real = self.plain(outcome(lambda record: getattr(record, name), record))
        self.drain()
        fresh = self.plain(outcome(naive, TwinRecord(self, record, self.token(record), [])))
        missing = isinstance(fresh, Raised) and real is None  # a required reference that dangles in a transaction
        assert missing or same(real, fresh), f"{record}.{name} is {real!r} and should be {fresh!r}"

    def judge(
        self, where: str, node: Node, new: Node, trace: list[Read | ReadOfGetter], kind: Any, must: bool, may: bool
    ) -> None:
        first, runs = not node.look, new.runs - node.runs
        new.trace = trace
        new.epoch = self.epoch if first or runs else node.epoch
        new.fleeting = not kind.cache or self.reads_fleeting(trace)
        raised = isinstance(node.value, Raised) or isinstance(new.value, Raised)
        kept = False if first or raised else cut_off(node.value, new.value)
        if not (new.fleeting or node.fleeting or raised):
            self.count(where, node, new, runs, must, may)
            if not first and node.epoch == self.epoch and (runs == 0 or kept):
                assert node.identity == new.identity, f"{where}: an unchanged value is another object"
        changed = first or raised or not same(node.value, new.value)
        new.surely = node.surely + (kept is False and (changed or must))
        new.perhaps = node.perhaps + (not kept and (changed or must or runs > 0))
        node.__dict__.update(new.__dict__)

    def count(self, where: str, node: Node, new: Node, runs: int, must: bool, may: bool) -> None:
        if not node.look:
            assert runs == 1, f"{where} ran {runs} times to be computed first"
            return
        self.seen["checked"] += 1
        self.seen["had to"] += must
        if must:
            assert runs, f"{where} was not computed again, and what it read has changed"
        assert runs < 2, f"{where} ran {runs} times for one state of the store"
        if runs and not may and node.epoch == self.epoch:
            self.seen["query" if node.asks_queries() else "plain"] += 1
            assert node.asks_queries(), f"{where} was computed again, and nothing that it read had changed"
        self.seen["checked queries"] += node.asks_queries()

    def reads_fleeting(self, trace: list[Read | ReadOfGetter]) -> bool:
        return any(isinstance(read, ReadOfGetter) and self.nodes[read.owner, read.name].fleeting for read in trace)

    def changed(self, node: Node, again: list[Read | ReadOfGetter]) -> tuple[bool, bool]:
        """Whether a read of its last run would give something else, surely or perhaps. again: those that would not."""
        perhaps = False
        for read in node.trace:
            try:
                if isinstance(read, ReadOfGetter):
                    if (read.owner, read.name) in self.running:
                        return True, True
                    child = self.update(read.owner, read.name)
                    equal = cut_off(read.value, child.value) is not False  # again, after it was another one
                    surely = isinstance(child.value, Raised) or (child.surely != read.surely and not equal)
                    perhaps |= child.perhaps != read.perhaps
                else:
                    owner = self.resolve(read.owner)
                    surely = not same(self.plain(outcome(read.question, owner)), read.result)
                    if read.wide and not surely:
                        perhaps |= not same(self.plain(outcome(read.wide, owner)), read.wide_result)
            except Gone:
                surely = True
            if surely:
                return True, True
            again.append(read)
        return False, perhaps

    # ------------------------------------------------------------ what twins read

    def note(self, twin: TwinRecord, question: Question, wide: Question | None = None, query: bool = False) -> Any:
        found = outcome(question, twin._record)
        result = self.plain(found)
        widely = None if wide is None else self.plain(outcome(wide, twin._record))
        twin._trace.append(Read(twin._token, question, result, wide, widely, query))
        if isinstance(found, Raised):
            raise found.error
        return self.alive(result, twin._trace)

    def read(self, twin: TwinRecord, name: str) -> Any:
        record = twin._record
        if self.kind(type(record), name) is not None:
            return self.read_getter(twin, name)
        if name in self.oracle.shapes[twin._token.model].fields:
            return self.note(twin, lambda record: getattr(record, name))
        if isinstance(outcome(lambda record: getattr(record, name), record), Collection | Links):
            return TwinCollection(twin, name)
        refs = [ref for ref in self.oracle.shapes[twin._token.model].refs if ref.name == name]
        columns = [column for ref in refs for column in ref.all_columns]
        wide = lambda record: [getattr(record, column) for column in columns] + [getattr(record, name)]  # noqa: E731
        return self.note(twin, lambda record: getattr(record, name), wide, name in FILTERED)

    def meet_circle(self, twin: TwinRecord, name: str) -> None:
        """What raises the error of a circle: the reads of all that are part of it. The error shows their records, so
        who catches it may run again for those."""
        keys = list(self.running)
        for key in keys[keys.index((twin._token, name)) :]:
            shown = Read(key[0], lambda record: None, None, repr, repr(self.resolve(key[0])), False)
            reads = self.running[key]
            twin._trace.extend([shown] if reads is twin._trace else [*reads, shown])

    def read_getter(self, twin: TwinRecord, name: str) -> Any:
        if (twin._token, name) in self.running:
            self.meet_circle(twin, name)
            raise RecursionError
        node = self.update(twin._token, name)
        if isinstance(node.value, Raised):
            twin._trace.extend(node.trace)
            raise node.value.error
        twin._trace.append(ReadOfGetter(twin._token, name, node.surely, node.perhaps, node.value))
        return self.alive(node.value, twin._trace)


class TwinRecord(Twin):
    """A record whose reads are noted."""

    __slots__ = ("_record", "_token", "_trace", "_world")

    def __init__(self, world: World, record: Any, token: Token, trace: list[Read | ReadOfGetter]) -> None:
        self._world, self._record, self._token, self._trace = world, record, token, trace

    def __getattr__(self, name: str) -> Any:
        return self._world.read(self, name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TwinRecord) and other._token == self._token

    def __hash__(self) -> int:
        return hash(self._token)

    def asked(self, question: Question) -> Any:
        return self._world.note(self, question, query=True)


class TwinCollection:
    """A collection whose reads are noted. What is asked of a part may depend on the whole."""

    def __init__(self, twin: TwinRecord, name: str) -> None:
        self.twin, self.name, self.query = twin, name, name in FILTERED

    def whole(self, record: Any) -> list[Any]:
        links = getattr(record, self.name)
        return list(links.pairs() if isinstance(links, Links) else links)

    def note(self, question: Question, query: bool = False) -> Any:
        name, query = self.name, query or self.query
        return self.twin._world.note(self.twin, lambda record: question(getattr(record, name)), self.whole, query)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.note(list))

    def __len__(self) -> int:
        return int(self.note(len))

    def __contains__(self, other: TwinRecord) -> bool:
        token, world = other._token, self.twin._world
        return bool(self.note(lambda records: world.resolve(token) in records))

    def __getitem__(self, index: int) -> Any:
        return self.note(lambda records: records[index])

    def first(self) -> Any:
        return self.note(lambda records: records.first())

    def exists(self) -> bool:
        return bool(self.note(lambda records: records.exists()))

    def pairs(self) -> Any:
        """Two paths, one after the other, of which the second may be noted as all that it looks at."""
        return self.note(lambda records: list(records.pairs()), query=True)
