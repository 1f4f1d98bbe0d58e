"""What CPython itself makes of a lack of memory, each shown without sinew: the sweep and the leak loop exclude what is
found here, and nothing else.

    python -m memory.interpreter [name]      (run in the folder above) prints what is found; with a name tries that one
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from types import CodeType
from typing import Any

GIVES_UP = ("Cannot recover from MemoryErrors while normalizing exceptions", "Cannot recover from stack overflow")


def closures() -> str:
    """A closure for which there is no memory gives its code back once too often (MAKE_FUNCTION in 3.12 and 3.13), which
    is the end of that code sooner or later: where this is so, nothing that Python code does can be swept."""
    (code,) = (each for each in _closure.__code__.co_consts if isinstance(each, CodeType))
    before = sys.getrefcount(code)
    for _ in _failures(_closure):
        pass
    lost = before - sys.getrefcount(code)
    return f"{lost} references to its code lost" if lost else ""


def lost_errors() -> str:
    """A Python function ends with an error, and there is no memory for the frame object of the function around it: the
    error is forgotten (take_ownership in frame.c clears it), and a SystemError takes its place."""
    return "; ".join(str(error) for error in _failures(_call))


def closed_generators() -> str:
    """A generator that has not come to its end is closed when it is given up, for which it needs memory; the
    MemoryError is ignored, with a report."""
    ignored: list[Any] = []
    sys.unraisablehook = ignored.append
    for _ in _failures(_first_of_many):
        pass
    return "; ".join(f"{each.exc_value!r} in {each.object!r} {each.err_msg or ''}" for each in ignored)


def handlers_for_good() -> str:
    """A handler far down in a function is entered with an int that says where. When there is no memory for it, that is
    an error, for which the handler is entered: for ever, if there is no memory for good."""
    for _ in _failures(_long, for_good=True):
        pass
    return ""


def exhausted_errors() -> str:
    """16 MemoryErrors are prepared. When all are in use, the next makes CPython 3.11 end the process."""
    import _testcapi

    errors: list[Any] = [None] * 60
    _testcapi.set_nomemory(1, 0)
    try:
        _hold(errors, 0)
    finally:
        _testcapi.remove_mem_hooks()
    return ""


def pickled_names() -> str:
    """pickle imports the module of a class to see that it is there, and takes any failure for one of the import."""
    import pickle

    errors = _failures(lambda: pickle.dumps(Iterator))
    return "; ".join(str(error) for error in errors if isinstance(error, pickle.PicklingError))


def locks() -> str:
    """A lock for which there is no memory is a RuntimeError."""
    return "; ".join(str(error) for error in _failures(threading.RLock))


def extended_lists() -> str:
    """A list made of a tuple keeps the tuple when there is no memory for its items (list_extend in listobject.c, before
    3.13). `[*given]` and `(*given, *more)` do so, and type.mro(): what a class was made of is then never let go of."""
    given = (object(), object())
    before = sys.getrefcount(given)
    for _ in _failures(partial(list, given)):
        pass
    kept = sys.getrefcount(given) - before
    return f"{kept} references to a tuple kept" if kept else ""


def cells() -> str:
    """A function whose argument is used by one within it keeps the argument when there is no memory for its cell
    (MAKE_CELL in 3.11 and 3.12)."""
    given = object()
    before = sys.getrefcount(given)
    for _ in _failures(partial(_closure, given)):
        pass
    kept = sys.getrefcount(given) - before
    return f"{kept} references to an argument kept" if kept else ""


def set_defaults() -> str:
    """dict.setdefault() that finds no memory for a larger dict gives up what it was to put in, and says nothing: the
    error comes out of the call after it (dict_setdefault_ref_lock_held in 3.13.0). Types are filled in this way, so
    that a module cannot be made without memory."""
    import _testcapi

    full = {str(n): n for n in range(5)}
    try:
        _testcapi.set_nomemory(0, 1)
        full.setdefault("one more")
        _testcapi.remove_mem_hooks()
    except MemoryError:
        _testcapi.remove_mem_hooks()
    except SystemError as error:
        return str(error)
    return ""


def _failures(function: Any, for_good: bool = False) -> Iterator[BaseException]:
    """The errors other than MemoryError and ValueError with which a function ends when its allocations fail."""
    import _testcapi

    for n in range(40):
        error: BaseException | None = None
        _testcapi.set_nomemory(n, 0 if for_good else n + 1)
        try:
            function()
        except BaseException as caught:
            error = caught
        finally:
            _testcapi.remove_mem_hooks()
        if error is not None and not isinstance(error, (MemoryError, ValueError)):
            yield error


def _closure(value: object = None) -> object:
    return lambda: value


def _call() -> None:
    _refuse()


def _refuse() -> None:
    raise ValueError


def _first_of_many() -> object:
    return any(_many())


def _many() -> Iterator[int]:
    """Within a `try`: since 3.13 only such a generator has to be told that it is given up."""
    try:
        yield from (1, 2, 3)
    finally:
        pass


def _hold(errors: list[Any], n: int) -> None:
    try:
        bytearray(5000)
    except MemoryError as error:
        errors[n] = error
        if n + 1 < len(errors):
            _hold(errors, n + 1)


def _made_long() -> Any:
    """A function whose handler is some thousand instructions down."""
    body = "\n".join(f"    a{n} = {n % 99} + len('')" for n in range(300))
    found: dict[str, Any] = {}
    exec(f"def long():\n{body}\n    try:\n        raise ValueError\n    except KeyError:\n        pass\n", found)
    return found["long"]


_long = _made_long()

_ALL = (
    closures,
    lost_errors,
    closed_generators,
    handlers_for_good,
    exhausted_errors,
    pickled_names,
    locks,
    extended_lists,
    cells,
    set_defaults,
)
PROBES = {each.__name__: each for each in _ALL}
SECONDS = 2


def found() -> dict[str, str]:
    """By name what this interpreter shows."""
    results = {}
    for name in PROBES:
        shown = _tried(name)
        if shown:
            results[name] = shown
    return results


def _tried(name: str) -> str:
    command = [sys.executable, "-m", "memory.interpreter", name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return f"no end within {SECONDS} s"
    return done.stdout.strip() or next((text for text in GIVES_UP if text in done.stderr), "")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(PROBES[sys.argv[1]]())
    else:
        for name, shown in found().items():
            print(f"{name}: {shown:.200}")
