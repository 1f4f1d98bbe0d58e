"""Writes seeds for the fuzz target: deterministic inputs that reach every operation in every schema.

    python make_corpus.py [FOLDER]

The first bytes of an input choose the schema (an action and `enforce` for each of the six references, then two
nullable flags, one for more of it: five tables and fourteen references, members of several tables among them, and one
for extras: questions with ways and moments), the rest are operations; fuzz.c says what each byte means. Inputs here
are random operations with weights, because uniform bytes commit or roll back too soon. In the themes "statements" and
"questions" each write is a unit of its own, so that the rules at the end judge one change to a sound store; a
question reads as many random bytes as it likes. What libFuzzer makes of these lies beside them, named by its hash.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

BEGIN, COMMIT, ROLLBACK, INSERT, LOAD, UPDATE = 0, 1, 2, 3, 6, 7
UPDATE_MANY, DELETE, MOVE, COMPACT, RARE, ASK, POPULATE = 9, 10, 11, 12, 13, 14, 15
PARK, RESTORE, DELETE_PARKED, ASK_PARKED = 16, 17, 18, 19  # what RARE reads next, see below
TREE = 20  # an UPDATE of what a row of E refers to
ASK_WAYS, ASK_TIMED, TIME = (
    21,
    22,
    23,
)  # an ASK along unions, one of an index; a RARE that tells the time or holds moments
COLUMNS = (5, 7, 4, 12, 7)
FEW_TABLES, TABLES, E = 4, 5, 4
INDEXES = 21, 27
CALM, REFUSE_ONCE, REFUSE_ON = 0x00, 0xA0, 0xB0

THEMES: dict[str, list[int]] = {
    "mixed": [BEGIN, COMMIT, ROLLBACK, LOAD, COMPACT, RARE]
    + [INSERT, UPDATE] * 6
    + [UPDATE_MANY, MOVE] * 2
    + [DELETE] * 3,
    "statements": [INSERT] * 8 + [UPDATE] * 4 + [UPDATE_MANY] + [DELETE] + [LOAD],
    "cascade": [BEGIN, ROLLBACK, COMMIT] + [INSERT] * 10 + [DELETE] * 5,
    "keys": [BEGIN, COMMIT] + [INSERT] * 6 + [UPDATE] * 4 + [UPDATE_MANY] * 8,
    "order": [BEGIN, ROLLBACK] + [INSERT] * 6 + [UPDATE] * 4 + [MOVE] * 8 + [DELETE],
    "compact": [COMMIT] * 2 + [INSERT] * 6 + [DELETE] * 4 + [COMPACT] * 3 + [RARE] * 4,
    "schema": [INSERT] * 8 + [DELETE, UPDATE, LOAD] + [RARE] * 8,
    "parking": [BEGIN, COMMIT, ROLLBACK]
    + [INSERT] * 8
    + [UPDATE, DELETE, DELETE_PARKED, COMPACT, RARE, ASK_PARKED, ASK, ASK]
    + [PARK] * 4
    + [RESTORE] * 4,
    "members": [BEGIN, COMMIT] * 2
    + [ROLLBACK, LOAD, UPDATE_MANY, COMPACT, RARE, POPULATE, PARK, RESTORE]
    + [INSERT] * 10
    + [UPDATE] * 5
    + [DELETE, TREE] * 3,
    "trees": [POPULATE] * 2
    + [TREE] * 12
    + [BEGIN, COMMIT] * 2
    + [ROLLBACK, DELETE, PARK, RESTORE, RARE]
    + [LOAD, ASK] * 2,
    "circles": [INSERT] * 4 + [LOAD] * 2 + [TREE] * 8 + [PARK] * 3 + [RESTORE] * 3 + [DELETE],
    "questions": [POPULATE] * 2 + [INSERT, LOAD, UPDATE, DELETE] + [RARE] * 2 + [ASK] * 8,
    "ways": [POPULATE, UPDATE, DELETE, TIME] + [ASK_WAYS] * 10,
    "moments": [INSERT, UPDATE, DELETE, RARE] + [TIME] * 4 + [ASK, ASK_TIMED, ASK_WAYS] * 3,
}


ALONE = ("statements", "questions", "circles")
WITH_EXTRAS = ("ways", "moments")
WITH_MORE = {
    "members": [*range(TABLES), E, E],
    "trees": [*range(TABLES), E, E],
    "circles": [E],
}
PARKING = {PARK: (1, 2), RESTORE: (3, 4, 5), DELETE_PARKED: (6,), ASK_PARKED: (7,)}
STAMPS = bytes(byte for table in range(4) for byte in (RARE, 0xE0 | table, CALM))
STAMPS_OF_ALL = bytes(byte for table in range(TABLES) for byte in (RARE, 0xE0, table, CALM))
"""Give each table a column for the moment of parking."""


def schema(rng: random.Random, more: bool, extras: bool) -> bytes:
    """Actions and enforce bits of the six references, and the nullable flags; or with more of everything, and with
    references that forbid cycles; or with extras."""
    few = bytes(rng.randrange(8) for _ in range(6))
    if not more:
        return few + bytes([rng.randrange(4) | (0x40 if extras else 0)])
    return few + bytes([0x80 | rng.randrange(16), *(rng.randrange(16) for _ in range(8))])


def refusal(rng: random.Random) -> int:
    """Mostly an allocator that never refuses, else one that refuses one of the first allocations."""
    kind = rng.choice([CALM] * 7 + [REFUSE_ONCE, REFUSE_ON])
    return kind | rng.randrange(4) if kind else CALM


def cells(rng: random.Random, count: int) -> bytes:
    """Small values, so that keys meet; a null now and then."""
    return bytes(rng.choice([0xFF, rng.randrange(8), rng.randrange(8), 0x80 | rng.randrange(32)]) for _ in range(count))


def condition(rng: random.Random) -> bytes:
    """Compares a column with another of its type or a constant; often it holds."""
    return bytes(
        [
            rng.choice([12, 14]),
            rng.choice([1, 1, 1, 0, 2, 3, 4, 5]),
            9,
            0,
            rng.randrange(12),
            0,
            rng.randrange(0xC0),
            0,
            3,
        ]
    )


def way(rng: random.Random, number: int, terms: int) -> bytes:
    """A condition, or none; behind the first way terms, the same as the first's or others of their types."""
    where = bytes([3]) + condition(rng) if rng.randrange(3) == 0 else bytes([0])
    if number == 0:
        return where
    flags = [rng.choice([0, 1, 1, 1, rng.randrange(256)]) for _ in range(terms)]
    return where + b"".join(bytes([f, 0, rng.randrange(0x60), 0] if f & 1 else [f]) for f in flags)


def union(rng: random.Random) -> bytes:
    """A route of one step: a union of some that start where another starts, nearly always with ways, which lead on or
    not."""
    count, terms = rng.randrange(2, 4), rng.choice([0, 1, 1, 2])
    parts = rng.choice([b for b in range(0xE0) if b % 5 == 2 and (b >> 3) % 3 == count - 1])
    ways = rng.choice([1, 1, 3, 3, 3, 0]) | rng.randrange(60) << 2
    cut = 0x40 | rng.choice([0, 0, 0x19, 0x1A, 0x1F])
    head = bytes([rng.randrange(0x40, 0xA0), rng.choice([0, 0x81]), 0, cut, parts, ways])
    if not ways:
        return head + bytes([0])
    order = bytes([0x60 + terms - 1]) if terms else b""
    values = b"".join(bytes([rng.randrange(4), 9, 0, rng.randrange(12)]) for _ in range(terms))
    return head + bytes([0x0C if terms else 0]) + order + values + b"".join(way(rng, k, terms) for k in range(count))


def ask_ways(rng: random.Random) -> bytes:
    """A question along routes of one step, then unions of these."""
    kind, few, unions = rng.choice([0, 6, 6, 6, 7, 7, 8, 8, 10]), rng.randrange(2, 4), rng.randrange(1, 4)
    starts = [rng.randrange(4), *(rng.randrange(0x40, 0x100) for _ in range(few - 1))]
    steps = b"".join(
        bytes([start, 0, rng.choice([rng.randrange(12), rng.randrange(6) * 2 + 1]), 0, 0]) for start in starts
    )
    routes = steps + b"".join(union(rng) for _ in range(unions))
    rest = bytes(rng.choice([0x01, 0x41, 0x51, 0x61]) for _ in range(20))  # harmless if left over
    return bytes([kind, CALM, few + unions, 0, 0]) + routes + rest


def ask_timed(rng: random.Random) -> bytes:
    """Rows of C by the index over its entries, equal to one of several or between two, moments among them; again at
    other times."""
    moment, near = [1, rng.randrange(8)], [0, rng.randrange(20)]
    beside = [byte for _ in range(3) for byte in rng.choice([moment, moment, near])]
    where = bytes([*rng.choice([(15, 12, 1), (15, 12, 2), (9, 12, 0x10), (9, 12, 0x20), (9, 12, 0x3C)]), *beside])
    again = [byte for _ in range(3) for byte in (0, rng.choice([0, 0x80]), rng.randrange(6))]
    return bytes([0, CALM, 0, 0, 0, 2, 0]) + where + bytes([0, 0, 0, *again, 0])


def operation(rng: random.Random, op: int, alone: bool, tables: list[int]) -> bytes:
    """One operation on one of the tables, with the bytes that it reads. `alone`: its unit ends with it."""
    table, more = rng.choice(tables), E in tables
    head = bytes([op | table << 4])
    keep_open = bytes([0 if alone else rng.randrange(4)])
    if op == INSERT:
        return head + cells(rng, COLUMNS[table]) + bytes([refusal(rng)]) + keep_open
    if op == LOAD:
        count = rng.randrange(6)
        return head + bytes([count]) + cells(rng, count * COLUMNS[table]) + bytes([refusal(rng)]) + keep_open
    if op == TREE:
        picked, value = rng.choice([((0,), 1), ((1, 2), 2), ((1, 2), 2), ((6,), 1), ((6,), 1), ((3, 4, 5), 3)])
        body = bytes([len(picked) - 1, rng.randrange(20), *picked]) + cells(rng, value)
        return bytes([UPDATE | E << 4]) + body + bytes([refusal(rng)]) + keep_open
    if op == UPDATE:
        columns = rng.randrange(3)
        picked = rng.sample(range(COLUMNS[table]), columns + 1)
        body = bytes([columns, rng.randrange(20), *picked]) + cells(rng, columns + 1)
        return head + body + bytes([refusal(rng)]) + keep_open
    if op == UPDATE_MANY:
        count, columns = rng.randrange(6), rng.randrange(2)
        rows = bytes(rng.randrange(16) for _ in range(count))
        picked = bytes(rng.sample(range(COLUMNS[table]), columns + 1))
        body = bytes([count, columns]) + rows + picked + cells(rng, count * (columns + 1))
        return head + body + bytes([refusal(rng)]) + keep_open
    if op == DELETE:
        count = rng.randrange(3)
        rows = bytes(rng.randrange(20) for _ in range(count + 1))
        return head + bytes([count]) + rows + bytes([refusal(rng)]) + keep_open
    if op == MOVE:
        where = bytes([rng.randrange(INDEXES[more]), rng.randrange(20), rng.choice([0, 0x80]), rng.randrange(8)])
        return bytes([op]) + where + bytes([refusal(rng)]) + keep_open
    if op == POPULATE:
        return bytes([op, rng.randrange(256), rng.randrange(12)]) + keep_open
    if op == RARE:
        return bytes([op]) + rng.randbytes(rng.randrange(4, 12))
    if op == ASK:
        return bytes([op, rng.randrange(256), CALM]) + rng.randbytes(rng.randrange(40, 160))
    if op == ASK_WAYS:
        return bytes([ASK]) + ask_ways(rng)
    if op == ASK_TIMED:
        return bytes([ASK]) + ask_timed(rng)
    if op == TIME:
        held = bytes(rng.randrange(256) for _ in range(9))
        return bytes([RARE, 0x1C | rng.choice([0, 0, 1]), refusal(rng)]) + held[: rng.choice([1, 9])]
    if op in PARKING:
        rows = b"" if op == ASK_PARKED else bytes([rng.randrange(3), *(rng.randrange(20) for _ in range(3))])
        which = 0xE0 | rng.choice(PARKING[op]) << 2
        return bytes([RARE, *([which, table] if more else [which | table])]) + rows + bytes([refusal(rng)]) + keep_open
    if op == COMPACT:
        return head + bytes([refusal(rng)])
    return bytes([op])


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "corpus"
    folder.mkdir(parents=True, exist_ok=True)
    for name, operations in THEMES.items():
        for number in range(8):
            rng = random.Random(f"{name}-{number}")
            more = name in WITH_MORE
            extras = name in WITH_EXTRAS
            chosen = rng.choices(operations, k=24 if extras else 60)
            tables = WITH_MORE.get(name, [*range(FEW_TABLES)])
            filled = bytes([POPULATE, rng.randrange(256), 10, 1]) if extras else b""  # a unit stays open
            body = filled + b"".join(operation(rng, op, name in ALONE, tables) for op in chosen)
            first = STAMPS if name == "parking" else STAMPS_OF_ALL if more else b""
            head = schema(rng, more, extras)
            (folder / f"{name}-{number}").write_bytes(head + first + body)


if __name__ == "__main__":
    main()
