"""What the response cache answers in a provider's place: which calls it may, under which key, and what it keeps."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from ..cache import ResponseCache, key_of
from ..types import CostSource, Usage
from .http import Exchange
from .values import Kind

if TYPE_CHECKING:
    from ..config import LLMConfig
    from ..types import LLMProviderType
    from .http import Endpoint
    from .values import Answer, Completion, LLMCall
    from .wire import Wire

NOTHING_SPENT: Final = Usage(
    input_tokens=0, output_tokens=0, total_tokens=0, cost=0.0, cost_source=CostSource.CACHED, cached=True
)


class Kept(BaseModel):
    """An exchange that ended with a whole answer, and the row that tells of it."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    request_id: UUID
    status_code: int
    headers: dict[str, str]
    body: Any

    @property
    def exchange(self) -> Exchange:
        """The exchange, as if it had just taken place."""
        return Exchange(self.status_code, dict(self.headers), self.body)


class Place:
    """The place of one call in the response cache."""

    def __init__(self, cache: ResponseCache, key: str) -> None:
        """Look and keep under `key`."""
        self._cache = cache
        self._key = key

    async def find(self) -> Kept | None:
        """Return what is kept for this call, None where that is nothing, or damaged."""
        found = await self._cache.get(self._key)
        try:
            return None if found is None else Kept.model_validate(found)
        except ValidationError:
            return None

    async def keep(self, exchange: Exchange, done: Completion) -> None:
        """Keep an answer for the next who asks the same; one that was cut, refused or empty is not worth it."""
        if not is_whole(done):
            return
        kept = Kept(
            request_id=done.request_id,
            status_code=exchange.status_code or 0,
            headers=exchange.headers,
            body=exchange.body,
        )
        await self._cache.put(self._key, kept.model_dump(mode="json"))


def is_wanted(config: LLMConfig, wire: Wire, call: LLMCall) -> bool:
    """Say whether the cache has a part in a call; never in an image's, whose URL ends after an hour."""
    wanted = wire.options.read(call.options).use_cache
    return (config.cache_enabled if wanted is None else wanted) and call.kind is not Kind.IMAGE


def place(
    config: LLMConfig, provider: LLMProviderType, endpoint: Endpoint, call: LLMCall, payload: dict[str, Any]
) -> Place | None:
    """Return where the cache would have the answer; None for a payload that is no JSON, which cannot be sent either.

    The key is everything that shapes an answer: where the request goes, what it says, and what its answer must fit.
    """
    schema = call.response_model and call.response_model.model_json_schema()
    try:
        key = key_of(provider, endpoint.base_url, endpoint.path, payload, schema)
    except (TypeError, ValueError, RecursionError):
        return None
    return Place(ResponseCache(config.cache_dir, config.cache_url), key)


def is_whole(done: Completion) -> bool:
    """Say whether an answer is complete: it says something, and neither a cap nor a refusal ended it."""
    says_something = bool(done.response.content.strip() or done.tool_calls or done.media)
    return says_something and done.response.finish_reason not in {"length", "content_filter"}


def recalled(answer: Answer, original: UUID) -> Answer:
    """Return an answer of the row `original` as the cache gives it: it costs nothing, and has no id at the vendor's."""
    return replace(
        answer, usage=NOTHING_SPENT, response_id=None, details=answer.details | {"cached_request_id": str(original)}
    )
