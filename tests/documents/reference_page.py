"""Write docs/reference.md from the docstrings of the public names: python tests/documents/reference_page.py."""

from __future__ import annotations

import ast
import inspect
from itertools import pairwise
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
MODULE: Final = ROOT / "backend" / "modules" / "llm_services"
PAGE: Final = ROOT / "docs" / "reference.md"
BEGIN: Final = "<!-- what follows is written by tests/documents/reference_page.py -->\n"
# Heading, file, and the names whose docstrings follow; None means every public class of the file.
SECTIONS: Final[tuple[tuple[str, str, tuple[str, ...] | None], ...]] = (
    ("Entry points", "public.py", ("llm_services_provider", "llm_services_admin_provider")),
    ("Calls", "public.py", ("LLMServicesProvider",)),
    ("Reads for administrators", "public.py", ("LLMServicesAdminProvider",)),
    ("Values that you pass", "types.py", ("LLMMessage", "ToolDefinition")),
    (
        "Values that you receive",
        "types.py",
        ("LLMResponse", "ToolCall", "ImageResponse", "AudioResponse", "WebSearchResponse", "LLMRequest"),
    ),
    ("Exceptions", "exceptions.py", None),
)
OF_THE_ROW: Final = "LLMRequest"  # its fields are the columns, which docs/row.md explains
PLAIN: Final = {"StrictStr": "str", "Role": "str"}
LONG: Final = 80  # the longest list of arguments that is written on one line
Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def reference() -> str:
    """Return the sections of the page."""
    return "".join(_section(heading, file, names) for heading, file, names in SECTIONS)


def updated(page: str) -> str:
    """Return a page with its sections written from the code."""
    return page.partition(BEGIN)[0] + BEGIN + "\n" + reference().rstrip() + "\n"


def _section(heading: str, file: str, names: tuple[str, ...] | None) -> str:
    body = ast.parse((MODULE / file).read_bytes()).body
    definitions = {node.name: node for node in body if isinstance(node, Definition)}
    shown = names or [name for name, node in definitions.items() if isinstance(node, ast.ClassDef)]
    return f"## {heading}\n\n" + "".join(_entry(definitions[name]) for name in shown)


def _entry(node: Definition) -> str:
    text = f"### {node.name}\n\n{_signature(node)}{_docstring(node)}\n\n"
    if not isinstance(node, ast.ClassDef):
        return text
    if node.name == OF_THE_ROW:
        return text + "[The row](row.md) explains each column.\n\n"
    methods = [each for each in node.body if isinstance(each, Definition) and not each.name.startswith("_")]
    return text + _fields(node) + "".join(f"#### {m.name}\n\n{_signature(m)}{_docstring(m)}\n\n" for m in methods)


def _signature(node: Definition) -> str:
    """Return a function's signature, with one argument a line if it is long; for a class, its base."""
    if isinstance(node, ast.ClassDef):
        bases = [base.id for base in node.bases if isinstance(base, ast.Name) and base.id.startswith("LLM")]
        return f"A kind of `{bases[0]}`. " if bases else ""
    awaited = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    given = ", ".join(arguments := _arguments(node.args))
    if len(given) > LONG:
        given = "".join(f"\n    {argument}," for argument in arguments) + "\n"
    result = ast.unparse(node.returns) if node.returns else "None"
    return f"```py\n{awaited}{node.name}({given}) -> {result}\n```\n\n"


def _arguments(node: ast.arguments) -> list[str]:
    given = [ast.unparse(each) for each in node.args if each.arg != "self"]
    first = len(given) - len(node.defaults)
    given[first:] = [
        f"{each} = {ast.unparse(default)}" for each, default in zip(given[first:], node.defaults, strict=True)
    ]
    return given + ([f"**{ast.unparse(node.kwarg)}"] if node.kwarg else [])


def _docstring(node: Definition) -> str:
    return inspect.cleandoc(ast.get_docstring(node) or "")


def _fields(node: ast.ClassDef) -> str:
    """Return a table of the fields with docstrings."""
    lines = [
        f"| `{ast.unparse(field.target)}` | {_meaning(below)} | {_type(node, field)} |\n"
        for field, below in pairwise(node.body)
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr)
    ]
    return "| field | meaning | type |\n|---|---|---|\n" + "".join(lines) + "\n" if lines else ""


def _type(node: ast.ClassDef, field: ast.AnnAssign) -> str:
    kinds = [PLAIN.get(kind, kind) for kind in ast.unparse(field.annotation).split(" | ")]
    shown = " or ".join("None" if kind == "None" else f"`{kind}`" for kind in kinds)
    return f"{shown}, required" if _is_required(node, field) else shown


def _is_required(node: ast.ClassDef, field: ast.AnnAssign) -> bool:
    """Return True if the caller has to give the field: it belongs to a value that callers make, and has no default."""
    return field.value is None and any(isinstance(base, ast.Name) and base.id == "Input" for base in node.bases)


def _meaning(below: ast.Expr) -> str:
    assert isinstance(below.value, ast.Constant)
    return inspect.cleandoc(str(below.value.value)).replace("\n", " ")


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
