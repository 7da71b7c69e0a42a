"""Requests 10: large data is encoded once, in a thread, wherever it is in a call, and only one column has it."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any, Final

import pytest

from cases.bodies import CLAUDE, GEMINI, OPENAI, OPENROUTER, VENDORS
from cases.caller import QUESTION
from modules.llm_services import arguments
from modules.llm_services.public import LLMMessage
from modules.llm_services.sanitize import encode_payload
from modules.llm_services.wires.conversation import ToolCallMemory

if TYPE_CHECKING:
    from collections.abc import Callable

    from cases.caller import Caller

DATA: Final = "iVBORw0KGgo" + "QUJDRA" * 50_000
URL: Final = f"data:image/png;base64,{DATA}"
CALL: Final = {"id": "call_1", "name": "look", "arguments": {"picture": DATA}}
NAMES: Final = {OPENROUTER: "openrouter", OPENAI: "openai", CLAUDE: "claude", GEMINI: "gemini"}


def user(*parts: dict[str, Any]) -> list[LLMMessage]:
    """Return a conversation of one message with these parts."""
    return [LLMMessage(role="user", content=[{"type": "input_text", "text": "What is it?"}, *parts])]


def after_a_call(**message: Any) -> list[LLMMessage]:
    """Return a conversation that goes on after an assistant's message."""
    return [
        *QUESTION,
        LLMMessage(role="assistant", content="Ghent", **message),
        LLMMessage(role="user", content="Sure?"),
    ]


# The model, and the messages with the data.
PLACES: Final[dict[str, tuple[str, list[LLMMessage]]]] = {
    "image": (OPENROUTER, user({"type": "input_image", "image_url": URL})),
    "image at Claude": (CLAUDE, user({"type": "input_image", "image_url": URL})),
    "image of Chat Completions": (GEMINI, user({"type": "image_url", "image_url": {"url": URL}})),
    "file in base64": (OPENAI, user({"type": "input_file", "filename": "a.pdf", "file_data": DATA})),
    "file of Chat Completions": (CLAUDE, user({"type": "file", "file": {"filename": "a.pdf", "file_data": DATA}})),
    "sound": (OPENROUTER, user({"type": "input_audio", "data": DATA, "format": "wav"})),
    "nested sound": (GEMINI, user({"type": "input_audio", "input_audio": {"data": DATA, "format": "wav"}})),
    "Claude's own image": (
        CLAUDE,
        user({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}}),
    ),
    "arguments": (OPENROUTER, after_a_call(tool_calls=[CALL])),
    "picture that Gemini signed": (
        GEMINI,
        after_a_call(
            reasoning_details=[{"inlineData": {"mimeType": "image/png", "data": DATA}, "thoughtSignature": "c2ln"}]
        ),
    ),
}


@pytest.mark.parametrize(("model", "messages"), PLACES.values(), ids=PLACES)
async def test_data_is_encoded_in_a_thread_and_stored_once(
    caller: Caller, model: str, messages: list[LLMMessage], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event loop encodes none of it, and of the columns only `request_payload` has it whole."""
    threads: list[threading.Thread] = []

    def noting(*given: Any, **more: Any) -> Any:  # noqa: ANN401 - as it is called
        threads.append(threading.current_thread())
        return encode_payload(*given, **more)

    monkeypatch.setattr("modules.llm_services.flow.loop.encode_payload", noting)
    outcome = await caller.text(VENDORS[NAMES[model]].text("Ghent"), model=model, messages=messages)
    assert [True] == [thread is not threading.main_thread() for thread in threads]
    assert (True, False) == tuple(DATA in str(column) for column in (outcome.row.request_payload, outcome.row.messages))


async def test_data_among_the_options_is_stored_once(caller: Caller) -> None:
    """The same is true of `extra_body`."""
    extra_body = {"image": {"url": URL}}
    outcome = await caller.text(VENDORS["openrouter"].text("Ghent"), extra_body=extra_body)
    row = outcome.row
    assert (True, False) == (DATA in str(row.request_payload), DATA in str(row.additional_params))


async def test_a_large_text_stays_whole(caller: Caller) -> None:
    """Text is not data, even if it looks like base64: `messages` has it whole."""
    for content in (DATA, [{"type": "input_text", "text": DATA}]):
        messages = [LLMMessage(role="user", content=content)]
        outcome = await caller.text(VENDORS["openrouter"].text("Ghent"), messages=messages)
        assert DATA in str(outcome.row.messages)


@pytest.mark.parametrize(
    "work",
    [
        lambda: arguments.check_json("option", {"data": [DATA]}),
        lambda: ToolCallMemory().remember(
            user({"type": "input_image", "image_url": URL}), {"role": "assistant", "tool_calls": []}, "messages"
        ),
    ],
    ids=["options", "the memory of tool calls"],
)
def test_data_is_not_encoded_to_look_at_it(work: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """A check of options, and the key of a conversation, encode no large text."""
    encoded: list[int] = []
    dumps = json.dumps

    def noting(*given: Any, **more: Any) -> str:
        text: str = dumps(*given, **more)
        encoded.append(len(text))
        return text

    monkeypatch.setattr(json, "dumps", noting)
    work()
    assert max(encoded) < 1000
