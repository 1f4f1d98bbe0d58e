"""Takes memory away from every public operation, one allocation after another.

    python -m memory.sweep [--whole] [operation ...]      (run in the folder above)

For n = 0, 1, ... an operation runs with its n-th allocation failing, with several from the n-th on, and with all from
the n-th on, until it comes to its end without meeting the failure. Each time

    MemoryError comes out, and the world is what it was, and the operation works when it is tried again
    or the operation does what it does undisturbed
    the engine's invariants hold

The collector rests meanwhile: when it runs is chance, and callbacks that tools give it would meet the lack of memory.
Without --whole only some n are tried, and no lack of memory for good.
"""

from __future__ import annotations

import _testcapi
import argparse
import faulthandler
import gc
import os
import pickle
import platform
import re
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import GeneratorType
from typing import Any

from sinew import DefinitionError

from . import interpreter
from .operations import OPERATIONS, Operation, World
from .world import seen

EACH = 300  # of the first n, each is tried; then fewer and fewer
MOST = 200_000
HANGS = 20  # seconds
SEVERAL = 12  # allocations that fail one after another; with more, CPython runs out of the MemoryErrors it has prepared
FOR_GOOD = 100_000
KNOWN: dict[str, str] = {}  # what interpreter.py has found
CLOSING = "Exception ignored while closing generator"
LOST = re.compile("error return without exception set|<function .*> returned NULL without setting an exception")


@dataclass
class Outcome:
    """What came out: a value or an error. over: memory was still refused when the operation had ended."""

    value: Any = None
    error: BaseException | None = None
    ended: bool = False
    over: bool = False

    def shown(self) -> Any:
        return f"{type(self.error).__name__}: {self.error}" if self.error is not None else seen(self.value)


def attempt(operation: Operation, world: World, start: int, stop: int) -> Outcome:
    """Runs an operation whose allocations from start to stop (0: all from start on) fail."""
    outcome, act = Outcome(), operation.act
    faulthandler.dump_traceback_later(HANGS, exit=True)
    _testcapi.set_nomemory(start, stop)
    try:
        outcome.value = act(world)
        outcome.ended = True
        bytearray(4000)
    except BaseException as error:
        outcome.error = error
    finally:
        _testcapi.remove_mem_hooks()
        faulthandler.cancel_dump_traceback_later()
    if outcome.ended and outcome.error is not None:
        outcome.over, outcome.error = True, None
    return outcome


def is_closing(ignored: Any) -> bool:
    """Whether what was ignored comes from closing a generator, which is the object, or, since 3.14, in the message; for
    that there may be no memory."""
    if ignored.object is not None:
        return isinstance(ignored.object, GeneratorType)
    return ignored.err_msg is None or ignored.err_msg.startswith(CLOSING)


def interpreters_own(outcome: Outcome, ignored: list[Any]) -> str | None:
    """What CPython itself makes of a lack of memory, as interpreter.py has found: its name there, if that is what came
    out."""
    if "closed_generators" in KNOWN:
        ignored[:] = [each for each in ignored if not (each.exc_type is MemoryError and is_closing(each))]
    error, shown, name = outcome.error, str(outcome.error), None
    if isinstance(error, RuntimeError) and shown == "can't allocate lock":
        name = "locks"
    elif isinstance(error, pickle.PicklingError) and "import of module" in shown:
        name = "pickled_names"
    elif LOST.search(shown) is not None and isinstance(error, (SystemError, DefinitionError)):
        name = "lost_errors"
    return name if name in KNOWN else None


def places(whole: bool) -> Iterator[int]:
    n = 0.0
    while n < MOST:
        yield int(n)
        n = n + 1 if (whole and n < EACH) or n < 4 else n * (1.02 if whole else 1.6) + 1


class Sweep:
    def __init__(self, operation: Operation, whole: bool) -> None:
        self.operation, self.whole = operation, whole
        self.world = operation.world()
        self.before = self.world.seen()
        free = self._undisturbed()
        if not isinstance(free.error, operation.raises or type(None)):
            raise free.error or AssertionError(f"{operation.name} should raise {operation.raises}")
        self.expected, self.after = free.shown(), self.world.seen()
        self.runs = 0
        self.excluded: Counter[str] = Counter()
        self.faults: list[str] = []

    def _undisturbed(self) -> Outcome:
        """What the operation does with all its memory; warm, as later runs are."""
        for _ in range(3):
            self.world.restore()
            found = self.world.seen()
            assert found == self.before, f"{self.operation.name}: the world is not restored"
            free = attempt(self.operation, self.world, MOST * 10, 0)
        return free

    def run(self) -> None:
        self.world.restore()
        for n in places(self.whole):
            outcome = self._once(n, SEVERAL)
            if not outcome.over and not isinstance(outcome.error, MemoryError):
                break
            self._once(n, 1)
            if self.whole:
                self._for_good(n)

    def _for_good(self, start: int) -> None:
        """In a process of its own, as CPython may end it."""
        with tempfile.TemporaryFile() as said:
            child = os.fork()
            if not child:
                os.dup2(said.fileno(), 2)
                before = len(self.faults)
                self._once(start, FOR_GOOD)
                os.write(2, "\n".join(self.faults[before:]).encode())
                os._exit(len(self.faults) - before)
            _, status = os.waitpid(child, 0)
            said.seek(0)
            text = said.read().decode(errors="replace")
        if (
            os.WIFSIGNALED(status)
            and "exhausted_errors" in KNOWN
            and any(each in text for each in interpreter.GIVES_UP)
        ):
            self.excluded["exhausted_errors"] += 1
        elif status:
            self.faults.append(text or f"{self.operation.name} n={start}..: status {status}")
        self.runs += 1

    def _once(self, start: int, count: int) -> Outcome:
        ignored: list[Any] = []
        sys.unraisablehook = ignored.append
        outcome = attempt(self.operation, self.world, start, start + count)
        sys.unraisablehook = sys.__unraisablehook__
        self.runs += 1
        own = interpreters_own(outcome, ignored)
        if own is not None:
            self.excluded[own] += 1
            outcome.error = MemoryError()
        try:
            self._judge(outcome, ignored, count)
        except BaseException as error:
            self._fault(start, count, error, outcome.error)
        self.world.restore()  # also after a failure: numbers of new records may have been passed over
        return outcome

    def _judge(self, outcome: Outcome, ignored: list[Any], count: int) -> None:
        assert not ignored, f"an error was ignored: {ignored[0].exc_value!r} in {ignored[0].object!r}"
        self.world.check()
        if type(outcome.error) is MemoryError:
            self._judge_failure(count)
            if not self.world.repeats:
                return
            outcome = attempt(self.operation, self.world, MOST * 10, 0)
        shown, found = outcome.shown(), self.world.seen()
        assert shown == self.expected, f"gives {shown!r} instead of {self.expected!r}"
        assert found == self.after, f"leaves another world: {differences(self.after, found)}"

    def _judge_failure(self, count: int) -> None:
        if count > 1 and self.operation.undo_allocates:
            self.world.restore()
        found = self.world.seen()
        same = self.operation.resumes or found == self.before
        assert same, f"MemoryError, and the world has changed: {differences(self.before, found)}"

    def _fault(self, start: int, count: int, error: BaseException, where: BaseException | None) -> None:
        frames = [] if where is None else traceback.extract_tb(where.__traceback__)[2:]
        at = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
        which = f"n={start}" if count == 1 else f"n={start}..{start + count}"
        self.faults.append(f"{self.operation.name} {which}: {type(error).__name__}: {error} [{at}]")


def differences(a: Any, b: Any) -> str:
    """Where two states differ, in short."""
    if isinstance(a, dict) and isinstance(b, dict):
        keys = [key for key in {**a, **b} if a.get(key) != b.get(key)]
        return "; ".join(f"{key}: {differences(a.get(key), b.get(key))}" for key in keys)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)) and len(a) == len(b):
        return "; ".join(differences(x, y) for x, y in zip(a, b, strict=True) if x != y)
    return f"{a!r:.200} -> {b!r:.200}"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("names", nargs="*")
    given = parser.parse_args()
    faulthandler.enable()
    KNOWN.update(interpreter.found())
    for name, shown in KNOWN.items():
        print(f"excluded, as CPython {platform.python_version()} does it alone: {name}: {shown:.100}", flush=True)
    if "closures" in KNOWN:
        print("nothing is swept here: see interpreter.py")
        return 0
    gc.disable()
    faults: list[str] = []
    runs, excluded = 0, Counter[str]()
    for name in given.names or OPERATIONS:
        started = time.perf_counter()
        print(name, end=" ", flush=True)
        sweep = Sweep(OPERATIONS[name], given.whole)
        sweep.run()
        faults += sweep.faults
        runs += sweep.runs
        excluded += sweep.excluded
        print(f"{sweep.runs} runs, {len(sweep.faults)} faults, {time.perf_counter() - started:.1f} s", flush=True)
        for fault in sweep.faults[:6]:
            print(f"    {fault:.600}", flush=True)
        gc.collect()
    print(f"{runs} runs of {len(given.names or OPERATIONS)} operations, {len(faults)} faults")
    print(f"excluded: {dict(excluded)}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
