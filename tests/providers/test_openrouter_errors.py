"""Exceptions for OpenRouter's errors: https://openrouter.ai/docs/api-reference/errors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel

from modules.llm_services import exceptions
from modules.llm_services.exceptions import LLMError
from modules.llm_services.wires.wire import LLMCall
from support.openrouter_failures import CALL, UPSTREAM, error, failure


@pytest.mark.parametrize("inside_a_200", [True, False])
@pytest.mark.parametrize(
    ("code", "kind", "retryable"),
    [
        (400, "LLMValidationError", False),
        (401, "LLMAuthenticationError", False),
        (402, "LLMProviderError", False),
        (403, "LLMProviderError", False),
        (404, "LLMValidationError", False),
        (408, "LLMTimeoutError", True),
        (412, "LLMValidationError", False),
        (413, "LLMValidationError", False),
        (418, "LLMProviderError", False),
        (422, "LLMValidationError", False),
        (429, "LLMRateLimitError", True),
        (500, "LLMProviderError", True),
        (502, "LLMProviderError", True),
        (503, "LLMProviderError", True),
        (504, "LLMTimeoutError", True),
        (524, "LLMTimeoutError", True),
        (529, "LLMProviderError", True),
    ],
)
def test_a_status_has_one_meaning(
    code: int,
    kind: str,
    retryable: bool,  # noqa: FBT001 - a parameter of the table above
    inside_a_200: bool,  # noqa: FBT001 - as above
) -> None:
    """A code means the same as the HTTP status and as an error's own code inside a 200."""
    found = failure(error(code), 200 if inside_a_200 else code)
    assert found is not None
    assert (kind, code, retryable) == (type(found).__name__, found.status_code, found.retryable)
    assert "words" in str(found)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"code": "502"}, 502),
        ({"code": None, "http_status": 503}, 503),
        ({"http_status": 404, "error_type": "not_found"}, 404),
        ({"code": 429, "http_status": 500}, 429),
        ({"code": "server_error"}, 200),
        ({}, 200),
    ],
)
def test_where_a_status_is_found(said: dict[str, Any], status: int) -> None:
    """The error's own code takes precedence, then its http_status, then the HTTP status."""
    found = failure({"error": {"message": "words", **said}})
    assert found is not None
    assert status == found.status_code


@pytest.mark.parametrize(
    ("said", "error_code"),
    [
        ({"code": "server_error"}, "server_error"),
        ({"code": 503, "metadata": {"error_type": "provider_overloaded"}}, "provider_overloaded"),
        ({"error_type": "not_found", "availability": {"code": "no_endpoints"}}, "not_found"),
        ({"availability": {"code": "no_endpoints"}}, "no_endpoints"),
        ({"code": 500}, None),
    ],
)
def test_the_name_of_an_error_is_its_error_code(said: dict[str, Any], error_code: str | None) -> None:
    """error_code is OpenRouter's own name for the failure, and never a number."""
    found = failure({"error": {"message": "words", **said}})
    assert found is not None
    assert error_code == found.error_code


def test_an_upstream_key_is_not_yours() -> None:
    """A 401 that names the provider behind OpenRouter concerns that provider's key, and says so."""
    found = failure(error(401, metadata=UPSTREAM), 401)
    assert "LLMProviderError" == type(found).__name__
    assert "Google, behind OpenRouter, refused the key" in str(found)


def test_the_upstream_is_quoted_by_name() -> None:
    """The message "Provider returned error" is followed by the upstream's name and message."""
    assert "[Google: quota exhausted]" in str(failure(error(502, "Provider returned error", metadata=UPSTREAM)))


@pytest.mark.parametrize(
    ("code", "said", "retryable"),
    [
        (429, {"metadata": {"limit_source": "openrouter_free_tier_daily"}}, False),
        (402, {"metadata": {"reason": "in_flight_budget_exhausted"}}, True),
        (402, {"metadata": {"limit_source": "openrouter_in_flight_budget"}}, True),
        (404, {"availability": {"retryable": True}}, True),
        (503, {"availability": {"retryable": False}}, False),
    ],
)
def test_openrouters_word_on_retrying_counts(
    code: int,
    said: dict[str, Any],
    retryable: bool,  # noqa: FBT001 - a parameter of the table above
) -> None:
    """A daily cap is not retried, an in-flight budget is, and `availability.retryable` decides if it is present."""
    found = failure(error(code, **said), code)
    assert found is not None
    assert retryable == found.retryable


@pytest.mark.parametrize("body", ["", "\n         \n", "<html>Bad gateway</html>", '{"id": "gen', 7, [], {}, None])
def test_a_200_without_an_answer_is_an_error_that_may_pass(body: object) -> None:
    """Whitespace, HTML, truncated JSON or a body without choices is a retryable LLMError that quotes it."""
    found = failure(body)
    assert found is not None
    assert (LLMError, True, 200) == (type(found), found.retryable, found.status_code)


@pytest.mark.parametrize("choices", [None, [], [None], [{}], {"message": {}}])
def test_choices_that_hold_no_message_are_no_answer(choices: object) -> None:
    """Choices that are null, empty or without a message are a retryable LLMError."""
    found = failure({"id": "gen-1", "choices": choices})
    assert found is not None
    assert found.retryable


@pytest.mark.parametrize(
    ("choice", "status", "retryable"),
    [
        ({"finish_reason": "error", "error": {"code": 502, "message": "words"}}, 502, True),
        ({"finish_reason": "stop", "error": {"code": 400, "message": "words"}}, 400, False),
        ({"finish_reason": "error"}, 200, False),
    ],
)
def test_a_choice_that_failed_is_an_error(
    choice: dict[str, Any],
    status: int,
    retryable: bool,  # noqa: FBT001 - a parameter of the table above
) -> None:
    """An error in a choice, or the finish reason "error", is an error even if there is text."""
    found = failure({"choices": [{"message": {"content": "partial"}, **choice}]})
    assert found is not None
    assert (status, retryable) == (found.status_code, found.retryable)


@pytest.mark.parametrize("finish_reason", ["stop", "length", "content_filter", "tool_calls", None])
@pytest.mark.parametrize("content", ["", None, "text"])
def test_an_answer_is_an_answer(finish_reason: str | None, content: str | None) -> None:
    """Text that is empty, truncated or filtered is an answer."""
    assert None is failure({"choices": [{"message": {"content": content}, "finish_reason": finish_reason}]})


@pytest.mark.parametrize(("content", "is_answer"), [("text", True), ("", False), (None, False), (" \n", False)])
def test_an_unknown_finish_reason_needs_content(content: str | None, is_answer: bool) -> None:  # noqa: FBT001
    """With an unknown finish reason, text is an answer; without text, an error names the reason."""
    found = failure({"choices": [{"message": {"content": content}, "finish_reason": "invented"}]})
    assert is_answer == (found is None)
    assert found is None or ("invented", True) == (found.error_code, found.retryable)


def test_a_name_of_one_segment_gets_a_hint() -> None:
    """For a 400 about a name that was sent with its prefix, the error shows the form of other names."""
    call = LLMCall(CALL.messages, model="openrouter/healer-alpha")
    body = error(400, "openrouter/healer-alpha is not a valid model ID")
    assert "openrouter/<author>/<model>" in str(failure(body, 400, call))
    assert "openrouter/<author>/<model>" not in str(failure(body, 400))


@pytest.mark.parametrize(
    "body",
    [
        error(404, "No endpoints found that can handle the requested parameters."),
        error(400, metadata={"error_type": "constraint_filtered"}),
    ],
)
def test_a_schema_that_no_endpoint_honours_gets_a_hint(body: dict[str, Any]) -> None:
    """If no endpoint supports the schema, the error suggests JSON mode, but not if JSON mode was used."""
    by_schema = replace(CALL, params={"structured_output": "json_schema"}, response_model=BaseModel)
    hint = "leave it out for JSON mode"
    assert hint in str(failure(body, body["error"]["code"], by_schema))
    assert hint not in str(failure(body, body["error"]["code"], replace(by_schema, params={})))


def test_arguments_that_are_no_json_are_named() -> None:
    """A tool call with truncated arguments raises an LLMValidationError that names the tool."""
    calls = [{"id": "call_1", "function": {"name": "look", "arguments": '{"at": '}}]
    found = failure({"choices": [{"message": {"tool_calls": calls}}]})
    assert isinstance(found, exceptions.LLMValidationError)
    assert "'look'" in str(found)


def test_account_and_key_ids_are_masked() -> None:
    """The upstream's message is quoted without keys and account ids, and limited in length."""
    raw = "org-a1b2c3d4e5f6g7 of sk-proj-abcdefgh1234 and user_2abcdefghijklmnop1: " + "x" * 5000
    found = str(failure(error(500, metadata={"provider_name": "OpenAI", "raw": raw})))
    assert "[redacted] of [redacted] and [redacted]" in found
    assert 2200 > len(found)


def test_the_tree_is_closed() -> None:
    """There are six classes, all LLMErrors, and none is an exception that applications map to an HTTP status."""
    classes = {each for each in vars(exceptions).values() if isinstance(each, type) and issubclass(each, Exception)}
    assert 6 == len(classes)
    assert all(issubclass(each, LLMError) for each in classes)
    assert not any(issubclass(each, ValueError | LookupError | PermissionError) for each in classes)
