"""Amazon's signature, version 4 (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).

What has arrived is signed again with the one secret that the stand-in knows; a path that was rewritten on the way
does not fit any more.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ..environment import AWS_SECRET

if TYPE_CHECKING:
    from collections.abc import Callable

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 "
    r"Credential=(?P<key>[^/]+)/(?P<scope>(?P<day>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request), "
    r"SignedHeaders=(?P<headers>[^,]+), Signature=(?P<signature>[0-9a-f]{64})"
)


def is_signed(path: str, header: Callable[[str], str], body: bytes) -> bool:
    """Say whether a POST to `path` carries the signature of somebody who knows the secret."""
    found = AUTHORIZATION.fullmatch(header("authorization"))
    if not found or "invalid" in found["key"] or found["service"] != "bedrock":
        return False
    named = found["headers"].split(";")
    canonical = "\n".join(
        [
            "POST",
            quote(path, safe="/~"),
            "",
            *(f"{name}:{header(name).strip()}" for name in named),
            "",
            found["headers"],
            hashlib.sha256(body).hexdigest(),
        ]
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"AWS4-HMAC-SHA256\n{header('x-amz-date')}\n{found['scope']}\n{digest}"
    return hmac.compare_digest(_signature(found, to_sign), found["signature"])


def _signature(scope: Any, to_sign: str) -> str:
    key = f"AWS4{AWS_SECRET}".encode()
    for part in (scope["day"], scope["region"], scope["service"], "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, to_sign.encode(), "sha256").hex()
