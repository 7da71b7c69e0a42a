"""The specification's unit tests: `httpx.AsyncClient.post` is patched, so no request is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest.mock import AsyncMock, patch

import pytest
from pydantic import BaseModel
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from modules.shared_models import Base

from .config import LLMConfig
from .exceptions import LLMAuthenticationError, LLMError, LLMRateLimitError, LLMTimeoutError, LLMValidationError
from .models import LLMRequestModel
from .providers.factory import create_llm_provider, get_available_providers
from .providers.openrouter import OpenRouterProvider
from .public import llm_services_provider
from .types import LLMMessage, LLMProviderType, MessageRole, ToolDefinition

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

KEY = "sk-or-v1-unit-test"
MODEL = "openrouter/anthropic/claude-3-opus"
MESSAGES = [LLMMessage(role=MessageRole.USER, content="Hello!")]


def body(content: str = "Test response", **fields: object) -> dict[str, Any]:
    """Return the specification's example of a response."""
    return {
        "id": "gen-test-123",
        "model": "anthropic/claude-3-opus",
        "choices": [{"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30},
        "cost": 0.000123,
        **fields,
    }


def answer(json: dict[str, Any], status_code: int = 200, **fields: object) -> AsyncMock:
    """Return a mocked response, as the specification makes them."""
    return AsyncMock(json=lambda: json, status_code=status_code, **fields)


def refusal(code: int, message: str) -> AsyncMock:
    """Return a mocked error response in OpenRouter's shape."""
    return answer({"error": {"code": code, "message": message}}, code)


class City(BaseModel):
    """A structured answer."""

    name: str
    population: int


@pytest.fixture
def session() -> Iterator[Session]:
    """Open a session on a database in memory."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session
    engine.dispose()


@pytest.fixture
def provider(session: Session) -> OpenRouterProvider:
    """Return a provider with a key, which makes one attempt."""
    config = LLMConfig(provider=LLMProviderType.OPENROUTER, openrouter_api_key=KEY, max_retries=0)
    return OpenRouterProvider(config, session)


def row_of(session: Session, request_id: UUID | None) -> LLMRequestModel:
    """Return the row of a request."""
    row = session.get(LLMRequestModel, request_id)
    assert row is not None
    return row


@patch("httpx.AsyncClient.post")
class TestOpenRouterProvider:
    """OpenRouterProvider on OpenRouter's responses."""

    async def test_generate_response_success(
        self, mock_post: AsyncMock, provider: OpenRouterProvider, session: Session
    ) -> None:
        """The answer's text reaches the caller and its row, and the model is sent without its prefix."""
        mock_post.return_value = answer(body())
        response, request_id = await provider.generate_response(messages=MESSAGES, model=MODEL)
        assert "Test response" == response.content
        assert ("openrouter", MODEL, "gen-test-123") == (
            response.provider,
            response.model,
            response.provider_response_id,
        )
        assert ("completed", "Test response") == (
            row_of(session, request_id).status,
            row_of(session, request_id).response_content,
        )
        sent = mock_post.call_args
        assert "https://openrouter.ai/api/v1/chat/completions" == sent.args[0]
        assert f"Bearer {KEY}" == sent.kwargs["headers"]["Authorization"]
        assert {
            "model": "anthropic/claude-3-opus",
            "messages": [{"role": "user", "content": "Hello!"}],
            "temperature": 0.7,
        } == sent.kwargs["json"]

    async def test_generate_response_with_cost_tracking(
        self, mock_post: AsyncMock, provider: OpenRouterProvider, session: Session
    ) -> None:
        """A top-level cost, as in the specification, is the cost of the response and of the row."""
        mock_post.return_value = answer(body())
        response, request_id = await provider.generate_response(messages=MESSAGES, model=MODEL)
        row = row_of(session, request_id)
        assert 0.000123 == response.cost_estimate == row.cost_estimate
        assert (10, 20, 30) == (row.input_tokens, row.output_tokens, row.tokens_used)

    async def test_generate_response_with_caching(
        self, mock_post: AsyncMock, provider: OpenRouterProvider, session: Session
    ) -> None:
        """Cached tokens, in the specification's field, are counted and mark the row as cached."""
        usage = {
            "prompt_tokens": 10,
            "completion_tokens": 20,
            "total_tokens": 30,
            "cache_hit": True,
            "cached_tokens": 8,
        }
        mock_post.return_value = answer(body(usage=usage))
        response, request_id = await provider.generate_response(messages=MESSAGES, model=MODEL)
        assert (True, 8) == (response.cached, response.cached_input_tokens)
        assert row_of(session, request_id).cached

    async def test_generate_structured_response_success(
        self, mock_post: AsyncMock, provider: OpenRouterProvider, session: Session
    ) -> None:
        """JSON mode is requested with the schema in a system message, and the object is validated."""
        mock_post.return_value = answer(body('{"name": "Paris", "population": 2100000}'))
        city, request_id, usage = await provider.generate_structured_response(MESSAGES, City, model=MODEL)
        assert City(name="Paris", population=2100000) == city
        assert {"name": "Paris", "population": 2100000} == row_of(session, request_id).response_output
        assert (30, 0.000123, "openrouter") == (usage["tokens_used"], usage["cost_estimate"], usage["provider"])
        sent = mock_post.call_args.kwargs["json"]
        assert {"type": "json_object"} == sent["response_format"]
        assert "system" == sent["messages"][0]["role"]
        assert '"population"' in sent["messages"][0]["content"]

    async def test_generate_response_authentication_error(
        self, mock_post: AsyncMock, provider: OpenRouterProvider, session: Session
    ) -> None:
        """A refused key raises LLMAuthenticationError, which names the variable to check, and the row is failed."""
        mock_post.return_value = refusal(401, "User not found.")
        with pytest.raises(LLMAuthenticationError, match="OPENROUTER_API_KEY") as caught:
            await provider.generate_response(messages=MESSAGES, model=MODEL)
        row = row_of(session, caught.value.request_id)
        assert ("failed", "LLMAuthenticationError", None) == (row.status, row.error_type, row.cost_estimate)
        assert 401 == caught.value.status_code

    async def test_generate_response_rate_limit_error(self, mock_post: AsyncMock, provider: OpenRouterProvider) -> None:
        """A rate limit raises LLMRateLimitError with the seconds to wait from the Retry-After header."""
        mock_post.return_value = answer({"error": {"code": 429, "message": "Slow"}}, 429, headers={"Retry-After": "7"})
        with pytest.raises(LLMRateLimitError, match="retry after 7 s") as caught:
            await provider.generate_response(messages=MESSAGES, model=MODEL)
        assert (7.0, True, 429) == (caught.value.retry_after, caught.value.retryable, caught.value.status_code)

    @pytest.mark.parametrize("code", [400, 404])
    async def test_generate_response_invalid_model_error(
        self, mock_post: AsyncMock, provider: OpenRouterProvider, code: int
    ) -> None:
        """A model that OpenRouter does not serve raises an LLMError that names the model and quotes OpenRouter."""
        mock_post.return_value = refusal(code, "no/such-model is not a valid model ID")
        with pytest.raises(LLMError, match=r"openrouter/no/such-model .*is not a valid model ID") as caught:
            await provider.generate_response(messages=MESSAGES, model="openrouter/no/such-model")
        assert isinstance(caught.value, LLMValidationError)

    async def test_generate_response_timeout_error(self, mock_post: AsyncMock, provider: OpenRouterProvider) -> None:
        """A timeout raises LLMTimeoutError with the limit, and is not retried, because it may have been billed."""
        mock_post.side_effect = TimeoutError
        with pytest.raises(LLMTimeoutError, match=r"180 s \(REQUEST_TIMEOUT\)") as caught:
            await provider.generate_response(messages=MESSAGES, model=MODEL)
        assert not caught.value.retryable

    async def test_generate_response_with_tools(self, mock_post: AsyncMock, provider: OpenRouterProvider) -> None:
        """Tool definitions are sent as functions, and tool calls are returned with decoded arguments."""
        call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"at": "sky"}'}}
        choice = {
            "message": {"role": "assistant", "content": None, "tool_calls": [call]},
            "finish_reason": "tool_calls",
        }
        mock_post.return_value = answer(body(choices=[choice]))
        tools = [ToolDefinition(name="look", description="Look.", parameters={"type": "object", "properties": {}})]
        response, calls, _ = await provider.generate_response_with_tools(MESSAGES, tools, model=MODEL)
        assert [("call_1", "look", {"at": "sky"})] == [(each.id, each.name, each.arguments) for each in calls or []]
        assert ("", "tool_calls") == (response.content, response.finish_reason)
        assert [{"type": "function", "function": tools[0].model_dump()}] == mock_post.call_args.kwargs["json"]["tools"]

    async def test_unsupported_features(self, mock_post: AsyncMock, provider: OpenRouterProvider) -> None:
        """Images, audio and web search raise NotImplementedError, and nothing is sent."""
        with pytest.raises(NotImplementedError, match="image"):
            await provider.generate_image("a ledger")
        with pytest.raises(NotImplementedError, match="audio"):
            await provider.generate_audio("hello", "plain")
        with pytest.raises(NotImplementedError, match="search"):
            await provider.search_recent_news(["ledgers"])
        mock_post.assert_not_called()

    async def test_openrouter_prefix_routing(
        self, mock_post: AsyncMock, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A model name that begins with openrouter/ selects OpenRouter, whatever follows."""
        monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
        mock_post.return_value = answer(body())
        response, _ = await llm_services_provider(session).generate_response(MESSAGES, model="openrouter/openai/gpt-4")
        assert ("openrouter", "openai/gpt-4") == (response.provider, mock_post.call_args.kwargs["json"]["model"])


def test_the_factory_makes_the_configured_provider(session: Session) -> None:
    """The factory knows every provider type, and makes the provider that the configuration names."""
    config = LLMConfig(provider=LLMProviderType.OPENROUTER, openrouter_api_key=KEY)
    assert isinstance(create_llm_provider(config, session), OpenRouterProvider)
    assert list(LLMProviderType) == get_available_providers()


def test_a_provider_without_a_key_is_an_authentication_error(session: Session) -> None:
    """A provider class without a key raises LLMAuthenticationError, which names the variable to set."""
    with pytest.raises(LLMAuthenticationError, match="OPENROUTER_API_KEY"):
        OpenRouterProvider(LLMConfig(provider=LLMProviderType.OPENROUTER), session)
