"""sinew: an in-process relationship engine for Python.

Declare models; a C engine keeps the records in typed columns and every index and relationship right at all times:

>>> from sinew import Attr, BelongsTo, HasMany, Model, belongs_to, has_many
>>> class Author(Model):
...     name: Attr[str]
...     posts: HasMany["Post"] = has_many(inverse=lambda: Post.author)
>>> class Post(Model):
...     title: Attr[str]
...     author: BelongsTo[Author] = belongs_to(on_delete="cascade")
>>> ann = Author(name="Ann")
>>> post = Post(title="Hello", author=ann)
>>> len(ann.posts), Post.where(Post.author.name == "Ann").first() is post
(1, True)

Every public name is importable from here. What the type checkers see of them stands in `__init__.pyi`.
"""

from .aggregates import Aggregate, avg, count, exists, max_, min_, sum_
from .annotations import Attr, BelongsTo, HasMany, HasOne, ManyToMany
from .collection import Collection
from .database import Clock, Database, Stats, Transaction, db, transaction
from .declare import define
from .errors import (
    DefinitionError,
    DeleteRestricted,
    FieldError,
    IntegrityError,
    Invalid,
    NotFound,
    RecordDeleted,
    RelationError,
    SinewError,
    TransactionError,
    UniqueError,
    UnknownName,
)
from .explain import NodePlan, Plan, TreePlan
from .expressions import Column, Ordering
from .fields import created_at, deleted_at, field, updated_at
from .getters import Getter, count_of, delegate, getter, latest_of, max_of, min_of, sum_of
from .groups import Groups
from .links import Links, PivotChanges
from .model import KeyedModel, Model, ModelMeta, validates
from .moment import Moment, now
from .notyet import (
    Diagram,
    Serializer,
    after_commit,
    after_create,
    after_delete,
    after_update,
    attribute,
    before_create,
    before_delete,
    before_update,
    nested,
)
from .predicates import Expr
from .query import Query
from .relations import belongs_to, has_many, has_one, many_to_many
from .report import GetterRead, GetterReport, GetterStats
from .tree import Tree
from .views import View

__version__ = "0.1.0"

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


def __dir__() -> list[str]:
    """The public names, for completion."""
    return list(__all__)
