"""Requests 06: every model name with the prefix `openrouter/` is translated, in every field."""

# ruff: noqa: ANN401 - what a caller may give, and what a wire may hold, is of any type

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cases.bodies import VENDORS, completion

if TYPE_CHECKING:
    from cases.caller import Caller


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (["openrouter/openai/gpt-5"], ["openai/gpt-5"]),
        (["openrouter/openai/gpt-5", "anthropic/claude-sonnet-4.5"], ["openai/gpt-5", "anthropic/claude-sonnet-4.5"]),
        (["openai/gpt-5"], ["openai/gpt-5"]),
        (["openrouter/openai/gpt-5:free"], ["openai/gpt-5:free"]),
        (["openrouter/openai/gpt-5@preset/x"], ["openai/gpt-5@preset/x"]),
        (["openrouter/auto"], ["openrouter/auto"]),
        (["openrouter/~anthropic/claude-haiku-latest"], ["~anthropic/claude-haiku-latest"]),
        ([" openrouter/openai/gpt-5 ", "openai/gpt-4.1\n"], ["openai/gpt-5", "openai/gpt-4.1"]),
    ],
)
@pytest.mark.parametrize("is_extra", [False, True])
async def test_fallbacks_lose_the_prefix(caller: Caller, given: Any, sent: Any, *, is_extra: bool) -> None:
    """The names in `models` are translated like the model's name, also in `extra_body`."""
    options = {"extra_body": {"models": given}} if is_extra else {"models": given}
    assert sent == (await caller.text(completion(), **options)).payload["models"]


@pytest.mark.parametrize("name", ["", "openrouter/", "openrouter/openai/", "openrouter//gpt-5"])
async def test_a_fallback_that_is_no_name_is_refused(caller: Caller, name: str) -> None:
    """A fallback with an empty part raises a ValueError before anything is sent, like the model's name."""
    with pytest.raises(ValueError, match="model"):
        await caller.text(completion(), models=[name])
    assert ([], []) == (caller.server.requests, list(caller.rows()))


@pytest.mark.parametrize("name", ["openrouter/ openai/gpt-5", "openai/ gpt-5", "openai/gpt 5", "openai/gpt-5 :free"])
@pytest.mark.parametrize("is_fallback", [False, True])
async def test_a_space_inside_a_name_is_refused(caller: Caller, name: str, *, is_fallback: bool) -> None:
    """A space inside a name raises a ValueError before anything is sent, also in a fallback's."""
    model = f"openrouter/{name.removeprefix('openrouter/')}"
    options = {"models": [name]} if is_fallback else {"model": model}
    with pytest.raises(ValueError, match="model"):
        await caller.text(completion(), **options)
    assert ([], []) == (caller.server.requests, list(caller.rows()))


@pytest.mark.parametrize("space", [" ", "\n", "\t", "  "])
@pytest.mark.parametrize("is_before", [False, True])
async def test_space_around_a_name_is_no_part_of_it(caller: Caller, space: str, *, is_before: bool) -> None:
    """Spaces around a name are ignored."""
    name = "openrouter/openai/gpt-4.1"
    outcome = await caller.text(completion(), model=space + name if is_before else name + space)
    assert "openai/gpt-4.1" == outcome.payload["model"]
    assert (name, name) == (outcome.response.model, outcome.row.model)


@pytest.mark.parametrize("vendor", ["openai", "claude", "gemini"])
async def test_other_vendors_names_may_have_space_around_them(caller: Caller, vendor: str) -> None:
    """The same is true of other vendors' names."""
    by = VENDORS[vendor]
    outcome = await caller.text(by.text("Ghent"), model=f" {by.model} ")
    assert by.model == outcome.row.model
    assert " " not in outcome.requests[0].path
    assert by.model in outcome.requests[0].path or by.model == outcome.payload["model"]


async def test_the_default_model_from_the_environment_has_none(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spaces around a value in the environment are removed."""
    monkeypatch.setenv("LLM_PROVIDER", " anthropic ")
    monkeypatch.setenv("ANTHROPIC_MODEL", " claude-haiku-4-5 ")
    outcome = await caller.text(VENDORS["claude"].text("Ghent"), model=None)
    assert "claude-haiku-4-5" == outcome.payload["model"]


@pytest.mark.parametrize(
    ("tool", "is_translated"),
    [
        ({"type": "openrouter:advisor", "parameters": {"model": "openrouter/openai/gpt-5"}}, True),
        ({"type": "openrouter:subagent", "parameters": {"models": ["openrouter/openai/gpt-5 "]}}, True),
        ({"type": "function", "function": {"name": "f", "description": "openrouter/openai/gpt-5"}}, False),
    ],
)
async def test_the_models_of_server_tools_lose_the_prefix(
    caller: Caller, tool: dict[str, Any], *, is_translated: bool
) -> None:
    """A model that a server tool calls has OpenRouter's own name; a function's description is not changed."""
    sent = str((await caller.text(completion(), extra_body={"tools": [tool]})).payload["tools"])
    assert (True, not is_translated) == ("openai/gpt-5" in sent, "openrouter/openai" in sent)
    assert "gpt-5 " not in sent
