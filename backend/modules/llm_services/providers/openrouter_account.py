"""OpenRouter's daily account activity, and the list of its models.

https://openrouter.ai/docs/api-reference/analytics/get-user-activity and .../models/get-models
"""

from __future__ import annotations

import json
from decimal import Decimal
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import httpx

from ..addresses import OPENROUTER_BASE_URL
from ..exceptions import LLMError
from ..sanitize import redact
from ..secret import without_frames
from ..wires.lenient import items, mapping
from .openrouter_generation import connect

if TYPE_CHECKING:
    from ..config import LLMConfig

MANAGEMENT_KEY_VARIABLE: Final = "OPENROUTER_MANAGEMENT_KEY"
MANAGEMENT_KEYS_PAGE: Final = "https://openrouter.ai/settings/management-keys"
MAX_PAGES: Final = 100


def activity(config: LLMConfig, management_key: str) -> list[dict[str, Any]]:
    """Return the account's spending by day, model and endpoint, for the last 30 completed UTC days.

    Amounts are Decimals. Raises LLMError if OpenRouter does not return them.
    """
    return _read(config, "activity", management_key)


def listed_models(config: LLMConfig) -> list[dict[str, Any]]:
    """Return the models that OpenRouter lists, which needs no key; raise LLMError if it does not return them."""
    return _read(config, "models", config.openrouter_api_key)


def _read(config: LLMConfig, path: str, key: str | None) -> list[dict[str, Any]]:
    url = httpx.URL(f"{config.openrouter_base_url or OPENROUTER_BASE_URL}/{path}")
    found: list[dict[str, Any]] = []
    with connect(config, str(url), key) as client:
        for _ in range(MAX_PAGES):
            body = _body(client, url)
            found += [mapping(item) for item in items(body.get("data"))]
            following = mapping(body.get("links")).get("next")
            if not isinstance(following, str) or not following:
                return found
            url = url.join(following)
    raise LLMError(f"{path} of OpenRouter has more than {MAX_PAGES} pages")


def _body(client: httpx.Client, url: httpx.URL) -> dict[str, Any]:
    try:
        response = client.get(url)
    except httpx.HTTPError as error:
        raise LLMError(f"no answer from {url}: {type(error).__name__}") from without_frames(error)
    try:
        body = mapping(json.loads(response.text, parse_float=Decimal))
    except (ValueError, RecursionError):
        body = {}
    if response.status_code == HTTPStatus.OK and isinstance(body.get("data"), list):
        return body
    message = redact(str(mapping(body.get("error")).get("message") or "no list in the answer"))
    refused = response.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
    remedy = f"; {MANAGEMENT_KEY_VARIABLE} has to be a management key ({MANAGEMENT_KEYS_PAGE})" if refused else ""
    raise LLMError(f"OpenRouter answered {response.status_code}: {message}{remedy}", status_code=response.status_code)
