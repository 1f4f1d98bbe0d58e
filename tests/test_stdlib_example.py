"""The answers of examples/stdlib.py against plain Python over the same sources: no sinew on this side."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("rich")
pytestmark = pytest.mark.bulk


@dataclass
class PlainFunction:
    name: str
    module: str
    line: int
    lines: int
    depth: int
    inside: str | None


@dataclass
class PlainClass:
    name: str
    module: str
    line: int
    bases: list[str]
    key: int


@dataclass
class Plain:
    """The library in lists and dicts."""

    lines: dict[str, int] = field(default_factory=dict)
    imports: list[tuple[str, str]] = field(default_factory=list)  # importing module, imported name
    places: list[tuple[int, str]] = field(default_factory=list)  # line and names of each import
    docstrings: list[tuple[str, str, int]] = field(default_factory=list)  # kind and name of the owner, lines
    functions: list[PlainFunction] = field(default_factory=list)
    classes: list[PlainClass] = field(default_factory=list)

    def children(self) -> dict[int, set[int]]:
        """Class key -> the classes that name it as a base, by the example's rule."""
        by_name: dict[str, list[PlainClass]] = defaultdict(list)
        for each in self.classes:
            by_name[each.name].append(each)
        imported: dict[str, set[str]] = defaultdict(set)
        for module, name in self.imports:
            imported[module].add(name)
        children: dict[int, set[int]] = defaultdict(set)
        for child in self.classes:
            for base in child.bases:
                candidates = [c for c in by_name[base.rpartition(".")[2]] if c.key != child.key]
                near = [c for c in candidates if c.module == child.module]
                far = [c for c in candidates if c.module in imported[child.module]]
                if near:
                    children[near[0].key].add(child.key)
                elif len(far) == 1:
                    children[far[0].key].add(child.key)
        return children

    def subclasses(self) -> Counter[int]:
        return Counter({key: len(members) for key, members in self.children().items()})

    def uses(self) -> dict[str, set[str]]:
        """Module -> the modules of the library that it imports."""
        found: dict[str, set[str]] = defaultdict(set)
        for module, name in self.imports:
            if name in self.lines:
                found[module].add(name)
        return found

    def tell(self, kind: str, name: str, node: Any) -> None:
        if text := ast.get_docstring(node):
            self.docstrings.append((kind, name, len(text.split("\n"))))


def turned(graph: dict[Any, set[Any]]) -> dict[Any, set[Any]]:
    """The same arrows the other way round."""
    found: dict[Any, set[Any]] = defaultdict(set)
    for start, ends in graph.items():
        for end in ends:
            found[end].add(start)
    return found


def reached(graph: dict[Any, set[Any]], start: Any) -> dict[Any, int]:
    """Whatever arrows lead to from here, with the least number of them."""
    distance: dict[Any, int] = {}
    edge, step = {start}, 0
    while edge:
        step += 1
        edge = {end for each in edge for end in graph.get(each, ())} - distance.keys()
        distance |= dict.fromkeys(edge, step)
    return distance


def walk(plain: Plain, module: str, package: str, node: ast.AST, inside: str | None, depth: int) -> None:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.ClassDef():
                bases = [ast.unparse(base) for base in child.bases]
                plain.classes.append(PlainClass(child.name, module, child.lineno, bases, len(plain.classes)))
                plain.tell("Class", child.name, child)
                walk(plain, module, package, child, None, depth + 1)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                length = child.end_lineno - child.lineno + 1
                plain.functions.append(PlainFunction(child.name, module, child.lineno, length, depth, inside))
                plain.tell("Function", child.name, child)
                walk(plain, module, package, child, child.name, depth + 1)
            case ast.Import():
                plain.imports.extend((module, alias.name) for alias in child.names)
                plain.places.extend((child.lineno, "") for _ in child.names)
            case ast.ImportFrom():
                name = ("." * child.level) + (child.module or "")
                plain.imports.append((module, importlib.util.resolve_name(name, package) if child.level else name))
                plain.places.append((child.lineno, ", ".join(alias.name for alias in child.names)))
            case _:
                walk(plain, module, package, child, inside, depth)


@pytest.fixture(scope="module")
def example() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("stdlib_example", Path(__file__).parent.parent / "examples/stdlib.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["stdlib_example"] = module
    spec.loader.exec_module(module)

    def silent(items: Iterable[Any], description: str) -> Iterable[Any]:
        return items

    module.load(watch=silent)
    yield module
    module.library.close()
    del sys.modules["stdlib_example"]


@pytest.fixture(scope="module")
def plain(example: ModuleType) -> Plain:
    plain = Plain()
    for name, path in example.sources().items():
        if parsed := example.parse(path):
            plain.lines[name] = parsed[1]
            package = name if path.stem == "__init__" else name.rpartition(".")[0]
            plain.tell("Module", name, parsed[0])
            walk(plain, name, package, parsed[0], None, 0)
    return plain


def test_everything_is_loaded(example: ModuleType, plain: Plain) -> None:
    assert example.Module.count() == len(plain.lines) > 300
    assert example.Import.count() == len(plain.imports)
    assert example.Class.count() == len(plain.classes)
    assert example.Function.count() == len(plain.functions)
    assert example.Docstring.count() == len(plain.docstrings)
    assert sum(map(len, (plain.lines, plain.imports, plain.classes, plain.functions))) > 20_000


def test_most_imported(example: ModuleType, plain: Plain) -> None:
    statements = Counter(name for _, name in plain.imports if name in plain.lines)
    modules = {name: len({m for m, target in plain.imports if target == name}) for name in statements}
    expected = sorted(statements, key=lambda name: (-statements[name], name))[:10]
    assert example.most_imported() == [
        {"name": name, "statements": statements[name], "modules": modules[name]} for name in expected
    ]


def test_deepest_nesting(example: ModuleType, plain: Plain) -> None:
    expected = sorted(plain.functions, key=lambda f: (-f.depth, f.module, f.line))[:10]
    assert example.deepest_nesting() == [
        {"name": f.name, "depth": f.depth, "line": f.line, "module": f.module, "inside": f.inside} for f in expected
    ]


def test_most_subclassed(example: ModuleType, plain: Plain) -> None:
    counts = plain.subclasses()
    found = [c for c in plain.classes if counts[c.key]]
    expected = sorted(found, key=lambda c: (-counts[c.key], c.module, c.name, c.line))[:10]
    assert example.most_subclassed() == [
        {"name": c.name, "module": c.module, "subclasses": counts[c.key]} for c in expected
    ]


def test_importing_nothing(example: ModuleType, plain: Plain) -> None:
    importing = {module for module, _ in plain.imports}
    assert example.importing_nothing() == [
        {"name": name, "lines": plain.lines[name]} for name in sorted(plain.lines) if name not in importing
    ]


@pytest.mark.parametrize("limit", [20, 100, 100_000])
def test_long_functions(example: ModuleType, plain: Plain, limit: int) -> None:
    lengths: dict[str, list[int]] = defaultdict(list)
    for function in plain.functions:
        if function.lines > limit:
            lengths[function.module].append(function.lines)
    expected = sorted(lengths, key=lambda name: (-len(lengths[name]), name))[:10]
    assert example.long_functions(limit) == [
        {"name": name, "functions": len(lengths[name]), "longest": max(lengths[name])} for name in expected
    ]


def test_functions_by_depth(example: ModuleType, plain: Plain) -> None:
    depths = sorted({f.depth for f in plain.functions})
    assert example.functions_by_depth() == [
        {
            "depth": depth,
            "functions": sum(f.depth == depth for f in plain.functions),
            "lines": sum(f.lines for f in plain.functions if f.depth == depth),
        }
        for depth in depths
    ]


def test_what_modules_need(example: ModuleType, plain: Plain) -> None:
    uses = plain.uses()
    for path, graph in (("needs", uses), ("needed_by", turned(uses))):
        found = {name: reached(graph, name) for name in plain.lines}
        column, shown = ("imports", example.widest_needs()) if path == "needs" else ("importers", example.most_needed())
        expected = sorted(found, key=lambda name: (-len(found[name]), name))[:10]
        assert shown == [{"name": name, column: len(graph[name]), path: len(found[name])} for name in expected]
        for name in [*expected[:3], "abc", "__future__", "json"]:
            record = example.Module.find_by(name=name)
            assert {module.name: steps for module, steps in getattr(record, path).pairs()} == found[name]


@pytest.mark.parametrize("name", ["json", "os", "abc", "this"])
def test_import_lines(example: ModuleType, plain: Plain, name: str) -> None:
    lines = [(module, *place) for (module, at), place in zip(plain.imports, plain.places, strict=True) if at == name]
    expected = [dict(zip(("name", "line", "names"), line, strict=True)) for line in sorted(lines, key=lambda x: x[:2])]
    assert example.import_lines(name) == expected
    assert len(example.Module.find_by(name=name).used_by) == len(expected)


def test_descendants(example: ModuleType, plain: Plain) -> None:
    children = plain.children()
    below = {key: reached(children, key) for key in children}
    order = [plain.classes[key] for key in below]
    expected = sorted(order, key=lambda c: (-len(below[c.key]), c.module, c.line))[:10]
    assert example.most_descendants() == [
        {
            "name": c.name,
            "module": c.module,
            "direct": len(children[c.key]),
            "all": len(below[c.key]),
            "modules": len({plain.classes[key].module for key in below[c.key]}),
        }
        for c in expected
    ]


def test_ancestors(example: ModuleType, plain: Plain) -> None:
    parents = turned(plain.children())
    above = {c.key: reached(parents, c.key) for c in plain.classes}
    expected = sorted(plain.classes, key=lambda c: (-len(above[c.key]), c.module, c.line))[:10]
    assert example.longest_ancestry() == [
        {"name": c.name, "module": c.module, "ancestors": len(above[c.key])} for c in expected
    ]
    for c in [*expected[:5], *plain.classes[:20]]:
        if sum((c.name, c.module) == (other.name, other.module) for other in plain.classes) == 1:
            found = [tuple(row.values()) for row in example.lineage(c.name, c.module)]
            assert sorted(found) == sorted((plain.classes[key].name, steps) for key, steps in above[c.key].items())
            assert [steps for _, steps in found] == sorted(above[c.key].values())


def test_documentation(example: ModuleType, plain: Plain) -> None:
    every = {"Module": plain.lines, "Class": plain.classes, "Function": plain.functions}
    expected = []
    for kind, all_of_it in every.items():
        lines = [n for at, _, n in plain.docstrings if at == kind]
        row = {"owner_type": kind, "n": len(lines), "lines": sum(lines)}
        expected.append(row | {"without": len(all_of_it) - len(lines)})
    assert example.documentation() == sorted(expected, key=lambda row: list(every).index(row["owner_type"]))


def test_longest_docstrings(example: ModuleType, plain: Plain) -> None:
    expected = sorted(plain.docstrings, key=lambda told: -told[2])[:10]
    assert example.longest_docstrings() == [{"lines": n, "of": kind, "name": name} for kind, name, n in expected]


def test_deleting_a_module_is_refused(example: ModuleType, plain: Plain) -> None:
    importers = sum(name == "abc" for _, name in plain.imports)
    classes = sum(c.module == "abc" for c in plain.classes)
    message = example.affected_by_deleting("abc")
    assert f"{importers} Import" in message, message
    assert f"{classes} Class" in message, message
    assert example.Module.find_by(name="abc") is not None


def test_main_prints_tables(example: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    example.library.clear()
    example.main(["json"])
    printed = capsys.readouterr().out
    assert "json.decoder" in printed
    assert "Which modules import nothing at all?" in printed
