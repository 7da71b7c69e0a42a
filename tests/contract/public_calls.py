"""The calls as consumers may write them. This file is only type-checked: see public_interface.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_type
from uuid import UUID

from pydantic import BaseModel

from modules.llm_services.public import (
    AudioResponse,
    ImageResponse,
    LLMMessage,
    LLMResponse,
    LLMServicesProvider,
    ToolCall,
    ToolDefinition,
    WebSearchResponse,
)

if TYPE_CHECKING:
    from modules.llm_services.providers.base import LLMProvider

Text = tuple[LLMResponse, UUID]
WithTools = tuple[LLMResponse, list[ToolCall] | None, UUID]


class City(BaseModel):
    """A structured answer."""

    name: str


Structured = tuple[City, UUID, dict[str, Any]]


async def consumers_ask_for_text(llm: LLMServicesProvider, messages: list[LLMMessage], options: dict[str, Any]) -> None:
    """A text call takes messages, the arguments of every call, and any option."""
    assert_type(await llm.generate_response(messages), Text)
    assert_type(await llm.generate_response(messages, 1, "gpt-5", 0.7, 100), Text)
    assert_type(await llm.generate_response(messages, None, None, None, None, **options), Text)
    assert_type(
        await llm.generate_response(messages=messages, user_id=1, model="", temperature=0.7, max_output_tokens=100),
        Text,
    )
    await llm.generate_response(messages, reasoning={"effort": "low"}, verbosity="low", text={"verbosity": "low"})

    await llm.generate_response()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await llm.generate_response("Hello!")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await llm.generate_response(messages, "1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await llm.generate_response(messages, 1, 5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await llm.generate_response(messages, 1, "", "0.7")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await llm.generate_response(messages, 1, "", 0.7, 1.5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await llm.generate_response(messages, 1, "", 0.7, 1, "")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def consumers_ask_for_objects(
    llm: LLMServicesProvider, messages: list[LLMMessage], options: dict[str, Any]
) -> None:
    """A structured answer is an instance of the given class."""
    ask = llm.generate_structured_response
    assert_type(await ask(messages, City), Structured)
    assert_type(await ask(messages, City, 1, "gpt-5", 0.7, 100), Structured)
    assert_type(await ask(messages, City, None, None, None, None, **options), Structured)
    assert_type(
        await ask(
            messages=messages, response_model=City, user_id=1, model="", temperature=0.7, max_output_tokens=100, seed=1
        ),
        Structured,
    )
    cities, _request_id, _usage = await ask(messages, list[City])
    assert_type(cities, list[City])

    await ask(messages)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await ask("Hello!", City)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await ask(messages, City(name=""))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await ask(messages, City, "1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await ask(messages, City, 1, 5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await ask(messages, City, 1, "", "0.7")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await ask(messages, City, 1, "", 0.7, 1.5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await ask(messages, City, 1, "", 0.7, 1, "")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def consumers_offer_tools(
    llm: LLMServicesProvider, messages: list[LLMMessage], known: list[ToolDefinition], options: dict[str, Any]
) -> None:
    """The model may call tools or not."""
    ask = llm.generate_response_with_tools
    assert_type(await ask(messages, known), WithTools)
    assert_type(await ask(messages, known, 1, "gpt-5", 0.7, 100), WithTools)
    assert_type(await ask(messages, known, None, None, None, None, **options), WithTools)
    assert_type(
        await ask(
            messages=messages, tools=known, user_id=1, model="", temperature=0.7, max_output_tokens=100, tool_choice=""
        ),
        WithTools,
    )

    await ask(messages)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await ask("Hello!", known)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await ask(messages, [{"name": "look"}])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    await ask(messages, known, "1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await ask(messages, known, 1, 5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await ask(messages, known, 1, "", "0.7")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await ask(messages, known, 1, "", 0.7, 1.5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await ask(messages, known, 1, "", 0.7, 1, "")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def consumers_ask_for_images(llm: LLMServicesProvider) -> None:
    """An image has a size and a quality, both given as strings."""
    draw = llm.generate_image
    assert_type(await draw("a ledger"), tuple[ImageResponse, UUID])
    assert_type(await draw("a ledger", 1, "1024x1024", "hd", "vivid"), tuple[ImageResponse, UUID])
    assert_type(
        await draw(prompt="", user_id=None, size="", quality="", style=None, model="dall-e-3"),
        tuple[ImageResponse, UUID],
    )

    await draw()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await draw(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await draw("", "1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await draw("", 1, 1024)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await draw("", 1, "", None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await draw("", 1, "", "", 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await draw("", 1, "", "", "", "")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def consumers_ask_for_speech(llm: LLMServicesProvider) -> None:
    """Speech requires a text and a voice."""
    speak = llm.generate_audio
    assert_type(await speak("Hello!", "plain"), tuple[AudioResponse, UUID])
    assert_type(await speak("Hello!", "plain", 1, "tts-1", "mp3", 1.0), tuple[AudioResponse, UUID])
    assert_type(
        await speak(text="", voice="", user_id=None, model=None, audio_format="", speed=None, instructions=""),
        tuple[AudioResponse, UUID],
    )

    await speak("Hello!")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await speak(1, "")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await speak("", None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await speak("", "", "1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await speak("", "", 1, 5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await speak("", "", 1, "", None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await speak("", "", 1, "", "", "1.0")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await speak("", "", 1, "", "", 1.0, "")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def consumers_search(llm: LLMServicesProvider) -> None:
    """A search takes a list of queries."""
    assert_type(await llm.search_web(["ledgers"]), tuple[WebSearchResponse, UUID])
    assert_type(await llm.search_web(["ledgers"], 1, 10), tuple[WebSearchResponse, UUID])
    assert_type(await llm.search_web(queries=[], user_id=None, max_results=1, days=7), tuple[WebSearchResponse, UUID])

    await llm.search_web()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await llm.search_web("ledgers")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await llm.search_web([], "1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await llm.search_web([], 1, None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await llm.search_web([], 1, 10, 7)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def consumers_ask_a_provider(
    provider: LLMProvider, messages: list[LLMMessage], known: list[ToolDefinition]
) -> None:
    """A provider takes the same arguments as the service, and returns the same values."""
    assert_type(await provider.generate_response(messages, 1, "gpt-5", 0.7, 100), Text)
    assert_type(await provider.generate_structured_response(messages, City, 1, "gpt-5", 0.7, 100), Structured)
    assert_type(await provider.generate_response_with_tools(messages, known, 1, "gpt-5", 0.7, 100), WithTools)
    assert_type(await provider.generate_image("a ledger", 1), tuple[ImageResponse, UUID])
    assert_type(await provider.generate_audio("Hello!", "plain", 1), tuple[AudioResponse, UUID])
    assert_type(await provider.search_recent_news(["ledgers"], 1, 10), tuple[WebSearchResponse, UUID])
