"""Claude on Amazon Bedrock (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html).

The body is that of Anthropic's Messages; address, signature and errors are Amazon's. Checked against botocore's own
description of the service and its signer, and not against the live API.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import quote

from ..exceptions import LLMAuthenticationError
from ..flow.http import Endpoint
from ..types import LLMProviderType
from ..wires.errors import server_wait
from ..wires.lenient import mapping, text
from ..wires.messages import MessagesWire
from ..wires.wire import Kind, ParsedError
from .base import LLMProvider

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.credentials import Credentials

    from ..config import LLMConfig
    from ..wires.wire import Exchange, LLMCall, Wire

SIGNING_MODULES: Final = ("botocore.auth", "botocore.awsrequest", "botocore.session")
VERSION: Final = "bedrock-2023-05-31"
# https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html: the newer models answer only
# through the inference profile of a group of regions.
MODEL_IDS: Final = {
    "claude-opus-4-1": "{region}.anthropic.claude-opus-4-1-20250805-v1:0",
    "claude-sonnet-4-5": "{region}.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "claude-haiku-4-5": "{region}.anthropic.claude-haiku-4-5-20251001-v1:0",
    "claude-3-5-sonnet-20241022": "anthropic.claude-3-5-sonnet-20241022-v2:0",
    "claude-3-5-sonnet-20240620": "anthropic.claude-3-5-sonnet-20240620-v1:0",
    "claude-3-opus-20240229": "anthropic.claude-3-opus-20240229-v1:0",
    "claude-3-sonnet-20240229": "anthropic.claude-3-sonnet-20240229-v1:0",
    "claude-3-haiku-20240307": "anthropic.claude-3-haiku-20240307-v1:0",
}
REGION_PREFIXES: Final = {"eu": "eu", "ap": "apac"}
KEY_ERRORS: Final = frozenset(
    {
        "ExpiredTokenException",
        "IncompleteSignatureException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "UnrecognizedClientException",
    }
)
# 424: the model itself failed.
TRANSIENT_ERRORS: Final = frozenset({"ModelErrorException", "ModelNotReadyException"})


class BedrockWire(MessagesWire):
    """Messages as Amazon speaks it: the model is in the path, and errors are Amazon's."""

    def render(self, call: LLMCall) -> dict[str, Any]:
        """Return the body of POST /model/<id>/invoke."""
        payload = super().render(call)
        del payload["model"]
        return {"anthropic_version": VERSION, **payload}

    def parse_error(self, exchange: Exchange, call: LLMCall) -> ParsedError | None:
        """Return what Amazon says is wrong: the error's name is in a header."""
        body = mapping(exchange.body)
        name = exchange.headers.get("x-amzn-errortype", "").split(":")[0]
        message = text(body.get("message")) or text(body.get("Message"))
        if not name and not (message and "content" not in body):
            return super().parse_error(exchange, call)
        return ParsedError(
            exchange.status_code or 0,
            message or "",
            error_code=name or None,
            retryable=True if name in TRANSIENT_ERRORS else None,
            retry_after=server_wait(None, None, exchange.headers),
            is_key_refused=name in KEY_ERRORS,
        )


class BedrockProvider(LLMProvider):
    """Claude, from Amazon; requests are signed with credentials of the environment, a profile or a role."""

    provider_type = LLMProviderType.BEDROCK
    required_modules = ("botocore",)
    wires: ClassVar[Mapping[Kind, Wire]] = {Kind.TEXT: BedrockWire()}

    def endpoint(self, call: LLMCall) -> Endpoint:
        """Return the model's own path, and how to sign what goes there."""
        region = self.config.aws_region
        base_url = self.config.bedrock_base_url or f"https://bedrock-runtime.{region}.amazonaws.com"
        # A colon stays: what aiohttp sends is then what was signed.
        path = f"/model/{quote(model_id(call.model, region), safe=':')}/invoke"
        return Endpoint(base_url, path, {}, sign=self._signature, imports=SIGNING_MODULES)

    def _signature(self, url: str, body: bytes) -> Mapping[str, str]:
        from botocore.auth import SigV4Auth  # noqa: PLC0415 - only who calls Bedrock needs botocore
        from botocore.awsrequest import AWSRequest  # noqa: PLC0415

        request = AWSRequest("POST", url, {"content-type": "application/json"}, body)
        SigV4Auth(_credentials(self.config), "bedrock", self.config.aws_region).add_auth(request)
        return dict(request.headers)


def _credentials(config: LLMConfig) -> Credentials:
    from botocore.credentials import Credentials  # noqa: PLC0415 - as above

    if config.aws_access_key_id and config.aws_secret_access_key:
        return Credentials(config.aws_access_key_id, config.aws_secret_access_key, config.aws_session_token)
    return _ambient_credentials(config.aws_profile)


@cache
def _ambient_credentials(profile: str | None) -> Credentials:
    """Return the credentials of a profile, or of the role that this machine has; they renew themselves."""
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - as above
    from botocore.session import Session  # noqa: PLC0415

    try:
        credentials: Credentials | None = Session(profile=profile).get_credentials()
    except BotoCoreError as error:
        raise LLMAuthenticationError(f"Amazon Bedrock: {error}: check AWS_PROFILE") from error
    if credentials is None:
        raise LLMAuthenticationError(
            "Amazon Bedrock: no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
        )
    return credentials


def model_id(model: str, region: str) -> str:
    """Return Bedrock's id of a model; an id stays as it is."""
    return MODEL_IDS.get(model, model).format(region=REGION_PREFIXES.get(region.split("-", maxsplit=1)[0], "us"))
