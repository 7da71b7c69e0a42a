"""Forty-eight complaints about clients of OpenRouter, each answered by a test, or by a reason why not.

A test's docstring begins with the number of its complaint and names the public thread. The numbers below are
not about calls that wait for the whole answer, which are the only ones this module makes:

    9   ranxianglei/billion-context-omp#105: a stream that ends without a finish reason
    10  openai/openai-go#227: comment lines of a stream parsed as JSON
    22  BerriAI/litellm: the cost in the last chunk of a stream

Of 8, 14 and 27, which were met in streams, the tests take the half that a whole answer has too. Of 19, 12, 16, 25
and 32 they take this project's own answer: an unknown cost of a completed row is 0.0 and marked, the body's wait
comes before the header's, no cap is made up, empty and cut text is returned, and `require_parameters` belongs to
json_schema mode.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

NOT_ABOUT_WHOLE_ANSWERS = {9, 10, 22}


def test_every_complaint_is_answered() -> None:
    """Each of the 48 numbers is a test's or stands above with its reason, and none is both."""
    told: set[int] = set()
    for path in Path(__file__).parent.glob("test_complaints_about_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                told |= {int(number) for number in re.findall(r"\b([0-9]{1,2})\.[ :]", ast.get_docstring(node) or "")}
    assert set() == told & NOT_ABOUT_WHOLE_ANSWERS
    assert set(range(1, 49)) == told | NOT_ABOUT_WHOLE_ANSWERS
