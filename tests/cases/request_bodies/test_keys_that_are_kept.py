"""Requests 01 and 09: a translated part keeps the caller's further keys, and unknown fields are refused."""

# ruff: noqa: ANN401 - what a caller may give, and what a wire may hold, is of any type

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from cases.bodies import CLAUDE, GEMINI, OPENAI, OPENROUTER, VENDORS, completion
from cases.caller import QUESTION, tool
from modules.llm_services.public import LLMMessage, ToolDefinition

if TYPE_CHECKING:
    from cases.caller import Caller

EPHEMERAL: Final = {"type": "ephemeral"}
AN_HOUR: Final = {"type": "ephemeral", "ttl": "1h"}
PICTURE: Final = "data:image/png;base64,iVBORw0KGgo="
DOCX: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
DOCUMENT: Final = "data:application/pdf;base64,JVBERi0="


async def sent_parts(caller: Caller, model: str, *parts: dict[str, Any], role: str = "user") -> list[dict[str, Any]]:
    """Return the content parts that are sent for a message of `parts`."""
    vendor = next(vendor for vendor in VENDORS.values() if vendor.model == model)
    messages = [LLMMessage(role=role, content=list(parts)), *(QUESTION if role == "system" else [])]
    payload = (await caller.text(vendor.text("Ghent"), messages=messages, model=model)).payload
    if model == GEMINI:
        found: list[dict[str, Any]] = payload["contents"][0]["parts"]
    elif model == CLAUDE and role == "system":
        found = payload["system"]
    else:
        found = payload["input" if model == OPENAI else "messages"][0]["content"]
    return found


KEPT: Final = {
    "input_text": (
        {"type": "input_text", "text": "big", "cache_control": EPHEMERAL},
        {"type": "text", "text": "big", "cache_control": EPHEMERAL},
    ),
    "text": (
        {"type": "text", "text": "big", "cache_control": AN_HOUR},
        {"type": "text", "text": "big", "cache_control": AN_HOUR},
    ),
    "input_image": (
        {"type": "input_image", "image_url": PICTURE, "detail": "low", "cache_control": EPHEMERAL},
        {"type": "image_url", "image_url": {"url": PICTURE, "detail": "low"}, "cache_control": EPHEMERAL},
    ),
    "image_url, flat": (
        {"type": "image_url", "image_url": PICTURE, "cache_control": EPHEMERAL},
        {"type": "image_url", "image_url": {"url": PICTURE}, "cache_control": EPHEMERAL},
    ),
    "input_file": (
        {"type": "input_file", "filename": "a.pdf", "file_data": DOCUMENT, "cache_control": EPHEMERAL},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": DOCUMENT}, "cache_control": EPHEMERAL},
    ),
    "input_audio, flat": (
        {"type": "input_audio", "data": "UklGRg==", "format": "wav", "cache_control": EPHEMERAL},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}, "cache_control": EPHEMERAL},
    ),
    "a key of next year": (
        {"type": "input_text", "text": "big", "weight": 2},
        {"type": "text", "text": "big", "weight": 2},
    ),
}
CLAUDES: Final = {
    "input_text": ({"type": "input_text", "text": "big"}, {"type": "text", "text": "big"}),
    "text": ({"type": "text", "text": "big"}, {"type": "text", "text": "big"}),
    "image": (
        {"type": "input_image", "image_url": PICTURE},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
    ),
    "document": (
        {"type": "input_file", "file_data": DOCUMENT},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}},
    ),
}


def table(cases: dict[str, Any]) -> list[Any]:
    """Return the rows of a table of cases, with their names."""
    return [pytest.param(*case, id=name) for name, case in cases.items()]


@pytest.mark.parametrize(("part", "expected"), table(KEPT))
async def test_a_translated_part_keeps_its_keys(caller: Caller, part: Any, expected: Any) -> None:
    """Keys that the translation does not use stay on the part."""
    assert [expected] == await sent_parts(caller, OPENROUTER, part)


@pytest.mark.parametrize(("part", "expected"), table(CLAUDES))
async def test_claudes_parts_keep_the_breakpoint(caller: Caller, part: Any, expected: Any) -> None:
    """A prompt cache breakpoint reaches Anthropic on every kind of part."""
    sent = await sent_parts(caller, CLAUDE, part | {"cache_control": AN_HOUR})
    assert [AN_HOUR] == [block.pop("cache_control", None) for block in sent]
    assert expected.items() <= sent[0].items()


@pytest.mark.parametrize("model", [OPENROUTER, CLAUDE])
async def test_a_system_prompts_breakpoint_is_kept(caller: Caller, model: str) -> None:
    """A breakpoint on a long system prompt, where it matters most, is kept."""
    parts = {"type": "input_text", "text": "big", "cache_control": EPHEMERAL}, {"type": "input_text", "text": "small"}
    sent = await sent_parts(caller, model, *parts, role="system")
    assert [EPHEMERAL, None] == [part.get("cache_control") for part in sent]


@pytest.mark.parametrize("model", [OPENROUTER, CLAUDE])
@pytest.mark.parametrize("content", ["big", [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]])
async def test_a_breakpoint_on_a_message_reaches_the_wire(caller: Caller, model: str, content: Any) -> None:
    """`cache_control` on a message is sent on its last part, where both APIs expect it."""
    vendor = VENDORS["openrouter" if model == OPENROUTER else "claude"]
    messages = [LLMMessage(role="user", content=content, cache_control=EPHEMERAL)]  # type: ignore[call-arg,unused-ignore]
    payload = (await caller.text(vendor.text("Ghent"), messages=messages, model=model)).payload
    assert EPHEMERAL == payload["messages"][0]["content"][-1]["cache_control"]


@pytest.mark.parametrize("model", [OPENROUTER, CLAUDE])
async def test_a_breakpoint_on_a_tool_reaches_the_wire(caller: Caller, model: str) -> None:
    """`cache_control` on a tool is sent with it."""
    vendor = VENDORS["openrouter" if model == OPENROUTER else "claude"]
    tools = [tool("look"), tool("time", cache_control=EPHEMERAL)]
    outcome = await caller.with_tools(vendor.text("Ghent"), tools=tools, model=model)
    assert [None, EPHEMERAL] == [sent.get("cache_control") for sent in outcome.payload["tools"]]


@pytest.mark.parametrize("is_strict", [True, False])
async def test_strict_on_a_tool_reaches_the_wire(caller: Caller, *, is_strict: bool) -> None:
    """`strict` on a tool is sent in the field of each API."""
    outcome = await caller.with_tools(completion("Ghent"), tools=[tool(strict=is_strict)])
    assert is_strict is outcome.payload["tools"][0]["function"]["strict"]
    for name in ("openai", "claude"):
        vendor = VENDORS[name]
        outcome = await caller.with_tools(vendor.text("Ghent"), tools=[tool(strict=is_strict)], model=vendor.model)
        assert is_strict is outcome.payload["tools"][0]["strict"]


async def test_what_a_tool_does_not_say_is_not_sent(caller: Caller) -> None:
    """A tool without further fields is sent with only its name, description and parameters."""
    outcome = await caller.with_tools(completion("Ghent"))
    assert [{"type", "function"}] == [set(sent) for sent in outcome.payload["tools"]]
    assert {"name", "description", "parameters"} == set(outcome.payload["tools"][0]["function"])


@pytest.mark.parametrize("fields", [{"colour": "red"}, {"contents": "hi"}, {"toolcalls": []}, {"id": "1"}])
def test_a_field_that_a_message_does_not_have_is_refused(fields: dict[str, Any]) -> None:
    """An unknown field raises a ValueError that names it."""
    with pytest.raises(ValueError, match=next(iter(fields))):
        LLMMessage(role="user", content="hi", **fields)


@pytest.mark.parametrize("fields", [{"colour": "red"}, {"input_schema": {}}, {"type": "function"}])
def test_a_field_that_a_tool_does_not_have_is_refused(fields: dict[str, Any]) -> None:
    """The same is true of a tool."""
    with pytest.raises(ValueError, match=next(iter(fields))):
        ToolDefinition(name="look", description="look", parameters={}, **fields)


OTHER_PARTS: Final = {
    "a file by id": (
        {"type": "input_file", "file_id": "file-1"},
        {"type": "file", "file": {"file_id": "file-1"}},
    ),
    "a file by id, with a name": (
        {"type": "input_file", "file_id": "file-1", "filename": "a.pdf"},
        {"type": "file", "file": {"file_id": "file-1", "filename": "a.pdf"}},
    ),
    "a file by address": (
        {"type": "input_file", "filename": "a.pdf", "file_url": "https://x.example/a.pdf"},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "https://x.example/a.pdf"}},
    ),
    "a video": (
        {"type": "input_video", "video_url": "https://x.example/y.mp4"},
        {"type": "video_url", "video_url": {"url": "https://x.example/y.mp4"}},
    ),
    "a video inline": (
        {"type": "input_video", "video_url": "data:video/mp4;base64,AAAA", "cache_control": EPHEMERAL},
        {
            "type": "video_url",
            "video_url": {"url": "data:video/mp4;base64,AAAA"},
            "cache_control": EPHEMERAL,
        },
    ),
    "a video as Chat Completions has it": (
        {"type": "video_url", "video_url": {"url": "https://x.example/y.mp4"}},
        {"type": "video_url", "video_url": {"url": "https://x.example/y.mp4"}},
    ),
    "a file as Chat Completions has it": (
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "file", "file": {"file_id": "file-1"}},
    ),
}


@pytest.mark.parametrize(("part", "expected"), table(OTHER_PARTS))
async def test_files_and_videos_are_translated(caller: Caller, part: Any, expected: Any) -> None:
    """A file by its id, and a video, become OpenRouter's parts for them, without null fields."""
    sent = await sent_parts(caller, OPENROUTER, part)
    assert [expected] == sent
    assert "null" not in json.dumps(sent)


@pytest.mark.parametrize(
    "part", [{"type": "input_file", "file_id": "file-1"}, {"type": "file", "file": {"file_id": "file-1"}}]
)
async def test_openai_gets_a_file_by_its_id(caller: Caller, part: dict[str, Any]) -> None:
    """A file that is stored at OpenAI is sent by its id."""
    (sent,) = await sent_parts(caller, OPENAI, part)
    assert ("input_file", "file-1") == (sent["type"], sent["file_id"])
    assert not {"file_data", "file_url"} & sent.keys()


async def test_openai_gets_an_image_by_its_id(caller: Caller) -> None:
    """So is an image that is stored at OpenAI."""
    (sent,) = await sent_parts(caller, OPENAI, {"type": "input_image", "file_id": "file-1"})
    assert ("input_image", "file-1", None) == (sent["type"], sent["file_id"], sent.get("image_url"))


async def test_claude_gets_a_file_by_its_id(caller: Caller) -> None:
    """A file that is stored at Anthropic becomes a document with its id."""
    (sent,) = await sent_parts(caller, CLAUDE, {"type": "input_file", "file_id": "file_1"})
    assert ("document", {"type": "file", "file_id": "file_1"}) == (sent["type"], sent["source"])


async def test_gemini_gets_a_video(caller: Caller) -> None:
    """For Gemini, a video becomes a file."""
    (sent,) = await sent_parts(caller, GEMINI, {"type": "input_video", "video_url": "https://x.example/y.mp4"})
    assert ("https://x.example/y.mp4", "video/mp4") == (sent["fileData"]["fileUri"], sent["fileData"]["mimeType"])


@pytest.mark.parametrize(
    ("model", "part", "source"),
    [
        (CLAUDE, {"type": "input_image", "file_id": "file_1"}, {"type": "file", "file_id": "file_1"}),
        (GEMINI, {"type": "input_image", "file_id": "files/1"}, {"fileUri": "files/1"}),
        (GEMINI, {"type": "input_file", "file_id": "files/1"}, {"fileUri": "files/1"}),
        (GEMINI, {"type": "file", "file": {"file_id": "files/1"}}, {"fileUri": "files/1"}),
    ],
)
async def test_other_vendors_get_what_lies_there_by_its_id(caller: Caller, model: str, part: Any, source: Any) -> None:
    """An image or a file that lies at Anthropic or Google is sent by its id."""
    (sent,) = await sent_parts(caller, model, part)
    assert source in sent.values()


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ({"type": "input_file", "filename": "a.pdf", "file_data": "JVBERi0="}, "application/pdf"),
        ({"type": "file", "file": {"filename": "a.docx", "file_data": "JVBERi0="}}, DOCX),
        ({"type": "file", "file": {"file_data": "JVBERi0="}}, "application/pdf"),
    ],
)
async def test_bare_base64_is_no_address(caller: Caller, part: Any, kind: str) -> None:
    """Data without `data:` before it is data on every wire, of the type that the file's name says."""
    (claude,) = await sent_parts(caller, CLAUDE, part)
    assert {"type": "base64", "media_type": kind, "data": "JVBERi0="} == claude["source"]
    assert [{"inlineData": {"mimeType": kind, "data": "JVBERi0="}}] == await sent_parts(caller, GEMINI, part)
    for model in (OPENAI, OPENROUTER):
        assert f"data:{kind};base64,JVBERi0=" in json.dumps(await sent_parts(caller, model, part))


@pytest.mark.parametrize("model", [CLAUDE, OPENAI])
async def test_a_video_is_refused_where_none_is_taken(caller: Caller, model: str) -> None:
    """A wire that has no part for videos refuses one by name before anything is sent."""
    messages = [LLMMessage(role="user", content=[{"type": "input_video", "video_url": "https://x.example/y.mp4"}])]
    with pytest.raises(ValueError, match="video_url"):
        await caller.text(completion(), messages=messages, model=model)
    assert ([], []) == (caller.server.requests, list(caller.rows()))


@pytest.mark.parametrize("model", [OPENROUTER, OPENAI, CLAUDE, GEMINI])
@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_file"},
        {"type": "file", "file": None},
        {"type": "input_image", "image_url": None},
        {"type": "image_url", "image_url": None},
        {"type": "input_video"},
        {"type": "input_audio"},
        {"type": "input_audio", "input_audio": {"format": "wav"}},
        {"type": "video_url", "video_url": {}},
        {"type": "text", "text": 5},
    ],
)
async def test_an_empty_part_is_refused(caller: Caller, model: str, part: dict[str, Any]) -> None:
    """A part that holds nothing, or no text, is refused by its type before anything is sent."""
    with pytest.raises(ValueError, match=part["type"]):
        await caller.text(completion(), messages=[LLMMessage(role="user", content=[part])], model=model)
    assert ([], []) == (caller.server.requests, list(caller.rows()))


async def test_a_text_of_null_is_an_empty_text(caller: Caller) -> None:
    """A text that is null is sent as a string, as the wire requires."""
    parts: list[dict[str, Any]] = [{"type": "text", "text": "hi"}, {"type": "text", "text": None}]
    assert ["hi", ""] == [part["text"] for part in await sent_parts(caller, OPENROUTER, *parts)]
