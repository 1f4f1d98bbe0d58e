"""References with members: one descriptor for records of several models, without the Python layer."""

from __future__ import annotations

import gc
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from .world import Raised, make_world


def make_notes(
    engine: ModuleType, *, required: bool = False, on_delete: str = "nullify", validators: Any = None, init: bool = True
) -> SimpleNamespace:
    """A Note on an Author (tag "a") or on a Category (tag 2) of tests.binding.world."""
    w, F = make_world(engine), engine.Field
    n = w.note = SimpleNamespace()
    n.id = F("id", "int", automatic=True, read_only=True)
    default = engine.MISSING if required else None
    n.about_type = F("about_type", "Literal", arg=(2, "a"), nullable=not required, default=default)
    n.about_id = F("about_id", "int", nullable=not required, default=default)
    columns = [n.about_type, n.about_id]
    w.to_author = engine.Reference("about", columns, required=required, tag="a")
    w.to_category = engine.Reference("about", columns, required=required, tag=2)
    n.about = engine.Reference("about", columns, required=required, members=[w.to_author, w.to_category])
    w.Note = type(engine.Record)("Note", (engine.Record,), dict(vars(n)))
    fields = [n.id, *columns]
    engine.bind_model(
        w.Note,
        w.store,
        fields=fields,
        parameters=[*fields, n.about] if init else fields,
        primary_key=[n.id],
        validators=validators or {},
    )
    engine.set_primary_index(w.Note, w.store.add_index(w.Note, "unique", [n.id]))
    w.on_delete, w.shared = on_delete, w.store.add_index(w.Note, "many", columns)
    w.author_key = w.store.add_index(w.Author, "unique", [w.author.id])
    w.category_key = w.store.add_index(w.Category, "unique", [w.category.id])
    return w


def bind(w: SimpleNamespace) -> SimpleNamespace:
    w.to_author.bind(w.Author, [w.author.id], w.shared, w.author_key, w.on_delete, True)
    w.to_category.bind(w.Category, [w.category.id], w.shared, w.category_key, w.on_delete, True)
    return w


@pytest.fixture
def w(engine: ModuleType) -> SimpleNamespace:
    return bind(make_notes(engine))


def test_reading_and_setting(w: SimpleNamespace) -> None:
    author, category = w.Author(id=0, name="Ann"), w.Category(id=0, label="c")
    note = w.Note(about=author)
    assert note.about is author and (note.about_type, note.about_id) == ("a", 0)
    note.about = category
    assert note.about is category and (note.about_type, note.about_id) == (2, 0)
    note.about_type = "a"
    assert note.about is author
    note.about = None
    assert note.about is None and note.about_type is None and note.about_id is None
    w.engine.update(note, {"about": category})
    assert note.about is category
    assert w.Note(about_type="a", about_id=0).about is author


def test_attributes(w: SimpleNamespace) -> None:
    assert w.note.about.members == (w.to_author, w.to_category) and w.note.about.tag is None
    assert w.to_author.tag == "a" and w.to_author.members is None and w.to_category.tag == 2
    assert w.note.about.model is w.Note and w.note.about.target is None and w.to_category.target is w.Category


def test_paths_go_along_members(w: SimpleNamespace) -> None:
    author, category = w.Author(id=1, name="Ann"), w.Category(id=1, label="c")
    notes = [w.Note(about=each) for each in (author, category, author)]
    back = w.path(w.to_author, True)
    assert list(back.rows(author)) == [notes[0], notes[2]] and back.count(author) == 2
    assert back.contains(author, notes[2]) and not back.contains(author, notes[1])
    forth = w.path(w.to_category, False)
    assert forth.first(notes[1]) is category and forth.first(notes[0]) is None
    with pytest.raises(Raised) as error:
        w.path(w.note.about, False)
    assert "has been defined anew" in str(error.value)


@pytest.mark.parametrize("wrong", [5, "a", ("a", 0)])
def test_what_it_takes(w: SimpleNamespace, wrong: Any) -> None:
    note = w.Note()
    for attempt in (lambda: w.Note(about=wrong), lambda: setattr(note, "about", wrong)):
        with pytest.raises(Raised) as error:
            attempt()
        assert error.value.function == "bad_reference"
        assert error.value.given == (w.note.about, wrong, "an Author or a Category record")


def test_a_record_of_another_model(w: SimpleNamespace) -> None:
    post = w.Post(title="x", author=w.Author(name="Ann"))
    with pytest.raises(Raised, match="bad_reference"):
        w.Note(about=post)
    with pytest.raises(Raised, match="bad_reference"):
        w.Note(about=w.Note())


def test_required(engine: ModuleType) -> None:
    w = bind(make_notes(engine, required=True, on_delete="cascade"))
    author = w.Author(name="Ann")
    for attempt, function in (
        (lambda: w.Note(), "missing_arguments"),
        (lambda: w.Note(about=None), "bad_reference"),
        (lambda: w.Note(about_type="a"), "missing_arguments"),
    ):
        with pytest.raises(Raised) as error:
            attempt()
        assert error.value.function == function
    note = w.Note(about=author)
    w.engine.delete(author)
    assert not w.engine.alive(note)


def test_half_a_key(w: SimpleNamespace) -> None:
    author = w.Author(name="Ann")
    note, other = w.Note(about=author), w.Note()
    for attempt in (
        lambda: w.Note(about_type="a"),
        lambda: w.Note(about_id=1),
        lambda: setattr(note, "about_type", None),
        lambda: setattr(note, "about_id", None),
        lambda: setattr(other, "about_id", 1),
        lambda: w.engine.update(other, {"about_type": "a"}),
        lambda: w.engine.live_rows(w.Note).update([w.note.about_type], ["a"], [True]),
    ):
        with pytest.raises(Raised) as error:
            attempt()
        assert error.value.function == "half_key"
        assert error.value.given == (w.Note, (w.note.about_type, w.note.about_id))
    assert len(w.engine.live_rows(w.Note)) == 2 and note.about is author and other.about is None
    w.engine.update(other, {"about_type": "a", "about_id": author.id})
    assert other.about is author


def test_contradictions(w: SimpleNamespace) -> None:
    author, category = w.Author(name="Ann"), w.Category(label="c")
    note = w.Note(about=author, about_id=author.id, about_type="a")
    for given in ({"about_type": 2}, {"about_id": 7}):
        for attempt in (
            lambda given=given: w.Note(about=author, **given),
            lambda given=given: w.engine.update(note, {"about": author, **given}),
        ):
            with pytest.raises(Raised) as error:
                attempt()
            assert error.value.function == "reference_contradiction" and error.value.given[0] is w.note.about
    w.engine.update(note, {"about": category, "about_type": 2})
    assert note.about is category


def test_what_dangles(w: SimpleNamespace) -> None:
    w.Author(id=5, name="Ann")
    with pytest.raises(Raised) as error:
        w.Note(about_type=2, about_id=5)
    problems, count, _ = error.value.given
    assert error.value.function == "dangling" and count == 1 and problems[0][2:] == ("about", (2, 5))
    note = w.Note(about_type="a", about_id=5)
    with pytest.raises(Raised, match="dangling"):
        note.about_type = 2
    assert note.about_type == "a"


def test_reading_what_dangles(engine: ModuleType) -> None:
    w = bind(make_notes(engine, required=True, on_delete="restrict"))
    w.store.begin()
    note = w.Note(about_type=2, about_id=9)
    with pytest.raises(Raised) as error:
        _ = note.about
    assert error.value.function == "dangling_read" and error.value.given == (w.to_category, 9)
    w.store.rollback()


def test_restrict_and_key_in_use(engine: ModuleType) -> None:
    w = bind(make_notes(engine, on_delete="restrict"))
    category = w.Category(id=3, label="c")
    author = w.Author(id=3, name="Ann")
    w.Note(about=category)
    with pytest.raises(Raised) as error:
        w.engine.delete(category)
    assert error.value.function == "restricted" and error.value.given == (w.Category, 3, [(w.Note, "about", 1)])
    w.engine.delete(author)


def test_nullify(w: SimpleNamespace) -> None:
    author, category = w.Author(id=3, name="Ann"), w.Category(id=3, label="c")
    a, c = w.Note(about=author), w.Note(about=category)
    w.engine.delete(author)
    assert a.about_type is None and a.about_id is None and c.about is category


def test_bulk(w: SimpleNamespace) -> None:
    author, category = w.Author(id=0, name="Ann"), w.Category(id=0, label="c")
    assert w.engine.insert_rows(w.Note, [{"about": author}, {"about": category}, {"about": None}], None) == 3
    assert w.engine.insert_rows(w.Note, [("a", 0), (2, 0)], ["about_type", "about_id"]) == 2
    assert w.engine.insert_columns(w.Note, {"about": [category, None]}) == 2
    assert w.engine.insert_columns(w.Note, {"about_type": ["a", 2, None], "about_id": [0, 0, None]}) == 3
    found = [record.about for record in w.engine.live_rows(w.Note)]
    assert found == [author, category, None, author, category, category, None, author, category, None]
    with pytest.raises(Raised) as error:
        w.engine.insert_columns(w.Note, {"about_type": ["a", "a", 2], "about_id": [0, None, 0]})
    assert error.value.function == "at_row" and error.value.given[1] == 1
    with pytest.raises(Raised, match="at_row"):
        w.engine.insert_rows(w.Note, [{"about": author}, {"about": 3}], None)
    assert len(w.engine.live_rows(w.Note)) == 10


def test_validators_see_the_record_and_the_key(engine: ModuleType) -> None:
    seen: list[tuple[str, Any]] = []

    def note(name: str) -> Any:
        def see(record: Any, value: Any) -> Any:
            seen.append((name, value))
            return value

        return see

    w = bind(make_notes(engine, validators={name: [note(name)] for name in ("about", "about_type", "about_id")}))
    author = w.Author(name="Ann")
    made = w.Note(about=author)
    assert seen == [("about", author), ("about_type", "a"), ("about_id", 1)]
    made.about = None
    assert len(seen) == 3


def test_a_validator_may_choose_another_member(engine: ModuleType) -> None:
    chosen: list[Any] = []
    w = bind(make_notes(engine, validators={"about": [lambda record, value: chosen[0]]}))
    author, category = w.Author(name="Ann"), w.Category(label="c")
    chosen.append(category)
    assert w.Note(about=author).about is category


def test_left_out_of_the_constructor(engine: ModuleType) -> None:
    w = bind(make_notes(engine, init=False))
    note = w.Note(about_type=None, about_id=None)
    author = w.Author(name="Ann")
    note.about = author
    w.engine.update(note, {"about": author})
    assert note.about is author


def test_before_it_is_bound(engine: ModuleType) -> None:
    w = make_notes(engine)
    note = w.Note(about_type=None, about_id=None)
    w.to_author.bind(w.Author, [w.author.id], w.shared, w.author_key, "restrict", True)
    for attempt in (lambda: note.about, lambda: setattr(note, "about", None)):
        with pytest.raises(Raised) as error:
            attempt()
        assert error.value.function == "internal" and "before its models are laid out" in error.value.given[0]


def test_misuse(engine: ModuleType) -> None:
    w = make_notes(engine)
    R, n = engine.Reference, w.note
    for wrong in ([], [n.about], [3], 3, [R("plain", [n.about_id], required=True)]):
        with pytest.raises(TypeError):
            R("about", [n.about_type, n.about_id], required=False, members=wrong)
    with pytest.raises(ValueError, match="another number of columns"):
        n.about.bind(w.Author, [w.author.id], w.shared, w.author_key, "restrict", True)
    with pytest.raises(ValueError, match="another number of columns"):
        w.to_author.bind(w.Author, [w.author.id, w.author.name], w.shared, w.author_key, "restrict", True)
    unknown = R("about", [n.about_type, n.about_id], required=False, tag="b")
    with pytest.raises(Raised, match="bad_value"):
        unknown.bind(w.Author, [w.author.id], w.shared, w.author_key, "restrict", True)
    other = R("about", [n.id, n.about_id], required=False, tag=1)
    with pytest.raises(ValueError, match="is no Literal"):
        other.bind(w.Author, [w.author.id], w.shared, w.author_key, "restrict", True)
    w.to_author.bind(w.Author, [w.author.id], w.shared, w.author_key, "restrict", True)
    twice = R("about", [n.about_type, n.about_id], required=False, tag="a")
    with pytest.raises(Raised, match="internal"):
        twice.bind(w.Category, [w.category.id], w.shared, w.category_key, "restrict", True)
    w.store.check()


def test_rows_that_are_there(engine: ModuleType) -> None:
    w = make_notes(engine)
    w.Note(about_type="a", about_id=None)
    with pytest.raises(Raised, match="half_key"):
        bind(w)
    w.engine.live_rows(w.Note).update([w.note.about_id], [8], [True])
    with pytest.raises(Raised, match="dangling"):
        bind(w)
    w.Author(id=8, name="Ann")
    assert bind(w) is w
    w.to_author.unbind()
    w.to_author.unbind()
    w.note.about.unbind()  # which has nothing to drop
    with pytest.raises(Raised, match="internal"):
        _ = w.engine.live_rows(w.Note).at(0).about
    w.to_author.bind(w.Author, [w.author.id], w.shared, w.author_key, "restrict", True)
    assert w.engine.live_rows(w.Note).at(0).about.id == 8


def test_dead_records(w: SimpleNamespace) -> None:
    author = w.Author(name="Ann")
    note = w.Note(about=author)
    w.engine.delete(author)
    for attempt in (lambda: w.Note(about=author), lambda: setattr(note, "about", author)):
        with pytest.raises(Raised, match="deleted"):
            attempt()
    w.engine.delete(note)
    with pytest.raises(Raised, match="deleted"):
        _ = note.about


def test_another_owner(w: SimpleNamespace) -> None:
    with pytest.raises(TypeError, match="is not one of a"):
        w.note.about.__get__(w.Author(name="Ann"))
    assert w.note.about.__get__(None, w.Note) is w.note.about
    with pytest.raises(AttributeError, match="cannot be deleted"):
        del w.Note().about


def test_members_after_their_model(engine: ModuleType) -> None:
    w = bind(make_notes(engine))
    kept, whole = w.to_author, w.note.about
    w.store.close()
    del w
    gc.collect()
    assert kept.tag == "a" and whole.members[0] is kept
