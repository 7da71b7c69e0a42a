"""Whatever a row contains is a literal in the printed test, and never code."""

from __future__ import annotations

import ast
from datetime import date
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from cassette.call_from_rows import STRUCTURED, TEXT, TOOLS, RecordedCall
from cassette.export import Export
from cassette.generated_test import generate_test
from cassette.replay import Replay
from modules.llm_services import LLMProviderError, LLMResponse
from modules.llm_services.public import ToolCall

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUEST: Final = "0e65a72b-7b4d-4585-b08a-ab5d7be13a78"
# Text that ends a string, a line, a docstring, a call or a format field.
BREAKERS: Final = [
    '"""',
    "'''",
    '"',
    "'",
    "\\",
    "\n",
    "\r",
    "\x0c",
    "\u2028",
    "{",
    "}",
    "{0}",
    "#",
    ")",
    "\x00",
    "\x1b",
]
INJECTIONS: Final = (
    'openrouter/a"""+print("INJECTED")+"""b',
    "a\\",
    'a"""\nimport os\nos.abort()\n"""',
    "'); print(1); ('",
    "{request.__class__}",
    "x=print(1), y",
    "Answer); print(1",
)
HOSTILE: Final = st.sampled_from(INJECTIONS) | st.lists(
    st.sampled_from([*BREAKERS, "print(1)", "a", "class", "None"]) | st.text(max_size=3), max_size=6
).map("".join)
JSON: Final = st.recursive(
    HOSTILE | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(HOSTILE, inner, max_size=2),
    max_leaves=4,
)
NAMES: Final = {"response_model", "llm_services_provider", "replaying", "LLMMessage", "ToolDefinition", "str", "len"}


def export(call: RecordedCall, result: Any, error: Exception | None) -> Export:  # noqa: ANN401 - as in Replay
    """Return the export of `call`."""
    origin = {"requests": [REQUEST], "asked": date(2026, 11, 26), "prompts": "kept"}
    return Export("", origin, [call], Replay(result, error, [], []))


def made_by(test: str) -> tuple[dict[str, Any], ast.Module]:
    """Return the arguments of the call in a printed test, as Python evaluates them, and the test's syntax tree."""
    tree = ast.parse(test)
    compile(tree, "test", "exec")
    [call] = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and is_method(node.func)]
    arguments: dict[str, Any] = {}
    for keyword in call.keywords:
        arguments |= {keyword.arg: value(keyword.value)} if keyword.arg else value(keyword.value)
    return arguments, tree


def is_method(function: ast.expr) -> bool:
    """Return True for `llm.<method>`."""
    return isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "llm"


def value(node: ast.expr) -> Any:  # noqa: ANN401 - JSON
    """Return a literal's value, the fields of a message or a tool, or a name as text."""
    match node:
        case ast.List(elts=elements):
            return [value(element) for element in elements]
        case ast.Call(func=ast.Name(id="LLMMessage" | "ToolDefinition"), args=[], keywords=fields):
            pairs = [{field.arg: value(field.value)} if field.arg else value(field.value) for field in fields]
            return {name: item for pair in pairs for name, item in pair.items()}
        case ast.Name(id=name):
            return f"<{name}>"
        case _:
            return ast.literal_eval(node)


def called(tree: ast.Module) -> Iterator[str]:
    """Yield the names of the functions that a module calls, without methods of objects that it receives."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id


def check(exported: Export, arguments: dict[str, Any]) -> None:
    """Assert that the test makes the call with these arguments, and calls only functions that it imports."""
    passed, tree = made_by(generate_test(exported, "cassettes/a.yaml"))
    response_model = exported.calls[0].response_model
    if response_model:
        name = passed.pop("response_model").strip("<>")
        assert name == "Answer" or (name == response_model.__name__ and name.isidentifier())
    assert arguments == passed
    assert set(called(tree)) <= NAMES
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert all(
        not isinstance(node, ast.Import) or [alias.name for alias in node.names] == ["pytest"] for node in imports
    )
    [test] = [node for node in tree.body if isinstance(node, ast.AsyncFunctionDef)]
    assert "test_request_0e65a72b" == test.name
    assert str(arguments["model"] or "the configured model") in (ast.get_docstring(test, clean=False) or "")


@given(model=HOSTILE, content=JSON, options=st.dictionaries(HOSTILE, JSON, max_size=2), answer=HOSTILE)
def test_a_call_for_text(model: str, content: Any, options: dict[str, Any], answer: str) -> None:  # noqa: ANN401
    """A model, a prompt, an option's name and an answer are literals."""
    arguments = {"messages": [{"role": "user", "content": content}], **options, "model": model}
    response = LLMResponse(content=answer, provider="openrouter", model=model, finish_reason=answer)
    check(export(RecordedCall(method=TEXT, arguments=arguments), (response, REQUEST), None), arguments)


@given(model=HOSTILE, message=HOSTILE, code=HOSTILE)
def test_a_call_that_fails(model: str, message: str, code: str) -> None:
    """The message of an error is a literal."""
    arguments = {"messages": [{"role": "user", "content": "hi"}], "model": model}
    error = LLMProviderError(message, error_code=code)
    check(export(RecordedCall(method=TEXT, arguments=arguments), None, error), arguments)


@given(name=HOSTILE, parameters=st.dictionaries(HOSTILE, JSON, max_size=2))
def test_a_call_with_tools(name: str, parameters: dict[str, Any]) -> None:
    """A tool's name, schema and arguments are literals."""
    tools = [{"name": name, "description": name, "parameters": parameters}]
    arguments = {"messages": [{"role": "user", "content": "hi", name: name}], "tools": tools, "model": name}
    response = LLMResponse(content="", provider="openrouter", model=name)
    result = (response, [ToolCall(id="1", name=name, arguments=parameters)], REQUEST)
    check(export(RecordedCall(method=TOOLS, arguments=arguments), result, None), arguments)


@given(title=HOSTILE.filter(lambda title: "\x00" not in title), model=HOSTILE)
def test_a_call_for_an_object(title: str, model: str) -> None:
    """A schema is a literal; its title names the class only if it is a valid name."""
    schema = {"title": title, "type": "object", "properties": {title: {"type": "string"}}}
    try:
        response_model = type(title or "Answer", (BaseModel,), {})
    except (ValueError, UnicodeEncodeError):
        return  # not a valid class name
    arguments = {"messages": [{"role": "user", "content": "hi"}], "model": model}
    call = RecordedCall(method=STRUCTURED, arguments=arguments, response_model=response_model, schema=schema)
    answer = SimpleNamespace(model_dump=lambda **_: {title: model})
    check(export(call, (answer, REQUEST, {}), None), arguments)


@pytest.mark.parametrize("title", ["City", "Order2"])
def test_a_schemas_title_names_the_class(title: str) -> None:
    """A title that is a valid class name is used."""
    call = RecordedCall(
        method=STRUCTURED, arguments={"model": "a"}, response_model=type(title, (BaseModel,), {}), schema={}
    )
    result: tuple[Any, ...] = (SimpleNamespace(model_dump=lambda **_: {}), REQUEST, {})
    assert f"response_model={title}," in generate_test(export(call, result, None), "cassettes/a.yaml")
