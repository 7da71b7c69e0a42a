"""Errors and waits 04: OpenRouter's advice is in the error, and a daily cap is not retried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from cases.scripted_server import Reply
from modules.llm_services.exceptions import LLMProviderError, LLMRateLimitError

if TYPE_CHECKING:
    from cases.caller import Caller

DATE: Final = "Wed, 01 Jan 2020 00:00:00 GMT"
EPOCH: Final = 1_577_836_800
KEYS_PAGE: Final = "https://openrouter.ai/settings/keys"
KEY_LIMIT: Final = (
    "This request requires more credits, or fewer max_tokens. "
    f"To increase, visit {KEYS_PAGE} and adjust the key's daily limit"
)


def error(status: int, message: str, date: str = DATE, **metadata: Any) -> Reply:
    """Return an OpenRouter error with its metadata."""
    body: dict[str, Any] = {"error": {"code": status, "message": message, "metadata": metadata}}
    return Reply(body, status, {"Date": date})


KEY_LIMITS: Final = {
    "by its source": error(402, KEY_LIMIT, limit_source="openrouter_key_limit"),
    "by its words": error(402, KEY_LIMIT),
    "with figures": error(
        402,
        "This request requires more credits, or fewer max_tokens. You requested up to 64000 tokens, but can only "
        f"afford 2666. To increase, visit {KEYS_PAGE} and adjust the key's daily limit",
        limit_source="openrouter_key_limit",
    ),
    "in a 200": Reply(
        {
            "error": {
                "code": 402,
                "message": KEY_LIMIT,
                "metadata": {"limit_source": "openrouter_key_limit"},
            }
        }
    ),
    "as a 403": error(403, f"Key limit exceeded. Visit {KEYS_PAGE} and adjust the key's daily limit"),
}


@pytest.mark.parametrize("reply", KEY_LIMITS.values(), ids=KEY_LIMITS)
async def test_a_keys_own_limit_is_named(caller: Caller, reply: Reply) -> None:
    """The error names the key's limit, which has to be changed, and not the account's credits; it quotes the server."""
    outcome = await caller.text(reply)
    assert isinstance(outcome.failure, LLMProviderError)
    for words in (str(outcome.failure), outcome.row.error_message or ""):
        assert "adjust the key's daily limit" in words
        assert KEYS_PAGE in words
        assert "add credits" not in words
    assert not outcome.failure.retryable


async def test_a_keys_own_limit_has_a_code(caller: Caller) -> None:
    """The source of the limit is the error code, which distinguishes it from empty credits."""
    outcome = await caller.text(KEY_LIMITS["by its source"])
    assert "openrouter_key_limit" == outcome.failure.error_code


async def test_empty_credits_still_say_so(caller: Caller) -> None:
    """For an account without credits, the error says to add some, with OpenRouter's address."""
    words = "Insufficient credits. Add more using https://openrouter.ai/settings/credits"
    outcome = await caller.text(error(402, words))
    assert "https://openrouter.ai/settings/credits" in str(outcome.failure)


@pytest.mark.parametrize(
    ("status", "metadata"),
    [
        (429, {"limit_source": "openrouter_shared_capacity", "remedy_hint": "Use another model for a while"}),
        (402, {"limit_source": "openrouter_key_limit", "remedy_hint": "Raise the limit of the key"}),
        (403, {"remedy_hint": "Ask the owner of the workspace"}),
        (503, {"remedy_hint": "Allow fallbacks"}),
        (404, {"remedy_hint": "Allow the provider in your settings"}),
    ],
)
async def test_a_remedy_is_told(caller: Caller, status: int, metadata: dict[str, str]) -> None:
    """The server's hint is in the error and on the row."""
    outcome = await caller.text(error(status, "Provider returned error", **metadata))
    assert metadata["remedy_hint"] in str(outcome.failure)
    assert metadata["remedy_hint"] in (outcome.row.error_message or "")


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ({"error_type": "rate_limit_exceeded", "provider_error_code": "insufficient_quota"}, "rate_limit_exceeded"),
        ({"provider_error_code": "insufficient_quota"}, "insufficient_quota"),
        ({"provider_code": "insufficient_quota"}, "insufficient_quota"),
    ],
)
async def test_the_upstreams_code_is_one(caller: Caller, metadata: dict[str, str], code: str) -> None:
    """If OpenRouter has no name for an error, the error code is the provider's."""
    outcome = await caller.text(error(429, "Provider returned error", provider_name="Azure", **metadata))
    assert code == outcome.failure.error_code


DAILY: Final = {
    "limit_rpd": error(429, "Rate limit exceeded: limit_rpd/openai/gpt-5/0123. Daily limit of 50 requests."),
    "limit_rpd in raw": error(429, "Provider returned error", raw="Rate limit exceeded: limit_rpd/openai/gpt-5"),
    "free models per day": error(429, "Rate limit exceeded: free-models-per-day-high-balance. "),
    "by its source": error(429, "Rate limit exceeded", limit_source="openrouter_free_tier_daily"),
}


@pytest.mark.parametrize("reply", DAILY.values(), ids=DAILY)
async def test_a_daily_cap_does_not_pass(
    caller: Caller, reply: Reply, monkeypatch: pytest.MonkeyPatch, slept: list[float]
) -> None:
    """A daily cap is not retried, even if retries are left."""
    monkeypatch.setenv("MAX_RETRIES", "2")
    outcome = await caller.text(reply)
    assert isinstance(outcome.failure, LLMRateLimitError)
    assert (False, 1, []) == (outcome.failure.retryable, len(outcome.requests), slept)


async def test_a_daily_caps_end_is_read_from_its_reset(caller: Caller) -> None:
    """The wait is the reset minus the answer's Date, as for any other limit."""
    headers = {"X-RateLimit-Reset": str((EPOCH + 7200) * 1000)}
    reply = error(429, "Rate limit exceeded: limit_rpd/openai/gpt-5", headers=headers)
    outcome = await caller.text(reply)
    assert (7200, False) == (outcome.failure.retry_after, outcome.failure.retryable)


async def test_a_daily_caps_end_is_midnight_otherwise(caller: Caller) -> None:
    """Without a reset, the wait ends at midnight UTC of the answer's day."""
    reply = error(429, "Rate limit exceeded: limit_rpd/openai/gpt-5", "Wed, 01 Jan 2020 22:00:00 GMT")
    assert 7200 == (await caller.text(reply)).failure.retry_after


@pytest.mark.parametrize("message", ["Rate limit exceeded: limit_rpm/openai/gpt-5/0123", "High demand for gpt-5"])
async def test_a_cap_of_the_minute_passes(caller: Caller, message: str) -> None:
    """A limit per minute is retried."""
    assert (await caller.text(error(429, message))).failure.retryable


async def test_the_servers_words_come_whole(caller: Caller) -> None:
    """The messages of the server and its provider are both complete in the error and on the row."""
    reply = error(429, "Provider returned error", raw="limited to 8 a minute", provider_name="Venice")
    outcome = await caller.text(reply)
    for words in (str(outcome.failure), outcome.row.error_message or ""):
        assert "Venice" in words
        assert "limited to 8 a minute" in words
