"""The parameters of a request to Claude: sampling, thinking, limit, tools, and the rules between them.

https://platform.claude.com/docs/en/build-with-claude/extended-thinking lists what thinking excludes: a forced tool,
`top_k`, a `top_p` below 0.95, any temperature but 1, and a budget below 1,024 tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from .abilities import ClaudeAbilities, Sampling, Thinking, claude, effort_for, nearest_effort
from .conversation import choice_mode, chosen_tool
from .lenient import mapping, present
from .schemas import output_format_schema, wire_schema
from .wire import LLMCall, Number, Options, has_own_tools

if TYPE_CHECKING:
    from collections.abc import Callable

Parameters = dict[str, Any]

# The API requires a limit. This is what a model can write in three minutes; a model's own limit may be lower.
DEFAULT_MAX_TOKENS: Final = 16_000
# Tokens for thinking, in addition to the limit; also the budget for models that accept one.
THINKING_BUDGETS: Final = {"low": 1024, "medium": 4096, "high": 10_000, "xhigh": 16_000, "max": 24_000}
MIN_THINKING_BUDGET: Final = 1024
MIN_TOP_P_BESIDE_THINKING: Final = 0.95
ANSWER_TOOL: Final = "answer"
USER_ID: Final = "user_id"
FORCING: Final = frozenset({"any", "tool"})


class MessagesOptions(Options):
    """Options of the Messages API; `stop` is sent as `stop_sequences`."""

    sent: ClassVar[frozenset[str]] = frozenset(
        {"top_p", "top_k", "stop_sequences", "service_tier", "metadata", "container", "inference_geo"}
    )

    top_p: Number | None = None
    top_k: int | None = None
    stop: str | list[str] | None = None
    stop_sequences: list[str] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    thinking: dict[str, Any] | None = None
    cache_control: dict[str, Any] | None = None
    service_tier: str | None = None
    container: str | dict[str, Any] | None = None
    inference_geo: str | None = None

    def body(self) -> dict[str, Any]:
        """Return the fields of the body; of the metadata only `user_id`, because the API refuses other names.

        https://platform.claude.com/docs/en/api/messages
        """
        body = super().body()
        user = (body.pop("metadata", None) or {}).get(USER_ID)
        return body | ({"metadata": {USER_ID: user}} if user else {})

    @property
    def stops(self) -> list[str] | None:
        """The texts that end an answer."""
        return self.stop_sequences or ([self.stop] if isinstance(self.stop, str) else self.stop)


@dataclass(frozen=True)
class _Request:
    """A request as rendered so far, including `extra_body`; the rules are applied to it."""

    call: LLMCall
    options: MessagesOptions
    abilities: ClaudeAbilities
    parameters: Parameters

    @property
    def spells_thinking_out(self) -> bool:
        return bool(self.options.thinking)

    @property
    def forces_tool(self) -> bool:
        return mapping(self.parameters.get("tool_choice")).get("type") in FORCING

    @property
    def narrows_sampling(self) -> bool:
        top_p = self.parameters.get("top_p")
        return "top_k" in self.parameters or (top_p is not None and top_p < MIN_TOP_P_BESIDE_THINKING)

    @property
    def room_for_thoughts(self) -> int:
        """The tokens that the model's limit leaves for thinking, in addition to the answer."""
        return self.abilities.max_tokens - _cap(self.call, self.abilities)

    @property
    def budget(self) -> int | None:
        return mapping(self.parameters.get("thinking")).get("budget_tokens")

    @property
    def has_default_temperature(self) -> bool:
        return not self.call.temperature_is_given


# The parameter that is left out, and the condition. A `thinking` option of the caller's is always sent.
RULES: Final[tuple[tuple[str, Callable[[_Request], bool]], ...]] = (
    ("thinking", lambda request: not request.spells_thinking_out and request.forces_tool),
    ("thinking", lambda request: not request.spells_thinking_out and request.narrows_sampling),
    (
        "thinking",
        lambda request: (
            not request.spells_thinking_out
            and request.budget is not None
            and request.room_for_thoughts < MIN_THINKING_BUDGET
        ),
    ),
    ("temperature", lambda request: "thinking" in request.parameters),
    # Claude 4 refuses `temperature` with `top_p` (open-webui/open-webui#17922).
    ("temperature", lambda request: request.has_default_temperature and "top_p" in request.parameters),
    (
        "temperature",
        lambda request: request.has_default_temperature and request.abilities.sampling is not Sampling.DEFAULT,
    ),
)


def object_parameters(call: LLMCall, options: MessagesOptions) -> Parameters:
    """Return the parameters that request a structured call's object; {} if only the prompt can.

    They are a schema if the model accepts one, otherwise a forced tool, unless the caller wants thinking too.
    """
    if call.response_model is None:
        return {}
    abilities, schema = claude(call.model), wire_schema(call.response_model)
    held_to = output_format_schema(schema) if abilities.takes_schema else None
    if held_to is not None:
        return {"output_config": {"format": {"type": "json_schema", "schema": held_to}}}
    if options.thinking or not abilities.takes_forced_tool:
        return {}
    tool = {"name": ANSWER_TOOL, "description": "Give the answer, in this shape.", "input_schema": schema}
    return {"tools": [tool], "tool_choice": {"type": "tool", "name": ANSWER_TOOL}}


def parameters(
    call: LLMCall, options: MessagesOptions, requested: Parameters, *, thoughts_are_missing: bool
) -> Parameters:
    """Return the parameters of a request, including `requested`, the parameters that request its object.

    If `thoughts_are_missing`, no thinking budget is sent, because the API would refuse it.
    """
    abilities = claude(call.model)
    thinking, effort = _thinking(options, abilities)
    if thoughts_are_missing and abilities.thinking is Thinking.BUDGET:
        thinking = None
    output_config = {**({"effort": effort} if effort else {}), **requested.get("output_config", {})}
    written = {
        **options.body(),
        "stop_sequences": options.stops,
        "temperature": call.temperature,
        "thinking": thinking,
        **(_tools(call, options) if call.response_model is None else requested),
        "output_config": output_config or None,
    }
    chosen = present(written)
    for name, gives_way in RULES:
        request = _Request(call, options, abilities, {**chosen, **(options.extra_body or {})})
        if name in chosen and gives_way(request):
            del chosen[name]
    return _with_room_for_thoughts(chosen, _Request(call, options, abilities, chosen), effort)


def _cap(call: LLMCall, abilities: ClaudeAbilities) -> int:
    """Return the limit for the answer alone, in tokens."""
    return call.max_output_tokens or min(DEFAULT_MAX_TOKENS, abilities.max_tokens)


def _with_room_for_thoughts(chosen: Parameters, request: _Request, effort: str | None) -> Parameters:
    """Return parameters with a limit that includes thinking, and with our default budget reduced to fit."""
    cap, thinking = _cap(request.call, request.abilities), chosen.get("thinking")
    if not thinking:
        return {"max_tokens": cap, **chosen}
    room = request.budget or THINKING_BUDGETS.get(effort or "", 0)
    if request.budget and not request.spells_thinking_out:
        room = min(room, request.room_for_thoughts)
        chosen = {**chosen, "thinking": {**thinking, "budget_tokens": room}}
    return {"max_tokens": max(cap, min(cap + room, request.abilities.max_tokens)), **chosen}


def _thinking(options: MessagesOptions, abilities: ClaudeAbilities) -> tuple[Parameters | None, str | None]:
    """Return `thinking` and the effort in the model's form, from the caller's `thinking` or from `reasoning`.

    For the effort `none`, `thinking` is left out; models that think anyway get their lowest effort.
    """
    reasoning = options.reasoning
    if reasoning is None or reasoning.enabled is False or abilities.thinking is Thinking.NONE:
        return options.thinking, None
    tokens, effort = reasoning.max_tokens, reasoning.effort
    if abilities.thinking is Thinking.BUDGET:
        budget = tokens or THINKING_BUDGETS.get(effort or "")
        own = {"type": "enabled", "budget_tokens": max(budget, MIN_THINKING_BUDGET)} if budget else None
        return options.thinking or own, None
    wanted = effort or (effort_for(tokens, THINKING_BUDGETS) if tokens else None)
    is_on = wanted not in {None, "none"} or reasoning.enabled is True
    known = nearest_effort(wanted, abilities.efforts) if wanted else None
    return options.thinking or ({"type": "adaptive"} if is_on else None), known


def _tools(call: LLMCall, options: MessagesOptions) -> Parameters:
    if not (call.tools or has_own_tools(options)):
        return {}
    tools = [
        {
            **tool.model_dump(include={"name", "description", "strict", "cache_control"}, exclude_none=True),
            "input_schema": {"type": "object", **tool.parameters},
        }
        for tool in call.tools
    ]
    choice = _tool_choice(options.tool_choice)
    if options.parallel_tool_calls is False and choice != {"type": "none"}:
        choice = {"type": "auto", **(choice or {}), "disable_parallel_tool_use": True}
    return {"tools": tools or None, "tool_choice": choice}


def _tool_choice(choice: str | Parameters | None) -> Parameters | None:
    """Return a tool choice in this API's form."""
    name, mode = chosen_tool(choice), choice_mode(choice)
    if isinstance(choice, dict) and mode is None and (name is None or choice["type"] == "tool"):
        return choice
    if name:
        return {"type": "tool", "name": name}
    return {"type": "any" if mode == "required" else mode or choice} if choice else None
