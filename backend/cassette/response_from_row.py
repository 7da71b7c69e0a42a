"""Turn a row back into its exchange: the response's status, headers and body, or the reason why it has none."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from modules.llm_services.ledger.forgetting import FORGOTTEN_AT
from modules.llm_services.ledger.maintenance import ABANDONED
from modules.llm_services.types import LLMProviderType, RequestStatus
from modules.llm_services.wires.lenient import mapping

from .call_from_rows import SPEECH_VARIANT
from .format import AUDIO

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .call_from_rows import Row


class NotExportableError(Exception):
    """A row that cannot become a cassette; the message gives the reason, and what to use instead."""


def exchange_from_row(row: Row) -> dict[str, Any]:
    """Return the exchange in vcrpy's form, with a blank URL; raise NotExportableError if there was none."""
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
    if mapping(row["additional_params"]).get("store_content") is False:
        return "its content was not stored (LLM_STORE=figures, or store_content=False)"
    if forgotten_at := raw.get(FORGOTTEN_AT):
        return f"it was forgotten at {forgotten_at}: what was sent and what came are gone"
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
    return _why_no_response(row, raw)


def _why_no_response(row: Row, raw: dict[str, Any]) -> str | None:
    """Return why a failed request has no complete response; None if it has one."""
    error = row["error_type"]
    status = raw.get("http_status", raw.get("status_code"))
    if error == ABANDONED:
        return f"its process died before it was answered: {_instead(row, 'silence', 'hang')}, and end the process"
    if error == "CancelledError":
        return f"its caller cancelled it: {_instead(row, 'silence', 'hang')}, and cancel the task"
    if status is None and raw.get("retryable"):
        return "no connection was made and nothing was sent: set the vendor's URL to a port where nobody listens"
    if status is None and error not in {"LLMError", "LLMTimeoutError"}:
        return f"nothing was sent: {row['error_message']}"
    if status is None:
        is_silent = error == "LLMTimeoutError"
        instead = _instead(row, "silence", "hang") if is_silent else _instead(row, "disconnect", "cut-body")
        return f"there was no response: {instead}"
    if raw.get("incomplete"):
        instead = _instead(row, "stall-mid-body" if error == "LLMTimeoutError" else "half-body", "cut-body")
        return f"its stream is incomplete: {instead}"
    if raw.get("body") is not None or raw.get("retryable"):
        return None
    if error == "LLMTimeoutError":
        return f"the answer began but did not end in time: {_instead(row, 'stall', 'hang')}"
    scenario = "bad-gzip" if "does not match its Content-Encoding" in (row["error_message"] or "") else "half-body"
    return f"the connection broke during the answer: {_instead(row, scenario, 'cut-body')}"


def _instead(row: Row, openrouter_scenario: str, vendor_scenario: str) -> str:
    """Return a hint that names the stand-in's scenario with the same failure."""
    if row["provider"] == LLMProviderType.OPENROUTER:
        return f"ask the stand-in for openrouter/stand-in/{openrouter_scenario}"
    return f"ask the stand-in's {vendor_scenario!r} on that vendor's wire (docs/stand-in.md)"


def _headers(row: Row, raw: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the headers that affected the result, from the row's own columns."""
    body = raw["body"]
    audio_type = mapping(row["response_output"]).get("mime_type") if row["api_variant"] == SPEECH_VARIANT else None
    if isinstance(body, str):
        yield "content-type", audio_type or "text/plain; charset=utf-8"
    else:
        yield "content-type", "application/json"
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


def _body(body: Any, content_type: str) -> str | bytes:  # noqa: ANN401 - JSON
    """Return a body as it arrived; a row holds text, and a body that was a JSON string, as a string."""
    if isinstance(body, str) and content_type.startswith(AUDIO):
        return base64.b64decode(body)
    if isinstance(body, str) and not _is_json(body):
        return body
    return json.dumps(body, ensure_ascii=False)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
