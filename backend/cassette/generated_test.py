"""The test to paste: the call as a consumer makes it, and how it ended.

A developer runs it, so whatever a row contains is a literal in it, even a model's name or a schema's title, and never
code.
"""

from __future__ import annotations

import pprint
import re
from keyword import iskeyword
from textwrap import indent
from typing import TYPE_CHECKING, Any, Final

from modules import llm_services

from .call_from_rows import IMAGE, SPEECH, STRUCTURED, TEXT, TOOLS
from .replay import variables_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .call_from_rows import RecordedCall
    from .export import Export

LINE_WIDTH: Final = 100
MAX_TEXT_LENGTH: Final = 400  # the longest text that is compared
ERROR_FIELDS: Final = ("status_code", "error_code", "retryable", "retry_after")
CLASSES: Final = {"messages": "LLMMessage", "tools": "ToolDefinition"}
# Names that the test imports; a schema's title may be one of them.
IMPORTED: Final = {*CLASSES.values(), *llm_services.__all__, "TYPE_CHECKING", "Session"}
PLAIN: Final = re.compile(r"[\w ./:@~,-]*", re.ASCII)
TEMPLATE: Final = '''\
"""Request {request} of {asked}, replayed; prompts and answers are {prompts}."""

from __future__ import annotations

from typing import TYPE_CHECKING

{imports}

if TYPE_CHECKING:
    from sqlalchemy.orm import Session
{model}

async def test_request_{short}(session: Session, pytestconfig: pytest.Config) -> None:
    {fact}
    with replaying(pytestconfig.rootpath / {path!r}{variables}):
        llm = llm_services_provider(session)
{calls}
{checks}
'''


def generate_test(exported: Export, path: str, model_name: str | None = None) -> str:
    """Return a test that replays the cassette at `path`, which is absolute or relative to the project.

    `model_name` is the application's response model, as `package.module:Class`.
    """
    call, error = exported.calls[-1], exported.replay.error
    model_class = model_name.partition(":")[2] if model_name else None
    calls = [
        f"        await {_call(earlier)}  # the turn before: the service remembers its answer"
        for earlier in exported.calls[:-1]
    ]
    if error:
        calls.append(f"        with pytest.raises({type(error).__name__}) as caught:")
        calls.append(indent(f"        await {_call(call, model_class)}", "    "))
        checks = _error_checks(error)
    else:
        names, result_checks = RESULTS[call.method]
        calls.append(f"        {names} = await {_call(call, model_class)}")
        checks = result_checks(exported.replay.result)
    request_id = exported.origin["requests"][-1]
    return TEMPLATE.format(
        request=request_id,
        asked=exported.origin["asked"],
        prompts=exported.origin["prompts"],
        imports=_imports(exported, model_name),
        model="" if model_name else _model(call),
        short=request_id.partition("-")[0],
        fact=_docstring(_fact(call, error)),
        path=path,
        variables="".join(f", {name}={value!r}" for name, value in variables_of(exported.calls).items()),
        calls="\n".join(calls),
        checks="\n".join(f"    assert {check}" for check in checks),
    )


def _imports(exported: Export, model_name: str | None) -> str:
    error = exported.replay.error
    arguments = {name for call in exported.calls for name in call.arguments}
    names = ["llm_services_provider", *(["LLMMessage"] if "messages" in arguments else [])]
    names += [type(error).__name__] if error else []
    lines = ["import pytest", "", "from cassette.replay import replaying"]
    if exported.calls[-1].schema and not model_name:
        lines.append("from cassette.response_models import response_model")
    lines.append(f"from modules.llm_services import {', '.join(sorted(names))}")
    if "tools" in arguments:
        lines.append("from modules.llm_services.public import ToolDefinition")
    if model_name:
        module, _, name = model_name.partition(":")
        lines.append(f"from {module} import {name}")
    return "\n".join(lines)


def _model(call: RecordedCall) -> str:
    if not call.response_model:
        return ""
    comment = "# The application's own model does as well, as long as this is its schema."
    return f"\n{comment}\n{_model_name(call)} = response_model(\n    {_literal(call.schema, 4)}\n)\n"


def _model_name(call: RecordedCall) -> str:
    """Return the name of the response model in the test: the title of its schema, if that is a valid name."""
    name = call.response_model.__name__ if call.response_model else ""
    return name if _is_name(name) and name[0].isupper() and name not in IMPORTED else "Answer"


def _is_name(text: str) -> bool:
    return text.isascii() and text.isidentifier() and not iskeyword(text)


def _docstring(text: str) -> str:
    return f'"""{text}"""' if PLAIN.fullmatch(text) else repr(text)


def _fact(call: RecordedCall, error: Exception | None) -> str:
    model = call.arguments.get("model") or "the configured model"
    attempts = f", after {call.attempts} attempts" if call.attempts > 1 else ""
    return f"{model} {f'raises {type(error).__name__}' if error else 'answers'}{attempts}."


def _call(call: RecordedCall, model_name: str | None = None) -> str:
    arguments = _keywords({name: _argument(name, value) for name, value in call.arguments.items()})
    if call.response_model:
        arguments.append(f"response_model={model_name or _model_name(call)}")
    lines = "".join(f"\n            {argument}," for argument in arguments)
    return f"llm.{call.method}({lines}\n        )"


def _keywords(values: dict[str, str]) -> list[str]:
    """Return arguments as they are passed, given their values as Python; invalid names become keys of a dict."""
    return [f"{name}={value}" if _is_name(name) else f"**{{{name!r}: {value}}}" for name, value in values.items()]


def _argument(name: str, value: Any) -> str:  # noqa: ANN401 - JSON
    if name not in CLASSES:
        return _literal(value, 12)
    entries = ({field: _literal(item, 16) for field, item in entry.items()} for entry in value)
    made = (f"{CLASSES[name]}({', '.join(_keywords(entry))})" for entry in entries)
    return "[" + "".join(f"\n                {entry}," for entry in made) + "\n            ]"


def _literal(value: Any, columns: int) -> str:  # noqa: ANN401 - JSON
    """Return a value as Python, with all lines but the first indented by `columns`."""
    return pprint.pformat(value, width=LINE_WIDTH, sort_dicts=False).replace("\n", "\n" + " " * columns)


def _error_checks(error: Exception) -> list[str]:
    values = tuple(getattr(error, name) for name in ERROR_FIELDS)
    names = "".join(f"\n        caught.value.{name}," for name in ERROR_FIELDS)
    return [f"{values!r} == ({names}\n    )", _text_check(str(error), "str(caught.value)")]


def _text_check(text: str, expression: str) -> str:
    if len(text) <= MAX_TEXT_LENGTH:
        return f"{text!r} == {expression}"
    return f"{text[:MAX_TEXT_LENGTH]!r} == {expression}[:{MAX_TEXT_LENGTH}]"


def _response_checks(response: Any) -> list[str]:  # noqa: ANN401 - an LLMResponse
    figures = (response.finish_reason, response.input_tokens, response.output_tokens)
    return [
        _text_check(response.content, "response.content"),
        f"{figures!r} == (response.finish_reason, response.input_tokens, response.output_tokens)",
    ]


def _tool_checks(result: Any) -> list[str]:  # noqa: ANN401 - what generate_response_with_tools returns
    response, calls, _request_id = result
    tool_calls = [(call.name, call.arguments) for call in calls or []]
    check = f"{_literal(tool_calls, 4)} == [(call.name, call.arguments) for call in calls or []]"
    return [*_response_checks(response), check]


def _audio_checks(result: Any) -> list[str]:  # noqa: ANN401 - what generate_audio returns
    values = (result[0].mime_type, len(result[0].audio_bytes()))
    return [f"{values!r} == (audio.mime_type, len(audio.audio_bytes()))"]


# The names that the test gives to a method's result, and what it asserts about them.
RESULTS: Final[dict[str, tuple[str, Callable[[Any], list[str]]]]] = {
    TEXT: ("response, _request_id", lambda result: _response_checks(result[0])),
    TOOLS: ("response, calls, _request_id", _tool_checks),
    STRUCTURED: (
        "answer, _request_id, _usage",
        lambda result: [f'{_literal(result[0].model_dump(mode="json"), 4)} == answer.model_dump(mode="json")'],
    ),
    IMAGE: ("image, _request_id", lambda result: [f"{result[0].image_url!r} == image.image_url"]),
    SPEECH: ("audio, _request_id", _audio_checks),
}
