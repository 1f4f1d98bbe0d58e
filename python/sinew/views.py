"""Views: records at their places in a tree, and the branches that hold them.

Both are made by the extension (csrc/binding/view.c), which answers what a view knows; here is how they show themselves,
what they refuse, and the verbs of a branch."""

from __future__ import annotations

from collections.abc import Iterable
from types import GenericAlias
from typing import TYPE_CHECKING, Any, NoReturn

from . import _engine
from .errors import FieldError, NotFound, RecordDeleted, SinewError, UnknownName, show
from .query import Query
from .queryable import Queryable

if TYPE_CHECKING:
    from .nodes import Node


class View(_engine.View):
    """A record within a tree. Included relations give what the tree found: a view or None where there is at most one,
    else a read-only sequence of views with every query verb. Fields that only= leaves out are absent; everything else
    is the record's own, as it is now. `record` is the record; equal views show one record at one node.

    >>> from sinew._example import Author, Post
    >>> view = Author.include(Author.posts.category)[0]
    >>> view.name, view.posts[0].category.title, view.posts.where(Post.views > 5).pluck(Post.title)
    ('Ann', 'News', ['Hello'])
    >>> view.record is Author[1]
    True
    """

    __slots__ = ()
    __class_getitem__: Any = classmethod(GenericAlias)

    def _sinew_hidden(self, name: str) -> NoReturn:
        node: Node = self._sinew_node
        listed = ", ".join(map(repr, node.options.only or ()))
        raise UnknownName(
            f"the views of {node.written} do not show `{name}` (only=[{listed}]); name it there, or read it from "
            f"view.record.{name}"
        )

    def __setattr__(self, name: str, value: Any, /) -> NoReturn:
        what = "what is in it is changed on the record" if name in self._sinew_node.names else "set it on the record"
        raise FieldError(
            f"a view is read-only and cannot take {name} = {show(value)}; {what}: view.record.{name} = ..."
        )

    def __delattr__(self, name: str, /) -> NoReturn:
        raise FieldError(f"a view is read-only: `{name}` cannot be deleted")

    def __dir__(self) -> Iterable[str]:
        known = self._sinew_known
        hidden = {name for name, shown in known.items() if shown is None}
        own = (name for name in dir(type(self)) if not name.startswith("_sinew_"))
        try:
            names = {*own, *known, *dir(self.record)}
        except SinewError:
            names = {*own, *known}
        return sorted(names - hidden)

    def __repr__(self) -> str:
        below = self._sinew_node.names
        try:
            record = repr(self.record)
        except RecordDeleted:
            record = "a record (deleted)"
        return f"<View of {record}{' with ' if below else ''}{', '.join(below)}>"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise SinewError("a view is a place in a tree and cannot be copied or pickled; take view.record, or to_dicts()")


class Branch(_engine.Branch, Queryable):
    """The views below one record of a tree, or its roots: a read-only sequence, in the tree's order. Its verbs look at
    these rows and no others; what narrows or sorts gives a query of their records.

    >>> from sinew._example import Post, Author, hello
    >>> posts = Author.include(Author.posts)[0].posts
    >>> len(posts), posts[0].title, hello in posts, posts.sum(Post.views), posts.order_by(Post.views).first().title
    (2, 'Hello', True, 13, 'Again')
    """

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    def _query(self) -> Query:
        rows = self.rows()
        return Query(rows.model)._replace(among=rows)

    def __getitem__(self, index: Any, /) -> Any:
        if isinstance(index, slice):
            return [self.at(place) for place in range(len(self))[index]]
        if not hasattr(type(index), "__index__"):
            raise FieldError(f"{self._name()} is indexed by an int or a slice, not by {show(index)}")
        return self.at(index)

    def __contains__(self, thing: object, /) -> bool:
        return self.place(thing) >= 0

    def __eq__(self, other: object, /) -> bool:
        return list(self) == list(other) if isinstance(other, (Branch, list, tuple)) else NotImplemented

    def __getattr__(self, name: str, /) -> NoReturn:
        if name in _CHANGES:
            node: Node = self.node
            raise UnknownName(
                f"{self._name()} is part of a tree and read-only, it has no `{name}`; change the collection of the "
                f"record: view.record.{node.written.rpartition('.')[2]}.{name}(...)"
            )
        Queryable.__getattr__(self, name)

    def __repr__(self) -> str:
        listed = ", ".join(map(repr, self[:3]))
        return f"<{self._name()}: [{listed}{', ...' if len(self) > 3 else ''}]>"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise SinewError(f"{self._name()} is part of a tree and cannot be copied or pickled; use list(...) of records")

    def _name(self) -> str:
        node: Node = self.node
        return f"branch {node.written}"

    def _shown(self, record: Any) -> Any:
        return None if record is None else self.at(self.place(record))

    # ------------------------------------------------------------ one view

    def find(self, key: Any, /) -> Any:
        """The view of the record with this primary key, or None."""
        return self._shown(Queryable.find(self, key))

    def get(self, key: Any, /) -> Any:
        """The view of the record with this primary key. NotFound if it is not here."""
        return self._shown(Queryable.get(self, key))

    def find_by(self, /, **equalities: Any) -> Any:
        """The first view whose record has these values, or None."""
        return self._shown(Queryable.find_by(self, **equalities))

    def first(self) -> Any:
        """The first view, or None."""
        return self.at(0) if len(self) else None

    def last(self) -> Any:
        """The last view, or None."""
        return self.at(-1) if len(self) else None

    def one(self) -> Any:
        """The only view. NotFound if there is none, SinewError if there are several."""
        view = self.one_or_none()
        if view is None:
            raise NotFound(f"{self._name()} is empty; one_or_none() gives None instead of an error")
        return view

    def one_or_none(self) -> Any:
        """The only view, or None if there is none. SinewError if there are several."""
        if len(self) > 1:
            raise SinewError(f"{self._name()} has {len(self)} views; first() takes one")
        return self.first()


_CHANGES = frozenset(
    ("append", "add", "extend", "insert", "remove", "discard", "clear", "pop", "create", "create_many", "attach",
     "detach", "sync", "toggle", "update_pivot")
)  # fmt: skip
