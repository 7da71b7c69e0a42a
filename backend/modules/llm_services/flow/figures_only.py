"""Rows without content: for LLM_STORE=figures, and for calls with store_content=False.

The rows keep numbers, ids, model names and a keyed hash, but no text of a prompt or an answer, and no text that may
quote one.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ..wires.wire import EFFORTS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ..config import LLMConfig
    from ..types import LLMMessage
    from ..wires.wire import Answer, LLMCall
    from .attempt import Attempt

# A name or an id has no spaces, unlike a sentence.
IDENTIFIER: Final = re.compile(r"[\w.:/@+~=-]{1,100}", re.ASCII)
UPSTREAM_PROVIDER: Final = re.compile(r"[\w.()-]+(?: [\w.()-]+){0,2}", re.ASCII)  # for example Google AI Studio
# Options that are the caller's own labels, and options with a name as their value.
LABELS: Final = frozenset({"metadata", "first_attempt", "idempotency_key", "idempotency_claim"})
NAMED_SETTINGS: Final = frozenset({"service_tier", "size", "quality", "voice", "audio_format"})
# The settings that are kept of an option with an object as its value.
SETTINGS_OF_OBJECTS: Final = frozenset({"effort", "max_tokens", "exclude", "enabled", "verbosity"})
OWN_FACTS: Final = frozenset({"cost_source", "price_table"})  # written by this module, not by a vendor
NOT_STORED: Final = "the message is not stored, because it may quote the prompt"


@dataclass(frozen=True)
class FiguresOnly:
    """Reduces the columns of one call to figures; with a `hash_key`, the messages are replaced by a keyed hash."""

    hash_key: str | None

    def pending(self, columns: dict[str, Any], attempt: Attempt) -> dict[str, Any]:
        """Return the columns of a pending row without what the caller wrote."""
        call = attempt.call
        text = _canonical(call.messages)
        params = _params(columns["additional_params"] or {}, type(call.options).model_fields)
        params |= {"store_content": False, "messages_characters": len(text)}
        if self.hash_key:
            params["messages_hash"] = hmac.new(self.hash_key.encode(), text.encode(), hashlib.sha256).hexdigest()
        messages = [{"role": message.role, "content": ""} for message in call.messages]
        return columns | {"messages": messages, "additional_params": params, "request_payload": None}

    def settled(self, columns: dict[str, Any], answer: Answer) -> dict[str, Any]:
        """Return the columns of a settled row without the text of the model or of an error."""
        sizes = {
            "content_characters": len(answer.content) or None,
            "tool_calls": len(answer.tool_calls) or None,
            "images": len(answer.images) or None,
        }
        raw = {"body": None, **_facts(columns["response_raw"]), **{name: n for name, n in sizes.items() if n}}
        ids = {name: _fact(columns[name]) for name in ("provider_response_id", "system_fingerprint")}
        without_content = {"response_content": None, "response_output": None, "response_raw": raw}
        return columns | ids | without_content | {"error_message": _error_message(columns, raw)}


def _canonical(messages: list[LLMMessage]) -> str:
    """Return messages as JSON; equal messages give the same text."""
    dumped = [message.model_dump(mode="json", exclude_none=True) for message in messages]
    return (
        json.dumps(dumped, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode(errors="replace").decode()
    )


def _params(params: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """Return the options that are labels, settings or numbers; even the name of an unknown option may be text."""
    kept: dict[str, Any] = {}
    for name, value in params.items():
        if name in LABELS:
            kept[name] = value
        elif name in known and (setting := _setting(name, value)) is not None:
            kept[name] = setting
    return kept


def _setting(name: str, value: object) -> object:
    match value:
        case bool() | int() | float():
            return value
        case str() if value in EFFORTS or (name in NAMED_SETTINGS and IDENTIFIER.fullmatch(value)):
            return value
        case dict():
            inner = {key: _setting(key, item) for key, item in value.items() if key in SETTINGS_OF_OBJECTS}
            return {key: item for key, item in inner.items() if item is not None} or None
        case _:
            return None


def _facts(envelope: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts about a body that are names, ids or numbers, without the body itself."""
    facts = {name: value if name in OWN_FACTS else _fact(value, name) for name, value in envelope.items()}
    return {name: fact for name, fact in facts.items() if fact is not None and name not in {"body", "location"}}


def _fact(value: object, name: str = "") -> Any:  # noqa: ANN401 - JSON of the same shape, or None
    match value:
        case bool() | int() | float():
            return value
        case str():
            pattern = UPSTREAM_PROVIDER if name in {"upstream_provider", "provider"} else IDENTIFIER
            return value if pattern.fullmatch(value) else None
        case list():
            return [fact for item in value if (fact := _fact(item)) is not None]
        case dict():
            inner = {key: _fact(item, key) for key, item in value.items() if IDENTIFIER.fullmatch(key)}
            return {key: fact for key, fact in inner.items() if fact is not None}
        case _:
            return None


def _error_message(columns: Mapping[str, Any], raw: Mapping[str, Any]) -> str | None:
    if columns["error_message"] is None:
        return None
    status = f" ({raw['status_code']})" if "status_code" in raw else ""
    return f"{columns['error_type']}{status}: {NOT_STORED}"


def figures_only_for(call: LLMCall, config: LLMConfig) -> FiguresOnly | None:
    """Return the filter that keeps a call's content out of its rows, or None if content is stored.

    A call may store less than LLM_STORE allows, but not more. Raises ValueError for `store_content=True` with
    LLM_STORE=figures, and for `use_cache=True` on a call without content, because the response cache would store its
    answer.
    """
    options = call.options
    if config.store == "figures" and options.store_content:
        raise ValueError("option store_content=True: LLM_STORE=figures does not let a call store its content")
    if config.store == "all" and options.store_content is not False:
        return None
    if options.use_cache:
        raise ValueError("option use_cache=True: the response cache would keep an answer that must not be stored")
    return FiguresOnly(config.store_hash_key)
