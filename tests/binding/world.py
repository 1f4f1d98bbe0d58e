"""The extension without the Python layer: its own instance of the module, hooks that do the least, models by hand.

The extension keeps its state per module object, so these tests load a second one and leave the package's alone.
"""

from __future__ import annotations

import importlib.util
from types import ModuleType, SimpleNamespace
from typing import Any


class Raised(Exception):
    """What a function of the errors module is asked for: its name and arguments."""

    def __init__(self, function: str, args: tuple[Any, ...] = ()) -> None:
        super().__init__(function)
        self.function = function
        self.given = args


class Errors:
    """Stands for sinew.errors: every function of it gives a Raised, and every other class of it is that."""

    class Invalid(Exception):
        pass

    def __getattr__(self, name: str) -> Any:
        return Raised if name[0].isupper() else lambda *args: Raised(name, args)


def _layout(cls: type) -> None:
    raise Raised("layout", (cls,))


def load_engine(current_task: Any = None, errors: Any = None) -> ModuleType:
    """A new instance of the extension, with hooks installed."""
    spec = importlib.util.find_spec("sinew._engine")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.install(
        errors=errors or Errors(),
        declare=lambda meta, name, bases, namespace, keywords: module.new_class(meta, name, bases, namespace),
        layout=_layout,
        missing_class_attribute=lambda cls, name: AttributeError(name),
        missing_record_attribute=lambda record, name: AttributeError(name),
        find_by=lambda cls, values: None,
        current_task=current_task or (lambda: None),
    )
    return module


def _layout_model(
    engine: ModuleType, store: Any, cls: Any, fields: list[Any], parameters: list[Any], **options: Any
) -> Any:
    engine.bind_model(
        cls,
        store,
        fields=fields,
        parameters=parameters,
        primary_key=fields[:1],
        validators=options.get("validators", {}),
    )
    key = store.add_index(cls, "unique", fields[:1])
    engine.set_primary_index(cls, key)
    return key


def make_world(engine: ModuleType, **options: Any) -> SimpleNamespace:
    """A store with Author 1-n Post and Category 1-n Post, Category being a tree.

    Author: id, name, email (unique), extra (any object). Post: id, title, score (ordered index), rating, at, done,
    author (required, cascade), category (nullify). Category: id, label, parent (restrict).
    """
    F, R = engine.Field, engine.Reference
    w = SimpleNamespace(engine=engine, store=engine.Store())

    class Collection(engine.Collection):
        __slots__ = ()

    a, p, c = SimpleNamespace(), SimpleNamespace(), SimpleNamespace()
    w.author, w.post, w.category, w.Collection = a, p, c, Collection
    for fields in (a, p, c):
        fields.id = F("id", "int", automatic=True, read_only=True)
    a.name = F("name", "str")
    a.email = F("email", "str", nullable=True, default=None)
    a.extra = F("extra", "object", nullable=True, default=None)
    p.title = F("title", "str")
    p.score = F("score", "int", nullable=True, default=None)
    p.rating = F("rating", "float", nullable=True, default=None)
    p.at = F("at", "datetime", arg="naive", nullable=True, default=None)
    p.done = F("done", "bool", default=False)
    p.author_id = F("author_id", "int")
    p.category_id = F("category_id", "int", nullable=True, default=None)
    c.label = F("label", "str")
    c.parent_id = F("parent_id", "int", nullable=True, default=None)
    p.author = R("author", [p.author_id], required=True)
    p.category = R("category", [p.category_id], required=False, default=None)
    c.parent = R("parent", [c.parent_id], required=False, default=None)
    a.posts, a.first_post = engine.Many("posts"), engine.One("first_post")
    c.posts, c.children = engine.Many("posts"), engine.Many("children")

    w.Author = type(engine.Record)("Author", (engine.Record,), dict(vars(a)))
    w.Post = type(engine.Record)("Post", (engine.Record,), dict(vars(p)))
    w.Category = type(engine.Record)("Category", (engine.Record,), dict(vars(c)))

    a_key = _layout_model(engine, w.store, w.Author, [a.id, a.name, a.email, a.extra], [a.id, a.name, a.email, a.extra])
    p_fields = [p.id, p.title, p.score, p.rating, p.at, p.done, p.author_id, p.category_id]
    _layout_model(engine, w.store, w.Post, p_fields, [*p_fields, p.author, p.category], **options)
    c_key = _layout_model(
        engine, w.store, w.Category, [c.id, c.label, c.parent_id], [c.id, c.label, c.parent_id, c.parent]
    )
    w.by_email = w.store.add_index(w.Author, "unique", [a.email])
    w.by_score = w.store.add_index(w.Post, "ordered", [p.score])
    p.author.bind(w.Author, [a.id], w.store.add_index(w.Post, "many", [p.author_id]), a_key, "cascade", True)
    p.category.bind(w.Category, [c.id], w.store.add_index(w.Post, "many", [p.category_id]), c_key, "nullify", True)
    c.parent.bind(w.Category, [c.id], w.store.add_index(w.Category, "many", [c.parent_id]), c_key, "restrict", True)

    def path(
        reference: Any, backward: bool, single: bool = False, where: Any = None, order: Any = (), limit: Any = None
    ) -> Any:
        return engine.Path(w.store, [(reference, backward, single, where, order, limit)])

    w.path = path
    w.posts, w.children = path(p.author, True), path(c.parent, True)
    a.posts.bind(w.posts, Collection)
    a.first_post.bind(
        path(p.author, True, single=True),
    )
    c.posts.bind(path(p.category, True), Collection)
    c.children.bind(w.children, Collection)
    return w
