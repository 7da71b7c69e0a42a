"""The file format of cassettes, and that replay returns what was recorded."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from cassette.format import PADDING, deserialize, serialize
from cassette.scrubbing import scrub
from cassettes.recording.record import decompress
from cassettes.recording.scenarios import City

CASSETTES = Path(__file__).resolve().parents[3] / "cassettes"

PLAIN = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN, inner, max_size=3),
    max_leaves=10,
)


def interaction(
    text: str, uri: str = "https://openrouter.ai/api/v1/chat/completions", **headers: str
) -> dict[str, Any]:
    """Return an exchange as vcrpy passes it, with `text` as its answer."""
    return {
        "request": {
            "method": "POST",
            "uri": uri,
            "headers": {"Authorization": ["Bearer sk-or-v1-not-to-be-kept"], "Content-Type": ["application/json"]},
            "body": '{"model": "a/b"}',
        },
        "response": {
            "status": {"code": 200, "message": "OK"},
            "headers": {name.replace("_", "-"): [value] for name, value in headers.items()},
            "body": {"string": text},
        },
    }


def written(*interactions: dict[str, Any]) -> Any:  # noqa: ANN401 - what YAML holds
    """Return the content of a cassette's file."""
    return yaml.safe_load(serialize({"interactions": list(interactions)}))


def answer(text: str) -> str:
    """Return an answer after it was written and read."""
    cassette = deserialize(serialize({"interactions": [interaction(text)]}))
    string: str = cassette["interactions"][0]["response"]["body"]["string"]
    return string


EVENTS = st.lists(
    JSON.filter(lambda value: isinstance(value, dict | list)).map(lambda value: f"data: {json.dumps(value)}")
    | st.sampled_from(
        ["data: [DONE]", ": OPENROUTER PROCESSING", "event: ping\ndata: {}", "data: a\ndata: b", "id: 1"]
    ),
    min_size=1,
    max_size=5,
)


@given(EVENTS)
def test_a_stream_comes_back_event_by_event(events: list[str]) -> None:
    """Replay returns every event of a stream in order, with every value; comments are events too."""
    body = "".join(f"{event}\n\n" for event in events)
    made = interaction(body, content_type="text/event-stream")
    values = [_read(event) for event in events]
    assume((events, values) == (scrub(events), scrub(values)))  # random text may look like a secret
    [back] = deserialize(serialize({"interactions": [made]}))["interactions"]
    replayed = back["response"]["body"]["string"].removesuffix("\n\n").split("\n\n")
    assert values == [_read(event) for event in replayed]


def _read(event: str) -> object:
    try:
        return json.loads(event.removeprefix("data: "))
    except ValueError:
        return event


def test_a_stream_is_readable() -> None:
    """An event's JSON is parsed, with its name beside it; other data is a line of text."""
    body = ': OPENROUTER PROCESSING\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\ndata: [DONE]\n\n'
    response = written(interaction(body, content_type="text/event-stream"))["interactions"][0]["response"]
    assert [
        ": OPENROUTER PROCESSING",
        {"event": "message_stop", "body": {"type": "message_stop"}},
        "data: [DONE]",
    ] == response["events"]


@given(body=st.lists(JSON) | st.dictionaries(PLAIN, JSON), padding=st.integers(0, 40))
def test_json_comes_back_as_it_was(body: object, padding: int) -> None:
    """Replay returns every value, the order of keys, and every character of padding of a JSON body."""
    assume(body == scrub(body))  # random text may look like a secret
    came_back = answer(PADDING * padding + json.dumps(body))
    assert PADDING * padding == came_back[: len(PADDING) * padding]
    assert json.dumps(body) == json.dumps(json.loads(came_back))


@pytest.mark.parametrize(
    "text", ["", " \n", "\n\n<html>\n  <p>tab\there</p> \n</html>\n", '{"cut": ', '"a string"', "é\r\n\x85 "]
)
def test_text_comes_back_character_by_character(text: str) -> None:
    """A body that is not a JSON object or array is unchanged, including its white space."""
    assert text == answer(text)


@pytest.mark.parametrize(("space", "kept"), [("", 0), (PADDING * 3, 3), (PADDING + "\n", PADDING + "\n"), (" ", " ")])
def test_padding_is_counted(space: str, kept: int | str) -> None:
    """OpenRouter's padding is stored as a number of units, other white space unchanged."""
    assert kept == written(interaction(space + "{}"))["interactions"][0]["response"]["padding"]


def test_only_allowed_headers_are_kept() -> None:
    """Only the headers on the two lists are kept, in lower case."""
    headers = {"Content_Type": "application/json", "Retry_After": "1", "X_RateLimit_Limit": "20", "CF_RAY": "a-BOS"}
    kept = written(interaction("{}", **headers, Set_Cookie="a=b", Date="today"))["interactions"][0]
    assert {"content-type": "application/json"} == kept["request"]["headers"]
    expected = {"content-type": "application/json", "retry-after": "1", "x-ratelimit-limit": "20"}
    assert expected == kept["response"]["headers"]


def test_the_host_is_always_openrouter_s() -> None:
    """Whatever server answered, the URL is OpenRouter's, and the origin names the server."""
    cassette = written(interaction("{}", "http://127.0.0.1:8765/api/v1/chat/completions"))
    uri = cassette["interactions"][0]["request"]["uri"]
    assert ("https://openrouter.ai/api/v1/chat/completions", "127.0.0.1:8765") == (uri, cassette["origin"]["server"])


def test_the_stand_in_never_passes_for_openrouter() -> None:
    """An answer that the stand-in signed is recorded as the stand-in's, whatever its address."""
    origin = written(interaction("{}", X_Stand_In="byok"))["origin"]
    assert ("the stand-in (not OpenRouter)", "byok") == (origin["server"], origin["scenario"])
    assert "openrouter.ai" == written(interaction("{}"))["origin"]["server"]


def test_compression_is_undone() -> None:
    """A compressed body is kept uncompressed."""
    response = {
        "status": {"code": 200, "message": "OK"},
        "headers": {"content-encoding": ["gzip"]},
        "body": {"string": gzip.compress(b'{"a": 1}')},
    }
    assert b'{"a": 1}' == decompress(response)["body"]["string"]


def test_an_id_has_one_placeholder_wherever_it_stands() -> None:
    """An id is replaced with the same placeholder in header, body and text, and different ids with different ones."""
    generation, account = "gen-1784218677-naXC565RfwGTfDm2xVg1", "user_2" + "aB3" * 9
    value = {
        "headers": {"x-generation-id": generation},
        "body": {"id": generation, "user_id": account, "raw": f"{generation} of {account}, not gen-1784218678-q"},
    }
    assert {
        "headers": {"x-generation-id": "gen-scrubbed-1"},
        "body": {
            "id": "gen-scrubbed-1",
            "user_id": "account-scrubbed-1",
            "raw": "gen-scrubbed-1 of account-scrubbed-1, not gen-scrubbed-2",
        },
    } == scrub(value)


def test_ids_are_known_by_their_field() -> None:
    """An id of unknown form is recognised by its field: a completion's, a tool call's, a tool result's."""
    call = {"id": "toolu_vrtx_1", "function": {"name": "find"}}
    value = [{"body": {"id": "chatcmpl-1", "tool_calls": [call]}}, {"tool_call_id": "toolu_vrtx_1"}]
    replaced = {**call, "id": "call-scrubbed-1"}
    assert [
        {"body": {"id": "gen-scrubbed-1", "tool_calls": [replaced]}},
        {"tool_call_id": "call-scrubbed-1"},
    ] == scrub(value)


@pytest.mark.parametrize("secret", ["sk-or-v1-" + "0f" * 32, "AIza" + "Sy_" * 13, "Bearer " + "x" * 12])
def test_a_secret_is_masked_in_any_text(secret: str) -> None:
    """A key that a server repeats is masked in any field."""
    assert {"raw": "you sent [redacted]"} == scrub({"raw": f"you sent {secret}"})


def test_a_cloudflare_ray_is_an_id() -> None:
    """The id of Cloudflare's request in an error page is replaced."""
    assert "Ray ID: ray-scrubbed-1" == scrub("Ray ID: a1c251f0bc578f9c-BOS")


def test_sound_comes_back_byte_by_byte() -> None:
    """Audio is stored in base64, even if its bytes happen to be text."""
    for sound in (b"\xff\xfb\x10\xc4", b"RIFF"):
        recorded = interaction("", Content_Type="audio/mpeg")
        recorded["response"]["body"]["string"] = sound
        text = serialize({"interactions": [recorded]})
        assert "base64" in text
        assert sound == deserialize(text)["interactions"][0]["response"]["body"]["string"]


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("http://127.0.0.1:1/openai/v1/images/generations", "https://api.openai.com/v1/images/generations"),
        ("http://127.0.0.1:1/azure/openai/v1/responses", "https://resource.openai.azure.com/openai/v1/responses"),
        (
            "https://resource.openai.azure.com/openai/v1/responses",
            "https://resource.openai.azure.com/openai/v1/responses",
        ),
    ],
)
def test_the_host_is_always_the_vendors(url: str, kept: str) -> None:
    """The URL is the vendor's own on every wire, including images and Azure."""
    assert kept == written(interaction("{}", url))["interactions"][0]["request"]["uri"]


def test_scrubbing_again_changes_nothing() -> None:
    """A placeholder, and an id that this module makes up for a tool call, are not replaced."""
    once = scrub([{"tool_call_id": "toolu_7"}, {"tool_call_id": "toolu_8"}, {"tool_call_id": "call_0_weather"}])
    assert once == scrub(once)
    assert scrub([{"tool_call_id": "toolu_8"}, once]) != once
    assert {"tool_call_id": "call_0_weather"} == once[2]


def test_an_id_of_the_models_own_is_a_word() -> None:
    """A field `id` in an answer's object or in a tool's arguments is not replaced."""
    value = {"body": {"content": [{"id": "toolu_1", "input": {"id": "Paris"}}]}}
    assert {"body": {"content": [{"id": "id-scrubbed-1", "input": {"id": "Paris"}}]}} == scrub(value)


def test_a_key_is_masked_in_a_fields_name() -> None:
    """A key in the name of a field is masked like any other."""
    assert {"[redacted]": 1} == scrub({"sk-or-v1-" + "0f" * 32: 1})


@pytest.mark.parametrize("vendor", ["anthropic", "bedrock", "gemini", "openai", "openrouter"])
def test_the_docstring_of_the_pydantic_model_city_is_part_of_the_recorded_requests(vendor: str) -> None:
    """The schema in a request has it as its description, so a new one needs new recordings."""
    assert str(City.__doc__) in (CASSETTES / vendor / "structured.yaml").read_text(encoding="utf-8"), (
        "the docstring of City was edited: restore it, or record the cassettes again with `nox -s record`"
    )
