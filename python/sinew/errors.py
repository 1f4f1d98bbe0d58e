"""Exceptions, and the functions that word them.

Each message says what was asked, on which model and field, with which value, and what to do about it. The extension
raises by calling one of the functions below (each *returns* the exception); their names and arguments are a contract
with it:

    bad_value bad_instance bad_check invalid nan_in_index bad_reference reference_contradiction missing_arguments
    unknown_argument positional read_only computed bad_result note_getter unique dangling restricted key_in_use
    dangling_read deleted not_found bad_key overflow transaction_busy transaction_closed store_closed store_busy
    row_shape at_row limit internal

Messages are built from values of any kind, so `show` survives values whose repr fails, is endless, or spans lines.
"""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from . import _engine

SHOWN = 80
"""How many characters of a value a message shows."""


class SinewError(Exception):
    """The base of every error of this package.

    >>> issubclass(NotFound, SinewError)
    True
    """

    _about: str | None = None  # the attribute of the record that it is about, if it is one
    _placed = False  # whether it says where in a tree of values (places.py)


class DefinitionError(SinewError):
    """A model is declared in a way that cannot work. `file` and `line` say where; `problems` holds the single errors
    when `Database.check` reports several."""

    file: str | None
    line: int | None
    problems: tuple[DefinitionError, ...]

    def __init__(
        self,
        message: str,
        /,
        *,
        file: str | None = None,
        line: int | None = None,
        problems: Sequence[DefinitionError] = (),
    ) -> None:
        super().__init__(message if file is None else f"{message} ({file}:{line})")
        self.file = file
        self.line = line
        self.problems = tuple(problems)


class FieldError(SinewError, TypeError, ValueError):
    """A value that its field does not take."""


class Invalid(SinewError):
    """Validation failed. Raise `Invalid("must contain @")` in a validator; what comes out has `errors`, the messages by
    field name.

    >>> Invalid("must contain @").errors
    {'': ['must contain @']}
    """

    errors: Mapping[str, Sequence[str]]

    def __init__(self, message: str = "", /, *, errors: Mapping[str, Sequence[str]] | None = None) -> None:
        super().__init__(message)
        self.errors = {"": [message]} if errors is None else errors


class UniqueError(SinewError):
    """Another record (`existing`, None if it is part of the same refused statement) has these `values` in these
    `fields` of `model`."""

    model: Any
    fields: tuple[str, ...]
    values: tuple[Any, ...]
    existing: Any

    def __init__(
        self,
        message: str = "",
        /,
        *,
        model: Any = None,
        fields: tuple[str, ...] = (),
        values: tuple[Any, ...] = (),
        existing: Any = None,
    ) -> None:
        super().__init__(message)
        self.model = model
        self.fields = fields
        self.values = values
        self.existing = existing


class NotFound(SinewError, LookupError):
    """No record with this key."""


class UnknownName(SinewError, AttributeError):
    """A name that the model does not have."""


class RelationError(SinewError):
    """Something that this relation cannot do."""


class IntegrityError(SinewError):
    """References would be left without their target. `problems` lists some as (model, key, relation name, value)."""

    problems: tuple[tuple[Any, Any, str, Any], ...] = ()


class DeleteRestricted(SinewError):
    """A record that others refer to, with on_delete="restrict", cannot be deleted. `referring` lists (model, relation
    name, count)."""

    referring: tuple[tuple[Any, str, int], ...] = ()


class RecordDeleted(SinewError):
    """The record has been deleted."""


class TransactionError(SinewError):
    """Another thread or task has the transaction, or it is over."""


# ---------------------------------------------------------------- wording


class _Repr(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = SHOWN
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdict = self.maxdeque = 6
        self.maxlevel = 3

    def repr_instance(self, x: object, level: int) -> str:
        """What the base does, which takes a lack of memory for a fault of the class."""
        try:
            text = repr(x)
        except MemoryError:
            raise
        except Exception:
            return f"<{kind_of(x)} instance at {id(x):#x}>"
        return text if len(text) <= self.maxother else f"{text[: self.maxother // 2]}...{text[-self.maxother // 2 :]}"


_repr = _Repr()


def show(value: object, limit: int = SHOWN) -> str:
    """The repr of a value in one line of at most `limit` characters, whatever its `__repr__` does.

    >>> show("a" * 200, 20)
    "'aaaaaaaaaaa...aaaa'"
    """
    try:
        text = _repr.repr(value)
        if not isinstance(text, str):
            raise TypeError
        text = " ".join(text.splitlines())
    except MemoryError:
        raise
    except Exception:
        text = f"<{kind_of(value)} without a repr>"
    if len(text) <= limit:
        return text
    tail = (limit - 3) // 3
    return f"{text[: limit - 3 - tail]}...{text[-tail:]}"


def kind_of(value: object) -> str:
    """The name of a value's type."""
    return type.__dict__["__name__"].__get__(type(value))  # type: ignore[no-any-return]


def suggest(name: object, candidates: Iterable[str]) -> str:
    """`"; did you mean `title`?"`, or nothing if no candidate is near.

    >>> suggest("titel", ["title", "body"])
    '; did you mean `title`?'
    """
    near = difflib.get_close_matches(str(name), sorted(set(candidates)), n=1, cutoff=0.6)
    return f"; did you mean `{near[0]}`?" if near else ""


def one_of(options: Iterable[str]) -> str:
    """`'a', 'b' or 'c'`."""
    names = [repr(option) for option in options]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def model_name(cls: object) -> str:
    """What messages call a model."""
    return cls.__name__ if isinstance(cls, type) else "?"


def field_name(thing: _engine.Field | _engine.Reference) -> str:
    """`Post.title`."""
    return thing.name if thing.model is None else f"{model_name(thing.model)}.{thing.name}"


def _record(cls: object, key: object) -> str:
    return f"{model_name(cls)}[{show(key)}]"


def _names(fields: Sequence[_engine.Field]) -> str:
    return " and ".join(f"`{field.name}`" for field in fields)


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _parameter_names(cls: Any) -> list[str]:
    definition = getattr(cls, "__sinew__", None)
    return [] if definition is None else [*definition.fields, *(relation.name for relation in definition.belongs_to())]


# ---------------------------------------------------------------- values


def _field_error(attribute: _engine.Field | _engine.Reference, message: str) -> FieldError:
    error = FieldError(message)
    error._about = attribute.name
    return error


def bad_value(field: _engine.Field, value: object, expected: str, remedy: str | None = None) -> FieldError:
    """A value of the wrong type or beyond the range; None in a required field."""
    if kind_of(value) in ("NAType", "NaTType") or (isinstance(value, float) and value != value):
        remedy = "None in a nullable field"
    hint = f"; {'try ' if '(' in remedy else ''}{remedy}" if remedy else ""
    if value is None:
        hint = hint or f"; give {expected}, or annotate it `| None`"
        return _field_error(field, f"{field_name(field)} is required and takes no None{hint}")
    return _field_error(field, f"{field_name(field)} takes {expected}, not {show(value)} ({kind_of(value)}){hint}")


def bad_instance(field: _engine.Field, value: object, classes: type | tuple[type, ...]) -> FieldError:
    """Not an instance of what a field of a class of one's own, or of several, is annotated with."""
    names = [each.__name__ for each in (classes if isinstance(classes, tuple) else (classes,))]
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
    return bad_value(field, value, f"an instance of {listed}")


def bad_check(field: _engine.Field, value: object, check: object) -> FieldError:
    """`check=` said no."""
    name = getattr(check, "__qualname__", None)
    which = f" `{name}`" if isinstance(name, str) and "<lambda>" not in name else ""
    return _field_error(
        field, f"{field_name(field)}: its check={which} refuses {show(value)}; give a value for which it is true"
    )


def invalid(cls: Any, errors: Mapping[str, Sequence[object]]) -> Invalid:
    """What validators said, by field name. Messages may be texts or the `Invalid` exceptions that were raised."""
    by_name = {name: [text for message in messages for text in _texts(message)] for name, messages in errors.items()}
    said = "; ".join(f"{name}: {text}" if name else text for name, texts in by_name.items() for text in texts)
    return Invalid(f"{model_name(cls)} is not valid: {said}", errors=by_name)


def _texts(message: object) -> list[str]:
    if isinstance(message, Invalid):
        return [text for texts in message.errors.values() for text in texts]
    return [str(message)]


def nan_in_index(field: _engine.Field, value: object) -> FieldError:
    """NaN has no place in an index."""
    return _field_error(
        field,
        f"{field_name(field)} is unique or indexed and takes no NaN, got {show(value)}; use None for a missing number",
    )


def bad_reference(reference: _engine.Reference, value: object, expected: str) -> FieldError:
    """A record of another model, or None where a record is required."""
    if value is None:
        return _field_error(
            reference,
            f"{field_name(reference)} is required and takes no None; give {expected}, or annotate it `| None`",
        )
    hint = ""
    if reference.fields and not isinstance(value, type) and not hasattr(type(value), "__sinew__"):
        hint = f"; a key goes into {_names(reference.fields)}"
    return _field_error(
        reference, f"{field_name(reference)} takes {expected}, not {show(value)} ({kind_of(value)}){hint}"
    )


def reference_contradiction(
    reference: _engine.Reference, record: object, field: _engine.Field, value: object
) -> FieldError:
    """`author=` and `author_id=` disagree."""
    return _field_error(
        reference,
        f"{field_name(reference)}={show(record)} and {field.name}={show(value)} contradict each other; "
        "give one of the two",
    )


def half_key(cls: Any, fields: Sequence[_engine.Field]) -> FieldError:
    """The columns of a polymorphic belongs_to are None together or not at all."""
    return FieldError(
        f"{model_name(cls)}: {_names(fields)} say together which record is meant; "
        "give them in one statement, or None for all of them"
    )


def missing_arguments(cls: Any, names: Sequence[str]) -> FieldError:
    """Required arguments that were not given."""
    definition = getattr(cls, "__sinew__", None)
    relations = () if definition is None else definition.relations
    verbs = dict.fromkeys("belongs_to" if name in relations else "field" for name in names)
    listed = ", ".join(f"`{name}`" for name in names)
    return FieldError(
        f"{model_name(cls)}() misses {listed}; give {'it' if len(names) == 1 else 'them'} by keyword, "
        f"or declare a default with {' and '.join(f'{verb}(default=...)' for verb in verbs)}"
    )


def unknown_argument(cls: Any, name: str) -> UnknownName | FieldError:
    """A keyword that is no field and no belongs_to. FieldError for a getter, whose name is known."""
    definition = getattr(cls, "__sinew__", None)
    if definition is not None and name in definition.relations:
        relation = definition.relations[name]
        if relation.kind != "belongs_to":
            return UnknownName(
                f"{model_name(cls)}.{name} is a {relation.kind} and cannot be given here; "
                "set the belongs_to on the other side, or assign it to the record afterwards"
            )
        return UnknownName(
            f"{model_name(cls)}.{name} has init=False and cannot be given here; assign it to the record afterwards"
        )
    if definition is not None and name in definition.getters:
        return given_getter(definition.getters[name])
    if definition is not None and name in definition.fields:
        if definition.fields[name].declaration.automatic is None:
            return UnknownName(
                f"{model_name(cls)}.{name} has init=False and cannot be given here; assign it to the record afterwards"
            )
        return UnknownName(f"{model_name(cls)}.{name} fills itself and cannot be given here")
    return UnknownName(f"{model_name(cls)} has no field `{name}`{suggest(name, _parameter_names(cls))}")


def positional(cls: Any, count: int) -> FieldError:
    """Fields are given by keyword."""
    names = _parameter_names(cls)
    example = f", such as {model_name(cls)}({names[0]}=...)" if names else ""
    return FieldError(
        f"{model_name(cls)}() takes fields by keyword only, got {_plural(count, 'positional argument')}{example}"
    )


def read_only(field: _engine.Field, value: object) -> FieldError:
    """Primary keys are immutable; timestamps fill themselves."""
    definition = getattr(field.model, "__sinew__", None)
    if definition is not None and field.name in definition.primary_key:
        return _field_error(
            field,
            f"{field_name(field)} is part of the primary key, which is immutable; it cannot become {show(value)}: "
            "create another record and delete this one",
        )
    return _field_error(field, f"{field_name(field)} fills itself and cannot be set to {show(value)}")


def computed(getter: Any, *value: object) -> FieldError:
    """A getter is read only. getter: an _engine.Getter or a Computed; value: what it was to be, if it was to be set."""
    what = f"set to {show(value[0])}; change what it reads" if value else "deleted"
    return FieldError(f"{model_name(getter.model)}.{getter.name} is computed by a getter and cannot be {what}")


def given_getter(getter: Any) -> FieldError:
    """A getter among values for a record: as when one is set. getter: a Computed."""
    return FieldError(
        f"{model_name(getter.model)}.{getter.name} is computed by a getter and cannot be given; give what it reads"
    )


def bad_result(getter: _engine.Getter, value: object) -> FieldError:
    """A value that would be another one when it is read again."""
    return FieldError(
        f"the getter {model_name(getter.model)}.{getter.name} gave {show(value)} ({kind_of(value)}), which can be gone "
        "through or awaited once only; return a list or a tuple"
    )


def getter_writes(getter: _engine.Getter, record: object) -> SinewError:
    """A write while a getter's function runs."""
    return SinewError(
        f"the getter {model_name(getter.model)}.{getter.name} of {show(record)} writes to a database; a getter only "
        "reads, as nobody knows when and how often it runs: write where the change is made"
    )


def getter_cycle(running: Sequence[tuple[_engine.Getter, object]]) -> RecursionError:
    """A getter that reads itself. running: the functions that do, the innermost first."""
    names = [f"{model_name(getter.model)}.{getter.name} of {show(record)}" for getter, record in reversed(running)]
    return RecursionError(f"a getter reads itself: {' -> '.join([*names, names[0]])}")


def getter_differs(getter: _engine.Getter, record: object, kept: object, fresh: object) -> SinewError:
    """A kept value that is not what the function gives, though nothing that it read has changed."""
    return SinewError(
        f"the getter {model_name(getter.model)}.{getter.name} of {show(record)} keeps {show(kept)}, but its function "
        f"now gives {show(fresh)}: the value was changed in place, or depends on something outside the database; "
        "give a tuple instead of a list, or declare it with @getter(cache=False)"
    )


def note_getter(error: BaseException, getter: _engine.Getter, record: object) -> None:
    """Says in an exception's notes which getter raised it in a query, and for which record."""
    error.add_note(f"raised by the getter {model_name(getter.model)}.{getter.name} of {show(record)}, for a query")


def unique(cls: Any, fields: Sequence[_engine.Field], values: Sequence[object], existing: object = None) -> UniqueError:
    """Another record has this key."""
    names = tuple(field.name for field in fields)
    given = ", ".join(f"{name}={show(value)}" for name, value in zip(names, values, strict=True))
    owner = "another row of the same statement" if existing is None else show(existing)
    return UniqueError(
        f"{model_name(cls)} with {given} exists already: {owner}; give another value, or change that record "
        f"({model_name(cls)}.upsert does either)",
        model=cls,
        fields=names,
        values=tuple(values),
        existing=existing,
    )


def bad_key(cls: Any, key: object, expected: str) -> FieldError:
    """A key of the wrong type or length."""
    definition = getattr(cls, "__sinew__", None)
    names = f" ({', '.join(definition.primary_key)})" if definition is not None else ""
    return FieldError(f"the key of {model_name(cls)}{names} is {expected}, not {show(key)} ({kind_of(key)})")


def not_found(cls: Any, key: object) -> NotFound:
    """No record with this key."""
    return NotFound(f"there is no {_record(cls, key)}; `{model_name(cls)}.find(...)` gives None instead of an error")


def overflow(what: str) -> FieldError:
    """A result beyond the range of its type."""
    return FieldError(f"{what} is out of range: ints have 64 bits, times the years 1 to 9999")


def row_shape(cls: Any, expected: str, got: object) -> FieldError:
    """A row of insert_many that is no mapping, or a sequence of the wrong length."""
    return FieldError(f"{model_name(cls)}.insert_many: expected {expected}, got {show(got)}")


def at_row(error: BaseException, index: int) -> BaseException:
    """The same error with the row's number in front."""
    error.args = (f"row {index}: {error}", *error.args[1:])
    return error


# ---------------------------------------------------------------- integrity


def dangling(problems: Sequence[tuple[Any, Any, str, Any]], count: int, in_transaction: bool = False) -> IntegrityError:
    """References to records that do not exist."""
    listed = "; ".join(f"{_record(cls, key)}.{name} -> {show(value)}" for cls, key, name, value in problems)
    more = count - len(problems)
    listed += f"; and {more:,} more" if more > 0 else ""
    remedy = (
        "create them before the end of the transaction"
        if in_transaction
        else ("load parents first, or wrap the statements in db.transaction()")
    )
    if any(_may_be_deleted_softly(cls, name) for cls, _, name, _ in problems):
        remedy += "; a soft-deleted record counts as missing: restore() it first"
    error = IntegrityError(f"{_plural(count, 'reference')} to records that do not exist: {listed}; {remedy}")
    error.problems = tuple(problems)
    return error


def cycle(reference: _engine.Reference, record: Any, count: int) -> RelationError:
    """A record that is met again along a reference with acyclic=True, after so many steps."""
    chain = [record]
    while len(chain) <= min(count, _CHAIN):
        chain.append(getattr(chain[-1], reference.name))
    shown = [_record(type(each), _engine.key(each)) for each in chain]
    if count > _CHAIN:
        shown[-1:] = ["...", shown[0]]
    return RelationError(
        f"{field_name(reference)} has acyclic=True, and here it would lead around in a circle: {' -> '.join(shown)}"
        f"{f' ({count:,} steps)' if count > _CHAIN else ''}; give one of them another {reference.name}"
    )


_CHAIN = 5
"""How many steps of a circle a message shows."""


def _may_be_deleted_softly(cls: Any, name: str) -> bool:
    definition = getattr(cls, "__sinew__", None)
    relation = None if definition is None else definition.relations.get(name)
    targets = () if relation is None else relation.targets
    fields = (info for target in targets for info in target.declared.values())
    return any(info.declaration.automatic == "deleted" for info in fields)


def restricted(cls: Any, key: object, referring: Sequence[tuple[Any, str, int]]) -> DeleteRestricted:
    """Others refer to the record that is being deleted."""
    listed = ", ".join(f"{count:,} {model_name(other)} by `{name}`" for other, name, count in referring)
    error = DeleteRestricted(
        f"{_record(cls, key)} cannot be deleted: it is referred to by {listed}; delete or move them first, or declare "
        'on_delete="cascade" or "nullify" there'
    )
    error.referring = tuple(referring)
    return error


def key_in_use(
    cls: Any, key: object, names: Sequence[str], referring: Any, reference: str, count: int
) -> IntegrityError:
    """A key value that others refer to cannot change."""
    return IntegrityError(
        f"{_record(cls, key)}: {', '.join(f'`{name}`' for name in names)} cannot change while {count:,} "
        f"{model_name(referring)} refer to it by `{reference}`; move them first"
    )


def dangling_read(reference: _engine.Reference, key: object) -> IntegrityError:
    """A required belongs_to whose target does not exist (yet)."""
    return IntegrityError(
        f"{field_name(reference)} refers to {_record(reference.target, key)}, which does not exist (yet); create it, "
        f"or read {_names(reference.fields)}"
    )


def soft_deleted(record: Any) -> RecordDeleted:
    """The record is soft-deleted: it can be read, and restored."""
    return RecordDeleted(
        f"{record!r} is soft-deleted: its fields can be read, nothing else; restore() it first, or "
        "delete(force=True) removes it for good"
    )


def has_soft_deleted(cls: Any, count: int) -> DefinitionError:
    """The column cannot go."""
    return DefinitionError(
        f"{model_name(cls)} has {_plural(count, 'soft-deleted record')}; restore or remove them first"
    )


def unique_restored(
    cls: Any, fields: Sequence[_engine.Field], values: Sequence[object], existing: object, record: object
) -> UniqueError:
    """Another record has taken the key of one that is to be restored."""
    names = tuple(field.name for field in fields)
    given = ", ".join(f"{name}={show(value)}" for name, value in zip(names, values, strict=True))
    return UniqueError(
        f"{show(record)} cannot be restored: {model_name(cls)} with {given} exists by now: {show(existing)}; change or "
        "delete that one first",
        model=cls,
        fields=names,
        values=tuple(values),
        existing=existing,
    )


def deleted(cls: Any, what: str) -> RecordDeleted:
    """The record is gone."""
    return RecordDeleted(f"this {model_name(cls)} has been deleted; {what} cannot be used any more")


# ---------------------------------------------------------------- transactions and limits


def transaction_busy(opener: str, waited: float = 0.0) -> TransactionError:
    """Another thread or task writes."""
    after = f", still after {waited:.3g} s" if waited else ""
    return TransactionError(
        f"a transaction is open in {opener}{after}; let it end first (threads may use db.transaction(wait=seconds))"
    )


def transaction_closed() -> TransactionError:
    """The transaction has ended."""
    return TransactionError(
        "the transaction of this block is over (it was rolled back or closed); "
        "leave the `with` block before the next statement"
    )


def store_closed() -> SinewError:
    """The database has been closed."""
    return SinewError("the database is closed; records and queries of it cannot be used any more")


def store_busy(what: str) -> TransactionError:
    """Not while a transaction is open or rows are being looked at."""
    return TransactionError(f"{what} while a transaction is open or rows are in use; do it before or after")


def limit(what: str) -> SinewError:
    """More than the engine can hold."""
    return SinewError(what)


def internal(what: str) -> SinewError:
    """A defect of this package."""
    return SinewError(f"internal error in sinew: {what}; please report it")
