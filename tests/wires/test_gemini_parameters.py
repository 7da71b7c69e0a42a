"""The parameters for each generation of Gemini (thinking, sampling, schemas, signatures), and its finish reasons."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final, Literal

import pytest
from pydantic import BaseModel, Field

from modules.llm_services.types import AudioResponse, LLMMessage
from modules.llm_services.wires.generate_content import GenerateContentWire
from modules.llm_services.wires.schemas import generate_content_schema
from modules.llm_services.wires.wire import Exchange, LLMCall
from support.rendering import rendered

NEWEST: Final = ("gemini-3.8-flash", "gemini-4-argon", "gemini-flash-latest", "gemini-pro-latest", "gemini-9-next")
WORDS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


def sent(model: str, messages: list[LLMMessage] | None = None, **call: Any) -> dict[str, Any]:
    """Return the request of a call; `temperature` is the caller's, otherwise the configured default."""
    options = {name: call.pop(name) for name in list(call) if name in GenerateContentWire.options.model_fields}
    is_given = "temperature" in call
    asked = messages or [LLMMessage(role="user", content="hi")]
    given = LLMCall(asked, model, call.pop("temperature", 0.7), params=options, temperature_is_given=is_given, **call)
    return rendered(GenerateContentWire(), given)


@pytest.mark.parametrize(
    ("model", "levels"),
    [
        *((model, "low low low medium high high high") for model in NEWEST),
        ("gemini-3.7-flash", "low low low medium high high high"),
        ("gemini-3.1-pro-preview", "low low low medium high high high"),
        ("gemini-3-pro-preview", "low low low low high high high"),
        ("gemini-3-flash-preview", "minimal minimal low medium high high high"),
        ("gemini-3.1-flash-lite", "minimal minimal low medium high high high"),
        ("gemini-3.6-flash", "minimal minimal low medium high high high"),
    ],
)
def test_levels(model: str, levels: str) -> None:
    """From 3 on, an effort becomes a level: the same, or the nearest that the model has."""
    configs = [sent(model, reasoning={"effort": word})["generationConfig"]["thinkingConfig"] for word in WORDS]
    assert [{"thinkingLevel": level} for level in levels.split()] == configs


@pytest.mark.parametrize(
    ("model", "budgets"),
    [
        ("gemini-2.5-flash", [0, 0, 1024, 8192, 24_576, 24_576, 24_576]),
        ("gemini-2.5-pro", [128, 128, 1024, 8192, 24_576, 24_576, 24_576]),
        ("gemini-2.5-flash-lite-preview-09-2025", [0, 0, 1024, 8192, 24_576, 24_576, 24_576]),
    ],
)
def test_budgets(model: str, budgets: list[int]) -> None:
    """The 2.5 models take a token budget; the largest one needs a minimum."""
    configs = [sent(model, reasoning={"effort": word})["generationConfig"]["thinkingConfig"] for word in WORDS]
    assert [{"thinkingBudget": budget} for budget in budgets] == configs


@pytest.mark.parametrize(
    ("model", "tokens", "thinking"),
    [
        ("gemini-2.5-pro", 50, {"thinkingBudget": 128}),
        ("gemini-2.5-pro", -1, {"thinkingBudget": -1}),
        ("gemini-2.5-flash", 5000, {"thinkingBudget": 5000}),
        ("gemini-2.5-flash", 90_000, {"thinkingBudget": 24_576}),
        ("gemini-2.5-pro", 90_000, {"thinkingBudget": 32_768}),
        ("gemini-3.8-flash", 0, {"thinkingLevel": "low"}),
        ("gemini-3.8-flash", 5000, {"thinkingLevel": "medium"}),
        ("gemini-3.8-flash", 90_000, {"thinkingLevel": "high"}),
        ("gemini-3.8-flash", -1, None),
    ],
)
def test_thinking_in_tokens(model: str, tokens: int, thinking: object) -> None:
    """Tokens become a budget, or the level that covers them; -1 leaves the choice to the model."""
    config = sent(model, reasoning={"max_tokens": tokens})["generationConfig"]
    assert thinking == config.get("thinkingConfig")


@pytest.mark.parametrize(
    ("model", "thinking"),
    [("gemini-2.5-flash", {"thinkingBudget": 0}), ("gemini-3.8-flash", {"thinkingLevel": "low"})],
)
def test_reasoning_that_is_turned_off(model: str, thinking: object) -> None:
    """`enabled=False` is the effort `none`, and not the model's own choice."""
    config = sent(model, reasoning={"enabled": False})["generationConfig"]
    assert thinking == config.get("thinkingConfig")


@pytest.mark.parametrize(
    "model",
    [
        "gemini-2.5-flash-image",
        "gemini-2.5-flash-preview-tts",
        "gemini-2.5-flash-native-audio",
        "gemini-3.8-flash-tts",
        "gemini-3-pro-image",
        "gemini-nano-banana-2.1",
        "gemini-2.0-flash",
    ],
)
def test_models_that_are_not_told_to_think(model: str) -> None:
    """Models for audio or images get neither a level nor a budget."""
    assert "thinkingConfig" not in sent(model, reasoning={"effort": "low"})["generationConfig"]


@pytest.mark.parametrize("model", [*NEWEST, "gemini-3.6-flash", "gemini-3.7-flash"])
def test_no_default_temperature(model: str) -> None:
    """From 3.6 on, where sampling parameters are being removed, only the caller's own are sent."""
    assert "temperature" not in sent(model)["generationConfig"]
    config = sent(model, temperature=0.2, top_p=0.9, top_k=3)["generationConfig"]
    assert (0.2, 0.9, 3) == (config["temperature"], config["topP"], config["topK"])


@pytest.mark.parametrize("model", ["gemini-2.5-flash", "gemini-2.5-pro", "gemini-3-flash-preview", "gemini-3.5-flash"])
def test_the_default_temperature_of_older_ones(model: str) -> None:
    """The configured temperature is sent, unless there is a `top_p`."""
    assert 0.7 == sent(model)["generationConfig"]["temperature"]
    assert "temperature" not in sent(model, top_p=0.9)["generationConfig"]


def test_a_top_p_in_extra_body() -> None:
    """A `top_p` in extra_body excludes the default too."""
    config = sent("gemini-2.5-flash", extra_body={"generationConfig": {"topP": 0.9}})["generationConfig"]
    assert {"topP": 0.9} == config


class Inner(BaseModel):
    """The target of a reference."""

    name: str


class Described(BaseModel):
    """References with siblings."""

    hero: Inner = Field(description="the hero")
    foe: Inner
    others: list[Inner] = Field(description="the others", min_length=1)
    friend: Inner | None = Field(default=None, description="a friend")


class Tree(BaseModel):
    """A reference to itself, with a sibling."""

    left: Tree | None = None
    leaf: Leaf = Field(description="a leaf")


class Leaf(BaseModel):
    """A reference back to the tree."""

    tree: Tree = Field(description="the tree")


def neighbours(schema: object) -> list[object]:
    """Return the references of a schema that have siblings."""
    found: list[object] = []
    if isinstance(schema, dict):
        if "$ref" in schema and any(not key.startswith("$") for key in schema):
            found.append(schema)
        schema = list(schema.values())
    if isinstance(schema, list):
        for child in schema:
            found += neighbours(child)
    return found


def test_a_reference_with_a_description() -> None:
    """A reference with a description is replaced with its definition; one without siblings stays."""
    schema = generate_content_schema(Described.model_json_schema())
    hero = schema["properties"]["hero"]
    assert ("the hero", {"name": {"title": "Name", "type": "string"}}) == (hero["description"], hero["properties"])
    assert {"$ref": "#/$defs/Inner"} == schema["properties"]["foe"]
    assert [] == neighbours(schema)


@pytest.mark.parametrize("model", [Described, Tree])
def test_no_reference_has_neighbours(model: type[BaseModel]) -> None:
    """No reference has siblings: not in the schema, not in a cycle, not in the definitions."""
    assert [] == neighbours(generate_content_schema(model.model_json_schema()))


@pytest.mark.parametrize(
    ("property_schema", "sent_schema"),
    [
        ({"$ref": "#/definitions/Inner"}, {"$ref": "#/$defs/Inner"}),
        ({"$ref": "#/definitions/Inner", "description": "x"}, {"type": "string", "description": "x"}),
        ({"allOf": [{"$ref": "#/definitions/Inner"}], "description": "x"}, {"type": "string", "description": "x"}),
    ],
)
def test_a_schema_of_an_older_draft(property_schema: dict[str, Any], sent_schema: dict[str, Any]) -> None:
    """The definitions of an older draft, which tools of others have, are those of today's, and lead somewhere."""
    definitions = {"Inner": {"type": "string"}}
    schema = {"type": "object", "properties": {"a": property_schema}, "definitions": definitions}
    sent = generate_content_schema(schema)
    assert (sent_schema, definitions) == (sent["properties"]["a"], sent["$defs"])


def test_a_schema_without_its_definition() -> None:
    """A reference without a definition is left alone; the vendor's error will name it."""
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/Gone", "description": "x"}}}
    assert {"$ref": "#/$defs/Gone"} == generate_content_schema(schema)["properties"]["a"]


@pytest.mark.parametrize("reference", ["#", "#/properties/b", "https://x.example/schema.json"])
def test_a_reference_to_no_definition_has_no_neighbours(reference: str) -> None:
    """A reference to another place, which tools of others have, loses what the API refuses beside it."""
    properties = {"a": {"$ref": reference, "description": "x"}, "b": {"type": "string"}}
    assert {"$ref": reference} == generate_content_schema({"type": "object", "properties": properties})["properties"][
        "a"
    ]


def test_a_list_of_items_of_an_older_draft() -> None:
    """A list with a schema for each place has today's keyword."""
    schema = {"type": "array", "items": [{"type": "string"}, {"type": "integer"}], "additionalItems": False}
    assert [{"type": "string"}, {"type": "integer"}] == generate_content_schema(schema)["prefixItems"]


class Mood(Enum):
    """Values of several types."""

    YES = True
    NONE = None
    SOME = "some"
    TWO = 2


@pytest.mark.parametrize(
    ("schema", "sent_schema"),
    [
        ({"enum": ["a", None]}, {"anyOf": [{"enum": ["a"]}, {"type": "null"}]}),
        ({"const": True, "type": "boolean"}, {"type": "boolean"}),
        ({"enum": [True, False], "title": "T"}, {"type": "boolean", "title": "T"}),
        ({"const": None, "type": "null"}, {"type": "null"}),
        ({"enum": ["a", 1, 1.5]}, {"enum": ["a", 1, 1.5]}),
        ({"const": "a", "type": "string"}, {"enum": ["a"], "type": "string"}),
        ({"enum": [1, True]}, {"anyOf": [{"enum": [1]}, {"type": "boolean"}]}),
        ({"enum": ["a", {"b": 1}], "title": "T"}, {"title": "T"}),
        ({"const": [1], "type": "array"}, {"type": "array"}),
    ],
)
def test_enums(schema: dict[str, Any], sent_schema: dict[str, Any]) -> None:
    """Enums keep only strings and numbers: true, false and null become types; with lists or objects, it is left out."""
    assert sent_schema == generate_content_schema(schema)


def test_an_enum_of_a_class() -> None:
    """An Enum and a Literal become enums without the values that the API refuses."""

    class Holder(BaseModel):
        mood: Mood
        flag: Literal[True, "no"]

    schema = str(generate_content_schema(Holder.model_json_schema()))
    assert "True" not in schema
    assert "None" not in schema


CALLS: Final = [
    {"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}},
    {"id": "b", "type": "function", "function": {"name": "look", "arguments": "{}"}},
]
LOOP: Final = [
    LLMMessage(role="user", content="hi"),
    LLMMessage(role="assistant", content="", tool_calls=CALLS),
    LLMMessage(role="tool", tool_call_id="a", content="seen"),
    LLMMessage(role="tool", tool_call_id="b", content="seen"),
]


@pytest.mark.parametrize("model", [*NEWEST, "gemini-3-pro-preview"])
def test_a_call_that_nobody_signed(model: str) -> None:
    """The first call of a turn that another model made is sent with a placeholder signature."""
    calls = sent(model, LOOP)["contents"][1]["parts"]
    assert ["skip_thought_signature_validator", None] == [part.get("thoughtSignature") for part in calls]


def test_a_call_of_a_model_that_does_not_sign() -> None:
    """The 2.5 models need no signature."""
    assert all("thoughtSignature" not in part for part in sent("gemini-2.5-flash", LOOP)["contents"][1]["parts"])


def test_a_call_with_its_own_signature() -> None:
    """A signature of the model is sent back unchanged when the caller appends the turn."""
    parts = [{"functionCall": {"name": "look", "args": {}}, "thoughtSignature": "c2lnbmVk"}]
    asked = [
        LLMMessage(role="user", content="hi"),
        LLMMessage(role="assistant", tool_calls=CALLS[:1], reasoning_details=parts),
        LLMMessage(role="tool", tool_call_id="a", content="seen"),
    ]
    assert parts == sent("gemini-3.8-flash", asked)["contents"][1]["parts"]


@pytest.mark.parametrize("reason", ["IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "MODEL_ARMOR", "LANGUAGE", "SPII"])
def test_what_a_filter_ended(reason: str) -> None:
    """All names of filters map to one finish reason, and the vendor's own is kept."""
    body = {"candidates": [{"content": {"parts": [{"text": "half"}]}, "finishReason": reason}]}
    answer = GenerateContentWire().parse(Exchange(200, body=body), LLMCall([]))
    assert ("content_filter", True) == (answer.finish_reason, answer.is_refused)
    assert reason == answer.details["native_finish_reason"]


@pytest.mark.parametrize("kind", ["audio/L16;codec=pcm;rate=24000", "AUDIO/l16; RATE=24000", "Audio/PCM"])
def test_samples_by_any_case(kind: str) -> None:
    """Samples become a WAV file, whatever the case of their media type."""
    body = {"candidates": [{"content": {"parts": [{"inlineData": {"mimeType": kind, "data": "AAAA" * 8}}]}}]}
    media = GenerateContentWire().parse(Exchange(200, body=body), LLMCall([])).media
    assert isinstance(media, AudioResponse)
    assert "audio/wav" == media.mime_type
