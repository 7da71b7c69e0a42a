"""Forty-eight complaints about clients of OpenRouter, each with a test, or with a reason why there is none.

A test's docstring begins with the number of its complaint and names the public thread. The following complaints are
about streams, which `tests/flow` and `tests/wires` test:

    9   ranxianglei/billion-context-omp#105: a stream that ends without a finish reason
    10  openai/openai-go#227: comment lines of a stream parsed as JSON
    22  BerriAI/litellm: the cost in the last chunk of a stream

Complaints 8, 14 and 27 were about streams; the tests check what also concerns whole answers. For 19, 12, 16, 25
and 32, they test this project's own decision: an unknown cost of a completed row is 0.0 and marked, the body's wait
takes precedence over the header's, no token limit is made up, empty and truncated text is returned, and
`require_parameters` belongs to json_schema mode.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

NOT_ABOUT_WHOLE_ANSWERS = {9, 10, 22}


def test_every_complaint_is_answered() -> None:
    """Each of the 48 numbers has a test, or is listed above with its reason, but not both."""
    told: set[int] = set()
    for path in Path(__file__).parent.glob("test_complaints_about_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                told |= {int(number) for number in re.findall(r"\b([0-9]{1,2})\.[ :]", ast.get_docstring(node) or "")}
    assert set() == told & NOT_ABOUT_WHOLE_ANSWERS
    assert set(range(1, 49)) == told | NOT_ABOUT_WHOLE_ANSWERS
