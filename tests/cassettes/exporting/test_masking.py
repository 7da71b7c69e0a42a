"""A masked cassette shows nothing of a secret, in whichever field it was."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cassette.generated_test import generate_test
from cassette.masking import TextMasker
from cassettes.exporting.incidents import SECRET, WEATHER, call_with_response, check_same_kind, completion
from modules.llm_services import LLMMessage

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from modules.llm_services import LLMServicesProvider

KEY = "sk-or-v1-" + "0badcafe" * 4
MODEL = "openrouter/author/model"


async def ask_text(llm: LLMServicesProvider) -> object:
    """Make a call with a secret in the prompt, in a tool call and in its result."""
    call = {
        "id": "call_9",
        "type": "function",
        "function": {"name": "weather", "arguments": json.dumps({"city": SECRET})},
    }
    messages = [
        LLMMessage(role="system", content=f"Never tell {SECRET}."),
        LLMMessage(role="user", content=[{"type": "text", "text": SECRET}], name="Walnut"),
        LLMMessage(role="assistant", content=None, tool_calls=[call]),
        LLMMessage(role="tool", content=json.dumps({"sky": SECRET, SECRET: 1}), name="weather", tool_call_id="call_9"),
        LLMMessage(role="user", content=f"And {SECRET}, then?"),
    ]
    return await llm.generate_response_with_tools(messages, [WEATHER], model=MODEL, metadata={"status": SECRET})


CALLED = {
    "id": "call_7",
    "type": "function",
    "function": {"name": "weather", "arguments": json.dumps({"city": SECRET})},
}
ANSWERS: dict[str, dict[str, Any]] = {
    "text": completion({"content": f"It is {SECRET}."}),
    "parts": completion({"content": [{"type": "text", "text": SECRET}]}),
    "reasoning": completion(
        {"content": "No.", "reasoning": SECRET, "reasoning_details": [{"type": "reasoning.text", "text": SECRET}]}
    ),
    "tool call": completion({"content": None, "tool_calls": [CALLED]}),
    "torn arguments": completion(
        {
            "content": "",
            "tool_calls": [{"id": "call_7", "function": {"name": "weather", "arguments": f'{{"city": "{SECRET}'}}],
        }
    ),
    "another tool": completion({"content": "", "tool_calls": [{"function": {"name": SECRET, "arguments": ""}}]}),
    "logprobs": completion(
        {"content": "No."}, logprobs={"content": [{"token": SECRET, "bytes": [87], "logprob": 0.5}]}
    ),
    "annotations": completion(
        {"content": "No.", "annotations": [{"type": "url_citation", "url": f"https://{SECRET}.com"}]}
    ),
    "unknown field": completion({"content": "No.", "novelty": {SECRET: [SECRET]}}),
    "beside an error": {**completion({"content": SECRET}), "error": {"code": 502, "message": "It failed."}},
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_secret_of_an_answer(session: Session, name: str) -> None:
    """A secret in any part of an answer or a prompt is neither in the cassette nor in the test."""
    incident = call_with_response(session, ask_text, ANSWERS[name])
    assert SECRET in str(incident.requests[0].response_raw) or name == "beside an error"
    exported = incident.export(mask=True)
    check_same_kind(incident, exported)
    written = exported.text + generate_test(exported, "cassettes/a.yaml")
    assert "Walnut" not in written
    assert "weather" in exported.text


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"error": {"code": 400, "message": f"Invalid value: '{SECRET}'"}}, 400),
        (
            {
                "error": {
                    "code": 403,
                    "message": "Flagged.",
                    "metadata": {"flagged_input": f"Never tell {SECRET[:8]}..."},
                }
            },
            403,
        ),
        (
            {"error": {"code": 502, "message": "Failed", "metadata": {"raw": f'{{"input": "Never tell {SECRET}."}}'}}},
            502,
        ),
        (f"<html>The request with {SECRET} was refused</html>", 503),
        ({"choices": [{"message": SECRET}]}, 200),
        (f'{{"choices": [{{"message": {{"content": "{SECRET}', 200),
    ],
)
def test_a_secret_that_an_error_repeats(session: Session, body: object, status: int) -> None:
    """A prompt that an error quotes is masked; the error's class and figures stay."""
    incident = call_with_response(session, ask_text, body, status)
    exported = incident.export(mask=True)
    check_same_kind(incident, exported)
    written = exported.text + generate_test(exported, "cassettes/a.yaml")
    assert "Walnut" not in written


def test_an_errors_own_words_stay(session: Session) -> None:
    """The text of an error stays if it quotes no prompt."""
    body = {
        "error": {"code": 429, "message": "Rate limit exceeded: come back later", "metadata": {"provider_name": "X"}}
    }
    exported = call_with_response(session, ask_text, body, 429).export(mask=True)
    assert "Rate limit exceeded: come back later" in exported.text


@pytest.mark.parametrize("mask", [False, True])
def test_a_key_is_in_no_cassette(session: Session, *, mask: bool) -> None:
    """A key in a prompt, or in a value or a name of an answer, is masked even with --keep-prompts."""

    async def ask(llm: LLMServicesProvider) -> object:
        return await llm.generate_response([LLMMessage(role="user", content=f"My key is {KEY}")], model=MODEL)

    incident = call_with_response(session, ask, completion({"content": f"So it is {KEY}.", "more": {KEY: KEY}}))
    exported = incident.export(mask=mask)
    assert KEY not in exported.text + generate_test(exported, "cassettes/a.yaml")


def test_a_text_has_one_mask() -> None:
    """Equal texts have equal masks, different texts different ones, and white space stays."""
    masker = TextMasker()
    first, second, again = (masker.mask_text(text) for text in ("Paris", "Rome", "Paris"))
    assert (first, True, " ") == (again, first != second, masker.mask_text(" "))


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        ("2026-11-25", "2000-01-01"),
        ("2026-11-25T10:00:00Z", "2000-01-01T00:00:00Z"),
        ("somebody@walnut.org", "masked-1@example.com"),
        ("https://walnut.org/a?b=c", "https://example.com/masked-1"),
        ("0e65a72b-7b4d-4585-b08a-ab5d7be13a78", "00000000-0000-4000-8000-000000000001"),
        ("4711.50", "1"),
        ("data:image/png;base64,iVBORw0KGgo=", "data:image/png;base64,"),
    ],
)
def test_a_form_stays(text: str, mask: str) -> None:
    """A date is masked as a date, a URL as a URL."""
    assert mask == TextMasker().mask_text(text)
