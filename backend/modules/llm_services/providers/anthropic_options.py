"""Anthropic's own options (https://docs.anthropic.com/en/api/messages), by name and type."""

from __future__ import annotations

from typing import Any, ClassVar

from .options import Number, Options


class MessagesOptions(Options):
    """Options of the Messages API; `stop` is `stop_sequences` under the name that other vendors have for it."""

    sent: ClassVar[frozenset[str]] = frozenset({"top_p", "top_k", "stop_sequences", "service_tier", "metadata"})

    top_p: Number | None = None
    top_k: int | None = None
    stop: str | list[str] | None = None
    stop_sequences: list[str] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    thinking: dict[str, Any] | None = None
    cache_control: dict[str, Any] | None = None
    service_tier: str | None = None
    metadata: dict[str, str] | None = None

    @property
    def stops(self) -> list[str] | None:
        """The texts that end an answer."""
        return self.stop_sequences or ([self.stop] if isinstance(self.stop, str) else self.stop)
