"""The errors for requests that OpenRouter refuses to pass to a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from faults.outcomes import check_exception, check_nothing_is_left, check_row, outcome
from modules.llm_services.public import LLMMessage, ToolDefinition, llm_services_provider
from stand_in.scenarios import FAULTY_REQUESTS, SCENARIOS
from support.attempts import rows

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy.orm import Session

# The module always sends a key, a JSON object and a message; the last two scenarios are not calls.
NEVER_SENT = {"missing-key", "bad-json", "no-messages", "generation-not-found", "not-a-management-key"}
ENVIRONMENT = {
    "unknown-key": {"OPENROUTER_API_KEY": "sk-or-v1-invalid"},
    "unknown-path": {"OPENROUTER_BASE_URL": "{url}/v2"},
}
CALLS: dict[str, dict[str, Any]] = {
    "no-input": {"content": ""},
    "unknown-model": {"model": "openrouter/stand-in/no-such-scenario"},
    "alpha-ended": {"model": "openrouter/openrouter/horizon-beta"},
    "too-deep": {"parameters": {"$ref": "#"}},
    "bad-schema": {"parameters": {"properties": [1]}},
}


async def ask(
    session: Session,
    content: str = "Hello",
    model: str = "openrouter/author/model",
    parameters: dict[str, Any] | None = None,
) -> UUID:
    """Make a call, with a tool if its parameters are given; return the id of the answered row."""
    llm, messages = llm_services_provider(session), [LLMMessage(role="user", content=content)]
    if parameters is None:
        return (await llm.generate_response(messages, model=model))[1]
    tool = ToolDefinition(name="tool", description="a tool", parameters=parameters)
    return (await llm.generate_response_with_tools(messages, [tool], model=model))[2]


def test_every_faulty_request_is_tried() -> None:
    """All errors that a caller of the module can cause are tried, and no others."""
    assert {scenario.name for scenario in FAULTY_REQUESTS} - NEVER_SENT == set(ENVIRONMENT) | set(CALLS)


@pytest.mark.parametrize("name", [*ENVIRONMENT, *CALLS])
async def test_a_faulty_request_ends_as_expected(
    session: Session, monkeypatch: pytest.MonkeyPatch, base_url: str, name: str
) -> None:
    """The exception and the row are the scenario's, the cost is unknown, and nothing is left open."""
    for variable, value in ENVIRONMENT.get(name, {}).items():
        monkeypatch.setenv(variable, value.format(url=base_url))
    seen = await outcome(ask(session, **CALLS.get(name, {})))
    await check_nothing_is_left(session)
    [row] = rows(session)
    check_row(SCENARIOS[name], seen, row)
    check_exception(SCENARIOS[name], seen.error)
