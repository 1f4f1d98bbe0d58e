"""Nested writing: `create_tree` and `assign_tree`.

Nested values are read first (tree_reading.py); then one transaction writes them, parents before children, so that it is
all or nothing and every rule holds as it does for single statements. What happens at a node:

    which record   the one that is given; the one whose key the values hold (finder.py); else a new one
    references     are written before it
    itself         is made, or those of its values are set that it does not have yet
    has_many       each node is found by its key, with that of the parent where the key has it; what is missing leaves,
                   if that is asked for; then all are put in, plain new ones next to each other by one statement
    has_one        is the one that is there, unless another key is given
    many-to-many   the targets are written, then linked (links.py)

Who leaves goes first, so that what is unique to it may be given anew. With remove_missing leaving may be deleting; so
records that the tree names are found beforehand, and one that has gone by the time it is written is an error, never
made again.

The work goes over a stack of generators (`_run`), not over the stack of the interpreter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

from . import _engine, pivots
from .collection import _arrange, _bring_forward, _inverse, _name, _own, _owned, _require_fit, _require_whole
from .errors import (
    DeleteRestricted,
    FieldError,
    IntegrityError,
    NotFound,
    RecordDeleted,
    RelationError,
    SinewError,
    UniqueError,
    kind_of,
    show,
)
from .finder import Finder
from .links import _rows_by_target, _Work
from .places import Place, at_place, placed, without_row
from .tree_reading import Branch, Met, Node, is_mapping, read
from .tree_values import (
    beside_ends,
    changed,
    deleted_one,
    is_here,
    keys_in,
    refers,
    require_alive,
    update_together,
    would_have,
)

if TYPE_CHECKING:
    from .definition import Definition, Relation

Routine: TypeAlias = "Iterator[Routine]"
"""Work that yields the work to be done before it goes on."""


def create_tree(definition: Definition, values: Mapping[str, Any]) -> Any:
    """A new record with everything that hangs from it."""
    definition.ensure()
    root = Node(definition, None)
    _write(root, values, remove_missing=False)
    return root.record


def assign_tree(record: Any, values: Mapping[str, Any], *, remove_missing: bool) -> None:
    """Writes values to a record and to what hangs from it."""
    definition: Definition = type(record).__sinew__
    if not is_mapping(values):
        raise FieldError(
            f"{definition.name}.assign_tree() takes a mapping of values, not {show(values)} ({kind_of(values)})"
        )
    if not isinstance(remove_missing, bool):
        raise FieldError(f"assign_tree(remove_missing=) takes True or False, not {show(remove_missing)}")
    require_alive(record)
    _write(Node(definition, None, record=record), values, remove_missing=remove_missing)


def _write(root: Node, values: Mapping[str, Any], *, remove_missing: bool) -> None:
    met = read(root, values)
    writing = _Writing(met, remove_missing=remove_missing)
    try:
        with root.definition.db.transaction():
            writing.all(root)
    except (IntegrityError, DeleteRestricted) as error:  # at the end of it
        at_place(error, writing.place_of(error))
        raise


def _run(work: Routine) -> None:
    stack = [work]
    while stack:
        first = next(stack[-1], None)
        if first is None:
            stack.pop()
        else:
            stack.append(first)


class _Writing:
    """One tree being written, within a transaction."""

    def __init__(self, met: Sequence[Met], *, remove_missing: bool) -> None:
        self.met, self.remove_missing = met, remove_missing
        self.finder = Finder()
        self.held: dict[tuple[Relation, Any], tuple[Relation, Any, Place]] = {}  # who has been put where

    def all(self, root: Node) -> None:
        if self.remove_missing:
            self.find_beforehand()
        _run(self.record(root, find=False))

    def find_beforehand(self) -> None:
        for node, relation, around in self.met:
            owner = None if around is None else around.record
            if owner is not None and relation is not None and relation.kind == "has_one":
                self.find_one(node, relation.path.first(owner))
            else:
                self.find(node, {} if owner is None else self.implied(relation, owner))

    def implied(self, relation: Relation | None, owner: Any) -> Mapping[str, Any]:
        """What the values need not say, as the place does."""
        direct = relation is not None and relation.kind == "has_many" and relation.inverse_of is not None
        return _own(relation, owner) if direct and relation is not None else {}

    # ------------------------------------------------------------ one record

    def record(self, node: Node, *, find: bool = True) -> Routine:
        """The record of a node with its references and branches."""
        yield self.references(node)
        if find:
            self.find(node, {})
        self.put(node, node.values)
        yield self.branches(node)

    def references(self, node: Node) -> Routine:
        for relation, parent in node.parents:
            yield self.record(parent)
            node.values[relation.name] = parent.record

    def branches(self, node: Node) -> Routine:
        for branch in node.branches:
            yield self.branch(node, branch)

    def find(self, node: Node, implied: Mapping[str, Any]) -> None:
        if node.record is None:
            try:
                node.record = self.finder.find(node, implied)
            except Exception as error:
                at_place(error, node.place)
                raise

    def put(self, node: Node, values: Mapping[str, Any]) -> None:
        """Makes the record, or sets what is new."""
        try:
            if node.record is None:
                node.record, node.fresh = node.definition.cls(**values), True
                return
            require_alive(node.record)
            new = changed(node.record, node.definition, values)
            if new:
                _engine.update(node.record, new)
        except RecordDeleted as error:
            error._about = deleted_one(node.values)
            at_place(error, node.place)
            raise
        except Exception as error:
            at_place(error, node.place)
            raise

    # ------------------------------------------------------------ one relation

    def branch(self, owner: Node, branch: Branch) -> Routine:
        for node in branch.nodes:
            if node.parents:
                yield self.references(node)
        fill = {"has_one": self.one, "has_many": self.many, "many_to_many": self.links}[branch.relation.kind]
        try:
            fill(owner, branch)
        except Exception as error:
            at_place(error, branch.place)
            raise
        for node in branch.nodes:
            if node.branches:
                yield self.branches(node)

    def hold(self, owner: Any, relation: Relation, node: Node) -> None:
        """A record has one place among those that a reference may give it."""
        if node.record is None or node.place is None:
            return
        key = _inverse(relation).base, node.record
        before = self.held.setdefault(key, (relation, owner, node.place))
        if before[2] is not node.place and (before[0] is relation or before[1] is not owner):
            raise placed(
                RelationError(
                    f"{node.record!r} is given twice, here and at {before[2]}; {_name(_inverse(relation))} leads to "
                    "one record"
                ),
                node.place,
            )

    def many(self, owner: Node, branch: Branch) -> None:
        relation, own = branch.relation, _own(branch.relation, owner.record)
        for node in branch.nodes:
            self.find(node, own)
            self.hold(owner.record, relation, node)
        exact = self.remove_missing and not owner.fresh
        if exact:
            _require_whole(relation)
            self.leave(owner, branch)
        if not owner.fresh and self.finder.unique_fields(relation.target):
            self.exchange([node for node in branch.nodes if node.record is not None and is_here(node.record, own)])
        self.fill(branch, own, singly=exact)
        if exact:
            _arrange(relation, getattr(owner.record, relation.name), [node.record for node in branch.nodes])

    def fill(self, branch: Branch, own: Mapping[str, Any], *, singly: bool) -> None:
        """Puts the records here, in their order; new ones that nothing else needs to know in one statement."""
        relation = branch.relation
        singly = singly or relation.has_condition
        plain: list[Node] = []
        for node in branch.nodes:
            if node.record is None and not node.branches and not singly:
                plain.append(node)
                continue
            self.insert(relation, own, plain)
            plain = []
            self.put(node, self.owned(relation, own, node))
            self.fit(relation, node)
        self.insert(relation, own, plain)

    def insert(self, relation: Relation, own: Mapping[str, Any], nodes: Sequence[Node]) -> None:
        rows = [self.owned(relation, own, node) for node in nodes]
        if len(rows) == 1:
            self.put(nodes[0], rows[0])
        elif rows:
            _at_rows(nodes, lambda: _engine.insert_rows(relation.target.cls, rows, None))

    def owned(self, relation: Relation, own: Mapping[str, Any], node: Node) -> dict[str, Any]:
        try:
            values = _owned(relation, own, node.values)
        except Exception as error:
            at_place(error, node.place)
            raise
        if node.record is None:
            return {**relation.where_values(), **values} if relation.has_condition else values
        del values[next(iter(own))]  # its columns say the same, and are compared with the other fields
        return {**values, **dict(islice(own.items(), 1, None))}

    def fit(self, relation: Relation, node: Node) -> None:
        try:
            _require_fit(relation, node.record)
        except Exception as error:
            at_place(error, node.place)
            raise

    def leave(self, owner: Node, branch: Branch) -> None:
        """Takes out who is not in the branch: its reference becomes None, or, if it is required, it is deleted."""
        relation, inverse = branch.relation, _inverse(branch.relation)
        staying = {node.record for node in branch.nodes}
        leaving = relation.path.rows(owner.record).filter(lambda record: record not in staying)
        if not len(leaving):
            return
        if inverse.required:
            leaving.delete()
        else:
            fields = [info.engine for info in inverse.foreign_key]
            nothing: list[Any] = [None] * len(fields)
            leaving.update(fields, nothing, [True] * len(fields))

    def exchange(self, nodes: Sequence[Node]) -> None:
        """Records that are where they are to be get their unique values by one statement, before anything else here, so
        that they may exchange them. What is refused for other reasons is met again one by one, where its place is
        known."""
        if not nodes or not (names := self.finder.unique_fields(nodes[0].definition)):
            return
        definition = nodes[0].definition
        values: dict[Any, dict[str, Any]] = {}
        try:
            values = {node.record: changed(node.record, definition, keys_in(node, names)) for node in nodes}
            with definition.db.transaction():
                update_together({record: each for record, each in values.items() if each})
        except UniqueError as error:
            for node in nodes:
                if would_have(node.record, values[node.record], error.fields, error.values):
                    at_place(error, node.place)
                    raise
        except MemoryError:
            raise
        except Exception:
            return

    # ------------------------------------------------------------ has_one

    def one(self, owner: Node, branch: Branch) -> None:
        relation = branch.relation
        old = None if owner.fresh else relation.path.first(owner.record)
        node = branch.nodes[0] if branch.nodes else None
        if node is not None:
            self.find_one(node, old)
            self.hold(owner.record, relation, node)
        stays = old is not None and node is not None and node.record is old
        if old is not None and not stays:
            self.give_up(relation, old)
        if node is not None:
            self.put(node, self.owned(relation, _own(relation, owner.record), node))
            self.fit(relation, node)
        if not stays:
            _bring_forward(relation, owner.record, None if node is None else node.record)

    def find_one(self, node: Node, old: Any) -> None:
        """The record that its key names; without a primary key the one that is there."""
        if node.record is None and old is not None and not self.finder.has_primary_key(node):
            node.record = old
        self.find(node, {})

    def give_up(self, relation: Relation, old: Any) -> None:
        inverse = _inverse(relation)
        if not inverse.required:
            _engine.update(old, {inverse.name: None})
        elif self.remove_missing:
            _engine.delete(old)
        else:
            raise RelationError(
                f"{old!r} cannot leave {_name(relation)}: {relation.target.name}.{inverse.name} is required; move or "
                "delete it, or say remove_missing=True, which deletes it"
            )

    # ------------------------------------------------------------ many-to-many

    def links(self, owner: Node, branch: Branch) -> None:
        relation = branch.relation
        demanded = relation.where_values() if relation.has_condition else {}
        for node in branch.nodes:
            self.target(relation, node)
        self.exchange([node for node in branch.nodes if node.record is not None and _engine.alive(node.record)])
        for node in branch.nodes:
            self.target(relation, node)  # what another one of them has made
            self.put(node, {**demanded, **node.values} if node.record is None else node.values)
            self.pivot(relation, owner.record, node)
        self.require_once(relation, branch)
        work = _Work(getattr(owner.record, relation.name))
        there = {} if owner.fresh else _rows_by_target(self.rows(work, branch))
        missing: list[Node] = []
        for node in branch.nodes:
            if there.get(node.record):
                self.update_link(work, node, there[node.record].pop(0))
            else:
                missing.append(node)
        if self.remove_missing:
            work.drop([(record, row) for record, rows in there.items() for row in rows])
        _at_rows(missing, lambda: work.insert([(node.record, node.pivot or {}) for node in missing]), "pivot")
        if self.remove_missing and not owner.fresh:
            work.arrange([node.record for node in branch.nodes])
        work.done()

    def target(self, relation: Relation, node: Node) -> None:
        """The record that a node of links means, if there is one. NotFound for a key alone that none has."""
        if node.key is None:
            self.find(node, {})
        elif node.record is None:
            find: Any = _engine.ModelMeta.find  # a model may have a field of this name
            try:
                node.record = find(relation.target.cls, node.key)
            except Exception as wrong:
                at_place(wrong, node.place)
                raise
            if node.record is None:
                name = relation.target.name
                raise placed(
                    NotFound(f"{_name(relation)}: there is no {name} with the key {show(node.key)}"), node.place
                )

    def pivot(self, relation: Relation, owner: Any, node: Node) -> None:
        """The values of a link need not say what it links, and may not say anything else."""
        if node.pivot:
            try:
                node.pivot = beside_ends(relation, owner, node.record, node.pivot)
            except Exception as error:
                at_place(error, Place(node.place, "pivot"))
                raise

    def require_once(self, relation: Relation, branch: Branch) -> None:
        assert relation.link is not None
        if not pivots.is_unique(relation.link):
            return
        seen: dict[Any, Place | None] = {}
        for node in branch.nodes:
            if node.record in seen:
                raise placed(
                    RelationError(
                        f"{_name(relation)} is given {node.record!r} twice, here and at {seen[node.record]}, and links "
                        "a record once; unique=False allows several"
                    ),
                    node.place,
                )
            seen[node.record] = node.place

    def rows(self, work: _Work, branch: Branch) -> list[tuple[Any, Any]]:
        """The links that this may change: all, or those to the records that are given."""
        return work.all() if self.remove_missing else work.of(list(dict.fromkeys(node.record for node in branch.nodes)))

    def update_link(self, work: _Work, node: Node, row: Any) -> None:
        try:
            work.update(node.record, row, changed(row, work.link.pivot, node.pivot) if node.pivot else {})
        except Exception as error:
            at_place(error, Place(node.place, "pivot"))
            raise

    # ------------------------------------------------------------ at the end

    def place_of(self, error: SinewError) -> Place | None:
        """Where the tree says what a check at the end of the transaction refuses."""
        for cls, _, name, value in getattr(error, "problems", ()):
            for node, *_ in self.met:
                relation = node.definition.relations.get(name) if node.definition.cls is cls else None
                if relation is not None and refers(node, relation, value):
                    return Place(node.place, name)
        return None


def _at_rows(nodes: Sequence[Node], insert: Any, step: str | None = None) -> None:
    """Inserts a row for each of these nodes; an error names the one at fault."""
    try:
        insert()
    except Exception as error:
        row = without_row(error) if len(nodes) > 1 else 0
        if row is not None and row < len(nodes):
            place = nodes[row].place
            at_place(error, place if step is None else Place(place, step))
        raise
