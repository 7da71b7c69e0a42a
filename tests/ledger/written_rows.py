"""Settled rows with a secret in every place where text of a prompt or an answer can be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from reporting.reported_rows import row

if TYPE_CHECKING:
    from modules.llm_services.models import LLMRequestModel

SECRET: Final = "Walnut-4711"
PARAMS: Final = {
    "metadata": {"team": "growth"},
    "first_attempt": "0e65a72b-7b4d-4585-b08a-ab5d7be13a78",
    "idempotency_key": "job-7",
    "seed": 7,
    "use_cache": True,
}
FACTS: Final = {
    "status_code": 200,
    "cost_source": "reported",
    "upstream_provider": "Alpha",
    "served_model": "author/model",
    "retryable": False,
    "cached_request_id": "0e65a72b-7b4d-4585-b08a-ab5d7be13a78",
}


def written(**columns: Any) -> LLMRequestModel:
    """Return a settled row with the secret in every column that can contain text of a prompt or an answer."""
    given: dict[str, Any] = {
        "messages": [{"role": "user", "content": SECRET}],
        "additional_params": {**PARAMS, "stop": [SECRET], "user": SECRET, "trace": {"name": SECRET}},
        "request_payload": {"messages": [{"role": "user", "content": SECRET}]},
        "response_content": SECRET,
        "response_raw": {**FACTS, "body": {"text": SECRET}, "location": f"https://x/{SECRET}"},
        "response_output": [{"arguments": {"name": SECRET}}],
        "error_message": f"refused: {SECRET}",
        "error_type": "LLMValidationError",
        "provider_response_id": "gen-1",
    }
    return row(**given | columns)
