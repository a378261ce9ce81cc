"""Faults drawn at random from the sources, for `python -m benchmarks.mutate --random N --seed S`.

A fault changes one operator, one constant or one condition of one line: `<` and `<=`, `==` and `!=`, `+` and `-`,
`<<` and `>>`, `&` and `|`, `and` and `or`; a whole number by one; the condition of an `if`, of a `while` or of
Amaranth's `m.If` is negated. Not drawn from: what is said in errors, annotations, what only an error's branch does, and
lines that are not the only one of their text in their file, which a fault could not name.
"""

import ast
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

SOURCES: Mapping[str, Sequence[str]] = {
    # What compares the room with another: beside the test of its name, the tests of a fault in it.
    "hw": (
        "tests/hw/test_array.py",
        "tests/sim/rtl/test_lockstep.py::test_every_structure[tiny4-icarus]",
        "tests/sim/rtl/test_lockstep.py::test_random_configurations",
        "tests/sim/rtl/test_lockstep_maps.py::test_every_kind[maps3-icarus]",
        "tests/sim/rtl/test_lockstep_functions.py::test_every_array[functions3-icarus]",
    ),
    "model": (
        "tests/ladder/test_agreement.py",
        "tests/ladder/test_arithmetic_corners.py",
        "tests/ladder/test_maps.py",
        "tests/ladder/test_map_engine.py",
        "tests/ladder/test_functions.py",
    ),
    "sw/image": ("tests/sw/image", "tests/ladder/test_agreement.py", "tests/sim/simulation"),
}

COMPARISONS: Mapping[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
}
OPERATORS: Mapping[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
}
CONDITIONS = ("If", "Elif")  # of Amaranth's Module


class Change(NamedTuple):
    """A fault of a file: the only line of its text, what becomes of it, and in words what was done."""

    file: str
    line: str
    fault: str
    why: str
    tests: Sequence[str]


class _Edit(NamedTuple):
    """Columns of a line, and what stands there instead."""

    row: int
    begin: int
    end: int
    text: str
    why: str


def draw(root: Path, number: int, seed: int, file: str | None = None) -> list[Change]:
    """So many different faults, each file's chance in proportion to how many it could have.

    ValueError if the sources, or `file` of them, have fewer.
    """
    names = [
        str(path.relative_to(root))
        for room in SOURCES
        for path in sorted((root / room).rglob("*.py"))
        if file in (None, str(path.relative_to(root)))
    ]
    possible = [change for name in names for change in changes(root, name)]
    if len(possible) < number:
        raise ValueError(f"{number} random faults were wanted, {file or ', '.join(SOURCES)} can have {len(possible)}")
    return random.Random(seed).sample(possible, number)


def changes(root: Path, file: str) -> list[Change]:
    """Every fault that the file can have."""
    text = (root / file).read_text(encoding="utf-8")
    lines = text.splitlines()
    times = Counter(lines)
    tests = guards_of(root, file)
    found: list[Change] = []
    for edit in _edits(ast.parse(text), lines):
        line = lines[edit.row]
        if times[line] == 1 and text.count(line) == 1 and line.isascii():
            fault = line[: edit.begin] + edit.text + line[edit.end :]
            found.append(Change(file, line, fault, f"line {edit.row + 1}: {edit.why}", tests))
    return found


def guards_of(root: Path, file: str) -> list[str]:
    """The tests that bear the file's name, and those that compare its room with another."""
    own = root / "tests" / Path(file).parent
    mine = sorted(str(path.relative_to(root)) for path in own.glob(f"test_{Path(file).stem}*.py"))
    (room,) = (room for room in SOURCES if file.startswith(f"{room}/"))
    return [*mine, *(test for test in SOURCES[room] if test not in mine)]


def _edits(tree: ast.Module, lines: Sequence[str]) -> Iterator[_Edit]:
    for node in _nodes(tree):
        match node:
            case ast.Compare(left=left, ops=[operator], comparators=[right]) if type(operator) in COMPARISONS:
                yield from _between(lines, left, right, *COMPARISONS[type(operator)])
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in OPERATORS:
                yield from _between(lines, left, right, *OPERATORS[type(operator)])
            case ast.BoolOp(op=operator, values=[left, right]):
                words = ("and", "or") if isinstance(operator, ast.And) else ("or", "and")
                yield from _between(lines, left, right, *words)
            case ast.Constant(value=int(value)) if not isinstance(node.value, bool):
                row, begin, end = node.lineno - 1, node.col_offset, node.end_col_offset or 0
                yield _Edit(row, begin, end, str(value + 1), f"{value} is {value + 1}")
            case ast.If(test=test) | ast.While(test=test):
                yield from _negated(lines, test, "not ({})")
            case ast.Call(func=ast.Attribute(attr=name), args=[test]) if name in CONDITIONS:
                yield from _negated(lines, test, "({}) == 0")
            case _:
                pass


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    """The node and what is below it, without annotations, what raises, and branches that only raise."""
    if isinstance(node, ast.Raise | ast.Assert | ast.JoinedStr):
        return
    if isinstance(node, ast.If) and isinstance(node.body[-1], ast.Raise):
        return
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _nodes(child)


def _between(lines: Sequence[str], left: ast.expr, right: ast.expr, old: str, new: str) -> Iterator[_Edit]:
    """The operator between two operands of one line; parentheses may stand beside it."""
    if left.end_lineno != right.lineno:
        return
    row, begin = right.lineno - 1, left.end_col_offset or 0
    gap = lines[row][begin : right.col_offset]
    if gap.count(old) == 1:
        at = begin + gap.index(old)
        yield _Edit(row, at, at + len(old), new, f"{old} is {new}")


def _negated(lines: Sequence[str], test: ast.expr, form: str) -> Iterator[_Edit]:
    if test.lineno == test.end_lineno:
        row, begin, end = test.lineno - 1, test.col_offset, test.end_col_offset or 0
        yield _Edit(row, begin, end, form.format(lines[row][begin:end]), "a condition is its opposite")
