"""Requests 01 and 09: a part may have any API's form, keeps its keys, and reaches the wire in the vendor's own."""

# ruff: noqa: ANN401 - what a caller may give, and what a wire may hold, is of any type

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from cases.bodies import CLAUDE, GEMINI, OPENAI, OPENROUTER, VENDORS
from cases.caller import QUESTION
from modules.llm_services.public import LLMMessage

if TYPE_CHECKING:
    from cases.caller import Caller

PNG: Final = "iVBORw0KGgo="
PICTURE: Final = f"data:image/png;base64,{PNG}"
PDF: Final = "data:application/pdf;base64,JVBERi0="
MP4: Final = "https://x.example/y.mp4"
EPHEMERAL: Final = {"type": "ephemeral"}
BREAKPOINT: Final = {"mode": "explicit"}
NAMES: Final = {vendor.model: name for name, vendor in VENDORS.items()}


async def payload_of(caller: Caller, model: str, messages: list[LLMMessage]) -> dict[str, Any]:
    """Return what is sent for a conversation."""
    return (await caller.text(VENDORS[NAMES[model]].text("Ghent"), messages=messages, model=model)).payload


async def sent(caller: Caller, model: str, part: dict[str, Any]) -> dict[str, Any]:
    """Return what is sent for a part of a user's message."""
    payload = await payload_of(caller, model, [LLMMessage(role="user", content=[part])])
    if model == GEMINI:
        ((only,),) = [content["parts"] for content in payload["contents"]]
    else:
        ((only,),) = [message["content"] for message in payload["input" if model == OPENAI else "messages"]]
    found: dict[str, Any] = only
    return found


def base64_of(kind: str, data: str) -> dict[str, str]:
    """Return a source of Claude's."""
    return {"type": "base64", "media_type": kind, "data": data}


FORMS: Final[list[tuple[str, dict[str, Any], dict[str, Any]]]] = [
    # Images: the URL as an object in the other API's part, base64 with and without its type, other data: URLs.
    (OPENROUTER, {"type": "input_image", "image_url": {"url": PICTURE}}, {"image_url": {"url": PICTURE}}),
    (OPENAI, {"type": "input_image", "image_url": {"url": PICTURE}}, {"image_url": PICTURE}),
    (OPENAI, {"type": "input_image", "file_id": "file-1"}, {"file_id": "file-1", "detail": "auto"}),
    (CLAUDE, {"type": "input_image", "image_url": {"url": PICTURE}}, {"source": base64_of("image/png", PNG)}),
    (CLAUDE, {"type": "input_image", "image_url": PNG}, {"source": base64_of("image/png", PNG)}),
    (GEMINI, {"type": "image_url", "image_url": {"url": PNG}}, {"inlineData": {"mimeType": "image/png", "data": PNG}}),
    (OPENAI, {"type": "input_image", "image_url": PNG}, {"image_url": PICTURE}),
    (
        CLAUDE,
        {"type": "input_image", "image_url": f"DATA:image/PNG;name=a.png;BASE64,{PNG}"},
        {"source": base64_of("image/png", PNG)},
    ),
    (
        GEMINI,
        {"type": "input_image", "image_url": "data:image/svg+xml,%3Csvg/%3E"},
        {"inlineData": {"mimeType": "image/svg+xml", "data": "PHN2Zy8+"}},
    ),
    # Files: Claude takes base64 of PDF only, and an image as an image.
    (
        CLAUDE,
        {"type": "input_file", "filename": "a.txt", "file_data": "aGVsbG8="},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hello"}},
    ),
    (
        CLAUDE,
        {"type": "input_file", "filename": "a.csv", "file_data": "data:text/csv;base64,YSxi"},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a,b"}},
    ),
    (
        CLAUDE,
        {"type": "input_file", "filename": "a.png", "file_data": PICTURE},
        {"type": "image", "source": base64_of("image/png", PNG)},
    ),
    (
        OPENAI,
        {"type": "file", "file": {"file_url": "https://x.example/a.pdf"}},
        {"file_url": "https://x.example/a.pdf"},
    ),
    (
        CLAUDE,
        {"type": "file", "file": {"file_url": "https://x.example/a.pdf"}},
        {"source": {"type": "url", "url": "https://x.example/a.pdf"}},
    ),
    # Videos and sound.
    (OPENROUTER, {"type": "input_video", "video_url": {"url": MP4}}, {"type": "video_url", "video_url": {"url": MP4}}),
    (OPENROUTER, {"type": "video_url", "video_url": MP4}, {"type": "video_url", "video_url": {"url": MP4}}),
    (GEMINI, {"type": "video_url", "video_url": MP4}, {"fileData": {"fileUri": MP4, "mimeType": "video/mp4"}}),
    (
        GEMINI,
        {"type": "input_audio", "input_audio": {"data": "data:audio/x-wav;base64,UklGRg=="}},
        {"inlineData": {"mimeType": "audio/wav", "data": "UklGRg=="}},
    ),
    (
        OPENROUTER,
        {"type": "input_audio", "data": "data:audio/wav;base64,UklGRg==", "format": "wav"},
        {"input_audio": {"data": "UklGRg==", "format": "wav"}},
    ),
    # A refusal of an earlier turn is a text.
    *[
        (model, {"type": "refusal", "refusal": "I can't."}, {"text": "I can't."})
        for model in (OPENROUTER, OPENAI, CLAUDE, GEMINI)
    ],
    # Keys that the vendor knows.
    (
        CLAUDE,
        {"type": "input_file", "file_data": PDF, "citations": {"enabled": True}},
        {"citations": {"enabled": True}},
    ),
    (CLAUDE, {"type": "input_file", "file_data": PDF, "title": "A", "context": "B"}, {"title": "A", "context": "B"}),
    *[
        (OPENAI, part | {"prompt_cache_breakpoint": BREAKPOINT}, {"prompt_cache_breakpoint": BREAKPOINT})
        for part in (
            {"type": "input_text", "text": "big"},
            {"type": "input_image", "image_url": PICTURE},
            {"type": "input_file", "file_data": PDF},
        )
    ],
    (OPENAI, {"type": "input_file", "file_data": PDF, "detail": "low"}, {"detail": "low"}),
    (GEMINI, {"type": "input_video", "video_url": MP4, "videoMetadata": {"fps": 2}}, {"videoMetadata": {"fps": 2}}),
]


@pytest.mark.parametrize(("model", "part", "expected"), FORMS)
async def test_a_part_has_the_vendors_form(caller: Caller, model: str, part: Any, expected: Any) -> None:
    """The part is translated, and has no field that is null."""
    found = await sent(caller, model, part)
    assert expected == {name: found.get(name) for name in expected}
    assert None not in found.values()


@pytest.mark.parametrize(
    ("model", "part"),
    [
        (OPENROUTER, {"type": "input_image", "file_id": "file-1"}),
        (OPENAI, {"type": "input_audio", "data": "UklGRg==", "format": "wav"}),
        (CLAUDE, {"type": "input_audio", "data": "UklGRg==", "format": "wav"}),
        *[(model, {"type": "image_url", "image_url": {"detail": "low"}}) for model in NAMES],
        *[(model, {"type": "file", "file": {"filename": "a.pdf"}}) for model in NAMES],
    ],
)
async def test_a_part_that_a_vendor_cannot_take_is_refused(caller: Caller, model: str, part: dict[str, Any]) -> None:
    """Its type is named before anything is sent."""
    with pytest.raises(ValueError, match=part["type"]):
        await caller.text(messages=[LLMMessage(role="user", content=[part])], model=model)
    assert ([], []) == (caller.server.requests, list(caller.rows()))


def tool_result(*parts: dict[str, Any]) -> list[LLMMessage]:
    """Return a conversation with a tool's result."""
    call = {"id": "call_1", "name": "look", "arguments": {}}
    result = LLMMessage(role="tool", name="look", tool_call_id="call_1", content=list(parts))
    return [*QUESTION, LLMMessage(role="assistant", content=None, tool_calls=[call]), result]


async def test_a_picture_that_a_tool_returns_reaches_the_vendor(caller: Caller) -> None:
    """Every wire has a place for it in the result."""
    messages = tool_result(
        {"type": "text", "text": "a map", "cache_control": EPHEMERAL}, {"type": "input_image", "image_url": PICTURE}
    )
    openai = (await payload_of(caller, OPENAI, messages))["input"][-1]
    claude = (await payload_of(caller, CLAUDE, messages))["messages"][-1]["content"][0]
    gemini = (await payload_of(caller, GEMINI, messages))["contents"][-1]["parts"][0]["functionResponse"]
    router = (await payload_of(caller, OPENROUTER, messages))["messages"][-1]
    image = {"type": "input_image", "image_url": PICTURE, "detail": "auto"}
    assert [{"type": "input_text", "text": "a map"}, image] == openai["output"]
    block = {"type": "image", "source": base64_of("image/png", PNG)}
    assert ([{"type": "text", "text": "a map"}, block], EPHEMERAL) == (claude["content"], claude["cache_control"])
    assert [{"inlineData": {"mimeType": "image/png", "data": PNG}}] == gemini["parts"]
    assert {"result": "a map"} == gemini["response"]
    assert {"type": "image_url", "image_url": {"url": PICTURE}} == router["content"][-1]


async def test_a_text_that_a_tool_returns_stays_a_text(caller: Caller) -> None:
    """Parts that are only text are one string, as before."""
    messages = tool_result({"type": "text", "text": "a "}, {"type": "input_text", "text": "map"})
    assert "a map" == (await payload_of(caller, OPENAI, messages))["input"][-1]["output"]
    assert "a map" == (await payload_of(caller, CLAUDE, messages))["messages"][-1]["content"][0]["content"]


async def test_the_breakpoint_of_a_blank_text_is_kept(caller: Caller) -> None:
    """Claude refuses blank texts; the breakpoint of one goes to the message's last block."""
    call = {"id": "call_1", "name": "look", "arguments": {}}
    asking = LLMMessage(role="assistant", content="", tool_calls=[call], cache_control=EPHEMERAL)
    messages = [*QUESTION, asking, LLMMessage(role="tool", name="look", tool_call_id="call_1", content="r")]
    blocks = (await payload_of(caller, CLAUDE, messages))["messages"][1]["content"]
    assert [("tool_use", EPHEMERAL)] == [(block["type"], block["cache_control"]) for block in blocks]
