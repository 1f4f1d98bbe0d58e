"""Python's own standard library as a graph of records: reads it with `ast`, then answers questions about it.

    python examples/stdlib.py            the whole library of the running interpreter
    python examples/stdlib.py json xml   only these packages and modules

Every answer is a query; nothing here loops over records to find, count, filter or sort.
"""

from __future__ import annotations

import ast
import sys
import sysconfig
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from sinew import (
    Attr,
    BelongsTo,
    Database,
    DeleteRestricted,
    HasMany,
    HasOne,
    ManyToMany,
    Model,
    belongs_to,
    count,
    exists,
    field,
    has_many,
    has_one,
    many_to_many,
    max_,
    sum_,
)

library = Database()
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


class Record(Model, db=library, abstract=True):
    """The family of models that live in `library`."""


class Module(Record):
    """A source file that can be imported."""

    name: Attr[str] = field(unique=True)
    lines: Attr[int]
    package: BelongsTo[Module | None] = belongs_to(default=None)
    members: HasMany[Module] = has_many(inverse=lambda: Module.package)
    classes: HasMany[Class] = has_many(inverse=lambda: Class.module)
    functions: HasMany[Function] = has_many(inverse=lambda: Function.module)
    imports: HasMany[Import] = has_many(inverse=lambda: Import.module)
    importers: HasMany[Import] = has_many(inverse=lambda: Import.target)
    uses: ManyToMany[Module, Import] = many_to_many(foreign_key="module", other_key="target", unique=False)
    used_by: ManyToMany[Module, Import] = many_to_many(inverse=lambda: Module.uses, unique=False)
    needs: HasMany[Module] = has_many(recursive=lambda: Module.uses)
    needed_by: HasMany[Module] = has_many(recursive=lambda: Module.used_by)
    docstring: HasOne[Docstring | None] = has_one(inverse=lambda: Docstring.owner)


class Class(Record):
    """A class statement, wherever it stands."""

    name: Attr[str] = field(index=True)
    line: Attr[int]
    module: BelongsTo[Module] = belongs_to()
    methods: HasMany[Function] = has_many(inverse=lambda: Function.owner)
    bases: HasMany[Base] = has_many(inverse=lambda: Base.child)
    derived: HasMany[Base] = has_many(inverse=lambda: Base.parent)
    ancestors: HasMany[Class] = has_many(recursive=lambda: Class.bases.parent)
    descendants: HasMany[Class] = has_many(recursive=lambda: Class.derived.child)
    docstring: HasOne[Docstring | None] = has_one(inverse=lambda: Docstring.owner)


class Base(Record):
    """One entry in the list of a class's bases; `parent` is that class, where its name leads to one in the library."""

    name: Attr[str]
    child: BelongsTo[Class] = belongs_to(on_delete="cascade")
    parent: BelongsTo[Class | None] = belongs_to(default=None)


class Function(Record):
    """A function or a method; `parent` is the function that it is nested in, `owner` the class."""

    name: Attr[str]
    line: Attr[int]
    lines: Attr[int] = field(index="ordered")
    depth: Attr[int]
    is_async: Attr[bool] = field(default=False)
    module: BelongsTo[Module] = belongs_to()
    owner: BelongsTo[Class | None] = belongs_to(default=None)
    parent: BelongsTo[Function | None] = belongs_to(default=None)
    nested: HasMany[Function] = has_many(inverse=lambda: Function.parent)
    docstring: HasOne[Docstring | None] = has_one(inverse=lambda: Docstring.owner)


class Docstring(Record):
    """What a module, a class or a function says of itself."""

    text: Attr[str]
    lines: Attr[int]
    owner_type: Attr[str] = field(default=...)
    owner: BelongsTo[Module | Class | Function] = belongs_to(unique=True, on_delete="cascade")


class Import(Record):
    """One module named by an import statement; `target` where it is in the library (built-in modules are not).

    Those with a target are the links of `Module.uses`: one for each statement, so two modules may have several."""

    line: Attr[int]
    target_name: Attr[str]
    names: Attr[str] = field(default="")
    module: BelongsTo[Module] = belongs_to(on_delete="restrict")
    target: BelongsTo[Module | None] = belongs_to(default=None, on_delete="restrict")


# ---------------------------------------------------------------- reading


def sources(only: Sequence[str] = ()) -> dict[str, Path]:
    """Module name -> source file, tests and bundled packages left out; `only`: these top-level names."""
    root = Path(sysconfig.get_paths()["stdlib"])
    left_out = {"test", "tests", "idle_test", "site-packages", "dist-packages", "lib2to3", "__phello__"}
    found: dict[str, Path] = {}
    for path in sorted(root.rglob("*.py")):
        parts = list(path.relative_to(root).with_suffix("").parts)
        if left_out.intersection(parts) or not all(part.isidentifier() for part in parts):
            continue
        if parts[-1] == "__init__":
            parts.pop()
        if parts and (not only or parts[0] in only):
            found[".".join(parts)] = path
    return dict(sorted(found.items()))


def parse(path: Path) -> tuple[ast.Module, int] | None:
    """The tree of a file and its number of lines; None for what is no Python 3."""
    text = path.read_bytes()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text), text.count(b"\n")
    except (SyntaxError, ValueError):
        return None


class Reader:
    """Turns one module's tree into records."""

    def __init__(self, module: Module, is_package: bool) -> None:
        self.module = module
        self.package = module.name if is_package else module.name.rpartition(".")[0]

    def read_module(self, tree: ast.Module) -> None:
        self.read_docstring(tree, self.module)
        self.read(tree)

    def read(self, node: ast.AST, owner: Class | None = None, parent: Function | None = None, depth: int = 0) -> None:
        """Walks the statements below a node; `owner` and `parent` are the class and the function directly around it."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                self.read(child, self.read_class(child), None, depth + 1)
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                self.read(child, None, self.read_function(child, owner, parent, depth), depth + 1)
            else:
                if isinstance(child, ast.Import | ast.ImportFrom):
                    self.read_import(child)
                self.read(child, owner, parent, depth)

    def read_class(self, node: ast.ClassDef) -> Class:
        made = Class(name=node.name, line=node.lineno, module=self.module)
        for base in node.bases:
            Base(name=ast.unparse(base), child=made)
        self.read_docstring(node, made)
        return made

    def read_function(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef, owner: Class | None, parent: Function | None, depth: int
    ) -> Function:
        made = Function(
            name=node.name,
            line=node.lineno,
            lines=(node.end_lineno or node.lineno) - node.lineno + 1,
            depth=depth,
            is_async=isinstance(node, ast.AsyncFunctionDef),
            module=self.module,
            owner=owner,
            parent=parent,
        )
        self.read_docstring(node, made)
        return made

    def read_docstring(self, node: Documented, owner: Module | Class | Function) -> None:
        if text := ast.get_docstring(node):
            Docstring(text=text, lines=text.count("\n") + 1, owner=owner)

    def read_import(self, node: ast.Import | ast.ImportFrom) -> None:
        for name, names in self.imported(node):
            Import(
                line=node.lineno,
                target_name=name,
                names=", ".join(names),
                module=self.module,
                target=Module.find_by(name=name),
            )

    def imported(self, node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, list[str]]]:
        """The modules that a statement names, relative ones made absolute, and what it takes from each."""
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, []
            return
        base = self.package.split(".") if node.level else []
        base = base[: len(base) - node.level + 1] if node.level else base
        yield ".".join([*base, node.module] if node.module else base), [alias.name for alias in node.names]


def load(only: Sequence[str] = (), watch: Callable[..., Iterable[Any]] = track) -> None:
    """Fills `library`; `watch(items, description=...)` shows the progress."""
    files = sources(only)
    trees: dict[str, ast.Module] = {}
    for name, path in watch(files.items(), description="parsing"):
        if parsed := parse(path):
            trees[name] = parsed[0]
            Module(name=name, lines=parsed[1], package=Module.find_by(name=name.rpartition(".")[0]))
    for name, tree in watch(trees.items(), description="reading"):
        Reader(Module.where(name=name).one(), files[name].stem == "__init__").read_module(tree)
    for base in watch(Base.all(), description="linking"):
        link(base)


def link(base: Base) -> None:
    """Finds the class that a base's name means: one of the same module, else the only one of the imported modules."""
    name = base.name.rpartition(".")[2]
    here = base.child.module
    candidates = Class.where(Class.name == name, Class.id != base.child.id)
    imported = candidates.where(exists(Class.module.importers, Import.module.is_(here)))
    if near := candidates.where(module=here).first():
        base.parent = near
    elif imported.count() == 1:
        base.parent = imported.one()


# ---------------------------------------------------------------- asking

Answer = list[dict[str, Any]]


def most_imported() -> Answer:
    """Which modules do most import statements name?"""
    return (
        Module.where(exists(Module.importers))
        .order_by(count(Module.importers).desc(), Module.name)
        .limit(10)
        .select(Module.name, statements=count(Module.importers), modules=count(Module.importers.module))
    )


def deepest_nesting() -> Answer:
    """Which functions stand deepest inside other functions and classes?"""
    return (
        Function.order_by(Function.depth.desc(), Function.module.name, Function.line)
        .limit(10)
        .select(Function.name, Function.depth, Function.line, module=Function.module.name, inside=Function.parent.name)
    )


def most_subclassed() -> Answer:
    """Which classes have the most direct subclasses?"""
    return (
        Class.where(exists(Class.derived))
        .order_by(count(Class.derived.child).desc(), Class.module.name, Class.name, Class.line)
        .limit(10)
        .select(Class.name, module=Class.module.name, subclasses=count(Class.derived.child))
    )


def importing_nothing() -> Answer:
    """Which modules import nothing at all?"""
    return Module.where(~exists(Module.imports)).order_by(Module.name).select(Module.name, Module.lines)


def long_functions(lines: int = 100) -> Answer:
    """Which modules have the most functions of more than 100 lines?"""
    long = Function.lines > lines
    return (
        Module.where(exists(Module.functions, long))
        .order_by(count(Module.functions, long).desc(), Module.name)
        .limit(10)
        .select(Module.name, functions=count(Module.functions, long), longest=max_(Module.functions.lines))
    )


def functions_by_depth() -> Answer:
    """How many functions stand at each depth of nesting, and how long are they together?"""
    return Function.order_by(Function.depth).group_by(Function.depth).agg(functions=count(), lines=sum_(Function.lines))


def widest_needs() -> Answer:
    """Which modules need most others, by their imports, the imports of those, and so on? (Some need themselves.)"""
    return (
        Module.order_by(count(Module.needs).desc(), Module.name)
        .limit(10)
        .select(Module.name, imports=count(Module.imports.target), needs=count(Module.needs))
    )


def most_needed() -> Answer:
    """And which are needed by most, sooner or later?"""
    return (
        Module.order_by(count(Module.needed_by).desc(), Module.name)
        .limit(10)
        .select(Module.name, importers=count(Module.importers.module), needed_by=count(Module.needed_by))
    )


def import_lines(name: str = "json") -> Answer:
    """Where is a module imported? The line is a column of the link."""
    module = Module.find_by(name=name)
    return (
        module.used_by.order_by(Module.name, Import.line).select(Module.name, Import.line, Import.names)
        if module
        else []
    )


def most_descendants() -> Answer:
    """Which classes have the most subclasses, direct or not?"""
    return (
        Class.where(exists(Class.derived))
        .order_by(count(Class.descendants).desc(), Class.module.name, Class.line)
        .limit(10)
        .select(
            Class.name,
            module=Class.module.name,
            direct=count(Class.derived.child),
            all=count(Class.descendants),
            modules=count(Class.descendants.module),
        )
    )


def longest_ancestry() -> Answer:
    """Which classes have the most ancestors within the library?"""
    return (
        Class.order_by(count(Class.ancestors).desc(), Class.module.name, Class.line)
        .limit(10)
        .select(Class.name, module=Class.module.name, ancestors=count(Class.ancestors))
    )


def lineage(name: str = "Combobox", module: str = "tkinter.ttk") -> Answer:
    """From which classes does one inherit, nearest first, and over how many steps?"""
    start = Class.where(Class.module.name == module, name=name).first()
    return [{"name": each.name, "steps": steps} for each, steps in start.ancestors.pairs()] if start else []


def documentation() -> Answer:
    """How many docstrings have modules, classes and functions, and how many have none?"""
    told = (
        Docstring.order_by(Docstring.owner_type)
        .group_by(Docstring.owner_type)
        .agg(n=count(), lines=sum_(Docstring.lines))
    )
    without = {kind.__name__: kind.where(~exists(kind.docstring)).count() for kind in (Module, Class, Function)}
    return [row | {"without": without[row["owner_type"]]} for row in told]


def longest_docstrings() -> Answer:
    """Which docstrings are longest? Whatever they belong to has a name."""
    return (
        Docstring.order_by(Docstring.lines.desc(), Docstring.id)
        .limit(10)
        .select(Docstring.lines, of=Docstring.owner_type, name=Docstring.owner.name)
    )


def affected_by_deleting(name: str) -> str:
    """What stands against deleting a module: the words of the refusal."""
    try:
        Module.where(name=name).delete()
    except DeleteRestricted as refusal:
        return str(refusal)
    return f"nothing refers to {name}"


QUESTIONS: tuple[Callable[[], Answer], ...] = (
    most_imported,
    deepest_nesting,
    most_subclassed,
    importing_nothing,
    long_functions,
    functions_by_depth,
    widest_needs,
    most_needed,
    import_lines,
    most_descendants,
    longest_ancestry,
    lineage,
    documentation,
    longest_docstrings,
)


def table(answer: Answer, shown: int = 10) -> Table:
    """An answer as a table for people: its first rows, and how many there are."""
    drawn = Table()
    for name in answer[0] if answer else ():
        drawn.add_column(name)
    for row in answer[:shown]:
        drawn.add_row(*map(str, row.values()))
    if len(answer) > shown:
        drawn.caption = f"{len(answer)} in all"
    return drawn


def main(only: Sequence[str]) -> None:
    console = Console()
    started = perf_counter()
    load(only)
    console.print(f"{library.stats()}\nread in {perf_counter() - started:.1f} s\n")
    for question in QUESTIONS:
        started = perf_counter()
        answer = question()
        elapsed = (perf_counter() - started) * 1000
        console.print(f"[bold]{question.__doc__}[/bold] ({elapsed:.2f} ms)", table(answer), "")
    deleted = "abc" if Module.find_by(name="abc") else Module.where(exists(Module.importers)).pluck(Module.name)[0]
    console.print(f"[bold]Who would be affected by deleting {deleted}?[/bold]\n{affected_by_deleting(deleted)}")


if __name__ == "__main__":
    main(sys.argv[1:])
