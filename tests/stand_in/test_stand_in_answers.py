"""The stand-in's completions: fields, usage, limits, JSON made from a schema, and tool calls."""

from __future__ import annotations

import json
import re
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Completed: TypeAlias = Callable[..., dict[str, Any]]
    Content: TypeAlias = Callable[..., str]

ANY_MODEL = "openai/gpt-4o-mini"
LONG = [{"role": "user", "content": "Why? " * 400}]
RECORDED_FIELDS = {
    "body": "id object created model provider system_fingerprint service_tier choices usage",
    "choice": "index logprobs finish_reason native_finish_reason message",
    "message": "role content refusal reasoning",
    "usage": "prompt_tokens completion_tokens total_tokens cost is_byok prompt_tokens_details cost_details "
    "completion_tokens_details",
}


def test_a_completion_has_the_recorded_fields(completed: Completed) -> None:
    """A completion has the fields of the recordings of 2026, in order."""
    body = completed("stand-in/completion")
    choice = body["choices"][0]
    assert RECORDED_FIELDS == {
        "body": " ".join(body),
        "choice": " ".join(choice),
        "message": " ".join(choice["message"]),
        "usage": " ".join(body["usage"]),
    }


@pytest.mark.parametrize("model", ["openai/gpt-4o", "openrouter/auto", "~anthropic/claude-opus-latest", "a/b:free"])
def test_any_other_model_completes(completed: Completed, model: str) -> None:
    """A model of any author answers under its own name, quoting the prompt."""
    body = completed(model)
    assert model == body["model"]
    assert "What is the capital of France?" in body["choices"][0]["message"]["content"]


def test_usage_adds_up_and_varies(completed: Completed) -> None:
    """Totals and costs are the sums of their parts, and a longer prompt costs more."""
    short = completed("stand-in/completion")["usage"]
    parts = short["cost_details"]
    assert short["prompt_tokens"] + short["completion_tokens"] == short["total_tokens"]
    assert short["cost"] == parts["upstream_inference_cost"]
    assert short["cost"] == pytest.approx(
        parts["upstream_inference_prompt_cost"] + parts["upstream_inference_completions_cost"]
    )
    assert completed("stand-in/completion", messages=LONG)["usage"]["cost"] > short["cost"] > 0


def test_who_pays(completed: Completed) -> None:
    """With the caller's own key, only the upstream cost is not 0; a free model costs 0; no-cost has only tokens."""
    byok, free, unreported = (completed(f"stand-in/{name}")["usage"] for name in ("byok", "free", "no-cost"))
    assert (0, True) == (byok["cost"], byok["is_byok"])
    assert byok["cost_details"]["upstream_inference_cost"] > 0
    assert (0, False) == (free["cost"], free["is_byok"])
    assert {"prompt_tokens", "completion_tokens", "total_tokens"} == set(unreported)


def test_a_cached_prompt_is_counted_and_cheaper(completed: Completed) -> None:
    """A cache hit counts reads and writes as part of the prompt, costs less, and serves a dated model."""
    hit = completed("stand-in/prompt-cache-hit", messages=LONG)
    details = hit["usage"]["prompt_tokens_details"]
    assert 0 < details["cache_write_tokens"] < details["cached_tokens"] < hit["usage"]["prompt_tokens"]
    assert hit["usage"]["cost"] < completed("stand-in/completion", messages=LONG)["usage"]["cost"]
    assert re.fullmatch(r"stand-in/prompt-cache-hit-\d{8}", hit["model"])


@pytest.mark.parametrize(
    ("name", "limits", "native"),
    [
        ("completion", {"max_tokens": 3}, "length"),
        ("completion", {"max_tokens": 1000, "max_completion_tokens": 3}, "length"),
        ("byok", {"max_tokens": 3}, "max_tokens"),
    ],
)
def test_a_limit_truncates(completed: Completed, name: str, limits: dict[str, int], native: str) -> None:
    """A completion ends at the smaller limit, with finish_reason length and the provider's own reason."""
    body = completed(f"stand-in/{name}", **limits)
    choice = body["choices"][0]
    assert 3 == body["usage"]["completion_tokens"]
    assert ("length", native) == (choice["finish_reason"], choice["native_finish_reason"])


def test_a_roomy_limit_changes_nothing(completed: Completed) -> None:
    """A completion shorter than its limit is complete, with finish_reason stop."""
    assert "stop" == completed("stand-in/completion", max_tokens=1000)["choices"][0]["finish_reason"]


def test_reasoning_is_spent_first(completed: Completed, content: Content) -> None:
    """Reasoning is sent as text and in details, counts as completion, and may leave no tokens for the answer."""
    body = completed("stand-in/reasoning")
    message = body["choices"][0]["message"]
    assert message["reasoning"] == message["reasoning_details"][0]["text"]
    assert 0 < body["usage"]["completion_tokens_details"]["reasoning_tokens"] < body["usage"]["completion_tokens"]
    assert "" == content("stand-in/reasoning", max_tokens=5)


class Colour(StrEnum):
    """An enum of strings."""

    RED = "red"
    BLUE = "blue"


class Part(BaseModel):
    """A recursive model."""

    name: Annotated[str, Field(min_length=40)]
    weight: Annotated[float, Field(ge=2, lt=3)] | None
    parts: list[Part] = []


class Machine(BaseModel):
    """A model with a field for each kind of schema."""

    id: UUID
    built: date
    seen: datetime
    colour: Colour
    kind: Literal["mill"]
    wheels: Annotated[int, Field(ge=4, multiple_of=3)]
    working: bool
    main: Part
    parts: Annotated[list[Part], Field(min_length=2)]
    position: tuple[int, str]
    labels: dict[str, str]
    nothing: None


class Verdict(BaseModel):
    """A model with upper bounds."""

    text: Annotated[str, Field(max_length=5)]
    score: Annotated[int, Field(gt=-5, le=-2)]


def asked(model: type[BaseModel]) -> dict[str, Any]:
    """Return the response_format for a model."""
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": model.model_json_schema()}}


@pytest.mark.parametrize("model", [Machine, Verdict, Part])
def test_structured_content_fits_its_schema(content: Content, model: type[BaseModel]) -> None:
    """Any model, when a call requests JSON, answers with an object that fits the requested schema."""
    model.model_validate_json(content(ANY_MODEL, response_format=asked(model)))


def test_the_schema_is_found_in_a_system_message(content: Content) -> None:
    """Without a schema in response_format, the first JSON object in a system message is the schema."""
    system = f"Answer {{in JSON}} that fits {json.dumps(Machine.model_json_schema())}, {{please}}."
    messages = [{"role": "system", "content": system}, *LONG]
    Machine.model_validate_json(content("stand-in/structured", messages=messages))


@pytest.mark.parametrize(
    ("name", "around"),
    [("structured-in-prose", r"[^{]+: (.+}) [^}]+\."), ("structured-in-fence", r"```json\n(.+)\n```")],
)
def test_json_in_prose_and_in_a_fence(content: Content, name: str, around: str) -> None:
    """The wrapped scenarios have the same JSON between two sentences and in a Markdown fence."""
    plain, wrapped = (content(f"stand-in/{each}", response_format=asked(Part)) for each in ("structured", name))
    found = re.fullmatch(around, wrapped)
    assert found
    assert plain == found[1]


@pytest.mark.parametrize("model", [Machine, Verdict, Part])
def test_structured_invalid_is_json_that_does_not_fit(content: Content, model: type[BaseModel]) -> None:
    """The invalid scenario answers with JSON that has the schema's keys and does not fit the schema."""
    text = content("stand-in/structured-invalid", response_format=asked(model))
    assert set(model.model_fields) == set(json.loads(text))
    with pytest.raises(ValidationError):
        model.model_validate_json(text)


WEATHER = {"name": "weather", "parameters": {"properties": {"city": {"type": "string"}}, "required": ["city"]}}
CLOCK = {"name": "clock", "parameters": {"type": "object", "properties": {}}}
TOOLS = [{"type": "function", "function": WEATHER}, {"type": "function", "function": CLOCK}]


@pytest.mark.parametrize(
    ("choice", "name", "arguments"),
    [("auto", "weather", {"city"}), ({"type": "function", "function": {"name": "clock"}}, "clock", set())],
)
def test_a_tool_is_called(completed: Completed, choice: object, name: str, arguments: set[str]) -> None:
    """The first tool, or the one in tool_choice, is called with arguments that fit it."""
    answer = completed(ANY_MODEL, tools=TOOLS, tool_choice=choice)["choices"][0]
    call = answer["message"]["tool_calls"][0]
    assert ("tool_calls", "function", name) == (answer["finish_reason"], call["type"], call["function"]["name"])
    assert arguments == set(json.loads(call["function"]["arguments"]))


@pytest.mark.parametrize(
    "fields",
    [{"tool_choice": "none"}, {"messages": [*LONG, {"role": "tool", "tool_call_id": "call_1", "content": "sunny"}]}],
)
def test_no_tool_is_called(content: Content, fields: dict[str, Any]) -> None:
    """A request without a required call, or with a tool's result, is answered in text."""
    assert "stand-in" in content(ANY_MODEL, tools=TOOLS, **fields)
