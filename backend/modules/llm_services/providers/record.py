"""The columns of a row, from what was asked and what came back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ..redaction import redact
from ..types import CostSource, ImageResponse, LLMResponse, RequestStatus
from .lenient import exact_sum
from .speech import spoken_seconds
from .values import Completion

if TYPE_CHECKING:
    from uuid import UUID

    from pydantic import BaseModel

    from ..types import AudioResponse, LLMMessage, ToolCall, Usage
    from .http import Exchange
    from .values import Answer, LLMCall


def pending(call: LLMCall, payload: dict[str, Any], attempt: int, first_attempt: UUID | None) -> dict[str, Any]:
    """Return what is known before anything is sent."""
    params: dict[str, Any] = redact(call.options)
    if first_attempt:
        params = {**params, "first_attempt": str(first_attempt)}
    return {
        "user_id": call.user_id,
        "model": call.model,
        "temperature": call.temperature,
        "max_output_tokens": call.max_output_tokens,
        "messages": [message_record(message) for message in call.messages],
        "additional_params": params or None,
        "request_payload": payload,
        "retry_attempt": attempt,
    }


def message_record(message: LLMMessage) -> dict[str, Any]:
    """Return a message as the row keeps it: role and content always, the rest where given."""
    return {"role": message.role, "content": message.content} | message.model_dump(mode="json", exclude_none=True)


def completed(answer: Answer, exchange: Exchange, completion: Completion) -> dict[str, Any]:
    """Return the columns of an answered request; a cost that nobody reported is 0.0, marked unpriced."""
    return {
        **_answered(answer),
        "status": RequestStatus.COMPLETED,
        "response_content": answer.content,
        "response_raw": _envelope(exchange, answer, cost_source=_cost_source(answer.usage) or CostSource.UNPRICED),
        "response_output": completion.response.response_output,
        "cost_estimate": completion.response.cost_estimate,
        "execution_time_ms": completion.response.response_time_ms,
        "error_type": None,
        "error_message": None,
    }


def _cost_source(usage: Usage) -> CostSource | None:
    return None if usage.cost is None else usage.cost_source


def failed(answer: Answer, exchange: Exchange, error: BaseException, elapsed_ms: int) -> dict[str, Any]:
    """Return the columns of a failed request; tokens and cost where they were billed, else NULL: unknown."""
    facts = {name: getattr(error, name, None) for name in ("error_code", "retry_after", "retryable")}
    own_code = getattr(error, "status_code", None)
    if own_code not in {None, exchange.status_code}:
        facts |= {"status_code": own_code, "http_status": exchange.status_code}
    return {
        **_answered(answer),
        "status": RequestStatus.FAILED,
        "response_content": answer.content or None,
        "response_raw": _envelope(exchange, answer, cost_source=_cost_source(answer.usage), **facts),
        "cost_estimate": answer.usage.cost,
        "execution_time_ms": elapsed_ms,
        "error_type": type(error).__name__,
        "error_message": redact(str(error)) or _reason(error),
    }


def _reason(error: BaseException) -> str:
    if isinstance(error, asyncio.CancelledError):
        return "the caller cancelled the call"
    return type(error).__name__


def _answered(answer: Answer) -> dict[str, Any]:
    usage = answer.usage
    return {
        "provider_response_id": answer.response_id,
        "system_fingerprint": answer.system_fingerprint,
        "tokens_used": total_tokens(usage),
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "response_created_at": answer.created_at,
        "cached": usage.cached,
    }


def _envelope(exchange: Exchange, answer: Answer, **facts: Any) -> dict[str, Any]:
    known = {
        "status_code": exchange.status_code,
        "location": redact(exchange.headers.get("location")),
        "finish_reason": answer.finish_reason,
        "cached_input_tokens": answer.usage.cached_input_tokens,
        "cache_creation_tokens": answer.usage.cache_creation_tokens,
        "reasoning_tokens": answer.usage.reasoning_tokens,
        "price_table": answer.usage.price_table,
        **answer.details,
        **facts,
    }
    return {"body": redact(exchange.body)} | {name: value for name, value in known.items() if value is not None}


def total_tokens(usage: Usage) -> int | None:
    """Return the reported total, else the sum of input and output where both are known."""
    if usage.total_tokens is not None or usage.input_tokens is None or usage.output_tokens is None:
        return usage.total_tokens
    return usage.input_tokens + usage.output_tokens


def completion(
    answer: Answer, call: LLMCall, row: dict[str, Any], parsed: BaseModel | None, elapsed_ms: int
) -> Completion:
    """Return what the caller of the attempt on `row` gets."""
    answered = response(answer, row["provider"], call.model_name, elapsed_ms)
    media = answer.media and _media(answer.media, call, answered.cost_estimate)
    answered.response_output = _output(answer.tool_calls, parsed, media)
    return Completion(answered, row["id"], answer.tool_calls, parsed, media)


def _output(
    tool_calls: tuple[ToolCall, ...], parsed: BaseModel | None, media: ImageResponse | AudioResponse | None
) -> Any:  # noqa: ANN401 - JSON
    """Return an answer's structured part: the object, what was made but for its bytes, or the tool calls."""
    if parsed is not None:
        return parsed.model_dump(mode="json")
    if media is not None:
        return media.model_dump(mode="json", exclude={"audio_base64"}, exclude_none=True)
    return [call.model_dump() for call in tool_calls] or None


def _media(media: ImageResponse | AudioResponse, call: LLMCall, cost: float | None) -> ImageResponse | AudioResponse:
    """Return an image or speech with what its wire does not repeat."""
    if isinstance(media, ImageResponse):
        return media.model_copy(update={"size": media.size or call.options.get("size"), "cost_estimate": cost})
    seconds = media.duration_seconds or spoken_seconds(call.prompt, call.options.get("speed"))
    spoken = {"voice": call.options.get("voice"), "model": call.model_name, "duration_seconds": seconds}
    return media.model_copy(update={**spoken, "cost_estimate": cost})


def response(answer: Answer, provider: str, model: str, elapsed_ms: int) -> LLMResponse:
    """Return the answer as callers see it, but for its structured part."""
    usage = answer.usage
    return LLMResponse(
        content=answer.content,
        provider=provider,
        model=model,
        tokens_used=total_tokens(usage),
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost_estimate=0.0 if usage.cost is None else usage.cost,
        response_time_ms=elapsed_ms,
        cached=usage.cached,
        provider_response_id=answer.response_id,
        system_fingerprint=answer.system_fingerprint,
        response_created_at=answer.created_at,
        finish_reason=answer.finish_reason,
        cached_input_tokens=usage.cached_input_tokens,
        cache_creation_tokens=usage.cache_creation_tokens,
    )


def usage_summary(done: Completion) -> dict[str, Any]:
    """Return what a structured answer used, all attempts together; tokens and cost are numbers, never None."""
    answered = done.response
    tokens = {
        "input_tokens": _sum(answered.input_tokens, *(each.input_tokens for each in done.spent)),
        "output_tokens": _sum(answered.output_tokens, *(each.output_tokens for each in done.spent)),
        "total_tokens": _sum(answered.tokens_used, *(total_tokens(each) for each in done.spent)) or 0,
        "cached_input_tokens": _sum(answered.cached_input_tokens, *(each.cached_input_tokens for each in done.spent)),
        "cache_creation_tokens": _sum(
            answered.cache_creation_tokens, *(each.cache_creation_tokens for each in done.spent)
        ),
    }
    tokens |= {"prompt_tokens": tokens["input_tokens"], "completion_tokens": tokens["output_tokens"]}
    known = {name: value for name, value in tokens.items() if value is not None}
    return {
        **known,
        "tokens_used": known["total_tokens"],
        "cost_estimate": exact_sum(answered.cost_estimate, *(each.cost for each in done.spent)),
        "cached": answered.cached,
        "provider": answered.provider,
        "usage": known,
    }


def _sum(*counts: int | None) -> int | None:
    """Add up what is known, None when nothing is."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
