"""OpenRouter's statistics of a generation; they have its cost, even if the answer broke off.

https://openrouter.ai/docs/api-reference/get-a-generation
"""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Self

import httpx

from ..addresses import OPENROUTER_BASE_URL
from ..exceptions import LLMError
from ..flow import network
from ..sanitize import redact
from ..secret import hide_headers, without_frames
from ..types import Usage
from ..wires.lenient import count, mapping
from .openrouter import charged_usd

if TYPE_CHECKING:
    from ..config import LLMConfig

# The statistics appear some time after the end of a generation; until then the status is 404.
PAUSES_SECONDS: Final = (0.5, 1.0, 2.0, 4.0)


def connect(config: LLMConfig, url: str, key: str | None) -> httpx.Client:
    """Return an httpx client for requests that are not model calls: it follows no redirects and hides the key."""
    proxy = network.proxy_for(url)
    return httpx.Client(
        headers=hide_headers({"Authorization": f"Bearer {key}"} if key else {}),
        timeout=config.request_timeout,
        verify=network.certificates(),
        proxy=proxy.for_httpx() if proxy else None,
        trust_env=False,
    )


class GenerationStatistics:
    """A connection to the statistics, for a `with` block."""

    def __init__(self, config: LLMConfig) -> None:
        """Use the key of `config`; raise ValueError if there is none, LLMError for wrong network settings."""
        if not config.openrouter_api_key:
            raise ValueError("OPENROUTER_API_KEY is not set: OpenRouter gives statistics to the account's own key")
        self._url = f"{config.openrouter_base_url or OPENROUTER_BASE_URL}/generation"
        self._client = connect(config, self._url, config.openrouter_api_key)

    def __enter__(self) -> Self:
        """Open the connection."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self._client.close()

    def usage(self, generation_id: str, *, wait: bool = True) -> Usage:
        """Return the usage and the full cost of a generation.

        With `wait`, the request is repeated for some seconds while the generation is not found. Raises LLMError if
        OpenRouter does not return it.
        """
        for pause in (*(PAUSES_SECONDS if wait else ()), None):
            try:
                response = self._client.get(self._url, params={"id": generation_id})
            except httpx.HTTPError as error:
                raise LLMError(f"no answer from {self._url}: {type(error).__name__}") from without_frames(error)
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
    charged = charged_usd(data.get("total_cost"), data, is_byok=data.get("is_byok") is True)
    if response.status_code != HTTPStatus.OK or charged is None:
        message = redact(str(mapping(body.get("error")).get("message") or "no cost in the answer"))
        raise LLMError(f"OpenRouter answered {response.status_code}: {message}", status_code=response.status_code)
    return Usage(
        input_tokens=count(data.get("native_tokens_prompt")),
        output_tokens=count(data.get("native_tokens_completion")),
        cached_input_tokens=count(data.get("native_tokens_cached")),
        reasoning_tokens=count(data.get("native_tokens_reasoning")),
        cost=charged,
    )
