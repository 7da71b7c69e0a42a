"""Tools: a choice in the form of any API reaches every vendor in its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from cases.bodies import CLAUDE, GEMINI, OPENAI, OPENROUTER, VENDORS

if TYPE_CHECKING:
    from cases.caller import Caller

NAMES: Final = {vendor.model: name for name, vendor in VENDORS.items()}
NAMED: Final[dict[str, Any]] = {
    OPENROUTER: {"type": "function", "function": {"name": "look"}},
    OPENAI: {"type": "function", "name": "look"},
    CLAUDE: {"type": "tool", "name": "look"},
    GEMINI: {"mode": "ANY", "allowedFunctionNames": ["look"]},
}
REQUIRED: Final[dict[str, Any]] = {
    OPENROUTER: "required",
    OPENAI: "required",
    CLAUDE: {"type": "any"},
    GEMINI: {"mode": "ANY"},
}
NONE: Final[dict[str, Any]] = {
    OPENROUTER: "none",
    OPENAI: "none",
    CLAUDE: {"type": "none"},
    GEMINI: {"mode": "NONE"},
}


async def choice_of(caller: Caller, model: str, **options: Any) -> Any:  # noqa: ANN401 - options and JSON
    """Return the choice that is sent."""
    outcome = await caller.with_tools(VENDORS[NAMES[model]].text("Ghent"), model=model, **options)
    if model == GEMINI:
        return outcome.payload["toolConfig"]["functionCallingConfig"]
    return outcome.payload["tool_choice"]


@pytest.mark.parametrize("model", NAMED)
@pytest.mark.parametrize("choice", list(NAMED.values())[:3], ids=["chat completions", "responses", "messages"])
async def test_a_named_tool(caller: Caller, model: str, choice: dict[str, Any]) -> None:
    """A function is named in the form of the vendor that is called."""
    assert NAMED[model] == await choice_of(caller, model, tool_choice=choice)


@pytest.mark.parametrize("model", REQUIRED)
@pytest.mark.parametrize("choice", ["required", "any", {"type": "any"}, {"type": "required"}], ids=str)
async def test_some_tool(caller: Caller, model: str, choice: object) -> None:
    """`any`, which is Anthropic's and Google's name, and `required` mean the same."""
    assert REQUIRED[model] == await choice_of(caller, model, tool_choice=choice)


@pytest.mark.parametrize("model", NONE)
async def test_no_tool(caller: Caller, model: str) -> None:
    """`none` has no further fields, even if parallel calls are off: Claude would refuse them."""
    assert NONE[model] == await choice_of(caller, model, tool_choice="none", parallel_tool_calls=False)


@pytest.mark.parametrize(
    "choice",
    [
        {"type": "tool", "name": "look", "disable_parallel_tool_use": True},
        {"type": "any", "disable_parallel_tool_use": True},
    ],
    ids=str,
)
async def test_claudes_own_form_is_kept(caller: Caller, choice: dict[str, Any]) -> None:
    """What only Claude's form has is sent to Claude."""
    assert choice == await choice_of(caller, CLAUDE, tool_choice=choice)


@pytest.mark.parametrize("model", [OPENAI, CLAUDE, GEMINI])
async def test_a_choice_among_tools_of_the_vendor(caller: Caller, model: str) -> None:
    """A choice is sent if `extra_body` has the only tools."""
    own = {"type": "web_search", "name": "web_search"}
    assert REQUIRED[model] == await choice_of(
        caller, model, tools=[], tool_choice="required", extra_body={"tools": [own]}
    )
