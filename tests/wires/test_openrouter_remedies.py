"""OpenRouter's advice is in the message, and its name for the failure is the error code."""

from __future__ import annotations

from typing import Any

import pytest

from support.openrouter_failures import error, failure

CREDITS = {
    "limit_source": "openrouter_credits",
    "remedy_hint": "Add credits at https://openrouter.ai/settings/credits, or lower max_tokens to fit your balance.",
    "provider_name": None,
}
SHARED_POOL = {
    "raw": "z-ai/glm-5.2:free is temporarily rate-limited upstream.",
    "provider_name": "Decart",
    "is_byok": False,
    "provider_error_code": "upstream_429",
    "limit_source": "upstream_provider_shared_pool",
    "remedy_hint": "Retry shortly, add your own provider key, or route to another provider.",
}


def raised(code: int, message: str, **metadata: Any) -> tuple[str, str | None, bool]:
    """Return the message, the error code and whether it is retried."""
    found = failure(error(code, message, metadata=metadata), code)
    assert found is not None
    return str(found), found.error_code, found.retryable


@pytest.mark.parametrize(
    ("message", "metadata", "error_code"),
    [
        (
            "To increase, visit https://openrouter.ai/settings/keys and adjust the key's daily limit",
            {"limit_source": "openrouter_key_limit"},
            "openrouter_key_limit",
        ),
        ("Visit https://openrouter.ai/settings/keys and create a key with a higher monthly limit", {}, None),
        ("Key limit exceeded (total limit)", {}, None),
        ("words", {"limit_source": "openrouter_key_limit", "remedy_hint": "Raise it."}, "openrouter_key_limit"),
    ],
)
def test_the_limit_of_a_key_is_not_the_balance(message: str, metadata: dict[str, Any], error_code: str | None) -> None:
    """A 402 for a key's own limit quotes OpenRouter, and does not suggest buying credits."""
    text, code, retryable = raised(402, message, **metadata)
    assert message in text
    assert text.endswith(
        metadata.get("remedy_hint", "raise the limit of the API key at https://openrouter.ai/settings/keys")
    )
    assert "add credits" not in text
    assert "cannot pay" not in text
    assert (error_code, False) == (code, retryable)


def test_the_balance_is_named_with_openrouters_remedy() -> None:
    """A 402 for the account has both figures, OpenRouter's message and its remedy, and no advice of ours."""
    message = "You requested up to 16384 tokens, but can only afford 9582."
    text, code, _retryable = raised(402, message, **CREDITS)
    assert "it can afford 9,582 of the 16,384 tokens requested" in text
    assert message in text
    assert text.endswith(str(CREDITS["remedy_hint"]))
    assert "lower max_output_tokens" not in text
    assert "openrouter_credits" == code


def test_a_402_without_a_remedy_gets_ours() -> None:
    """If OpenRouter gives no advice, the message has ours."""
    text, code, _retryable = raised(402, "Insufficient credits")
    assert text.endswith("(402: Insufficient credits): add credits, or lower max_output_tokens")
    assert None is code


def test_a_402_of_a_provider_is_not_of_the_account() -> None:
    """A 402 of a provider names it, and does not suggest adding credits at OpenRouter."""
    text, _code, _retryable = raised(402, "Provider returned error", provider_name="Venice", raw="insufficient balance")
    assert "Venice, behind OpenRouter, demands payment" in text
    assert "[Venice: insufficient balance]" in text
    assert "add credits" not in text


def test_the_providers_code_and_the_remedy_are_told() -> None:
    """A 429 of a shared pool has the provider's code and message, and OpenRouter's advice."""
    text, code, retryable = raised(429, "Provider returned error", **SHARED_POOL)
    assert "[Decart: upstream_429: z-ai/glm-5.2:free is temporarily" in text
    assert text.endswith(f"retry later; {SHARED_POOL['remedy_hint']}")
    assert ("upstream_429", True) == (code, retryable)


def test_a_number_is_no_code() -> None:
    """If the provider's code is a number, the error code is the limit's name."""
    assert "upstream_provider_shared_pool" == raised(429, "words", **SHARED_POOL | {"provider_error_code": "429"})[1]


@pytest.mark.parametrize("provider_error_code", ["invalid_request", "refusal", "not_found"])
def test_a_providers_code_does_not_decide_on_retrying(provider_error_code: str) -> None:
    """OpenRouter's own name for the error, or its status, decides whether it is retried."""
    assert raised(503, "words", provider_name="X", provider_error_code=provider_error_code)[2]


def test_openrouters_own_name_comes_first() -> None:
    """`error_type` is the error code if it is present."""
    assert "rate_limit_exceeded" == raised(429, "words", **SHARED_POOL | {"error_type": "rate_limit_exceeded"})[1]


def test_a_key_in_a_remedy_is_masked() -> None:
    """Keys in OpenRouter's advice are masked."""
    assert "sk-or-v1-secret0" not in raised(402, "words", remedy_hint="rotate sk-or-v1-secret0 now")[0]
