"""Values, rows and errors as consumers may write them. This file is only type-checked: see public_interface.py."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, assert_type
from uuid import UUID

from modules import llm_services
from modules.llm_services import exceptions
from modules.llm_services.exceptions import (
    LLMAuthenticationError,
    LLMError,
    LLMProviderError,
    LLMRateLimitError,
    LLMTimeoutError,
    LLMValidationError,
)
from modules.llm_services.public import (
    AudioResponse,
    ImageResponse,
    LLMMessage,
    LLMRequest,
    LLMResponse,
    ToolCall,
    ToolDefinition,
    WebSearchResponse,
)
from modules.llm_services.types import MessageRole

if TYPE_CHECKING:
    from modules.llm_services.models import LLMRequestModel


def consumers_write_messages(role: str) -> None:
    """A role is a string or a member of MessageRole, and reads as a string; every other field may be None."""
    message = LLMMessage(role="user", content="Hello!", name=None, function_call=None, tool_calls=None)
    LLMMessage(role=MessageRole.TOOL, content="{}", name="look")
    others = [MessageRole.SYSTEM, MessageRole.DEVELOPER, MessageRole.USER, MessageRole.ASSISTANT, MessageRole.FUNCTION]
    assert_type(others, list[MessageRole])
    LLMMessage(role=role, content=[{"type": "input_text", "text": "Hello!"}])
    said: str = message.role
    _ = said == "user"
    assert_type(message.content, str | list[dict[str, Any]] | None)
    assert_type(message.name, str | None)
    assert_type(message.function_call, dict[str, Any] | None)
    assert_type(message.tool_calls, list[dict[str, Any]] | None)

    LLMMessage(role=1)  # pyright: ignore[reportArgumentType] # mypy's plugin for pydantic leaves this to run time
    LLMMessage(content="Hello!")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def consumers_read_responses(response: LLMResponse) -> None:
    """A response has text, figures that may be unknown, and the provider's ids."""
    LLMResponse(content="", provider="anybody", model="any")
    assert_type(response.reasoning, str | None)
    assert_type(response.reasoning_details, list[dict[str, Any]] | None)
    assert_type(response.refusal, str | None)
    assert_type(response.images, list[str])
    assert_type(response.audio, AudioResponse | None)
    assert_type(response.annotations, list[dict[str, Any]])
    assert_type(response.content, str)
    assert_type(response.provider, str)
    assert_type(response.model, str)
    assert_type(response.tokens_used, int | None)
    assert_type(response.input_tokens, int | None)
    assert_type(response.output_tokens, int | None)
    assert_type(response.cost_estimate, float | None)
    assert_type(response.response_time_ms, int | None)
    assert_type(response.cached, bool)
    assert_type(response.provider_response_id, str | None)
    assert_type(response.system_fingerprint, str | None)
    assert_type(response.response_output, Any)
    assert_type(response.response_created_at, datetime | None)
    assert_type(response.finish_reason, str | None)
    assert_type(response.cached_input_tokens, int | None)
    assert_type(response.cache_creation_tokens, int | None)

    LLMResponse(content="", provider="anybody")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def consumers_use_tools_and_media(
    call: ToolCall, image: ImageResponse, audio: AudioResponse, found: WebSearchResponse
) -> None:
    """Tools, images and sound are plain values; sound decodes its bytes by a method, and survives a dump to a dict."""
    tool = ToolDefinition(name="look", description="Look.", parameters={"type": "object"})
    assert_type((tool.name, tool.description, tool.parameters), tuple[str, str, dict[str, Any]])
    assert_type((call.id, call.name, call.arguments), tuple[str, str, dict[str, Any]])
    ToolCall(id="call_1", name="look", arguments={})
    ImageResponse(image_url="https://example.org/image.png")
    assert_type((image.image_url, image.size, image.image_bytes()), tuple[str, str | None, bytes])
    assert_type((image.revised_prompt, image.cost_estimate), tuple[str | None, float | None])
    AudioResponse(audio_base64="", mime_type="audio/mpeg")
    assert_type((audio.audio_base64, audio.mime_type, audio.audio_bytes()), tuple[str, str, bytes])
    assert_type((audio.voice, audio.model), tuple[str | None, str | None])
    assert_type((audio.cost_estimate, audio.duration_seconds), tuple[float | None, float | None])
    assert_type(AudioResponse.model_validate(audio.model_dump()), AudioResponse)
    assert_type((found.search_results, found.cost_estimate), tuple[list[dict[str, Any]], float | None])

    ToolDefinition(name="look", description="Look.")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    ToolCall(id="call_1", name="look")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    AudioResponse(audio_base64="")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    ImageResponse()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def consumers_read_requests(request: LLMRequest | LLMRequestModel) -> None:
    """A request has the columns of its row, with the same types."""
    assert_type((request.id, request.user_id, request.retry_attempt), tuple[UUID, int | None, int])
    assert_type((request.api_variant, request.provider, request.model, request.status), tuple[str, str, str, str])
    assert_type((request.provider_response_id, request.system_fingerprint), tuple[str | None, str | None])
    assert_type((request.temperature, request.max_output_tokens), tuple[float, int | None])
    assert_type((request.response_content, request.response_created_at), tuple[str | None, datetime | None])
    assert_type((request.tokens_used, request.input_tokens), tuple[int | None, int | None])
    assert_type((request.output_tokens, request.cost_estimate), tuple[int | None, float | None])
    assert_type((request.execution_time_ms, request.cached), tuple[int | None, bool])
    assert_type((request.error_message, request.error_type), tuple[str | None, str | None])
    assert_type((request.created_at, request.updated_at), tuple[datetime, datetime])


def consumers_read_json(request: LLMRequest, row: LLMRequestModel) -> None:
    """JSON is read as any type, and written with the type that it has."""
    assert_type((request.messages, request.additional_params, request.request_payload), tuple[Any, Any, Any])
    assert_type((request.response_raw, request.response_output), tuple[Any, Any])
    assert_type((row.messages, row.response_output), tuple[list[dict[str, Any]], Any | None])
    assert_type((row.additional_params, row.request_payload), tuple[dict[str, Any] | None, dict[str, Any] | None])
    assert_type(row.response_raw, dict[str, Any] | None)


def consumers_read_rows(row: LLMRequestModel) -> None:
    """A row has two further properties."""
    assert_type((row.total_tokens_calculated, row.request_summary), tuple[int | None, str])


def consumers_catch(request_id: UUID, response: LLMResponse) -> None:
    """Every error takes its facts by keyword and has them as attributes; two take one as their second argument."""
    error = LLMError("", "openrouter", "openrouter/a/b", status_code=500, retryable=True, request_id=request_id)
    LLMAuthenticationError("", provider="openrouter", model=None, status_code=401)
    LLMTimeoutError("", retryable=False)
    LLMValidationError("", error_code="refused", retry_after=None)
    LLMRateLimitError("", 7.0, provider="openrouter", model="openrouter/a/b", status_code=429, retryable=True)
    LLMRateLimitError("", retry_after=7.0, error_code=None, request_id=request_id, response=response)
    LLMProviderError("", "payment_required", provider=None, model=None, status_code=402, retry_after=7.0)
    LLMProviderError("", error_code=None, retryable=False, request_id=request_id, response=response)
    assert_type((error.status_code, error.error_code), tuple[int | None, str | None])
    assert_type((error.retry_after, error.retryable), tuple[float | None, bool])
    assert_type((error.request_id, error.response), tuple[UUID | None, LLMResponse | None])
    assert_type((error.provider, error.model), tuple[str | None, str | None])

    LLMError()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    LLMError("", "", "", 500)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    LLMRateLimitError("", "7")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    LLMRateLimitError("", status_code="429")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    LLMRateLimitError("", status=429)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    LLMProviderError("", 402)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    LLMProviderError("", status=402)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def consumers_import_errors() -> tuple[type[LLMError], ...]:
    """The package exports the same classes as its module of exceptions."""
    assert_type(llm_services.LLMError, type[exceptions.LLMError])
    assert_type(llm_services.LLMAuthenticationError, type[LLMAuthenticationError])
    assert_type(llm_services.LLMRateLimitError, type[LLMRateLimitError])
    assert_type(llm_services.LLMTimeoutError, type[LLMTimeoutError])
    assert_type(llm_services.LLMValidationError, type[LLMValidationError])
    assert_type(llm_services.LLMProviderError, type[LLMProviderError])
    return (LLMAuthenticationError, LLMRateLimitError, LLMTimeoutError, LLMValidationError, LLMProviderError)
