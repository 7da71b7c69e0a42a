"""The ids, cookies and headers that OpenRouter sends with an answer: real in shape, invented in value."""

from __future__ import annotations

import hashlib
import secrets
import string
import time
from email.utils import formatdate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .kinds import Scenario

ALPHANUMERIC = string.ascii_letters + string.digits
COOKIE_LIFETIME_SECONDS = 30 * 60


def generation_id() -> str:
    """Return an id of the form `gen-<Unix seconds>-<20 alphanumerics>`."""
    return f"gen-{int(time.time())}-{_random(20)}"


def tool_call_id() -> str:
    """Return an id of the form `call_<8 digits>`."""
    return f"call_{_random(8, string.digits)}"


def user_id(key: str) -> str:
    """Return the account's id, `user_<27 alphanumerics>`: the same for the same key."""
    digest = hashlib.sha256(key.encode()).digest()
    return "user_" + "".join(ALPHANUMERIC[byte % len(ALPHANUMERIC)] for byte in digest[:27])


def headers(scenario: Scenario, content_type: str, generation: str | None = None) -> list[tuple[str, str]]:
    """Return the headers of an answer, without those that its framing and encoding add."""
    edge_ray = f"{secrets.token_hex(8)}-BOS"
    always = [
        ("Date", formatdate(usegmt=True)),
        ("Content-Type", content_type),
        ("Connection", "keep-alive"),
        ("CF-RAY", edge_ray),
        ("Access-Control-Allow-Origin", "*"),
        ("set-cookie", _cookie()),
        ("access-control-expose-headers", "X-Generation-Id,X-Provider-Name,cf-ray"),
        ("Permissions-Policy", 'payment=(self "https://checkout.stripe.com")'),
        ("Referrer-Policy", "no-referrer, strict-origin-when-cross-origin"),
        ("X-Content-Type-Options", "nosniff"),
        ("Server", "cloudflare"),
        ("x-stand-in", scenario.name),
    ]
    generations = [("X-Generation-Id", generation)] if generation else []
    return [*always, *generations, *scenario.headers.items()]


def _cookie() -> str:
    now = time.time()
    expires = formatdate(now + COOKIE_LIFETIME_SECONDS, usegmt=True)
    value = f"{_random(43)}-{now:.7f}-1.0.1.1-{_random(128)}"
    return f"__cf_bm={value}; HttpOnly; SameSite=None; Secure; Path=/; Domain=openrouter.ai; Expires={expires}"


def _random(length: int, alphabet: str = ALPHANUMERIC) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))
