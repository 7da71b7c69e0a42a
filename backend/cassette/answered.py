"""The exchange behind a row: status, headers and body as the row tells of them; or why there is none."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final

from modules.llm_services.ledger.maintenance import ABANDONED
from modules.llm_services.types import LLMProviderType, RequestStatus
from modules.llm_services.wires.lenient import mapping

from .asked import SPEECH_WIRE
from .format import SOUND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .asked import Row

INSTEAD: Final = "ask the stand-in for openrouter/stand-in/{scenario}"
ANOTHER: Final = "ask the stand-in's {scenario!r} on that vendor's wire (docs/stand-in.md)"
# Of the connection's fate: the scenario of OpenRouter's stand-in, that of the other vendors'.
SILENT: Final = ("silence", "hang")
STALLED: Final = ("stall", "hang")
DROPPED: Final = ("disconnect", "cut-body")
BROKEN: Final = ("half-body", "cut-body")
MANGLED: Final = ("bad-gzip", "cut-body")


class NotExportableError(Exception):
    """A row that cannot become a cassette; its text says why, and what to use instead."""


def interaction(row: Row) -> dict[str, Any]:
    """Return the exchange as vcrpy holds one, its address still unknown; NotExportableError where there was none."""
    if reason := _why_not(row):
        raise NotExportableError(reason)
    raw: dict[str, Any] = row["response_raw"]
    headers = dict(_headers(row, raw))
    return {
        "request": {
            "method": "POST",
            "uri": "",
            "headers": {"content-type": ["application/json"]},
            "body": json.dumps(row["request_payload"]),
        },
        "response": {
            "status": {"code": raw.get("http_status", raw["status_code"]), "message": ""},
            "headers": {name: [value] for name, value in headers.items()},
            "body": {"string": _body(raw["body"], headers["content-type"])},
        },
    }


def _why_not(row: Row) -> str | None:
    raw = mapping(row["response_raw"])
    if original := raw.get("cached_request_id"):
        return f"it was answered from the response cache and nothing was sent: export {original}, which asked"
    if not isinstance(row["request_payload"], dict):
        return "the row does not hold what was sent"
    if row["status"] == RequestStatus.PENDING:
        return (
            "it is still pending: nothing is known of an answer. settle_abandoned.py settles what a dead process left"
        )
    if row["status"] == RequestStatus.COMPLETED and "status_code" in raw:
        return None
    return _fate(row, raw)


def _fate(row: Row, raw: dict[str, Any]) -> str | None:
    """Return what became of a failed request that no answer ended, None where one did."""
    error = row["error_type"]
    status = raw.get("http_status", raw.get("status_code"))
    if error == ABANDONED:
        return f"its process died before it was answered: {_instead(row, SILENT)}, and end the process"
    if error == "CancelledError":
        return f"its caller cancelled it: {_instead(row, SILENT)}, and cancel the task"
    if status is None and raw.get("retryable"):
        return "no connection was made and nothing was sent: set the vendor's URL to a port where nobody listens"
    if status is None and error not in {"LLMError", "LLMTimeoutError"}:
        return f"nothing was sent: {row['error_message']}"
    if status is None:
        return f"nothing came back: {_instead(row, SILENT if error == 'LLMTimeoutError' else DROPPED)}"
    if raw.get("body") is not None or raw.get("retryable"):
        return None
    if error == "LLMTimeoutError":
        return f"the answer had begun and did not end in time: {_instead(row, STALLED)}"
    mangled = "not encoded as it says" in (row["error_message"] or "")
    return f"the connection broke while the answer came: {_instead(row, MANGLED if mangled else BROKEN)}"


def _instead(row: Row, scenarios: tuple[str, str]) -> str:
    of_openrouter, of_others = scenarios
    if row["provider"] == LLMProviderType.OPENROUTER:
        return INSTEAD.format(scenario=of_openrouter)
    return ANOTHER.format(scenario=of_others)


def _headers(row: Row, raw: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the headers that shaped the result, from what the row says they came to."""
    body = raw["body"]
    spoken = mapping(row["response_output"]).get("mime_type") if row["api_variant"] == SPEECH_WIRE else None
    if spoken and isinstance(body, str):
        yield "content-type", spoken
    else:
        yield "content-type", "text/plain; charset=utf-8" if isinstance(body, str) else "application/json"
    if raw.get("retry_after") is not None:
        yield "retry-after", repr(raw["retry_after"]).removesuffix(".0")
    if raw.get("generation_id") and raw["generation_id"] != mapping(body).get("id"):
        yield "x-generation-id", raw["generation_id"]
    if raw.get("cache_status"):
        yield "x-openrouter-cache-status", raw["cache_status"]
    if raw.get("location"):
        yield "location", raw["location"]
    if row["provider"] == LLMProviderType.BEDROCK and raw.get("error_code") and "error" not in mapping(body):
        yield "x-amzn-errortype", raw["error_code"]


def _body(body: Any, kind: str) -> str | bytes:  # noqa: ANN401 - JSON
    """Return a body as it came; a string is text, unless only JSON can have said it."""
    if not isinstance(body, str):
        return json.dumps(body, ensure_ascii=False)
    if kind.startswith(SOUND):
        return base64.b64decode(body)
    try:
        json.loads(body)
    except ValueError:
        return body
    return json.dumps(body, ensure_ascii=False)
