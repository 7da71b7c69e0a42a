"""The retry loop: it makes attempts, each with its own row, until one is answered or a retry cannot help."""

from __future__ import annotations

import asyncio
import random
import re
import sys
import time
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from .. import pricing, threads
from ..exceptions import LLMError
from ..ledger.ledger import SANITIZERS, new_entry
from ..sanitize import encode_payload, sanitize_early
from ..wires.conversation import ToolCallMemory
from ..wires.wire import Exchange, Kind
from . import columns, http, response_cache, streaming, structured, telemetry
from .attempt import Attempt

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from ..config import LLMConfig
    from ..ledger.ledger import Entry
    from ..providers.base import LLMProvider
    from ..sanitize import JSONText
    from ..wires.wire import LLMCall, Wire
    from .attempt import Completion

BACKOFF_SECONDS: Final = 0.5
WAIT_BUDGET_SECONDS: Final = 60.0
# Encoding this many characters takes about a millisecond.
LARGE_CHARACTERS: Final = 250_000
# The beginning of a stream of events: comments and other fields, then data.
EVENTS: Final = re.compile(r"\s*+(?:(?::|event:|id:|retry:)[^\n]*+\n\s*+)*+data:")
TOOL_CALLS: Final = ToolCallMemory()


async def complete(provider: LLMProvider, call: LLMCall) -> Completion:
    """Answer a call: from the row of its idempotency key, from the response cache, or by attempts at the vendor.

    Raises ValueError for a call that the wire cannot express, and LLMError if the last attempt fails.
    """
    if not provider.vendor.reports_cost:
        await pricing.load(is_renewed=provider.config.update_prices)
    attempt = await _first_attempt(provider, call)
    if not call.options.idempotency_key:
        return await _attempts(provider, attempt)
    from . import idempotency  # noqa: PLC0415 - a call without a key does without it

    return await idempotency.Job(
        provider.config, provider._ledger, attempt, partial(_attempts, provider), _remember
    ).answer()


async def _attempts(provider: LLMProvider, attempt: Attempt) -> Completion:
    """Return the answer from the response cache if it has one, otherwise that of the first successful attempt."""
    slot = response_cache.slot_of(attempt, provider.config) if _may_be_cached(attempt, provider.config) else None
    if slot and (cached := await slot.answer(attempt)):
        return await _send(provider, cached)
    while True:
        try:
            completion = await _send(provider, attempt)
        except LLMError as error:
            following = await _next_attempt(attempt, error, provider.config.max_retries)
            if following is None:
                raise
            await asyncio.sleep(following.waited - attempt.waited)
            attempt = following
        else:
            if slot:
                await slot.store(attempt.exchange, completion)
            return replace(completion, spent=attempt.spent) if attempt.spent else completion


def _may_be_cached(attempt: Attempt, config: LLMConfig) -> bool:
    """Return True if a call uses the response cache.

    Images are not cached because their URLs may expire, nor are calls whose content may not be stored.
    """
    call = attempt.call
    wanted = config.cache_enabled if call.options.use_cache is None else call.options.use_cache
    return wanted and call.kind is not Kind.IMAGE and not attempt.figures_only


async def _send(provider: LLMProvider, attempt: Attempt) -> Completion:
    """Make one attempt: open its row, send the request unless the cache has the answer, and settle the row."""
    attempt.entry = await _pending_entry(attempt)
    if attempt.claim:
        attempt.claim.name(attempt.entry)
    is_sent = not attempt.cached_request_id
    # If the application has not imported OpenTelemetry, it has not set it up.
    is_traced = "opentelemetry" in sys.modules and is_sent
    async with _reserved(provider, attempt) if provider.has_spend_limits and is_sent else nullcontext():
        with telemetry.span_of(attempt) if is_traced else nullcontext():
            attempt.started = time.perf_counter()
            try:
                await provider._create_llm_request(attempt)
                if attempt.claim:
                    await attempt.claim.confirm(attempt.entry)
                if is_sent:
                    timeout = attempt.call.options.timeout or provider.config.request_timeout
                    await http.prepare(attempt.endpoint, timeout)
                    attempt.started, exchange = time.perf_counter(), attempt.exchange
                    exchange.is_audio = attempt.wire.is_audio
                    if attempt.call.is_streamed:
                        await streaming.post(attempt, timeout, provider.config)
                    else:
                        max_bytes = provider.config.max_response_bytes
                        attempt.is_large = await http.post(
                            attempt.endpoint, attempt.payload, attempt.body, timeout, exchange, max_bytes
                        )
                    if isinstance(exchange.body, str) and EVENTS.match(exchange.body, 0, LARGE_CHARACTERS):
                        await streaming.read_unlabelled(attempt, provider.config)
                completion = await columns.completion(attempt)
                if attempt.call.on_text and not attempt.is_handed_out:
                    await streaming.hand_out(attempt, completion.response.content)
            except BaseException as error:
                await provider._update_llm_request_error(attempt, error)
                raise
            await provider._update_llm_request_success(attempt, completion)
    if attempt.answer.tool_turn:
        _remember(attempt)
    return completion


def _remember(attempt: Attempt) -> None:
    """Keep the tool calls of an answer, because a caller may send results without the calls."""
    if attempt.answer.tool_turn:
        TOOL_CALLS.remember(attempt.call.messages, attempt.answer.tool_turn, attempt.wire.api_variant)


def _reserved(provider: LLMProvider, attempt: Attempt) -> AbstractAsyncContextManager[None]:
    from . import spend_limits  # noqa: PLC0415 - a call without limits does without it

    return spend_limits.reserved(provider.config, provider._ledger, attempt)


async def _pending_entry(attempt: Attempt) -> Entry:
    """Return the pending row of an attempt; a large row is made in a thread."""
    if len(attempt.body) < LARGE_CHARACTERS:
        return new_entry(**columns.pending(attempt))
    return await threads.run(lambda: new_entry(**sanitize_early(columns.pending(attempt), SANITIZERS)))


async def _first_attempt(provider: LLMProvider, call: LLMCall) -> Attempt:
    wire = provider.wires[call.kind]
    call = _in_neutral_form(wire, call)
    payload = wire.render(call)
    attempt = Attempt(
        vendor=provider.vendor,
        wire=wire,
        endpoint=provider.endpoint(call),
        call=call,
        payload=payload,
        body=await _encoded(payload),
    )
    if provider.config.store != "all" or call.options.store_content is not None:
        from . import figures_only  # noqa: PLC0415 - a call whose content is stored does without it

        attempt.figures_only = figures_only.figures_only_for(call, provider.config)
    return attempt


async def _encoded(payload: dict[str, Any]) -> JSONText:
    """Encode a payload once, for both the request and the row; a large one in a thread."""
    if not _is_large(payload):
        return encode_payload(payload)
    return await threads.run(partial(encode_payload, payload, is_large=True))


def _is_large(value: Any) -> bool:  # noqa: ANN401 - JSON
    """Return True if the texts in a JSON value have LARGE_CHARACTERS together; an item counts as a character."""
    left, rest = LARGE_CHARACTERS, [value]
    while rest and left > 0:
        item = rest.pop()
        if isinstance(item, str):
            left -= len(item)
        elif isinstance(item, dict | list | tuple):
            left -= len(item)
            rest.extend(item.values() if isinstance(item, dict) else item)
    return left <= 0


def _in_neutral_form(wire: Wire, call: LLMCall) -> LLMCall:
    return replace(call, chat_messages=TOOL_CALLS.to_chat_messages(call.messages, wire.api_variant))


async def _next_attempt(attempt: Attempt, error: LLMError, max_retries: int) -> Attempt | None:
    """Return the next attempt after a failed one, or None if `error` is final.

    The request is repeated after a wait, or, once and without a wait, sent again with the validation errors. After
    `on_text` has received a piece of text there is no next attempt, because the text would arrive twice.
    """
    if attempt.number > max_retries or attempt.is_handed_out:
        return None
    wait = wait_seconds(error, attempt.number, attempt.waited)
    corrected = None if attempt.is_correction else structured.corrected(attempt.call, attempt.answer, error)
    if wait is None and corrected is None:
        return None
    call, payload, body = attempt.call, attempt.payload, attempt.body
    if corrected:
        call = _in_neutral_form(attempt.wire, corrected)
        payload = attempt.wire.render(call)
        body = await _encoded(payload)
    return replace(
        attempt,
        call=call,
        payload=payload,
        body=body,
        number=attempt.number + 1,
        first_id=attempt.first_id or error.request_id,
        is_correction=attempt.is_correction or corrected is not None,
        waited=attempt.waited + (wait or 0.0),
        spent=(*attempt.spent, attempt.answer.usage),
        exchange=Exchange(),
    )


def wait_seconds(error: LLMError, number: int, waited: float) -> float | None:
    """Return the seconds to wait after attempt `number`, or None if a retry cannot help.

    The wait is exponential backoff with jitter. A wait that the server demands is added to it, because all callers of a
    limit get the same figure. All waits of a call together stay within the budget; `waited` is the sum so far.
    """
    if not error.retryable:
        return None
    longest = BACKOFF_SECONDS * 2.0 ** (number - 1)
    told = error.retry_after or 0.0
    if waited + told + longest > WAIT_BUDGET_SECONDS:
        return None
    return told + random.uniform(longest / 2, longest)  # noqa: S311 - spreads callers, and guards nothing
