"""Claude on Amazon Bedrock (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html).

The body is that of Anthropic's Messages API; the address, the signature and the errors are Amazon's. They were checked
against botocore's service description and signer, not against the live API.
"""

from __future__ import annotations

import re
from functools import cache, partial
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import quote

from .. import threads
from ..config import REGION
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
    from ..flow.attempt import Completion
    from ..wires.wire import Exchange, LLMCall, Wire

SIGNING_MODULES: Final = ("botocore.auth", "botocore.awsrequest", "botocore.session")
VERSION: Final = "bedrock-2023-05-31"
# Models older than 4.1 are called by their own id.
OLD_IDS: Final = {
    "claude-3-5-sonnet-20241022": "anthropic.claude-3-5-sonnet-20241022-v2:0",
    "claude-3-5-sonnet-20240620": "anthropic.claude-3-5-sonnet-20240620-v1:0",
    "claude-3-opus-20240229": "anthropic.claude-3-opus-20240229-v1:0",
    "claude-3-sonnet-20240229": "anthropic.claude-3-sonnet-20240229-v1:0",
    "claude-3-haiku-20240307": "anthropic.claude-3-haiku-20240307-v1:0",
}
# Newer models are called through an inference profile, which begins with a geography:
# https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html. From Sonnet 4.6 on the id is the
# model's name; these are the exceptions.
VERSIONED_IDS: Final = {
    "claude-opus-4-1": "anthropic.claude-opus-4-1-20250805-v1:0",
    "claude-sonnet-4-5": "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "claude-haiku-4-5": "anthropic.claude-haiku-4-5-20251001-v1:0",
    "claude-opus-4-5": "anthropic.claude-opus-4-5-20251101-v1:0",
    "claude-opus-4-6": "anthropic.claude-opus-4-6-v1",
}
SNAPSHOT: Final = re.compile("-20[0-9]{6}$")
# The first matching prefix of the region counts. Claude 4.5 and later have no other geography (`apac` ended before);
# other regions, such as Mumbai and São Paulo, use the global profile, which every commercial region has.
GEOGRAPHIES: Final = {
    "us-gov-": "us-gov",
    "us-": "us",
    "eu-": "eu",
    "ap-southeast-2": "au",
    "ap-southeast-4": "au",
    "ap-northeast-1": "jp",
    "ap-northeast-3": "jp",
}
GLOBAL: Final = "global"
# From the models' pages: Opus 4.1 is available in the USA only, and Opus 5 has no profile for Japan.
GEOGRAPHIES_OF_MODEL: Final = {
    "claude-opus-4-1": ("us",),
    "claude-opus-5": ("us-gov", "us", "eu", "au", GLOBAL),
}
DEFAULT_REGION: Final = "us-west-2"
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
    """The Messages API at Amazon, with the model in the path and with Amazon's errors."""

    def render(self, call: LLMCall) -> dict[str, Any]:
        """Return the body of POST /model/<id>/invoke."""
        payload = super().render(call)
        del payload["model"]
        payload.pop("stream", None)  # the path has it
        return {"anthropic_version": VERSION, **payload}

    def parse_error(self, exchange: Exchange, call: LLMCall) -> ParsedError | None:
        """Return Amazon's error; its name is in a header."""
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
    """Claude models at Amazon; requests are signed with credentials of a user, a profile or a role, or have a key."""

    provider_type = LLMProviderType.BEDROCK
    required_modules = ("botocore",)
    wires: ClassVar[Mapping[Kind, Wire]] = {Kind.TEXT: BedrockWire()}

    async def _complete(self, call: LLMCall) -> Completion:
        """Find the region before the call needs it, in a thread, because it may be in a file."""
        await threads.run(partial(region_of, self.config))
        return await super()._complete(call)

    def endpoint(self, call: LLMCall) -> Endpoint:
        """Return the path of the model, and the function that signs requests to it."""
        region = region_of(self.config)
        base_url = self.config.bedrock_base_url or f"https://bedrock-runtime.{region}.amazonaws.com"
        # A colon is not encoded, so that aiohttp sends exactly what was signed. The slash in an ARN is encoded, because
        # the ARN is one path segment.
        operation = "invoke-with-response-stream" if call.is_streamed else "invoke"
        path = f"/model/{quote(model_id(call.model, region), safe=':')}/{operation}"
        events = ("botocore.eventstream",) if call.is_streamed else ()
        if token := self.config.aws_bearer_token:  # takes precedence, as in Amazon's own clients
            return Endpoint(base_url, path, {"Authorization": f"Bearer {token}"}, imports=events)
        return Endpoint(base_url, path, {}, sign=self._signature, imports=SIGNING_MODULES + events)

    def _signature(self, url: str, body: bytes) -> Mapping[str, str]:
        from botocore.auth import SigV4Auth  # noqa: PLC0415 - only who calls Bedrock needs botocore
        from botocore.awsrequest import AWSRequest  # noqa: PLC0415

        request = AWSRequest("POST", url, {"content-type": "application/json"}, body)
        SigV4Auth(_credentials(self.config), "bedrock", region_of(self.config)).add_auth(request)
        return dict(request.headers)


def _credentials(config: LLMConfig) -> Credentials:
    from botocore.credentials import Credentials  # noqa: PLC0415 - as above

    if config.aws_access_key_id and config.aws_secret_access_key:
        return Credentials(config.aws_access_key_id, config.aws_secret_access_key, config.aws_session_token)
    return _ambient_credentials(config.aws_profile)


@cache
def _ambient_credentials(profile: str | None) -> Credentials:
    """Return the credentials of a profile or of this machine's role, which renew themselves."""
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - as above
    from botocore.session import Session  # noqa: PLC0415

    try:
        credentials: Credentials | None = Session(profile=profile).get_credentials()
    except BotoCoreError as error:
        raise LLMAuthenticationError(f"Amazon Bedrock: {error}: check AWS_PROFILE") from error
    if credentials is None:
        raise LLMAuthenticationError(
            "Amazon Bedrock: no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE or "
            "AWS_BEARER_TOKEN_BEDROCK"
        )
    return credentials


def region_of(config: LLMConfig) -> str:
    """Return the region from the environment, otherwise from the profile, otherwise us-west-2."""
    return config.aws_region or _profile_region(config.aws_profile) or DEFAULT_REGION


@cache
def _profile_region(profile: str | None) -> str | None:
    """Return the region of a profile (None means the default profile), or None if it has none.

    Raises ValueError for a malformed region, because it becomes part of the address.
    """
    try:
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - as above
        from botocore.session import Session  # noqa: PLC0415
    except ImportError:
        return None
    try:
        region: str | None = Session(profile=profile).get_config_variable("region")
    except BotoCoreError:
        return None
    if region and not REGION.fullmatch(region):
        raise ValueError(
            f"the AWS profile's region {region!r} is not a region: set AWS_REGION, as in AWS_REGION=eu-central-1"
        )
    return region


def model_id(model: str, region: str) -> str:
    """Return Bedrock's id of a Claude model for calls from a region; ids and ARNs are returned unchanged.

    Raises ValueError for a model that the region's geography does not offer, so that prompts never leave it unnoticed.
    """
    if model in OLD_IDS or not model.startswith("claude-"):
        return OLD_IDS.get(model, model)
    name = SNAPSHOT.sub("", model)
    model = VERSIONED_IDS.get(name, f"anthropic.{name}")
    geography = next((name for start, name in GEOGRAPHIES.items() if region.startswith(start)), GLOBAL)
    offered = GEOGRAPHIES_OF_MODEL.get(name, (geography,))
    if geography not in offered:
        raise ValueError(
            f"Amazon Bedrock has no {name} for {region}, only {', '.join(f'{each}.{model}' for each in offered)}: "
            f"set another AWS_REGION, or name one by its id, with LLM_MODELS={offered[-1]}.{model}=bedrock"
        )
    return f"{geography}.{model}"
