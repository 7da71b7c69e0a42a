"""The parameters for each OpenAI model (sampling, reasoning, verbosity, object), and which answers are errors."""

from __future__ import annotations

from typing import Any, Final

import pytest
from pydantic import BaseModel

from modules.llm_services.types import LLMMessage
from modules.llm_services.wires.chat_completions import ChatCompletionsWire
from modules.llm_services.wires.responses import ResponsesWire
from modules.llm_services.wires.wire import Exchange, LLMCall
from support.rendering import prepared, rendered

ASKED: Final = [LLMMessage(role="user", content="hi")]
REASONING: Final = (
    "gpt-5",
    "gpt-5-mini-2025-08-07",
    "gpt-5.1",
    "gpt-5.4-nano",
    "gpt-6.1-sol",
    "gpt-8",
    "o1",
    "o3-mini",
    "o9-preview",
    "chat-latest",
)
SAMPLED: Final = ("gpt-3.5-turbo", "gpt-35-turbo", "gpt-4", "gpt-4-turbo", "gpt-4o", "gpt-4.1-mini-2025-04-14")
DEPLOYMENTS: Final = ("prod-chat-eu", "my-model", "luna")


class Found(BaseModel):
    """The requested object."""

    count: int


def sent(model: str, *, wire: type[ResponsesWire | ChatCompletionsWire] = ResponsesWire, **call: Any) -> Any:  # noqa: ANN401 - JSON
    """Return the request of a call; `temperature` is the caller's, otherwise the configured default."""
    options = {name: call.pop(name) for name in list(call) if name in wire.options.model_fields}
    is_given = "temperature" in call
    given = LLMCall(ASKED, model, call.pop("temperature", 0.7), params=options, temperature_is_given=is_given, **call)
    return rendered(wire(), given)


@pytest.mark.parametrize("model", REASONING)
def test_reasoning_models_get_no_sampling(model: str) -> None:
    """GPT models from 5 on and the o-series refuse sampling parameters, so even the caller's are not sent."""
    payload = sent(model, temperature=0.2, top_p=0.9)
    assert not {"temperature", "top_p"} & payload.keys()


@pytest.mark.parametrize("model", SAMPLED)
def test_older_models_get_sampling_and_no_reasoning(model: str) -> None:
    """The configured temperature is sent, but neither reasoning nor verbosity, which they do not know."""
    payload = sent(model, reasoning={"effort": "low"}, verbosity="low")
    assert 0.7 == payload["temperature"]
    assert not {"reasoning", "text"} & payload.keys()


@pytest.mark.parametrize("given", [{"top_p": 0.9}, {"extra_body": {"top_p": 0.9}}], ids=["option", "extra_body"])
def test_a_default_temperature_beside_top_p(given: dict[str, Any]) -> None:
    """The default is left out if there is a `top_p` anywhere; the caller's temperature is sent with it."""
    assert (None, 0.9) == (sent("gpt-4o", **given).get("temperature"), sent("gpt-4o", **given)["top_p"])
    assert 0.2 == sent("gpt-4o", temperature=0.2, **given)["temperature"]


@pytest.mark.parametrize("model", DEPLOYMENTS)
def test_a_deployments_name_says_nothing(model: str) -> None:
    """A deployment is treated as the newest model: no defaults are sent, and the caller's values are."""
    assert not {"temperature", "top_p"} & sent(model).keys()
    payload = sent(model, temperature=0.2, top_p=0.9, reasoning={"effort": "high"}, response_model=Found)
    assert (0.2, 0.9, {"effort": "high"}) == (payload["temperature"], payload["top_p"], payload["reasoning"])
    assert "json_schema" == payload["text"]["format"]["type"]


@pytest.mark.parametrize("model", ["my-gpt-4o", "eu_gpt-4.1", "team/gpt-35-turbo"])
def test_a_deployments_name_that_says_something(model: str) -> None:
    """A deployment whose name contains an old model's name is treated as that model."""
    assert 0.7 == sent(model)["temperature"]


@pytest.mark.parametrize(
    ("model", "efforts"),
    [
        ("o1", "low low low medium high high high"),
        ("o4-mini", "low low low medium high high high"),
        ("gpt-5", "minimal minimal low medium high high high"),
        ("gpt-5-mini", "minimal minimal low medium high high high"),
        ("gpt-5-pro", "high high high high high high high"),
        ("gpt-5-codex", "low low low medium high high high"),
        ("gpt-5.1", "none low low medium high high high"),
        ("gpt-5.1-codex-max", "low low low medium high xhigh xhigh"),
        ("gpt-5.2", "none low low medium high xhigh xhigh"),
        ("gpt-5.2-pro", "medium medium medium medium high xhigh xhigh"),
        ("gpt-5.4-mini-2026-03-17", "none low low medium high xhigh xhigh"),
        ("gpt-5.6-terra", "none low low medium high xhigh max"),
        ("gpt-6-luna", "none low low medium high xhigh max"),
        ("gpt-6.1-sol", "low low low medium high xhigh max"),
        ("gpt-9-next", "low low low medium high xhigh max"),
        ("prod-chat-eu", "low low low medium high xhigh max"),
    ],
)
def test_efforts(model: str, efforts: str) -> None:
    """An effort is sent unchanged, or as the nearest one that the model has."""
    words = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
    assert efforts.split() == [sent(model, reasoning={"effort": word})["reasoning"]["effort"] for word in words]


@pytest.mark.parametrize(("model", "effort"), [("gpt-5", "minimal"), ("gpt-5.1", "none"), ("gpt-6.1-sol", "low")])
def test_reasoning_that_is_turned_off(model: str, effort: str) -> None:
    """`enabled=False` is the effort `none`, or the lowest that the model has."""
    assert {"effort": effort} == sent(model, reasoning={"enabled": False})["reasoning"]


@pytest.mark.parametrize("model", ["gpt-5-chat-latest", "gpt-5.3-chat-latest", "chat-latest", "gpt-4o"])
def test_models_without_an_effort(model: str) -> None:
    """The chat models have one effort and one verbosity, which are not sent."""
    assert not {"reasoning", "text"} & sent(model, reasoning={"effort": "low"}, verbosity="low").keys()


def test_sampling_without_reasoning() -> None:
    """With the effort `none`, a model gets the caller's temperature, but no default."""
    given = sent("gpt-5.6", temperature=0.2, reasoning={"effort": "none"})
    assert (0.2, {"effort": "none"}) == (given["temperature"], given["reasoning"])
    assert "temperature" not in sent("gpt-5.6", reasoning={"effort": "none"})


@pytest.mark.parametrize(
    ("model", "form"),
    [
        ("gpt-4", None),
        ("gpt-4-0613", None),
        ("gpt-4-turbo", "json_object"),
        ("gpt-3.5-turbo-0125", "json_object"),
        ("gpt-4o-2024-05-13", "json_object"),
        ("gpt-4o-2024-08-06", "json_schema"),
        ("gpt-4.1-nano", "json_schema"),
        ("gpt-5", "json_schema"),
        ("gpt-5.4-pro", None),
        ("gpt-6.1-sol", "json_schema"),
        ("prod-chat-eu", "json_schema"),
    ],
)
def test_the_best_way_to_an_object(model: str, form: str | None) -> None:
    """Every model gets a schema, except the oldest and those documented as not accepting one."""
    payload = sent(model, response_model=Found)
    assert form == payload.get("text", {}).get("format", {}).get("type")
    assert (form != "json_schema") == ("JSON Schema" in str(payload["input"]))


@pytest.mark.parametrize(
    ("model", "is_sent"),
    [
        ("openai/gpt-5.1", False),
        ("openai/gpt-6.1-sol", False),
        ("openai/o4-mini", False),
        ("anthropic/claude-opus-4.8", False),
        ("~anthropic/claude-haiku-latest", False),
        ("openai/gpt-4o", True),
        ("openai/gpt-oss-120b", True),
        ("anthropic/claude-sonnet-4.5", True),
        ("google/gemini-2.5-flash", True),
        ("google/gemini-3.5-flash", True),
        ("google/gemini-3.8-flash", False),
        ("google/gemini-4-argon", False),
        ("anthropic/claude-sonnet-4.5:thinking", False),
        ("meta-llama/llama-3.3-70b-instruct", True),
        ("auto", True),
    ],
)
def test_the_default_temperature_at_routers(model: str, is_sent: bool) -> None:  # noqa: FBT001 - a column
    """Chat Completions leaves out a default temperature for models that refuse or ignore one; the caller's is sent."""
    assert is_sent == ("temperature" in sent(model, wire=ChatCompletionsWire))
    assert 0.2 == sent(model, wire=ChatCompletionsWire, temperature=0.2)["temperature"]


@pytest.mark.parametrize("status", ["queued", "in_progress", "cancelled"])
def test_a_job_that_is_not_over(status: str) -> None:
    """An unfinished job is an error with the response's id, and is not requested again, because it is billed."""
    wire, call = ResponsesWire(), prepared(ResponsesWire(), LLMCall(ASKED, "gpt-5"))
    exchange = Exchange(200, body={"id": "resp_1", "object": "response", "status": status, "output": [], "error": None})
    error = wire.parse_error(exchange, call)
    assert error is not None
    assert (status, False) == (error.error_code, error.retryable)
    assert "resp_1" in error.message
    answer = wire.parse(exchange, call)
    assert ("resp_1", True) == (answer.response_id, answer.is_found)


@pytest.mark.parametrize(
    ("details", "finish"),
    [
        (None, "length"),
        ({"reason": None}, "length"),
        ({"reason": "max_output_tokens"}, "length"),
        ({"reason": "content_filter"}, "content_filter"),
    ],
)
@pytest.mark.parametrize("output", [[], [{"type": "reasoning", "summary": []}]])
def test_an_incomplete_answer(details: object, finish: str, output: list[object]) -> None:
    """A truncated answer is an answer, even if thinking used up the limit, and whether or not a reason is given."""
    body = {"id": "resp_1", "status": "incomplete", "incomplete_details": details, "output": output}
    answer = ResponsesWire().parse(Exchange(200, body=body), LLMCall(ASKED, "gpt-5"))
    assert (finish, True) == (answer.finish_reason, answer.is_found)
