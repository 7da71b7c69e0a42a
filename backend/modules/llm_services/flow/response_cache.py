"""The response cache in a call: the key of an answer, and which answers are stored."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from ..cache import ResponseCache, key_of
from ..exceptions import LLMError
from ..wires.schemas import wire_schema
from ..wires.wire import Exchange

if TYPE_CHECKING:
    from ..config import LLMConfig
    from .attempt import Attempt, Completion


class CachedExchange(BaseModel):
    """An exchange with a complete answer, and the id of its row."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    request_id: UUID
    status_code: int
    headers: dict[str, str]
    body: Any


class CacheSlot:
    """The place of one call's answer in the response cache."""

    def __init__(self, cache: ResponseCache, key: str) -> None:
        """Use `key` to load and to store."""
        self._cache = cache
        self._key = key

    async def answer(self, attempt: Attempt) -> Attempt | None:
        """Return `attempt` with the cached exchange, or None if the cache has no usable answer for this call."""
        entry = await self._cache.get(self._key)
        try:
            cached = CachedExchange.model_validate(entry)
            exchange = Exchange(cached.status_code, cached.headers, cached.body)
            answered = replace(attempt, exchange=exchange, cached_request_id=cached.request_id, is_large=True)
            await answered.read()
        except (ValidationError, LLMError):
            return None
        return answered

    async def store(self, exchange: Exchange, completion: Completion) -> None:
        """Store an answer for later calls; truncated, refused and empty answers are not stored."""
        if not is_whole(completion):
            return
        cached = CachedExchange(
            request_id=completion.request_id,
            status_code=exchange.status_code or 0,
            headers=exchange.headers,
            body=exchange.body,
        )
        await self._cache.put(self._key, cached.model_dump(mode="json"))


def slot_of(attempt: Attempt, config: LLMConfig) -> CacheSlot | None:
    """Return the cache slot of a call, or None if the payload is not JSON (and cannot be sent either).

    The key covers everything that affects the answer: the address, the payload, and the type of a structured answer.
    """
    response_model, endpoint = attempt.call.response_model, attempt.endpoint
    schema = None if response_model is None else wire_schema(response_model)
    try:
        key = key_of(attempt.vendor.provider_type, endpoint.base_url, endpoint.path, attempt.body, schema)
    except (TypeError, ValueError, RecursionError):
        return None
    return CacheSlot(ResponseCache(config.cache_dir, config.cache_url), key)


def is_whole(completion: Completion) -> bool:
    """Return True if an answer has content and is neither truncated nor refused."""
    has_content = bool(completion.response.content.strip() or completion.tool_calls or completion.media)
    return has_content and completion.response.finish_reason not in {"length", "content_filter"}
