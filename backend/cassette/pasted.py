"""The test to paste: the call as a consumer makes it, and what it came to."""

from __future__ import annotations

import pprint
from textwrap import indent
from typing import TYPE_CHECKING, Any, Final

from .asked import IMAGE, SPEECH, STRUCTURED, TEXT, TOOLS
from .rehearsal import variables

if TYPE_CHECKING:
    from collections.abc import Callable

    from .export import Exported
    from .rehearsal import Step

WIDTH: Final = 100
LONGEST_SHOWN: Final = 400
FACTS: Final = ("status_code", "error_code", "retryable", "retry_after")
RETURNED: Final = {
    TEXT: "response, _request_id",
    STRUCTURED: "answer, _request_id, _usage",
    TOOLS: "response, calls, _request_id",
    IMAGE: "image, _request_id",
    SPEECH: "audio, _request_id",
}
TEMPLATE: Final = '''\
"""Request {request} of {asked}, replayed; prompts and answers are {prompts}."""

from __future__ import annotations

from typing import TYPE_CHECKING

{imports}

if TYPE_CHECKING:
    from sqlalchemy.orm import Session
{model}

async def test_request_{short}(session: Session, pytestconfig: pytest.Config) -> None:
    """{fact}"""
    with replaying(pytestconfig.rootpath / {path!r}{variables}):
        llm = llm_services_provider(session)
{calls}
{checks}
'''


def pasted(exported: Exported, path: str, model_name: str | None = None) -> str:
    """Return a test that plays the cassette at `path`, absolute or below the project.

    `model_name` is the application's model of the answer, as `package.module:Class`.
    """
    last, error = exported.steps[-1], exported.played.error
    earlier = [
        f"        await {_call(step)}  # the turn before: the service remembers its answer"
        for step in exported.steps[:-1]
    ]
    if error is None:
        made = [f"        {RETURNED[last.call.method]} = await {_call(last)}"]
    else:
        made = [
            f"        with pytest.raises({type(error).__name__}) as caught:",
            indent(f"        await {_call(last)}", "    "),
        ]
    checks = _failure_checks(error) if error else CHECKS[last.call.method](exported.played.result)
    origin = exported.origin
    return TEMPLATE.format(
        request=origin["requests"][-1],
        asked=origin["asked"],
        prompts=origin["prompts"],
        imports=_imports(exported, model_name),
        model=_model(last, model_name),
        short=origin["requests"][-1].partition("-")[0],
        fact=_fact(last, error),
        path=path,
        variables="".join(f", {name}={value!r}" for name, value in variables(exported.steps).items()),
        calls="\n".join([*earlier, *made]),
        checks="\n".join(f"    assert {check}" for check in checks),
    )


def _imports(exported: Exported, model_name: str | None) -> str:
    error, asked = exported.played.error, [step.call for step in exported.steps]
    names = {"llm_services_provider"} | ({type(error).__name__} if error else set())
    names |= {"LLMMessage"} if any("messages" in each.arguments for each in asked) else set()
    lines = ["import pytest", "", "from cassette.replay import replaying"]
    if asked[-1].schema and not model_name:
        lines.append("from cassette.response_models import response_model")
    lines.append(f"from modules.llm_services import {', '.join(sorted(names))}")
    if any("tools" in each.arguments for each in asked):
        lines.append("from modules.llm_services.public import ToolDefinition")
    if model_name:
        module, _, name = model_name.partition(":")
        lines.append(f"from {module} import {name}")
    return "\n".join(lines)


def _model(step: Step, model_name: str | None) -> str:
    if not step.call.schema or model_name:
        return ""
    comment = "# The application's own model does as well, as long as this is its schema."
    return f"\n{comment}\n{_name(step)} = response_model(\n    {_json(step.call.schema, 4)}\n)\n"


def _name(step: Step) -> str:
    return step.response_model.__name__ if step.response_model else ""


def _fact(step: Step, error: Exception | None) -> str:
    model = step.call.arguments.get("model") or "the configured model"
    attempts = f", after {step.attempts} attempts" if step.attempts > 1 else ""
    return f"{model} {f'raises {type(error).__name__}' if error else 'answers'}{attempts}."


def _call(step: Step) -> str:
    arguments = [f"{name}={_argument(name, value)}" for name, value in step.call.arguments.items()]
    if step.response_model:
        arguments.append(f"response_model={_name(step)}")
    inside = "".join(f"\n            {each}," for each in arguments)
    return f"llm.{step.call.method}({inside}\n        )"


def _argument(name: str, value: Any) -> str:  # noqa: ANN401 - JSON
    kind = {"messages": "LLMMessage", "tools": "ToolDefinition"}.get(name)
    if not kind:
        return _json(value, 12)
    made = [f"{kind}({', '.join(f'{field}={_json(item, 16)}' for field, item in each.items())})" for each in value]
    return "[" + "".join(f"\n                {each}," for each in made) + "\n            ]"


def _json(value: Any, indent: int) -> str:  # noqa: ANN401 - JSON
    return pprint.pformat(value, width=WIDTH, sort_dicts=False).replace("\n", "\n" + " " * indent)


def _failure_checks(error: Exception) -> list[str]:
    facts = [getattr(error, name) for name in FACTS]
    names = "".join(f"\n        caught.value.{name}," for name in FACTS)
    return [
        f"{tuple(facts)!r} == ({names}\n    )",
        f"{_shown(str(error))} {_of('str(caught.value)', str(error))}",
    ]


def _shown(text: str) -> str:
    return repr(text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN])


def _of(expression: str, text: str) -> str:
    return f"== {expression}" if len(text) <= LONGEST_SHOWN else f"== {expression}[:{LONGEST_SHOWN}]"


def _text_checks(response: Any) -> list[str]:  # noqa: ANN401 - an LLMResponse
    figures = (response.finish_reason, response.input_tokens, response.output_tokens)
    return [
        f"{_shown(response.content)} {_of('response.content', response.content)}",
        f"{figures!r} == (response.finish_reason, response.input_tokens, response.output_tokens)",
    ]


def _tools_checks(result: Any) -> list[str]:  # noqa: ANN401 - what generate_response_with_tools returns
    response, calls, _request_id = result
    made = [(call.name, call.arguments) for call in calls or []]
    return [*_text_checks(response), f"{_json(made, 4)} == [(call.name, call.arguments) for call in calls or []]"]


CHECKS: Final[dict[str, Callable[[Any], list[str]]]] = {
    TEXT: lambda result: _text_checks(result[0]),
    TOOLS: _tools_checks,
    STRUCTURED: lambda result: [f'{_json(result[0].model_dump(mode="json"), 4)} == answer.model_dump(mode="json")'],
    IMAGE: lambda result: [f"{result[0].image_url!r} == image.image_url"],
    SPEECH: lambda result: [
        f"{(result[0].mime_type, len(result[0].audio_bytes()))!r} == (audio.mime_type, len(audio.audio_bytes()))"
    ],
}
