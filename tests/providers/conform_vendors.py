"""Every rendered request, and every answer of the stand-in, fits the vendors' published types."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest

from modules.llm_services import LLMMessage
from modules.llm_services.types import LLMProviderType
from providers.conftest import QUESTION
from providers.oracles import problems_of_answer, problems_of_request
from providers.test_every_vendor import WEATHER, City

if TYPE_CHECKING:
    from providers.conftest import At

pytestmark = pytest.mark.judged

PARTS = [
    {"type": "input_text", "text": "What is this?"},
    {"type": "input_image", "image_url": "https://example.com/cat.png"},
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
    {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
]


async def test_text_with_everything(at: At) -> None:
    """System prompt, earlier turns, images, a file, a token limit and a temperature."""
    messages = [
        LLMMessage(role="system", content="Be brief."),
        LLMMessage(role="user", content="Hello"),
        LLMMessage(role="assistant", content="Hello."),
        LLMMessage(role="user", content=PARTS),
    ]
    await at.llm.generate_response(messages, model=at.door.model, temperature=0.2, max_output_tokens=500)


async def test_structured(at: At) -> None:
    """A schema with references, an optional object and a list."""
    await at.llm.generate_structured_response(QUESTION, City, model=at.door.model, reasoning={"effort": "low"})


async def test_tools(at: At) -> None:
    """Tools, the model's turn in its own form, and the results."""
    await at.llm.generate_response_with_tools(QUESTION, [WEATHER], model=at.door.model)
    result = LLMMessage(role="tool", name="weather", content="clear")
    await at.llm.generate_response_with_tools([*QUESTION, result], [WEATHER], model=at.door.model)
    named = {"type": "function", "function": {"name": "weather"}}
    await at.llm.generate_response_with_tools(QUESTION, [WEATHER], model=at.door.model, tool_choice=named)


async def test_options(at: At) -> None:
    """Options that only some vendors know, and the common ones."""
    of_all = {"top_p": 0.9, "verbosity": "high"}
    of_some = {"user": "u"} if at.door.model.startswith("gpt") else {"stop": ["END"], "top_k": 3}
    options: dict[str, Any] = {**of_all, **of_some}
    await at.llm.generate_response(QUESTION, model=at.door.model, **options)


@pytest.mark.parametrize("scene", ["cached-prompt", "truncated", "refused", "empty"])
async def test_a_scene(at: At, scene: str) -> None:
    """What the stand-in sends in every scenario, the vendor could send."""
    await at.scene(scene).llm.generate_response(QUESTION, model=at.door.model, reasoning={"effort": "medium"})


async def test_the_judges_bite(at: At) -> None:
    """The checks find an unknown key at any depth, a wrong type and a missing field."""
    await at.llm.generate_response_with_tools(QUESTION, [WEATHER], model=at.door.model)
    row = at.row()
    kind = at.door.provider, row["api_variant"]
    request, answer = row["request_payload"], row["response_raw"]["body"]
    deep, wrong, less = deepcopy(request), deepcopy(request), deepcopy(answer)
    turns = next(name for name in ("input", "messages", "contents") if name in request)
    deep["tools"][0]["mood"] = "sunny"
    wrong["tools"] = 7
    missing = {name: value for name, value in request.items() if name != turns}
    assert problems_of_request(*kind, request | {"mood": "sunny"})
    assert problems_of_request(*kind, deep)
    assert problems_of_request(*kind, wrong)
    assert problems_of_answer(*kind, answer | {"mood": "sunny"})
    assert problems_of_answer(*kind, less | {name: 7 for name in ("output", "content", "candidates") if name in less})
    if at.door.provider not in {LLMProviderType.OPENAI, LLMProviderType.AZURE_OPENAI}:
        assert problems_of_request(*kind, missing)  # OpenAI's types allow a request without input
