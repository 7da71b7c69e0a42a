"""Anthropic."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from ..flow.http import Endpoint
from ..types import LLMProviderType
from ..wires.messages import MessagesWire
from ..wires.wire import Kind
from .base import LLMProvider

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..wires.wire import LLMCall, Wire

# The version that every model supports. The next one, 2026-10-21, adds nothing, and refuses temperature, top_p and
# top_k for all models: https://platform.claude.com/docs/en/api/versioning.
VERSION: Final = "2023-06-01"


class AnthropicProvider(LLMProvider):
    """Claude models, for text."""

    provider_type = LLMProviderType.ANTHROPIC
    wires: ClassVar[Mapping[Kind, Wire]] = {Kind.TEXT: MessagesWire()}

    def endpoint(self, call: LLMCall) -> Endpoint:
        """Return the path of the Messages API, with the key."""
        del call
        headers = {"x-api-key": self.config.anthropic_api_key or "", "anthropic-version": VERSION}
        return Endpoint(self.config.anthropic_base_url, "/v1/messages", headers)
