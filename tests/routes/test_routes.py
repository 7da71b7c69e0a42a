"""The routes: what is returned, to whom, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from modules.llm_services.routes import llm_router
from routes.mounted import COMPLETION, MESSAGES, application, asked, post
from support.calls import only_row, rows
from support.processes import bare_environment

if TYPE_CHECKING:
    import httpx
    from sqlalchemy import Engine

BACKEND = Path(__file__).resolve().parents[2] / "backend"
BODIES = ("request_payload", "response_raw")


def test_an_answer_comes_with_the_id_of_its_row(database: Engine, client: httpx.Client) -> None:
    """POST returns the response and the id of its row, which is settled and has the request."""
    body = asked(user_id=7, temperature=0.2, max_output_tokens=50, provider_kwargs={"seed": 1})
    answer = client.post("/responses", json=body)
    row = only_row(database)
    assert (200, {"request_id", "response"}) == (answer.status_code, set(answer.json()))
    assert (str(row.id), row.response_content) == (answer.json()["request_id"], answer.json()["response"]["content"])
    assert ("completed", COMPLETION, 7, 0.2, 50) == (
        row.status,
        row.model,
        row.user_id,
        row.temperature,
        row.max_output_tokens,
    )
    assert (MESSAGES, {"seed": 1}) == (row.messages, row.additional_params)


def test_requests_are_read(database: Engine, client: httpx.Client) -> None:
    """A request is read whole by its id, and without its bodies in its user's list, newest first, in pages."""
    ids = [client.post("/responses", json=asked(user_id=7)).json()["request_id"] for _ in range(3)]
    client.post("/responses", json=asked(user_id=8))
    assert 4 == len(rows(database))
    whole = client.get(f"/requests/{ids[2]}").json()
    pages = [client.get("/requests", params={"user_id": 7, "limit": 2, "offset": start}).json() for start in (0, 2)]
    assert ids[::-1] == [request["id"] for page in pages for request in page]
    assert whole | dict.fromkeys(BODIES) == pages[0][0]
    assert ("stand-in/completion", 200) == (whole["request_payload"]["model"], whole["response_raw"]["status_code"])


def test_a_request_that_is_not_there_is_a_404(client: httpx.Client) -> None:
    """An unknown id is a 404 with the documented text; a user without requests has an empty list."""
    missing = client.get(f"/requests/{uuid4()}")
    assert (404, {"detail": "LLM request not found"}) == (missing.status_code, missing.json())
    assert [] == client.get("/requests", params={"user_id": 10**30, "offset": 10**30}).json()


@pytest.mark.parametrize(
    "path", [f"/requests?{query}" for query in ("", "user_id=me", "user_id=1&limit=0", "user_id=1&limit=501")]
    + ["/requests?user_id=1&offset=-1", "/requests/nonsense"],
)  # fmt: skip
def test_a_question_of_the_wrong_form_is_a_422(client: httpx.Client, path: str) -> None:
    """A list requires a user, a limit from 1 to 500 and an offset from 0; an id is a UUID."""
    assert 422 == client.get(path).status_code


def test_strangers_get_nothing(database: Engine, client: httpx.Client) -> None:
    """An unknown client gets the deployment's 401 on every route, and nothing is sent."""
    strange = {"Authorization": "Bearer a-guess"}
    answers = [
        client.post("/responses", json=asked(), headers=strange),
        client.get("/requests?user_id=1", headers=strange),
        client.get(f"/requests/{uuid4()}", headers=strange),
    ]
    assert [(401, {"detail": "who are you?"})] * 3 == [(answer.status_code, answer.json()) for answer in answers]
    assert [] == rows(database)


@pytest.mark.parametrize("missing", [None, "token", True])
def test_there_are_no_routes_for_everybody(missing: object) -> None:
    """A router without authentication raises a TypeError that says what is missing."""
    with pytest.raises(TypeError, match="llm_router needs your authentication"):
        llm_router(missing)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        (asked("gpt-99"), 400, "gpt-99"),
        (asked("openrouter/"), 400, "openrouter/<author>/<model>"),
        (asked(messages=[{"role": "wizard", "content": "x"}]), 400, "messages.0.role is unknown: use one of system"),
        (asked(provider_kwargs={"seed": "one"}), 400, "option seed"),
        (asked(provider_kwargs={"metadata": {"\ud800": 1}}), 400, "option metadata"),
        (asked("m" * 101), 422, "model"),
        (asked(messages=[]), 422, "messages"),
        (asked(messages=[{"content": "x"}]), 422, "role"),
        (asked(messages=[{"role": "user", "content": ""}]), 422, "content"),
        (asked(messages=[{"role": "user", "content": " \n"}]), 422, "content"),
        (asked(messages=[{"role": "user"}]), 422, "content"),
        (asked(messages=[{"role": "user", "content": []}]), 422, "content"),
        (asked(messages=[{"role": "user", "content": "x"}, {"role": "assistant", "content": ""}]), 422, "content"),
        (asked(temperature=2.1), 422, "temperature"),
        (asked(temperature=float("nan")), 422, "temperature"),
        (asked(temperature="0.5"), 422, "temperature"),
        (asked(max_output_tokens=0), 422, "max_output_tokens"),
        (asked(max_output_tokens=2**31), 422, "max_output_tokens"),
        (asked(user_id=2**31), 422, "user_id"),
        (asked(max_tokens=5), 422, "max_tokens"),
        (asked(model="\ud800"), 422, "model"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(
    database: Engine, client: httpx.Client, body: dict[str, Any], status: int, named: str
) -> None:
    """An unknown model, role or option value is a 400, an invalid form a 422; both name it, and nothing is sent."""
    answer = post(client, json.dumps(body))
    assert status == answer.status_code
    assert named in str(answer.json()["detail"])
    assert [] == rows(database)


def test_an_odd_row_is_shown_as_it_is(database: Engine, client: httpx.Client) -> None:
    """An invalid row from another program hides neither itself nor other rows."""
    request_id = client.post("/responses", json=asked(user_id=7)).json()["request_id"]
    client.post("/responses", json=asked(user_id=7))
    is_sqlite = database.dialect.name == "sqlite"
    with database.begin() as connection:
        odd = text("UPDATE llm_requests SET messages = :messages, cached = :cached WHERE id = :id")
        key = request_id.replace("-", "") if is_sqlite else request_id
        values = {"messages": '[{"content": "\\ud800"}]', "cached": False, "id": key}
        assert 1 == connection.execute(odd, values).rowcount
    listed = client.get("/requests?user_id=7").json()
    assert [request_id] == [each["id"] for each in listed if each["messages"] == [{"content": "\ufffd"}]]
    assert 2 == len(listed)


def test_every_status_is_documented_with_its_schema() -> None:
    """The generated OpenAPI has each route's statuses with their schemas."""
    paths = application().openapi()["paths"]
    told = {
        path.removeprefix("/api/v1/llm"): {
            status: answer["content"]["application/json"]["schema"].get("$ref", "list").rsplit("/")[-1]
            for status, answer in operation["responses"].items()
        }
        for path, operations in paths.items()
        for operation in operations.values()
    }
    failures = {"422": "HTTPValidationError", "503": "Problem"}
    assert {
        "/responses": {"200": "CreatedResponse", "400": "Problem", "502": "FailedCall", **failures},
        "/requests": {"200": "list", **failures},
        "/requests/{request_id}": {"200": "LLMRequest", "404": "Problem", **failures},
    } == told


def test_the_door_opens_without_fastapi() -> None:
    """Importing `public` does not import FastAPI, which only applications with routes need."""
    statement = "import sys, modules.llm_services.public; print('fastapi' in sys.modules)"
    command = [sys.executable, "-c", statement]
    environment = bare_environment(PYTHONPATH=str(BACKEND))
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "False\n" == done.stdout
