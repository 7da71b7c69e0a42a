"""The stand-in for OpenRouter: what it announces, what it puts on the wire, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import zlib
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest
from pydantic import BaseModel, Field, ValidationError

import stand_in
from stand_in.scenarios import REFUSALS, SCENARIOS
from stand_in.schema import instance

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "sk-or-v1-stand-in"
PADDING = b"\n         \n"
QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
SOURCE = str(Path(stand_in.__file__).resolve().parent.parent)


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    """Start one stand-in for the whole file."""
    with stand_in.running() as url:
        yield url


@pytest.fixture(scope="module")
def client(base_url: str) -> Iterator[httpx.Client]:
    """Return a client with a good key."""
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx.Client(base_url=base_url, headers=headers, timeout=10, trust_env=False) as client:
        yield client


def ask(client: httpx.Client, model: str, **fields: Any) -> httpx.Response:
    """Send one question to a model."""
    return client.post("/chat/completions", json={"model": model, "messages": QUESTION, **fields})


def completed(client: httpx.Client, model: str, **fields: Any) -> dict[str, Any]:
    """Return the body of a 200."""
    response = ask(client, model, **fields)
    assert 200 == response.status_code
    body: dict[str, Any] = response.json()
    return body


def content(client: httpx.Client, model: str, **fields: Any) -> str:
    """Return the text of a completion."""
    text: str = completed(client, model, **fields)["choices"][0]["message"]["content"]
    return text


def requested(base_url: str, model: str, *, encoding: str = "identity") -> bytes:
    """Return a request as bytes, for the tests that look at the bytes of its answer."""
    body = json.dumps({"model": model, "messages": QUESTION}).encode()
    where = urlsplit(base_url)
    head = (
        f"POST {where.path}/chat/completions HTTP/1.1\r\nHost: {where.netloc}\r\n"
        f"Authorization: Bearer {KEY}\r\nAccept-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def chunks(base_url: str, model: str, *, encoding: str) -> list[bytes]:
    """Return the chunks of an answer as they were framed, the empty last one left out."""
    where = urlsplit(base_url)
    with socket.create_connection((where.hostname or "", where.port or 0), timeout=10) as connection:
        connection.sendall(requested(base_url, model, encoding=encoding))
        with connection.makefile("rb") as answer:
            while answer.readline() != b"\r\n":
                pass
            found = []
            while size := int(answer.readline(), 16):
                found.append(answer.read(size))
                answer.readline()
            return found


def launched(*arguments: str) -> subprocess.Popen[str]:
    """Start the command line with every warning an error."""
    return subprocess.Popen(
        [sys.executable, "-X", "dev", "-W", "error", "-m", "stand_in", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": SOURCE},
        text=True,
    )


def printed(*arguments: str) -> str:
    """Return what the command line prints when it exits by itself."""
    with launched(*arguments) as process:
        out, err = process.communicate(timeout=30)
    assert (0, "") == (process.returncode, err)
    return out


def test_it_says_what_it_is_and_where() -> None:
    """The one line printed at the start says that this is a stand-in, and its base URL."""
    with launched("--port", "0") as process:
        assert process.stdout
        line = process.stdout.readline()
        process.terminate()
        out, _ = process.communicate(timeout=30)
    assert re.fullmatch(
        r"stand-in for OpenRouter \(nothing here is a real model\) on http://127\.0\.0\.1:\d+/api/v1\n", line
    )
    assert "" == out


def test_the_listing_names_every_scenario_and_its_source() -> None:
    """`--list` prints each model name with what it does and what it follows."""
    listing = printed("--list")
    for scenario in SCENARIOS.values():
        assert f"stand-in/{scenario.name} " in listing
        assert scenario.does in listing
        assert scenario.follows in listing


def test_help_teaches() -> None:
    """`--help` says which variable to set and how a scenario is chosen."""
    text = printed("--help")
    assert "OPENROUTER_BASE_URL" in text
    assert "stand-in/rate-limited" in text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_without_a_word(number: signal.Signals) -> None:
    """Interrupted with one connection idle and one unanswered, it exits with 0 and writes nothing."""
    with launched("--port", "0") as process:
        assert process.stdout
        url = process.stdout.readline().rpartition(" ")[2].strip()
        headers = {"Authorization": f"Bearer {KEY}"}
        slow = {"model": "stand-in/slow", "messages": QUESTION}
        with httpx.Client(base_url=url, headers=headers, trust_env=False) as client:
            ask(client, "stand-in/completion")
            with client.stream("POST", "/chat/completions", json=slow):
                process.send_signal(number)
                out, err = process.communicate(timeout=30)
    assert (0, "", "") == (process.returncode, out, err)


def test_it_ends_with_its_parent() -> None:
    """Attached, it exits when its standard input closes, as it does when the process that started it dies."""
    with launched("--port", "0", "--attached") as process:
        assert process.stdout
        assert process.stdin
        process.stdout.readline()
        process.stdin.close()
        assert 0 == process.wait(timeout=30)
        assert process.stderr
        assert "" == process.stderr.read()


def test_a_port_in_use_is_one_sentence(base_url: str) -> None:
    """When it cannot listen it says so and why, without a traceback."""
    with launched("--port", str(urlsplit(base_url).port)) as process:
        _, err = process.communicate(timeout=30)
    assert 1 == process.returncode
    assert err.startswith("stand_in: cannot listen on 127.0.0.1:")
    assert 1 == err.count("\n")


def test_a_stand_in_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """When the process ends before it announces itself, `running` raises with what it wrote to stderr."""
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no such module >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    with pytest.raises(RuntimeError, match=r"did not start.*\n*no such module"), stand_in.running():
        pass


def test_importing_it_is_cheap() -> None:
    """Importing the package brings in the standard library only, and nothing of the application."""
    code = "import sys; before = set(sys.modules); import stand_in; print(*set(sys.modules) - before)"
    found = subprocess.run(  # the interpreter that runs the tests
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": SOURCE},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name.partition(".")[0] for name in found.stdout.split()}
    assert {"stand_in"} == loaded - sys.stdlib_module_names


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name != "slow"])
def test_every_scenario_answers_with_its_status(client: httpx.Client, name: str) -> None:
    """Each answers with the status that the table claims, says which it is, and names a public source."""
    scenario = SCENARIOS[name]
    response = ask(client, f"stand-in/{name}", user=f"status of {name}")
    assert scenario.status == response.status_code
    assert name == response.headers["x-stand-in"]
    assert re.match(r"[\w.-]+/[\w.-]+ \S|https://github\.com/", scenario.follows)


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_padding_is_the_recorded_unit(base_url: str, encoding: str) -> None:
    """Three units of LF, nine spaces, LF come first, each a chunk and a compressed block of its own."""
    raw = chunks(base_url, "stand-in/completion", encoding=encoding)
    unpack = zlib.decompressobj(wbits=31)
    blocks = raw if encoding == "identity" else [unpack.decompress(chunk) for chunk in raw]
    assert [PADDING] * 3 == blocks[:3]
    assert "chat.completion" == json.loads(blocks[3])["object"]
    if encoding == "gzip":
        assert all(chunk.endswith(b"\x00\x00\xff\xff") for chunk in raw[:3])


def test_gzip_and_identity_say_the_same(client: httpx.Client) -> None:
    """A client that offers gzip gets it, one that does not gets none, and both get the same body."""
    bodies = []
    for encoding in ("gzip, deflate", "identity"):
        response = client.post(
            "/chat/completions",
            json={"model": "stand-in/no-endpoints", "messages": QUESTION},
            headers={"Accept-Encoding": encoding},
        )
        assert ("gzip" in encoding) == (response.headers.get("content-encoding") == "gzip")
        assert "content-length" not in response.headers
        assert "chunked" == response.headers["transfer-encoding"]
        bodies.append(response.content)
    assert bodies[0] == bodies[1]


def test_headers_carry_what_must_be_scrubbed(client: httpx.Client) -> None:
    """An answer has OpenRouter's headers: its id in body and header, a Cloudflare ray, and a cookie."""
    response = ask(client, "stand-in/completion")
    generation = response.headers["x-generation-id"]
    assert re.fullmatch(r"gen-\d{10}-[A-Za-z0-9]{20}", generation)
    assert generation == response.json()["id"]
    assert re.fullmatch(r"[0-9a-f]{16}-[A-Z]{3}", response.headers["cf-ray"])
    assert re.match(r"__cf_bm=\S+; HttpOnly; SameSite=None; Secure; ", response.headers["set-cookie"])
    assert ("OK", "cloudflare") == (response.reason_phrase, response.headers["server"])
    assert "x-generation-id" not in ask(client, "stand-in/server-error").headers


def test_errors_carry_the_account(client: httpx.Client) -> None:
    """An error body has the account's id beside the error, the same for the same key."""
    bodies = [ask(client, f"stand-in/{name}").json() for name in ("no-endpoints", "error-in-200")]
    assert re.fullmatch(r"user_[A-Za-z0-9]{27}", bodies[0]["user_id"])
    assert bodies[0]["user_id"] == bodies[1]["user_id"]
    assert {"message": "No endpoints found for stand-in/no-endpoints.", "code": 404} == bodies[0]["error"]


RECORDED_FIELDS = {
    "body": "id object created model provider system_fingerprint service_tier choices usage",
    "choice": "index logprobs finish_reason native_finish_reason message",
    "message": "role content refusal reasoning",
    "usage": "prompt_tokens completion_tokens total_tokens cost is_byok prompt_tokens_details cost_details "
    "completion_tokens_details",
}


def test_a_completion_has_the_recorded_fields(client: httpx.Client) -> None:
    """A completion has the fields of the recordings of 2026, in their order."""
    body = completed(client, "stand-in/completion")
    choice = body["choices"][0]
    assert RECORDED_FIELDS == {
        "body": " ".join(body),
        "choice": " ".join(choice),
        "message": " ".join(choice["message"]),
        "usage": " ".join(body["usage"]),
    }
    assert "capital of France" in choice["message"]["content"]


def test_usage_adds_up_and_varies(client: httpx.Client) -> None:
    """Totals and costs are sums of their parts, and a longer prompt costs more."""
    short = completed(client, "stand-in/completion")["usage"]
    long = completed(client, "stand-in/completion", messages=[{"role": "user", "content": "Why? " * 400}])["usage"]
    assert short["prompt_tokens"] + short["completion_tokens"] == short["total_tokens"]
    parts = short["cost_details"]
    assert short["cost"] == parts["upstream_inference_cost"]
    assert short["cost"] == pytest.approx(
        parts["upstream_inference_prompt_cost"] + parts["upstream_inference_completions_cost"]
    )
    assert long["cost"] > short["cost"] > 0


def test_who_pays(client: httpx.Client) -> None:
    """A caller's own key costs 0 beside the upstream's cost, a free model 0; no-cost reports only tokens."""
    byok = completed(client, "stand-in/byok")["usage"]
    free = completed(client, "stand-in/free")["usage"]
    assert (0, True) == (byok["cost"], byok["is_byok"])
    assert byok["cost_details"]["upstream_inference_cost"] > 0
    assert (0, False) == (free["cost"], free["is_byok"])
    assert {"prompt_tokens", "completion_tokens", "total_tokens"} == set(completed(client, "stand-in/no-cost")["usage"])


def test_a_cached_prompt_is_counted_and_cheaper(client: httpx.Client) -> None:
    """A cache hit counts reads and writes inside the prompt, costs less, and serves a dated model."""
    messages = [{"role": "user", "content": "Why? " * 400}]
    hit = completed(client, "stand-in/prompt-cache-hit", messages=messages)
    details = hit["usage"]["prompt_tokens_details"]
    assert 0 < details["cache_write_tokens"] < details["cached_tokens"] < hit["usage"]["prompt_tokens"]
    assert hit["usage"]["cost"] < completed(client, "stand-in/completion", messages=messages)["usage"]["cost"]
    assert "stand-in/prompt-cache-hit-20260217" == hit["model"]


def test_max_tokens_truncates_any_completion(client: httpx.Client) -> None:
    """An answer longer than max_tokens ends there: finish_reason length and the provider's own word."""
    for model, native in (("stand-in/completion", "length"), ("stand-in/byok", "max_tokens")):
        body = completed(client, model, max_tokens=3)
        choice = body["choices"][0]
        assert ("length", native) == (choice["finish_reason"], choice["native_finish_reason"])
        assert 3 == body["usage"]["completion_tokens"]
    roomy = completed(client, "stand-in/completion", max_tokens=1000)
    assert "stop" == roomy["choices"][0]["finish_reason"]


def test_reasoning_is_spent_first(client: httpx.Client) -> None:
    """Reasoning comes as text and in details, counts as completion, and can leave none for the answer."""
    body = completed(client, "stand-in/reasoning")
    message = body["choices"][0]["message"]
    assert message["reasoning"] == message["reasoning_details"][0]["text"]
    assert 0 < body["usage"]["completion_tokens_details"]["reasoning_tokens"] < body["usage"]["completion_tokens"]
    assert "" == content(client, "stand-in/reasoning", max_tokens=5)


class Colour(StrEnum):
    """An enum of strings."""

    RED = "red"
    BLUE = "blue"


class Part(BaseModel):
    """A model that holds itself."""

    name: Annotated[str, Field(min_length=40)]
    weight: Annotated[float, Field(ge=2, lt=3)] | None
    parts: list[Part] = []


class Machine(BaseModel):
    """One field for each kind of schema."""

    id: UUID
    built: date
    seen: datetime
    colour: Colour
    kind: Literal["mill"]
    wheels: Annotated[int, Field(ge=4, multiple_of=3)]
    working: bool
    main: Part
    parts: Annotated[list[Part], Field(min_length=2)]
    position: tuple[int, str]
    labels: dict[str, str]
    nothing: None


class Answer(BaseModel):
    """Upper bounds."""

    text: Annotated[str, Field(max_length=5)]
    score: Annotated[int, Field(gt=-5, le=-2)]


@pytest.mark.parametrize("model", [Machine, Answer, Part])
def test_structured_content_fits_its_schema(client: httpx.Client, model: type[BaseModel]) -> None:
    """Any model asked for JSON answers with an object that the requested schema accepts."""
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": model.model_json_schema()}}
    model.model_validate_json(content(client, "openai/gpt-4o-mini", response_format=schema))


def test_the_schema_is_found_in_a_system_message(client: httpx.Client) -> None:
    """Without one in response_format, the first JSON object inside a system message is the schema."""
    system = f"Answer {{in JSON}} that fits {json.dumps(Machine.model_json_schema())}, {{please}}."
    messages = [{"role": "system", "content": system}, *QUESTION]
    Machine.model_validate_json(content(client, "stand-in/structured", messages=messages))


def test_json_in_prose_and_in_a_fence(client: httpx.Client) -> None:
    """The two wrapped scenarios hold the same JSON between two sentences and in a Markdown fence."""
    asked = {"json_schema": {"schema": Answer.model_json_schema()}}
    prose = content(client, "stand-in/structured-in-prose", response_format=asked)
    fence = content(client, "stand-in/structured-in-fence", response_format=asked)
    Answer.model_validate_json(prose[prose.index("{") : prose.rindex("}") + 1])
    Answer.model_validate_json(fence.removeprefix("```json\n").removesuffix("\n```"))


@pytest.mark.parametrize("model", [Machine, Answer, Part])
def test_structured_invalid_is_json_that_does_not_fit(client: httpx.Client, model: type[BaseModel]) -> None:
    """The invalid scenario answers with JSON that has the schema's keys and that the schema refuses."""
    asked = {"json_schema": {"schema": model.model_json_schema()}}
    text = content(client, "stand-in/structured-invalid", response_format=asked)
    assert set(model.model_fields) == set(json.loads(text))
    with pytest.raises(ValidationError):
        model.model_validate_json(text)


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"enum": ["b", "a"]}, "b"),
        ({"const": 7}, 7),
        ({"type": ["null", "string"]}, None),
        ({"type": "integer", "exclusiveMinimum": 4}, 5),
        ({"type": "array", "items": {"type": "boolean"}, "minItems": 2}, [True, True]),
        ({"type": "array", "items": {"type": "boolean"}, "maxItems": 0}, []),
        (
            {"allOf": [{"$ref": "#/$defs/a~1b"}], "$defs": {"a/b": {"properties": {"x": {"const": 1}}}}},
            {"x": 1},
        ),
        (True, "answer, says the stand-in"),
    ],
)
def test_instances_of_small_schemas(schema: object, expected: object) -> None:
    """Each keyword of a schema is followed by itself."""
    assert expected == instance(schema)


WEATHER = {
    "name": "weather",
    "parameters": {"properties": {"city": {"type": "string"}}, "required": ["city"]},
}
CLOCK = {"name": "clock", "parameters": {"type": "object", "properties": {}}}
TOOLS = [{"type": "function", "function": WEATHER}, {"type": "function", "function": CLOCK}]


def test_a_request_with_tools_gets_a_call_then_text(client: httpx.Client) -> None:
    """The first tool, or the one tool_choice names, is called with fitting arguments; then comes text."""
    choice = completed(client, "openai/gpt-4o-mini", tools=TOOLS)["choices"][0]
    call = choice["message"]["tool_calls"][0]
    assert "tool_calls" == choice["finish_reason"]
    assert ("function", "weather") == (call["type"], call["function"]["name"])
    assert {"city"} == set(json.loads(call["function"]["arguments"]))

    named = {"type": "function", "function": {"name": "clock"}}
    other = completed(client, "openai/gpt-4o-mini", tools=TOOLS, tool_choice=named)["choices"][0]["message"]
    assert ("clock", "{}") == tuple(other["tool_calls"][0]["function"].values())

    told = [*QUESTION, {"role": "tool", "tool_call_id": call["id"], "content": "sunny"}]
    assert "stand-in" in content(client, "openai/gpt-4o-mini", tools=TOOLS, messages=told)
    assert "stand-in" in content(client, "openai/gpt-4o-mini", tools=TOOLS, tool_choice="none")


def test_answers_that_are_no_answer(client: httpx.Client) -> None:
    """Whitespace, half a JSON, empty and null choices arrive as 200s that ended properly."""
    assert PADDING * 3 == ask(client, "stand-in/whitespace").content
    with pytest.raises(json.JSONDecodeError):
        ask(client, "stand-in/cut-json").json()
    assert [] == completed(client, "stand-in/no-choices")["choices"]
    assert completed(client, "stand-in/null-choices")["choices"] is None
    assert ask(client, "stand-in/html").headers["content-type"].startswith("text/html")


def test_answers_that_stop_short(client: httpx.Client) -> None:
    """Empty, truncated and refused answers, and one that broke off, differ by finish_reason and error."""
    found = {}
    for name in ("empty", "truncated", "refused", "choice-error"):
        choice = completed(client, f"stand-in/{name}")["choices"][0]
        found[name] = (choice["finish_reason"], bool(choice["message"]["content"]), "error" in choice)
    assert {
        "empty": ("stop", False, False),
        "truncated": ("length", True, False),
        "refused": ("content_filter", False, False),
        "choice-error": ("error", True, True),
    } == found


def test_hints_when_to_come_back(client: httpx.Client) -> None:
    """Retry-After stands where the scenario has one; the daily cap resets hours ahead, in milliseconds."""
    assert "1" == ask(client, "stand-in/rate-limited").headers["retry-after"]
    assert "1" == ask(client, "stand-in/overloaded").headers["retry-after"]
    assert "retry-after" not in ask(client, "stand-in/rate-limited-no-hint").headers
    error = ask(client, "stand-in/daily-cap").json()["error"]
    reset = datetime.fromtimestamp(int(error["metadata"]["headers"]["X-RateLimit-Reset"]) / 1000, UTC)
    assert 9.9 < (reset.timestamp() - time.time()) / 3600 < 10.1


def test_no_credits_names_what_was_asked(client: httpx.Client) -> None:
    """The 402 says how many tokens the request asked for, and fewer that the credit covers."""
    message = ask(client, "stand-in/no-credits", max_tokens=900).json()["error"]["message"]
    assert "requested up to 900 tokens, but can only afford 450." in message


def test_flaky_fails_once_per_user(client: httpx.Client) -> None:
    """The first request of a user, or of a first message, is turned away with a 503, the next completed."""
    for fields in (
        {"user": "a"},
        {"user": "b"},
        {"messages": [{"role": "user", "content": "a new question"}]},
    ):
        first, second = (ask(client, "stand-in/flaky", **fields).status_code for _ in range(2))
        assert (503, 200) == (first, second)


def test_slow_never_answers_and_stops_with_its_client(client: httpx.Client, base_url: str) -> None:
    """The slow scenario pads until its client leaves, and the server serves on."""
    slow = {"model": "stand-in/slow", "messages": QUESTION}
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx.stream("POST", f"{base_url}/chat/completions", json=slow, headers=headers, trust_env=False) as response:
        received = b""
        for block in response.iter_bytes():
            received += block
            if len(received) >= 5 * len(PADDING):
                break
    assert PADDING * 5 == received[: 5 * len(PADDING)]
    assert "chat.completion" == completed(client, "stand-in/completion")["object"]


def test_many_connections_at_once(base_url: str) -> None:
    """Two hundred connections are open and padded at the same time."""
    asyncio.run(two_hundred_paddings(base_url))


async def two_hundred_paddings(base_url: str) -> None:
    """Read the first padding of each connection while all the others are open."""
    where = urlsplit(base_url)

    async def first_padding() -> tuple[bytes, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        writer.write(requested(base_url, "stand-in/slow"))
        await reader.readuntil(b"\r\n\r\n")
        return await reader.readexactly(len(b"b\r\n" + PADDING)), writer

    found = await asyncio.gather(*(first_padding() for _ in range(200)))
    assert {b"b\r\n" + PADDING} == {received for received, _ in found}
    for _, writer in found:
        writer.close()
        await writer.wait_closed()


def refused(response: httpx.Response, name: str) -> dict[str, Any]:
    """Return the error of a refusal, its name and status as the table has them."""
    assert (name, REFUSALS[name].status) == (response.headers["x-stand-in"], response.status_code)
    error: dict[str, Any] = response.json()["error"]
    assert response.status_code == error["code"]
    return error


@pytest.mark.parametrize("model", ["stand-in/no-such-scenario", "gpt-4o", "auto", "/", "openai/"])
def test_an_unknown_model_is_a_400(client: httpx.Client, model: str) -> None:
    """A stand-in/ name that is no scenario, and a name without author and slug, are not valid model ids."""
    response = ask(client, model)
    assert f"{model} is not a valid model ID" == refused(response, "unknown-model")["message"]
    assert response.json()["user_id"].startswith("user_")


@pytest.mark.parametrize("model", ["openai/gpt-4o", "openrouter/auto", "~anthropic/claude-opus-latest", "a/b:free"])
def test_any_other_model_completes(client: httpx.Client, model: str) -> None:
    """A model of any author, OpenRouter's own included, is answered with a completion under its name."""
    assert model == completed(client, model)["model"]


def test_a_model_whose_alpha_has_ended(client: httpx.Client) -> None:
    """openrouter/horizon-beta is gone, as recorded."""
    assert "alpha period" in refused(ask(client, "openrouter/horizon-beta"), "alpha-ended")["message"]


def test_keys(base_url: str) -> None:
    """No key, and a key that is not OpenRouter's or is marked invalid, are refused in OpenRouter's words."""
    url, body = f"{base_url}/chat/completions", {"model": "stand-in/completion", "messages": QUESTION}
    assert (
        refused(httpx.post(url, json=body, trust_env=False), "missing-key")["message"]
        == "Missing Authentication header"
    )
    for key in ("sk-proj-1", "sk-or-v1-invalid"):
        response = httpx.post(url, json=body, headers={"Authorization": f"Bearer {key}"}, trust_env=False)
        assert "User not found." == refused(response, "unknown-key")["message"]


ENDLESS_SCHEMA = json.dumps(
    {
        "messages": QUESTION,
        "model": "stand-in/structured",
        "response_format": {"json_schema": {"schema": {"$ref": "#"}}},
    }
).encode()


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b"{", "bad-json"),
        (b"[]", "bad-json"),
        (b"\xff", "bad-json"),
        (b'{"a":' * 100_000, "too-deep"),
        (ENDLESS_SCHEMA, "too-deep"),
        (b"{}", "no-messages"),
        (b'{"messages": []}', "no-messages"),
        (b'{"messages": ["hello"]}', "no-messages"),
        (b'{"messages": [{"role": "user", "content": ""}]}', "no-input"),
        (
            b'{"messages": [{"role": "user", "content": [{"type": "input_text", "text": "hello"}]}]}',
            "no-input",
        ),
        (b'{"messages": [{"role": "user", "content": "hello"}], "stream": true}', "streaming"),
    ],
)
def test_faulty_bodies(client: httpx.Client, body: bytes, name: str) -> None:
    """A body that OpenRouter would refuse is refused with 400, and so is one that asks to stream."""
    refused(client.post("/chat/completions", content=body), name)


def test_other_paths_and_methods_are_not_found(client: httpx.Client) -> None:
    """Anything but POST /chat/completions is a 404 in the shape of an error; the connection lives on."""
    refused(client.get("/models"), "unknown-path")
    refused(client.get("/chat/completions"), "unknown-path")
    assert 404 == client.head("/models").status_code
    assert "chat.completion" == completed(client, "stand-in/completion")["object"]


def test_what_is_said_comes_back_whole(client: httpx.Client) -> None:
    """Text outside ASCII, control characters and lone surrogates survive the way there and back."""
    said = 'né "\x00" 日本 \ud800'
    raw = json.dumps({"model": "a/b", "messages": [{"role": "user", "content": said}]}).encode()
    response = client.post("/chat/completions", content=raw)
    assert said in response.json()["choices"][0]["message"]["content"]
    assert "日本".encode() in response.content
