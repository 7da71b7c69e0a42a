"""Answers 07: images, audio, citations and reasoning are returned, and None if there are none."""

# ruff: noqa: ANN401 - what a caller may give, and what a wire may hold, is of any type

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any, Final

import pytest

from cases.bodies import (
    CLAUDE,
    COST,
    GEMINI,
    INPUT_TOKENS,
    OPENAI,
    OPENROUTER,
    candidate,
    claude_message,
    completion,
    function_call,
    gemini_call,
    output_call,
    output_message,
    response,
    text_block,
    tool_use,
)
from cases.scripted_server import Reply
from modules.llm_services.public import AudioResponse
from support.streams import END, chunk, event

if TYPE_CHECKING:
    from cases.bodies import Vendor
    from cases.caller import Caller

PICTURE = "iVBORw0KGgo="
PICTURE_URL = f"data:image/png;base64,{PICTURE}"
SOUND = "UklGRg=="
CITATION = {"type": "url_citation", "url_citation": {"url": "https://x.example/a", "title": "A", "start_index": 0}}
DETAILS = [
    {"type": "reasoning.text", "text": "Belgium?", "signature": "sig", "format": "anthropic-claude-v1", "index": 0},
    {"type": "reasoning.encrypted", "data": "blob", "id": "rs_1", "index": 1},
]
OPENAI_CITATION = {"type": "url_citation", "url": "https://x.example/a", "title": "A", "start_index": 0, "end_index": 5}
CLAUDE_CITATION = {"type": "web_search_result_location", "url": "https://x.example/a", "cited_text": "Ghent"}
REASONING_ITEM = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "Belgium?"}],
    "encrypted_content": "blob",
}
THOUGHT = {"text": "Belgium?", "thought": True}


def picture(url: str = PICTURE_URL) -> dict[str, Any]:
    """Return an image in the form of OpenRouter's messages."""
    return {"type": "image_url", "image_url": {"url": url}}


PICTURES = {
    "openrouter, beside empty text": (OPENROUTER, completion("", images=[picture()]), "", [PICTURE_URL]),
    "openrouter, content null": (OPENROUTER, completion(None, images=[picture()]), "", [PICTURE_URL]),
    "openrouter, text too": (OPENROUTER, completion("Here", images=[picture()]), "Here", [PICTURE_URL]),
    "openrouter, two": (
        OPENROUTER,
        completion("", images=[picture(), picture("https://x.example/b.png")]),
        "",
        [PICTURE_URL, "https://x.example/b.png"],
    ),
    "openrouter, a part of the content": (
        OPENROUTER,
        completion([{"type": "text", "text": "Here"}, picture()]),
        "Here",
        [PICTURE_URL],
    ),
    "gemini, alone": (
        GEMINI,
        candidate({"inlineData": {"mimeType": "image/png", "data": PICTURE}}),
        "",
        [PICTURE_URL],
    ),
    "gemini, text too": (
        GEMINI,
        candidate({"text": "Here"}, {"inlineData": {"mimeType": "image/png", "data": PICTURE}}),
        "Here",
        [PICTURE_URL],
    ),
    "openrouter, base64 without a URL": (OPENROUTER, completion("", images=[{"b64_json": PICTURE}]), "", [PICTURE_URL]),
    "gemini, stored at Google": (
        GEMINI,
        candidate({"fileData": {"mimeType": "image/png", "fileUri": "https://x.example/files/1"}}),
        "",
        ["https://x.example/files/1"],
    ),
    "gemini, stored without a type": (
        GEMINI,
        candidate({"text": "Here"}, {"fileData": {"fileUri": "https://x.example/a.png?x=1"}}),
        "Here",
        ["https://x.example/a.png?x=1"],
    ),
    "openai's code interpreter": (
        OPENAI,
        response(
            {"type": "code_interpreter_call", "outputs": [{"type": "image", "url": "https://x.example/plot.png"}]},
            output_message("Here"),
        ),
        "Here",
        ["https://x.example/plot.png"],
    ),
    "openai's tool": (
        OPENAI,
        response({"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": PICTURE}),
        "",
        [PICTURE_URL],
    ),
}


def table(cases: dict[str, Any]) -> list[Any]:
    """Return the rows of a table of cases, with their names."""
    return [pytest.param(*case, id=name) for name, case in cases.items()]


@pytest.mark.parametrize(("model", "body", "text", "urls"), table(PICTURES))
async def test_images_are_handed_out(caller: Caller, model: str, body: Any, text: str, urls: list[str]) -> None:
    """Images are URLs on the response, in order; they count as an answer, so there is a response_output."""
    outcome = await caller.text(body, model=model, **({"modalities": ["image", "text"]} if model == OPENROUTER else {}))
    assert (text, urls) == (outcome.response.content, outcome.response.images)
    assert outcome.response.response_output
    assert outcome.row.response_output


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (OPENROUTER, completion(None, audio={"id": "audio_1", "data": SOUND, "transcript": "Ghent"})),
        (OPENROUTER, completion("Ghent", audio={"data": SOUND, "expires_at": 1, "transcript": ""})),
        (GEMINI, candidate({"inlineData": {"mimeType": "audio/mpeg", "data": SOUND}})),
    ],
)
async def test_sound_is_handed_out(caller: Caller, model: str, body: Any) -> None:
    """Audio in a text call is an AudioResponse on the response."""
    options = {"modalities": ["text", "audio"], "extra_body": {"audio": {"voice": "alloy", "format": "wav"}}}
    outcome = await caller.text(body, model=model, **(options if model == OPENROUTER else {}))
    audio = outcome.response.audio
    assert isinstance(audio, AudioResponse)
    assert (SOUND, b"RIFF") == (audio.audio_base64, audio.audio_bytes())
    assert audio.mime_type.startswith("audio/")


async def test_samples_in_several_parts_are_one_sound(caller: Caller) -> None:
    """Samples that Gemini splits are joined, in order."""
    parts = [
        {"inlineData": {"mimeType": "audio/L16;rate=24000", "data": base64.b64encode(samples).decode()}}
        for samples in (b"aabb", b"ccdd")
    ]
    audio = (await caller.text(candidate(*parts), model=GEMINI)).response.audio
    assert audio.audio_bytes().endswith(b"aabbccdd")


@pytest.mark.parametrize("citation", ["https://x.example/a", {"url": "https://x.example/a"}])
async def test_citations_beside_the_choices_are_annotations(caller: Caller, citation: Any) -> None:
    """Perplexity's models send them there; annotations of the message take precedence."""
    (mark,) = (await caller.text(completion("x") | {"citations": [citation]})).response.annotations
    assert "https://x.example/a" in str(mark)
    own = {"type": "url_citation", "url_citation": {"url": "https://x.example/b"}}
    body = completion("x", annotations=[own]) | {"citations": [citation]}
    assert [own] == (await caller.text(body)).response.annotations


@pytest.mark.parametrize("levels", [150, 600])
@pytest.mark.parametrize("model", [CLAUDE, GEMINI, OPENAI, OPENROUTER])
async def test_arguments_that_nest_too_deeply_hide_nothing_else(caller: Caller, model: str, levels: int) -> None:
    """The text is handed out, and the row has the tokens and the cost, whatever form a vendor's arguments have."""
    nested = '{"a":' * levels + "1" + "}" * levels
    bodies = {
        CLAUDE: claude_message({"type": "text", "text": "Ghent"}, tool_use("look", "nested"), stop_reason="tool_use"),
        GEMINI: candidate({"text": "Ghent"}, gemini_call("look", "nested")),
        OPENAI: response(output_message("Ghent"), output_call("look", nested)),
        OPENROUTER: completion("Ghent", "tool_calls", tool_calls=[function_call("look", nested)]),
    }
    body = json.dumps(bodies[model]).replace('"nested"', nested)
    outcome = await caller.with_tools(Reply(body, headers={"Content-Type": "application/json"}), model=model)
    error = outcome.validation_error
    assert error.response
    assert "Ghent" == error.response.content
    assert (INPUT_TOKENS, True) == (outcome.row.input_tokens, bool(outcome.row.cost_estimate))


ANNOTATIONS = {
    "openrouter": (OPENROUTER, completion(annotations=[CITATION, CITATION]), [CITATION, CITATION]),
    "openai": (OPENAI, response(output_message("Ghent", annotations=[OPENAI_CITATION])), [OPENAI_CITATION]),
    "claude": (CLAUDE, claude_message(text_block("Ghent", citations=[CLAUDE_CITATION])), [CLAUDE_CITATION]),
}


@pytest.mark.parametrize(("model", "body", "citations"), table(ANNOTATIONS))
async def test_citations_are_handed_out_as_they_came(caller: Caller, model: str, body: Any, citations: Any) -> None:
    """The citations of an answer are on the response, unchanged."""
    outcome = await caller.text(body, model=model)
    assert ("Ghent", citations) == (outcome.response.content, outcome.response.annotations)


async def test_geminis_grounding_is_a_citation(caller: Caller) -> None:
    """The pages that Gemini used are among the citations."""
    body = candidate({"text": "Ghent"})
    chunk = {"web": {"uri": "https://x.example/a", "title": "A"}}
    body["candidates"][0]["groundingMetadata"] = {"groundingChunks": [chunk]}
    outcome = await caller.text(body, model=GEMINI)
    assert "https://x.example/a" in json.dumps(outcome.response.annotations)


REASONINGS = {
    "openrouter": (OPENROUTER, completion(reasoning="Belgium?", reasoning_details=DETAILS), DETAILS),
    "openrouter, the text alone": (OPENROUTER, completion(reasoning="Belgium?"), None),
    "openrouter, the details alone": (OPENROUTER, completion(reasoning_details=DETAILS[:1]), DETAILS[:1]),
    "openai": (OPENAI, response(REASONING_ITEM, output_message("Ghent")), "blob"),
    "claude": (
        CLAUDE,
        claude_message({"type": "thinking", "thinking": "Belgium?", "signature": "sig"}, text_block("Ghent")),
        "sig",
    ),
    "gemini": (GEMINI, candidate(THOUGHT, {"text": "Ghent", "thoughtSignature": "sig"}), "sig"),
}


@pytest.mark.parametrize(("model", "body", "details"), table(REASONINGS))
async def test_reasoning_is_handed_out(caller: Caller, model: str, body: Any, details: Any) -> None:
    """The response has the reasoning as text, and unchanged in the form that the vendor has to get back."""
    answered = (await caller.text(body, model=model)).response
    assert ("Ghent", "Belgium?") == (answered.content, answered.reasoning)
    if isinstance(details, str):
        assert details in json.dumps(answered.reasoning_details)
    else:
        assert (details or []) == (answered.reasoning_details or [])


async def test_redacted_thinking_is_kept_for_the_vendor(caller: Caller) -> None:
    """A block that only Anthropic can read is not text, and is sent back unchanged."""
    block = {"type": "redacted_thinking", "data": "blob"}
    answered = (await caller.text(claude_message(block, text_block("Ghent")), model=CLAUDE)).response
    assert not answered.reasoning
    assert "blob" in json.dumps(answered.reasoning_details)


CALLING = {
    "openrouter": (
        OPENROUTER,
        completion(None, "tool_calls", reasoning="Belgium?", tool_calls=[function_call("look")]),
    ),
    "openai": (OPENAI, response(REASONING_ITEM, output_call("look"))),
    "claude": (
        CLAUDE,
        claude_message(
            {"type": "thinking", "thinking": "Belgium?", "signature": "sig"},
            tool_use("look", {}),
            stop_reason="tool_use",
        ),
    ),
    "gemini": (GEMINI, candidate(THOUGHT, {"functionCall": {"name": "look", "args": {}}, "thoughtSignature": "s"})),
}


@pytest.mark.parametrize(("model", "body"), table(CALLING))
async def test_a_call_with_tools_hands_it_out_too(caller: Caller, model: str, body: Any) -> None:
    """The reasoning before a tool call is on the response."""
    outcome = await caller.with_tools(body, model=model)
    assert "Belgium?" == outcome.response.reasoning
    assert ["look"] == [call.name for call in outcome.tool_calls or []]


async def test_the_response_cache_keeps_it(caller: Caller) -> None:
    """An answer from the response cache has the same fields as the original."""
    body = completion(reasoning="Belgium?", annotations=[CITATION], images=[picture()])
    first = await caller.text(body, use_cache=True)
    second = await caller.text(use_cache=True)
    assert 0 == len(second.requests)
    for outcome in (first, second):
        answered = outcome.response
        assert ("Belgium?", [CITATION], [PICTURE_URL]) == (answered.reasoning, answered.annotations, answered.images)


async def test_a_plain_answer_has_none_of_it(caller: Caller, vendor: Vendor) -> None:
    """Without images, audio, citations or reasoning, the fields are None or empty."""
    answered = (await caller.text(vendor.text("Ghent"), model=vendor.model)).response
    assert (None, None, None) == (answered.reasoning, answered.refusal, answered.audio)
    assert not any((answered.reasoning_details, answered.images, answered.annotations))


@pytest.mark.parametrize(
    "message",
    [
        {"images": None, "audio": None, "annotations": None, "reasoning": None, "reasoning_details": None},
        {"images": "no", "audio": [], "annotations": {"a": 1}, "reasoning": 5, "reasoning_details": "none"},
        {"images": [None, {}, {"image_url": None}, {"image_url": {"url": 5}}], "audio": {"data": None}},
        {"annotations": [None, 5], "reasoning_details": [None, "x"], "refusal": {"a": 1}},
    ],
)
async def test_odd_shapes_do_not_fail_an_answer(caller: Caller, message: dict[str, Any]) -> None:
    """A field with an undocumented form is left out, and the text is still returned."""
    outcome = await caller.text(completion("Ghent", **message))
    assert ("Ghent", COST) == (outcome.response.content, outcome.row.cost_estimate)


@pytest.mark.parametrize(
    "thought",
    [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Belgium?"}]},
        {"type": "thinking", "thinking": "Belgium?"},
        {"type": "reasoning", "text": "Belgium?"},
    ],
)
async def test_thoughts_among_the_parts_are_reasoning(caller: Caller, thought: dict[str, Any]) -> None:
    """A part of the content that is a thought is handed out as reasoning, and is no text of the answer."""
    answered = (await caller.text(completion([thought, {"type": "text", "text": "Ghent"}]))).response
    assert ("Ghent", "Belgium?") == (answered.content, answered.reasoning)


async def test_thoughts_among_the_parts_of_a_stream_are_reasoning(caller: Caller) -> None:
    """It is so in a stream, where a thought comes in pieces."""
    pieces = [[{"type": "thinking", "thinking": [{"type": "text", "text": text}]}] for text in ("Bel", "gium?")]
    chunks = [*(chunk(content=piece) for piece in pieces), chunk("stop", content=[{"type": "text", "text": "Ghent"}])]
    events = b"".join(map(event, chunks)) + END
    outcome = await caller.text(Reply(events, headers={"Content-Type": "text/event-stream"}), stream=True)
    assert ("Ghent", "Belgium?") == (outcome.response.content, outcome.response.reasoning)


@pytest.mark.parametrize("entry", [PICTURE_URL, {"url": PICTURE_URL}, {"image_url": PICTURE_URL}])
async def test_a_picture_in_any_form_is_handed_out(caller: Caller, entry: object) -> None:
    """An entry of `images` may be the URL itself, or have it under either name."""
    assert [PICTURE_URL] == (await caller.text(completion("", images=[entry]))).response.images


SPOKEN: Final = b"ID3\x04\0\0\xff\xfb"


@pytest.mark.parametrize(
    ("content", "label"),
    [
        *((SPOKEN, label) for label in ("application/octet-stream", "Audio/MPEG", "video/mp4", "text/plain", "", "x")),
        (SPOKEN, "application/json"),
        (b"ID3 of letters alone", "application/octet-stream"),
    ],
)
async def test_sound_is_handed_out_whatever_its_label(caller: Caller, content: bytes, label: str) -> None:
    """Speech that came with another label was paid for: it is sound of the format that was asked for."""
    reply = Reply(content, headers={"Content-Type": label})
    outcome = await caller.outcome([reply], lambda llm: llm.generate_audio("Ghent", "alloy", model="tts-1"))
    assert (content, "audio/mpeg") == (outcome.returned.audio_bytes(), outcome.returned.mime_type)


@pytest.mark.parametrize(
    ("content", "label"),
    [
        ("<html>", "text/html"),
        (" <html>", ""),
        ("busy", "text/plain"),
        ('{"id": 1}', "application/octet-stream"),
        ('[{"error": {}}]', "application/octet-stream"),
        ("", "x"),
    ],
)
async def test_words_are_no_sound(caller: Caller, content: str, label: str) -> None:
    """A page, a text or JSON in the place of speech is an error."""
    reply = Reply(content, headers={"Content-Type": label})
    outcome = await caller.outcome([reply], lambda llm: llm.generate_audio("Ghent", "alloy", model="tts-1"))
    assert re.search("without an answer|not audio", str(outcome.failure))
