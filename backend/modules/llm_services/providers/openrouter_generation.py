"""OpenRouter's books: what a generation cost (https://openrouter.ai/docs/api-reference/get-a-generation)."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Self

import httpx

from ..config import OPENROUTER_BASE_URL
from ..exceptions import LLMError
from ..redaction import redact
from ..types import Usage
from .lenient import count, exact_sum, mapping, number

if TYPE_CHECKING:
    from ..config import LLMConfig

# A generation is in the books some time after it ended: until then it is not found.
NOT_YET_SECONDS: Final = (0.5, 1.0, 2.0, 4.0)


class Books:
    """A connection to OpenRouter's books, for as long as the block lasts."""

    def __init__(self, config: LLMConfig) -> None:
        """Ask with the key of `config`; raises ValueError without one."""
        if not config.openrouter_api_key:
            raise ValueError("OPENROUTER_API_KEY is not set: OpenRouter's books open to the account's own key")
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {config.openrouter_api_key}"}, timeout=config.request_timeout
        )
        self._url = f"{config.openrouter_base_url or OPENROUTER_BASE_URL}/generation"

    def __enter__(self) -> Self:
        """Open the connection."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self._client.close()

    def usage(self, generation_id: str, *, wait: bool = True) -> Usage:
        """Return what a generation used and cost, all in.

        One that is not in the books yet is asked for again, for some seconds, where `wait` says so.
        Raises LLMError when OpenRouter does not say.
        """
        for pause in (*(NOT_YET_SECONDS if wait else ()), None):
            try:
                response = self._client.get(self._url, params={"id": generation_id})
            except httpx.HTTPError as error:
                raise LLMError(f"no answer from {self._url}: {type(error).__name__}") from error
            if response.status_code != HTTPStatus.NOT_FOUND or pause is None:
                break
            time.sleep(pause)
        return _usage(response)


def _usage(response: httpx.Response) -> Usage:
    try:
        body = mapping(response.json())
    except (ValueError, RecursionError):
        body = {}
    data = mapping(body.get("data"))
    charged = number(data.get("total_cost"))
    if response.status_code != HTTPStatus.OK or charged is None:
        words = redact(str(mapping(body.get("error")).get("message") or "no cost in the answer"))
        raise LLMError(f"OpenRouter answered {response.status_code}: {words}", status_code=response.status_code)
    if data.get("is_byok") is True:
        charged = exact_sum(charged, number(data.get("upstream_inference_cost")))
    return Usage(
        input_tokens=count(data.get("native_tokens_prompt")),
        output_tokens=count(data.get("native_tokens_completion")),
        cached_input_tokens=count(data.get("native_tokens_cached")),
        reasoning_tokens=count(data.get("native_tokens_reasoning")),
        cost=charged,
    )
