"""The columns of a row, before an attempt is sent and after it ends, and the result that the caller gets."""

from __future__ import annotations

import asyncio
import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from .. import pieces, threads
from ..exceptions import LLMError
from ..ledger.ledger import SANITIZERS
from ..sanitize import redact, sanitize_early, without_account
from ..types import AudioResponse, CostSource, ImageResponse, LLMResponse, RequestStatus
from ..wires.lenient import exact_sum
from ..wires.wire import Kind
from .attempt import Completion

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..types import LLMMessage, Usage
    from ..wires.wire import Answer, LLMCall
    from .attempt import Attempt
    from .structured import ParsedObject

# English is read aloud at about 150 words a minute, and a word has six characters with its space.
SPOKEN_CHARACTERS_PER_SECOND: Final = 15.0
DATA_EXCERPT_CHARACTERS: Final = 100
TEXT_FIELDS: Final = frozenset({"text", "content"})
# The beginning of a `data:` URL or of base64.
DATA: Final = re.compile(r"data:|[A-Za-z0-9+/_-]{100}")


def pending(attempt: Attempt) -> dict[str, Any]:
    """Return the columns that are known before the request is sent."""
    call = attempt.call
    messages, params = [_message(message) for message in call.messages], call.params
    if len(attempt.body) > pieces.LARGE_TEXT:
        messages, params = pieces.replaced(_shortened, messages), pieces.replaced(_shortened, params)
    claim = attempt.claim.params if attempt.claim else {}
    first = {"first_attempt": str(attempt.first_id)} if attempt.first_id else {}
    columns = {
        "provider": attempt.vendor.provider_type,
        "api_variant": attempt.wire.api_variant,
        "user_id": call.user_id,
        "model": call.model,
        "temperature": call.temperature,
        "max_output_tokens": call.max_output_tokens,
        "messages": messages,
        "additional_params": {**params, **claim, **first} or None,
        "request_payload": attempt.body,
        "retry_attempt": attempt.number,
    }
    return attempt.figures_only.pending(columns, attempt) if attempt.figures_only else columns


def _message(message: LLMMessage) -> dict[str, Any]:
    """Return a message as the row stores it: role, content, and the other fields that are set."""
    fields = message.model_dump(mode="json", exclude={"content"}, exclude_none=True)
    return {"role": message.role, "content": message.content, **fields}


def _shortened(name: str, text: str) -> str:
    """Return the beginning of a `data:` URL or of base64, which `request_payload` has whole; other texts unchanged."""
    if name in TEXT_FIELDS or not DATA.match(text):
        return text
    return f"{text[:DATA_EXCERPT_CHARACTERS]}… ({len(text)} characters, whole in request_payload)"


def completed(attempt: Attempt, completion: Completion) -> dict[str, Any]:
    """Return the columns of an answered attempt; if the cost is unknown, it is 0.0 and marked as unpriced."""
    if attempt.prepared and attempt.prepared[0] is None:
        return attempt.prepared[1]
    source = _cost_source(attempt.answer.usage) or CostSource.UNPRICED
    columns = {
        **_figures(attempt.answer),
        "status": RequestStatus.COMPLETED,
        "response_content": attempt.answer.content,
        "response_raw": _envelope(attempt, cost_source=source),
        "response_output": completion.response.response_output,
        "cost_estimate": completion.response.cost_estimate,
        "execution_time_ms": completion.response.response_time_ms,
        "error_type": None,
        "error_message": None,
    }
    return attempt.figures_only.settled(columns, attempt.answer) if attempt.figures_only else columns


def _cost_source(usage: Usage) -> CostSource | None:
    return None if usage.cost is None else usage.cost_source


def failed(attempt: Attempt, error: BaseException) -> dict[str, Any]:
    """Return the columns of a failed attempt; tokens and cost are NULL (unknown) unless the response has usage."""
    if attempt.prepared and attempt.prepared[0] is error:
        return attempt.prepared[1]
    answer, http_status = attempt.answer, attempt.exchange.status_code
    details = {name: getattr(error, name, None) for name in ("error_code", "retry_after", "retryable")}
    own_status = getattr(error, "status_code", None)
    if own_status not in {None, http_status}:
        details |= {"status_code": own_status, "http_status": http_status}
    columns = {
        **_figures(answer),
        "status": RequestStatus.FAILED,
        "response_content": answer.content or None,
        "response_raw": _envelope(attempt, cost_source=_cost_source(answer.usage), **details),
        "cost_estimate": answer.usage.cost,
        "execution_time_ms": attempt.elapsed_ms,
        "error_type": type(error).__name__,
        "error_message": _reason(attempt, error),
    }
    return attempt.figures_only.settled(columns, answer) if attempt.figures_only else columns


def _reason(attempt: Attempt, error: BaseException) -> str:
    name, message = type(error).__name__, str(redact(str(error)))
    if error is attempt.callback_error:
        return f"on_text raised {name}: {message}"
    return message or ("the caller cancelled the call" if isinstance(error, asyncio.CancelledError) else name)


def _figures(answer: Answer) -> dict[str, Any]:
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


def _envelope(attempt: Attempt, **details: Any) -> dict[str, Any]:
    """Return `response_raw`: the body as it arrived, and the facts known about it."""
    exchange, answer = attempt.exchange, attempt.answer
    known = {
        "status_code": exchange.status_code,
        "location": exchange.headers.get("location"),
        "finish_reason": answer.finish_reason,
        "cached_input_tokens": answer.usage.cached_input_tokens,
        "cache_creation_tokens": answer.usage.cache_creation_tokens,
        "reasoning_tokens": answer.usage.reasoning_tokens,
        "price_table": answer.usage.price_table,
        "time_to_first_piece_ms": attempt.first_piece_ms,
        "incomplete": exchange.incomplete,
        **answer.details,
        **details,
    }
    envelope = {name: value for name, value in known.items() if value is not None}
    return {"body": without_account(exchange.body), **envelope}


def total_tokens(usage: Usage) -> int | None:
    """Return the reported total, otherwise the sum of input and output if both are known."""
    if usage.total_tokens is not None or usage.input_tokens is None or usage.output_tokens is None:
        return usage.total_tokens
    return usage.input_tokens + usage.output_tokens


async def completion(attempt: Attempt) -> Completion:
    """Return the caller's result, or raise the LLMError of the attempt.

    For a large answer, the columns are made here too, because this runs in a thread.
    """
    try:
        completion = await _completion(attempt)
    except LLMError as error:
        await prepare(attempt, error, partial(failed, attempt, error))
        raise
    await prepare(attempt, None, partial(completed, attempt, completion))
    return completion


async def prepare(attempt: Attempt, error: BaseException | None, columns: Callable[[], dict[str, Any]]) -> None:
    """Make the columns of an ended attempt, in a thread if they may be large; `completed` and `failed` use them."""
    if attempt.is_large:
        attempt.prepared = error, await threads.run(lambda: sanitize_early(columns(), SANITIZERS))


async def _completion(attempt: Attempt) -> Completion:
    """Return the caller's result, or raise the LLMError of the attempt.

    The error carries the usable parts of a paid answer: its text, and the tool calls that can be parsed.
    """
    call = attempt.call
    try:
        parsed = await attempt.read()
    except LLMError as error:
        if attempt.answer.is_found and error.response is None:
            error.response = _response(attempt.answer, attempt.vendor.provider_type, call.model, attempt.elapsed_ms)
            error.response.response_output = _output(attempt.answer, None, None)
        raise
    finish = partial(_finished, attempt, parsed)
    return await threads.run(finish) if attempt.is_large else finish()


def _finished(attempt: Attempt, parsed: ParsedObject | None) -> Completion:
    answer, call = attempt.answer, attempt.call
    response = _response(answer, attempt.vendor.provider_type, call.model, attempt.elapsed_ms)
    media = None
    if answer.media and call.kind is not Kind.TEXT:
        media = _media(answer.media, call, response.cost_estimate)
    response.response_output = _output(answer, parsed, media)
    return Completion(response, attempt.entry.id, answer.tool_calls, parsed, media)


def _output(answer: Answer, parsed: ParsedObject | None, media: ImageResponse | AudioResponse | None) -> Any:  # noqa: ANN401 - JSON
    """Return the structured part of an answer: the object's JSON, an image or speech without its bytes, or tool calls.

    The JSON is not dumped from the object, because the caller's class may raise anything.
    """
    if parsed is not None:
        return parsed.document
    if media is not None:
        made = media.model_dump(mode="json", exclude={"audio_base64"}, exclude_none=True)
        return {name: value for name, value in made.items() if not str(value).startswith("data:")}
    if answer.tool_calls:
        return [call.model_dump() for call in answer.tool_calls]
    beside_text = {"images": list(answer.images), "refusal": answer.refusal}
    return {name: value for name, value in beside_text.items() if value} or None


def _media(media: ImageResponse | AudioResponse, call: LLMCall, cost: float | None) -> ImageResponse | AudioResponse:
    """Return an image or speech result, completed with fields from the request."""
    if isinstance(media, ImageResponse):
        return media.model_copy(update={"size": media.size or call.params.get("size"), "cost_estimate": cost})
    seconds = media.duration_seconds or spoken_seconds(call.prompt, call.params.get("speed"))
    spoken = {"voice": call.params.get("voice"), "model": call.model, "duration_seconds": seconds}
    return media.model_copy(update={**spoken, "cost_estimate": cost})


def spoken_seconds(text: str, speed: float | None) -> float:
    """Return the estimated seconds that it takes to speak `text`."""
    return round(len(text) / SPOKEN_CHARACTERS_PER_SECOND / (speed or 1.0), 1)


def _response(answer: Answer, provider: str, model: str, elapsed_ms: int) -> LLMResponse:
    """Return the answer as an LLMResponse, without its structured part."""
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
        reasoning=answer.reasoning,
        reasoning_details=answer.reasoning_details,
        refusal=answer.refusal,
        images=list(answer.images),
        audio=answer.media if isinstance(answer.media, AudioResponse) else None,
        annotations=list(answer.annotations),
    )


def usage_summary(completion: Completion) -> dict[str, Any]:
    """Return the usage of a structured call, summed over all attempts; tokens and cost are numbers, never None."""
    response, spent = completion.response, completion.spent
    tokens = {
        "input_tokens": _sum(response.input_tokens, *(usage.input_tokens for usage in spent)),
        "output_tokens": _sum(response.output_tokens, *(usage.output_tokens for usage in spent)),
        "total_tokens": _sum(response.tokens_used, *(total_tokens(usage) for usage in spent)) or 0,
        "cached_input_tokens": _sum(response.cached_input_tokens, *(usage.cached_input_tokens for usage in spent)),
        "cache_creation_tokens": _sum(
            response.cache_creation_tokens, *(usage.cache_creation_tokens for usage in spent)
        ),
    }
    tokens |= {"prompt_tokens": tokens["input_tokens"], "completion_tokens": tokens["output_tokens"]}
    known = {name: value for name, value in tokens.items() if value is not None}
    return {
        **known,
        "tokens_used": known["total_tokens"],
        "cost_estimate": exact_sum(response.cost_estimate, *(usage.cost for usage in spent)),
        "cached": response.cached,
        "provider": response.provider,
        "usage": known,
    }


def _sum(*counts: int | None) -> int | None:
    """Return the sum of the known figures, or None if there are none."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
