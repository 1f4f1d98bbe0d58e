"""What queries are made of, in one place: columns and paths, predicates, orderings, aggregates, moments.

    predicates.py   Expr, and the nodes that comparisons give
    columns.py      Column, Arithmetic, Ordering: the values of a row
    path.py         Path: relations one after another
    aggregates.py   count, sum_, avg, min_, max_ and exists
    moment.py       now

They describe; compile.py translates them for the engine, query.py runs them.
"""

from .aggregates import Aggregate, avg, count, exists, max_, min_, sum_
from .columns import Arithmetic, Column, Operand, Ordering
from .moment import Moment, now
from .path import Path, is_path, root_of, steps_of, target_of
from .predicates import Expr

__all__ = [
    "Aggregate",
    "Arithmetic",
    "Column",
    "Expr",
    "Moment",
    "Operand",
    "Ordering",
    "Path",
    "avg",
    "count",
    "exists",
    "is_path",
    "max_",
    "min_",
    "now",
    "root_of",
    "steps_of",
    "sum_",
    "target_of",
]
