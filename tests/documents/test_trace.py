"""The trace of the specification: every point has its row, and everything that a row names exists."""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs/specs/openrouter-llm-service-provider"
MODULE = ROOT / "backend/modules/llm_services"
FENCED = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
LISTED = re.compile(r"(?:> )? *(?:-|\d+\.) (?:\[ \] )?(?P<item>.+)")
INTRODUCES_A_LIST = re.compile(r"^\*\*.*:\*\*\n+(?= *(?:-|\d+\.) )", re.MULTILINE)
NAMED = re.compile(r"`([^`]+)`")
CELLS = re.compile(r"(?<!\\)\|")
COLUMNS = 4  # requirement, code, test, note


def items(specification: str) -> list[str]:
    """Return the specification's points in order: items of lists, and lines that begin in bold."""
    prose = INTRODUCES_A_LIST.sub("", FENCED.sub("", specification))
    return [
        listed["item"] if (listed := LISTED.fullmatch(line)) else line
        for line in prose.splitlines()
        if line.startswith("**") or LISTED.fullmatch(line)
    ]


def rows(trace: str) -> list[list[str]]:
    """Return the cells of each row, without the heads of the tables."""
    tables = [line for line in trace.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in CELLS.split(line)[1:-1]] for line in tables]
    return [row for row in cells if row[0] != "requirement"]


SPECIFICATION = (FOLDER / "spec.md").read_text(encoding="utf-8")
TRACE = (FOLDER / "trace.md").read_text(encoding="utf-8")
ROWS = rows(TRACE)
CODE = sorted({name for row in ROWS for name in NAMED.findall(row[1])})
TESTS = sorted({name for row in ROWS for name in NAMED.findall(row[2])})


def found(name: str) -> Path:
    """Return the file or folder of a name, from the root of the repository, else of the module."""
    path = name.split("::", maxsplit=1)[0]
    return ROOT / path if (ROOT / path).exists() else MODULE / path


@cache
def definitions(path: Path) -> frozenset[str]:
    """Return what a Python file defines outside its functions, members of classes after their class."""
    return frozenset(_definitions(ast.parse(path.read_bytes()).body, ""))


def _definitions(body: list[ast.stmt], owner: str) -> list[str]:
    names = []
    for node in body:
        match node:
            case ast.ClassDef(name=name, body=members):
                names += [owner + name, *_definitions(members, f"{owner}{name}::")]
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                names.append(owner + name)
            case ast.Assign(targets=[ast.Name(id=name)]):
                names.append(owner + name)
    return names


def is_there(name: str) -> bool:
    """Return whether a file exists and defines the name in it."""
    path, _, definition = name.partition("::")
    return found(path).exists() and (not definition or definition.replace(".", "::") in definitions(found(path)))


def test_every_item_of_the_specification_has_its_row() -> None:
    """The first column is the specification, point by point: none is left out, reworded or moved."""
    asked = [row[0].replace(r"\|", "|") for row in ROWS]
    assert items(SPECIFICATION) == asked


def test_every_checkbox_risk_and_metric_is_an_item() -> None:
    """What the specification ticks, numbers or calls a risk is among the points that need a row."""
    must = re.findall(r"^ *- \[ \] (.+)|^(\*\*Risk .+)|^\d+\. (.+)", SPECIFICATION, re.MULTILINE)
    assert must
    assert [] == [line for group in must for line in group if line and line not in items(SPECIFICATION)]


def test_every_import_contract_is_explained() -> None:
    """The page lists the import contracts of pyproject.toml by their names, in order, and no other."""
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    contracts = [contract["name"] for contract in tools["importlinter"]["contracts"]]
    assert contracts == re.findall(r"^- \*\*(.+?)[.:]?\*\*", TRACE, re.MULTILINE)


def test_a_row_has_four_cells_and_says_something() -> None:
    """Each row names code or a test, or says in its last cell why there is none."""
    assert [] == [row for row in ROWS if len(row) != COLUMNS or not any(row[1:])]


def test_code_without_a_test_has_its_reason() -> None:
    """A row without a test says in its last cell what proves it instead, or why nothing has to."""
    assert [] == [row[0] for row in ROWS if not row[2] and not row[3]]


def test_what_is_named_exists() -> None:
    """Each file that a row names exists and defines the names that follow it."""
    assert [] == [name for name in CODE + TESTS if not is_there(name)]


def test_what_is_named_a_test_is_one() -> None:
    """Each name in the column of tests is a test, or a class of them, where pytest looks for tests."""
    parts = [(name, found(name).name, name.split("::")[-1]) for name in TESTS if "::" in name]
    assert [] == [name for name, file, test in parts if not (file[:5] == "test_" and test[:4] in {"test", "Test"})]


def test_a_definition_is_found_where_it_stands(tmp_path: Path) -> None:
    """Functions, classes, members and constants are definitions; local names of a function are not."""
    file = tmp_path / "example.py"
    file.write_text("A = 1\nclass B:\n    c: int\n    def d(self):\n        e = 1\nasync def f(): pass\n")
    assert {"A", "B", "B::c", "B::d", "f"} == definitions(file)
