"""What must never be stored or shown: API keys, and the account ids that error bodies carry."""

from __future__ import annotations

import re
from typing import Any

SECRET = re.compile(
    r"""\bsk-[A-Za-z0-9_-]{8,}              # keys of OpenRouter, OpenAI, Anthropic
      | \bAIza[0-9A-Za-z_-]{20,}            # Google keys
      | \b(?:AKIA|ASIA)[0-9A-Z]{16}         # AWS access key ids
      | \bBearer\s+[^\s"',})]{8,}
      | \b(?:user|org|acct|proj|key|req)[-_](?=[A-Za-z]*[0-9])[A-Za-z0-9]{12,}
    """,
    re.VERBOSE,
)
ACCOUNT_FIELDS = frozenset({"user_id", "org_id", "organization", "organization_id", "account_id", "api_key"})
# Objects that a model wrote: an answer, and what Anthropic and Gemini call the arguments of a tool call.
WRITTEN_BY_A_MODEL = frozenset({"message", "input", "args"})
MASK = "[redacted]"


def redact(value: Any) -> Any:  # noqa: ANN401 - JSON in, JSON of the same shape out
    """Return `value` with keys and account ids masked, in every string and under every field that names an account.

    Objects that a model wrote stay as they came.
    """
    match value:
        case str():
            return SECRET.sub(MASK, value)
        case dict():
            return {key: _redact_field(key, item) for key, item in value.items()}
        case list():
            return [redact(item) for item in value]
        case _:
            return value


def _redact_field(key: str, item: Any) -> Any:  # noqa: ANN401 - as above
    if key in ACCOUNT_FIELDS and item:
        return MASK
    return item if key in WRITTEN_BY_A_MODEL and isinstance(item, dict) else redact(item)
