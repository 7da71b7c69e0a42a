"""Claude on Amazon Bedrock: Anthropic's messages, with the model in the path and a SigV4 signature.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html. The request is signed again
as it arrived, with the only secret that the stand-in knows, so the signature does not match if the path was rewritten
on the way.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from .anthropic import KNOWN, Anthropic, read_message
from .streams import amazon_frame, messages_events
from .wire import InvalidRequestError, Request, RequestError, VendorError, check_fields

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..exchange import Received

AWS_SECRET = "stand-in/secret"  # noqa: S105 - made up
API_VERSION = "bedrock-2023-05-31"
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 "
    r"Credential=(?P<key>[^/]+)/(?P<scope>(?P<day>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request), "
    r"SignedHeaders=(?P<headers>[^,]+), Signature=(?P<signature>[0-9a-f]{64})"
)


class Bedrock(Anthropic):
    """Amazon's invoke API."""

    path = re.compile("/model/[^/]+/invoke(-with-response-stream)?$")
    stream_type = "application/vnd.amazon.eventstream"
    key_header = "authorization"
    errors: ClassVar = {
        "rate-limited": VendorError(429, "ThrottlingException", "Too many requests, please wait before trying again."),
        "no-credits": VendorError(
            403, "AccessDeniedException", "You don't have access to the model with the specified model ID."
        ),
        "server-error": VendorError(500, "InternalServerException", "The system encountered an unexpected error."),
        "overloaded": VendorError(503, "ServiceUnavailableException", "Bedrock is unable to process your request."),
        "unknown-key": VendorError(
            403, "UnrecognizedClientException", "The security token included in the request is invalid."
        ),
        "unknown-model": VendorError(404, "ResourceNotFoundException", "Could not resolve the foundation model."),
        "invalid-request": VendorError(
            400, "ValidationException", "Malformed input request, please reformat your input."
        ),
    }

    def check_key(self, received: Received) -> None:
        """Raise RequestError for a request that was not signed with the secret, or was changed afterwards."""
        super().check_key(received)
        if not is_signed(received):
            message = "The request signature we calculated does not match the one you provided."
            raise RequestError("unknown-key", message)

    def read_body(self, path: str, body: dict[str, Any]) -> Request:
        """Parse a request for a message; the model is in the path."""
        known = KNOWN.replace("model ", "anthropic_version ").replace(" stream", "")
        check_fields(body, known, "anthropic_version max_tokens messages")
        if body["anthropic_version"] != API_VERSION:
            raise InvalidRequestError(f"anthropic_version: expected {API_VERSION}")
        request = read_message(path.split("/")[-2].partition("anthropic.")[2].partition("-v")[0], body)
        return replace(request, streams=path.endswith("-stream"))

    def events(self, body: dict[str, Any]) -> Iterable[bytes]:
        """Return the stream frames of a message."""
        return map(amazon_frame, messages_events(body))

    def error(self, name: str, error: VendorError) -> tuple[dict[str, Any], dict[str, str]]:
        """Return an error; its type is in a header."""
        del name
        return {"message": error.message}, {"x-amzn-ErrorType": f"{error.kind}:http://internal.amazon.com/coral/"}


def is_signed(received: Received) -> bool:
    """Return True if a POST has a signature that was made with the secret."""
    signed = AUTHORIZATION.fullmatch(received.header("authorization"))
    if not signed or "invalid" in signed["key"] or signed["service"] != "bedrock":
        return False
    named = signed["headers"].split(";")
    canonical = "\n".join(
        [
            "POST",
            quote(received.path, safe="/~"),
            "",
            *(f"{name}:{received.header(name).strip()}" for name in named),
            "",
            signed["headers"],
            hashlib.sha256(received.body).hexdigest(),
        ]
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"AWS4-HMAC-SHA256\n{received.header('x-amz-date')}\n{signed['scope']}\n{digest}"
    return hmac.compare_digest(_signature(signed, to_sign), signed["signature"])


def _signature(scope: Any, to_sign: str) -> str:
    key = f"AWS4{AWS_SECRET}".encode()
    for part in (scope["day"], scope["region"], scope["service"], "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, to_sign.encode(), "sha256").hex()
