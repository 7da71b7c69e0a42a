"""The stand-in's failures: errors of scenarios, incomplete answers, and invalid requests."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import stand_in
from stand_in.scenario import Page
from stand_in.scenarios import SCENARIOS
from stand_in.vendors.openrouter_errors import ERRORS

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Ask: TypeAlias = Callable[..., httpx.Response]
    Completed: TypeAlias = Callable[..., dict[str, Any]]


def refused(response: httpx.Response, name: str) -> dict[str, Any]:
    """Return the error of a refusal, with its name and status in the table."""
    assert (name, SCENARIOS[name].status) == (response.headers["x-stand-in"], response.status_code)
    error: dict[str, Any] = response.json()["error"]
    assert response.status_code == error["code"]
    return error


def dumped(**fields: object) -> bytes:
    """Return a body as it is sent."""
    return json.dumps(fields).encode()


ENDING = [name for name, each in SCENARIOS.items() if each.fault is None and each.part != "endless padding"]


@pytest.mark.parametrize("name", ENDING)
def test_a_scenario_is_reached_by_its_name(ask: Ask, name: str) -> None:
    """A scenario with a complete response is selected by its name, names itself in a header, and has its status."""
    response = ask(f"stand-in/{name}", user=f"status of {name}")
    assert (name, SCENARIOS[name].status) == (response.headers["x-stand-in"], response.status_code)


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("overloaded", 503, 503),
        ("error-in-200", 200, 502),
        ("string-code-in-200", 200, "server_error"),
        ("invalid-request", 400, "unsupported_value"),
        ("no-capacity", 429, None),
    ],
)
def test_an_error_has_a_code(ask: Ask, name: str, status: int, code: object) -> None:
    """The code of an error is its status, another number in a 200, a word, or missing."""
    response = ask(f"stand-in/{name}")
    assert (status, code) == (response.status_code, response.json()["error"].get("code"))


def test_an_error_in_a_200_has_a_code_of_its_own() -> None:
    """Every error in a 200 has its own code."""
    assert [] == [name for name, error in ERRORS.items() if SCENARIOS[name].status == 200 and error.code is None]


def test_every_error_has_its_words() -> None:
    """OpenRouter's file has a message for every error scenario, except for pages."""
    worded = {name for name, each in SCENARIOS.items() if each.is_error and not isinstance(each.answer, Page)}
    assert worded == {name for name in ERRORS if SCENARIOS[name].is_error}


def test_every_scenario_follows_a_public_source() -> None:
    """A scenario's source is a file of a public repository, a GitHub thread, or stated as not recorded."""
    source = re.compile(r"[\w.-]+/[\w.-]+ \S|https://github\.com/|no recording: ")
    assert [] == [each.name for each in SCENARIOS.values() if not source.match(each.follows)]


def test_an_error_names_the_model(ask: Ask) -> None:
    """The message of an error is OpenRouter's, with the requested model."""
    error = ask("stand-in/no-endpoints").json()["error"]
    assert {"message": "No endpoints found for stand-in/no-endpoints.", "code": 404} == error


def test_errors_carry_the_account(ask: Ask) -> None:
    """An error has the account's id next to it, derived from the key, also in a 200."""
    first, second, other = (
        ask(f"stand-in/{name}", headers={"Authorization": f"Bearer {key}"}).json()["user_id"]
        for name, key in (("no-endpoints", "sk-or-1"), ("error-in-200", "sk-or-1"), ("no-endpoints", "sk-or-2"))
    )
    assert re.fullmatch(r"user_[A-Za-z0-9]{27}", first)
    assert first == second != other


@pytest.mark.parametrize(("name", "hint"), [("rate-limited", "1"), ("rate-limited-no-hint", None)])
def test_a_rate_limit_may_say_when_to_come_back(ask: Ask, name: str, hint: str | None) -> None:
    """Only the scenario with a Retry-After sends one."""
    assert hint == ask(f"stand-in/{name}").headers.get("retry-after")


def test_the_daily_cap_resets_in_ten_hours(ask: Ask) -> None:
    """The daily cap has its reset in the body: ten hours ahead, in epoch milliseconds."""
    error = ask("stand-in/daily-cap").json()["error"]
    reset = int(error["metadata"]["headers"]["X-RateLimit-Reset"]) / 1000
    assert reset - time.time() == pytest.approx(10 * 60 * 60, abs=60)


def test_no_credits_names_what_was_asked(ask: Ask) -> None:
    """The 402 has the requested number of tokens, and the smaller number that the credit covers."""
    message = ask("stand-in/no-credits", max_tokens=900).json()["error"]["message"]
    assert "requested up to 900 tokens, but can only afford 450." in message


def test_moderation_quotes_a_hundred_characters(ask: Ask) -> None:
    """The flagged text is quoted, shortened in its middle to a hundred characters."""
    said = f"begin {'x' * 200} end"
    error = ask("stand-in/forbidden", messages=[{"role": "user", "content": said}]).json()["error"]
    quoted = error["metadata"]["flagged_input"]
    assert 100 == len(quoted)
    assert re.fullmatch(r"begin x+\.\.\.x+ end", quoted)


@pytest.mark.parametrize(
    "fields", [{"user": "a"}, {"user": "b"}, {"messages": [{"role": "user", "content": "asked first"}]}]
)
def test_flaky_fails_once_per_user(ask: Ask, fields: dict[str, Any]) -> None:
    """The first request of a user, or of a first message, is a 503, and the next one is answered."""
    assert [503, 200, 200] == [ask("stand-in/flaky", **fields).status_code for _ in range(3)]


def test_an_error_comes_once(ask: Ask) -> None:
    """With `-once`, the first request gets the error, and the same request is answered after that."""
    responses = [ask("stand-in/server-error-once", user="once") for _ in range(2)]
    assert [(500, "server-error"), (200, "completion")] == [
        (response.status_code, response.headers["x-stand-in"]) for response in responses
    ]


@pytest.mark.parametrize("name", ["completion-once", "slow-once", "no-such-scenario-once"])
def test_only_an_error_comes_once(ask: Ask, name: str) -> None:
    """`-once` after a name that is not an error selects nothing."""
    refused(ask(f"stand-in/{name}"), "unknown-model")


@pytest.mark.parametrize(
    ("name", "finish", "text", "error"),
    [
        ("empty", "stop", False, False),
        ("truncated", "length", True, False),
        ("refused", "content_filter", False, False),
        ("choice-error", "error", True, True),
    ],
)
def test_answers_that_stop_short(completed: Completed, name: str, finish: str, *, text: bool, error: bool) -> None:
    """Incomplete answers differ in finish_reason, in whether they have text, and in the choice's error."""
    choice = completed(f"stand-in/{name}")["choices"][0]
    assert (finish, text, error) == (choice["finish_reason"], bool(choice["message"]["content"]), "error" in choice)


def test_choices_may_be_empty(completed: Completed) -> None:
    """A 200 may have an empty list of choices."""
    assert [] == completed("stand-in/no-choices")["choices"]


def test_everything_may_be_null(completed: Completed) -> None:
    """A 200 may have null for its choices and every other field except the time."""
    body = completed("stand-in/null-choices")
    assert "choices" in body
    assert {"created"} == {name for name, value in body.items() if value is not None}


@pytest.mark.parametrize("model", ["stand-in/no-such-scenario", "gpt-4o", "auto", "/", "openai/"])
def test_an_unknown_model_is_a_400(ask: Ask, model: str) -> None:
    """An unknown stand-in/ name, and a name without author or slug, are invalid model ids."""
    assert {"message": f"{model} is not a valid model ID", "code": 400} == refused(ask(model), "unknown-model")


def test_a_model_whose_alpha_has_ended(ask: Ask) -> None:
    """openrouter/horizon-beta is a 404, as recorded."""
    assert 404 == refused(ask("openrouter/horizon-beta"), "alpha-ended")["code"]


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({}, "missing-key"),
        ({"Authorization": "Bearer sk-proj-1"}, "unknown-key"),
        ({"Authorization": "Bearer sk-or-v1-invalid"}, "unknown-key"),
    ],
)
def test_a_key_is_looked_at_first(base_url: str, headers: dict[str, str], name: str) -> None:
    """A missing key, or one that is not OpenRouter's or is marked invalid, is a 401 before the body is read."""
    response = httpx.post(f"{base_url}/chat/completions", content=b"{", headers=headers, trust_env=False)
    assert 401 == refused(response, name)["code"]
    assert "user_id" not in response.json()


@pytest.mark.parametrize("vendor", ["openai", "azure", "anthropic", "bedrock", "gemini"])
@pytest.mark.parametrize(("method", "name"), [("POST", "missing-key"), ("GET", "unknown-path")])
def test_a_faulty_request_is_refused_on_every_wire(base_url: str, vendor: str, method: str, name: str) -> None:
    """On every wire, a request without a key, or for something that does not exist, gets its own error."""
    paths = {"anthropic": "v1/messages", "bedrock": "model/m/invoke", "gemini": "models/m:generateContent"}
    url = f"{stand_in.vendor_url(base_url, vendor, 'server-error')}/{paths.get(vendor, 'responses')}"
    response = httpx.request(method, url, trust_env=False)
    assert (name, 4) == (response.headers["x-stand-in"], response.status_code // 100)


HELLO = [{"role": "user", "content": "hello"}]
ENDLESS = {"json_schema": {"schema": {"$ref": "#"}}}


def test_a_completion_may_stand_in_the_wrong_place(completed: Completed) -> None:
    """The nested scenario has a completion in `provider`, and null for everything else."""
    body = completed("stand-in/nested-completion")
    assert {"provider"} == {name for name, value in body.items() if value is not None}
    assert body["provider"]["choices"][0]["message"]["content"]


def test_an_error_may_stand_beside_an_answer(completed: Completed) -> None:
    """The error-beside-answer scenario has both, and the account's id."""
    body = completed("stand-in/error-beside-answer")
    assert 502 == body["error"]["code"]
    assert body["choices"][0]["message"]["content"]
    assert body["user_id"]


def test_huge_is_five_megabytes(completed: Completed) -> None:
    """The huge scenario is a whole completion of five million characters."""
    choice = completed("stand-in/huge")["choices"][0]
    assert (5_000_000, "stop") == (len(choice["message"]["content"]), choice["finish_reason"])


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b"{", "bad-json"),
        (b"[]", "bad-json"),
        (b"\xff", "bad-json"),
        pytest.param(b'{"a":' * 100_000, "too-deep", id="a body without end"),
        (dumped(model="stand-in/structured", messages=HELLO, response_format=ENDLESS), "too-deep"),
        (b"{}", "no-messages"),
        (dumped(messages=[]), "no-messages"),
        (dumped(messages=["hello"]), "no-messages"),
        (dumped(messages=[{"role": "user", "content": ""}]), "no-input"),
        (dumped(messages=[{"role": "user", "content": [{"type": "input_text", "text": "hello"}]}]), "no-input"),
    ],
)
def test_a_faulty_body_is_a_400(client: httpx.Client, body: bytes, name: str) -> None:
    """A body that OpenRouter would refuse is refused."""
    assert 400 == refused(client.post("/chat/completions", content=body), name)["code"]


@pytest.mark.parametrize(("method", "path"), [("GET", "/nothing"), ("GET", "/chat/completions"), ("POST", "/")])
def test_other_paths_and_methods_are_not_found(client: httpx.Client, method: str, path: str) -> None:
    """Other paths and methods are a 404 in the form of an error."""
    assert 404 == refused(client.request(method, path), "unknown-path")["code"]
