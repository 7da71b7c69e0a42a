"""Checks requests and the stand-in's answers with the types that the vendors publish.

The types are those of the packages openai (3.x), anthropic (0.x, and 2.x in `nox -s claude-types`), google-genai (3.x)
and botocore (1.4x). Unknown keys, values of a wrong type and missing fields are reported. The packages are used here
only, never in the path of a request.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from typing_extensions import is_typeddict

from modules.llm_services.types import LLMProviderType

if TYPE_CHECKING:
    from collections.abc import Callable

    from providers.conftest import At

Body = dict[str, Any]

# anthropic 1.0 removed them from its types, because models from claude-opus-4-7 on refuse them. Older models still
# accept them, and the stand-in refuses them for the others.
REMOVED_FROM_ANTHROPIC = frozenset() if version("anthropic").startswith("0.") else {"temperature", "top_p", "top_k"}
CLOSED = ConfigDict(extra="forbid", arbitrary_types_allowed=True)  # any type, because a file may replace base64


@pytest.fixture(autouse=True)
def judge_rows(request: pytest.FixtureRequest) -> Iterator[None]:
    """Check the rows of a test that is marked `judged` with the vendors' types, when the test is over."""
    at: At | None = request.getfixturevalue("at") if request.node.get_closest_marker("judged") else None
    yield
    if at is None:
        return
    rows = at.rows()
    assert rows
    for row in rows:
        kind = at.door.provider, row["api_variant"]
        assert [] == problems_of_request(*kind, row["request_payload"])
        body = (row["response_raw"] or {}).get("body")
        if row["status"] == "completed" and isinstance(body, dict):
            assert [] == problems_of_answer(*kind, body)


def problems_of_request(provider: LLMProviderType, api_variant: str, body: Body) -> list[str]:
    """Return what is wrong with a rendered request; an empty result is good."""
    if provider in {LLMProviderType.ANTHROPIC, LLMProviderType.BEDROCK}:
        body = {name: value for name, value in body.items() if name not in REMOVED_FROM_ANTHROPIC}
    if provider is LLMProviderType.BEDROCK:
        is_known = body.pop("anthropic_version", None) == "bedrock-2023-05-31"
        body["model"] = "claude"
        return [*_problems(_anthropic_request(), body), *([] if is_known else ["anthropic_version"])]
    return _problems(_REQUESTS[provider](api_variant), body)


def problems_of_answer(provider: LLMProviderType, api_variant: str, body: Body) -> list[str]:
    """Return what is wrong with an answer of the stand-in; an empty result is good."""
    types: Any
    if provider is LLMProviderType.GEMINI:
        types = import_module("google.genai.types")
        return _problems(TypeAdapter(types.GenerateContentResponse), body)
    if provider in {LLMProviderType.ANTHROPIC, LLMProviderType.BEDROCK}:
        kind = import_module("anthropic.types").Message
    else:
        module, name = ("openai.types", "ImagesResponse") if api_variant == "images" else _RESPONSE
        kind = getattr(import_module(module), name)
    return [*_problems(TypeAdapter(kind), body), *_unknown(kind, body)]


_RESPONSE = ("openai.types.responses", "Response")


def _problems(adapter: TypeAdapter[Any], body: Body) -> list[str]:
    try:
        _exhaust(adapter.validate_python(json.loads(json.dumps(body))))
    except ValidationError as error:
        return [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
    return []


def _exhaust(value: Any) -> None:  # noqa: ANN401 - whatever was validated
    """Read what Pydantic validates only when it is read, because the vendors' types say Iterable for lists."""
    if isinstance(value, Mapping):
        for each in value.values():
            _exhaust(each)
    elif isinstance(value, list | Iterator):
        for each in value:
            _exhaust(each)


def _unknown(kind: type[BaseModel], body: Body) -> list[str]:
    """Return the keys that the vendor's model keeps as unknown extras."""
    try:
        return list(_extras(kind.model_validate(body), ""))
    except ValidationError:
        return []


def _extras(value: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - a model, or what it holds
    if isinstance(value, BaseModel):
        yield from (f"{path}{name}: unknown" for name in value.model_extra or {})
        for name in type(value).model_fields:
            yield from _extras(getattr(value, name), f"{path}{name}.")
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _extras(each, f"{path}{index}.")


def _strict(module: str, name: str) -> TypeAdapter[Any]:
    """Return a vendor's TypedDict in which it and all nested ones refuse unknown keys."""
    kind = getattr(import_module(module), name)
    package = module.partition(".")[0]
    for loaded, found in list(sys.modules.items()):
        if loaded.startswith(f"{package}.types"):
            for each in vars(found).values():
                if is_typeddict(each):
                    each.__pydantic_config__ = CLOSED
    return TypeAdapter(kind)


@cache
def _anthropic_request(_api_variant: str = "messages") -> TypeAdapter[Any]:
    return _strict("anthropic.types.message_create_params", "MessageCreateParamsNonStreaming")


@cache
def _openai_request(api_variant: str) -> TypeAdapter[Any]:
    modules = {
        "responses": ("openai.types.responses.response_create_params", "ResponseCreateParamsNonStreaming"),
        "images": ("openai.types.image_generate_params", "ImageGenerateParamsNonStreaming"),
        "speech": ("openai.types.audio.speech_create_params", "SpeechCreateParams"),
    }
    return _strict(*modules[api_variant])


@cache
def _gemini_request(_api_variant: str) -> TypeAdapter[Any]:
    types = import_module("google.genai.types")

    class Request(BaseModel):
        """The body of generateContent, which the package has as separate arguments."""

        model_config = ConfigDict(extra="forbid")

        contents: list[types.Content]  # type: ignore[name-defined]
        systemInstruction: types.Content | None = None  # type: ignore[name-defined]  # noqa: N815
        generationConfig: types.GenerationConfig | None = None  # type: ignore[name-defined]  # noqa: N815
        tools: list[types.Tool] | None = None  # type: ignore[name-defined]
        toolConfig: types.ToolConfig | None = None  # type: ignore[name-defined]  # noqa: N815
        safetySettings: list[types.SafetySetting] | None = None  # type: ignore[name-defined]  # noqa: N815

    Request.model_rebuild(_types_namespace={"types": types})
    return TypeAdapter(Request)


_REQUESTS: dict[LLMProviderType, Callable[[str], TypeAdapter[Any]]] = {
    LLMProviderType.OPENAI: _openai_request,
    LLMProviderType.AZURE_OPENAI: _openai_request,
    LLMProviderType.ANTHROPIC: _anthropic_request,
    LLMProviderType.GEMINI: _gemini_request,
}
