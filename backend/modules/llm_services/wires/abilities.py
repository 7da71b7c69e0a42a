"""The parameters that Claude, GPT and Gemini models accept, as tables of exceptions for older models.

An unknown name (next month's model, an alias, a deployment) is treated as the newest of its family. A default is sent
only if the model accepts it. A value that the caller gives is sent in any case, unless a table says `NEVER`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from typing import TYPE_CHECKING, Final

from .wire import EFFORTS

if TYPE_CHECKING:
    from collections.abc import Sequence


class Sampling(Enum):
    """When `temperature`, `top_p` and `top_k` are sent: always, only if the caller gives them, or never."""

    DEFAULT = auto()
    GIVEN = auto()
    NEVER = auto()


class Thinking(Enum):
    """How the amount of thinking is set: by an effort, by a budget of tokens, or not at all."""

    EFFORT = auto()
    BUDGET = auto()
    NONE = auto()


LOW_TO_HIGH: Final = ("low", "medium", "high")
LOW_TO_XHIGH: Final = (*LOW_TO_HIGH, "xhigh")
LOW_TO_MAX: Final = (*LOW_TO_XHIGH, "max")


@dataclass(frozen=True)
class ClaudeAbilities:
    """The abilities of a Claude model; `max_tokens` is its limit for an answer, thinking included.

    The model accepts `output_config.format` if it `takes_schema`, a `tool_choice` that requires a tool if it
    `takes_forced_tool`, and a conversation that ends with an assistant's text if it `takes_prefill`.
    """

    sampling: Sampling = Sampling.GIVEN
    thinking: Thinking = Thinking.EFFORT
    efforts: tuple[str, ...] = LOW_TO_MAX
    takes_schema: bool = True
    takes_forced_tool: bool = False
    takes_prefill: bool = False
    max_tokens: int = 128_000


NEWEST_CLAUDE: Final = ClaudeAbilities()
# The last version of each generation, and the abilities of its models. Sampling and budgets:
# https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking; schemas:
# https://platform.claude.com/docs/en/build-with-claude/structured-outputs; forced tools:
# https://platform.claude.com/docs/en/models/opus-5-5/whats-new-opus-5-5.
_CLAUDE_3: Final = ClaudeAbilities(Sampling.DEFAULT, Thinking.NONE, (), False, True, True, 4096)  # noqa: FBT003 - a row
_CLAUDE_3_5: Final = ClaudeAbilities(Sampling.DEFAULT, Thinking.NONE, (), False, True, True, 8192)  # noqa: FBT003
_CLAUDE_4_1: Final = ClaudeAbilities(Sampling.DEFAULT, Thinking.BUDGET, (), False, True, True, 32_000)  # noqa: FBT003
_CLAUDE_4_5: Final = ClaudeAbilities(Sampling.DEFAULT, Thinking.BUDGET, (), True, True, True, 64_000)  # noqa: FBT003
_CLAUDE_4_6: Final = ClaudeAbilities(
    Sampling.DEFAULT, Thinking.EFFORT, (*LOW_TO_HIGH, "max"), takes_forced_tool=True, max_tokens=64_000
)
OLD_CLAUDES: Final = (
    ((3, 4), _CLAUDE_3),
    ((3, 6), _CLAUDE_3_5),
    ((4, 4), _CLAUDE_4_1),
    ((4, 5), _CLAUDE_4_5),
    ((4, 6), _CLAUDE_4_6),
    ((5, 0), ClaudeAbilities(takes_forced_tool=True)),
)
# claude-opus-4-1-20250805, claude-3-5-sonnet-20241022, claude-4.7-opus, eu.anthropic.claude-haiku-4-5-20251001-v1:0
CLAUDE_VERSION: Final = re.compile(r"claude-(?:[a-z]+-)?v?(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)")


@cache
def claude(model: str) -> ClaudeAbilities:
    """Return the abilities of a Claude model, by the version in its name."""
    version = _version(CLAUDE_VERSION, model)
    if version is None:
        return NEWEST_CLAUDE
    return next((abilities for last, abilities in OLD_CLAUDES if version <= last), NEWEST_CLAUDE)


@dataclass(frozen=True)
class OpenAIAbilities:
    """The abilities of an OpenAI model; if `efforts` is empty, the model has no setting for how much to think.

    `structured_output` is its best mode for objects: `json_schema`, `json_object`, or None for an instruction in the
    prompt.
    """

    sampling: Sampling = Sampling.NEVER
    efforts: tuple[str, ...] = LOW_TO_MAX
    takes_verbosity: bool = True
    structured_output: str | None = "json_schema"


NEWEST_OPENAI: Final = OpenAIAbilities()
NOT_REASONING: Final = OpenAIAbilities(Sampling.DEFAULT, efforts=(), takes_verbosity=False)
# Prefixes of model names; the first match counts. Efforts: https://developers.openai.com/api/docs/guides/reasoning and
# the models' own pages; schemas: https://developers.openai.com/api/docs/guides/structured-outputs. The chat models have
# a single effort and verbosity, which are not sent.
_OLD_OPENAI: Final = (
    (r"gpt-3\.?5|gpt-4-(turbo|1106|0125)", OpenAIAbilities(Sampling.DEFAULT, (), False, "json_object")),  # noqa: FBT003
    (r"gpt-4(?![.o\d])", OpenAIAbilities(Sampling.DEFAULT, (), False, None)),  # noqa: FBT003 - a row
    (r"gpt-4o-2024-05-13", OpenAIAbilities(Sampling.DEFAULT, (), False, "json_object")),  # noqa: FBT003
    (r"gpt-4|chatgpt-4o", NOT_REASONING),
    (r"gpt-[5-9](\.\d+)?-chat|chat-latest", OpenAIAbilities(efforts=(), takes_verbosity=False)),
    (r"o\d", OpenAIAbilities(efforts=LOW_TO_HIGH, takes_verbosity=False)),
    (r"gpt-5-pro", OpenAIAbilities(efforts=("high",))),
    (r"gpt-5-codex|gpt-5\.1-codex(?!-max)", OpenAIAbilities(efforts=LOW_TO_HIGH)),
    (r"gpt-5(?![.\d])", OpenAIAbilities(efforts=("minimal", *LOW_TO_HIGH))),
    (r"gpt-5\.1-codex-max|gpt-5\.[23]-codex", OpenAIAbilities(efforts=LOW_TO_XHIGH)),
    (r"gpt-5\.1(?!\d)", OpenAIAbilities(efforts=("none", *LOW_TO_HIGH))),
    (r"gpt-5\.[2-3]-pro", OpenAIAbilities(efforts=("medium", "high", "xhigh"))),
    (r"gpt-5\.[45]-pro", OpenAIAbilities(efforts=("medium", "high", "xhigh"), structured_output=None)),
    (r"gpt-5\.[2-5](?!\d)", OpenAIAbilities(efforts=("none", *LOW_TO_XHIGH))),
    (r"gpt-5\.6|gpt-6-(sol|luna)", OpenAIAbilities(efforts=("none", *LOW_TO_MAX))),
)
_NAME_BEGINS: Final = r"(?:^|[^a-z0-9.])"
OLD_OPENAI: Final = tuple((re.compile(f"{_NAME_BEGINS}(?:{name})"), abilities) for name, abilities in _OLD_OPENAI)
OPENAI_NAME: Final = re.compile(rf"{_NAME_BEGINS}(?:gpt-(?:\d|latest)|o\d|chat-latest)")


@cache
def openai(model: str) -> OpenAIAbilities:
    """Return the abilities of an OpenAI model.

    An unknown name, such as that of an Azure deployment, may belong to an old model, so the caller's values are sent.
    """
    for name, abilities in OLD_OPENAI:
        if name.search(model):
            return abilities
    return NEWEST_OPENAI if OPENAI_NAME.search(model) else OpenAIAbilities(Sampling.GIVEN)


@dataclass(frozen=True)
class GeminiAbilities:
    """The abilities of a Gemini model; `min_budget` and `max_budget` limit its thinking, in tokens."""

    sampling: Sampling = Sampling.GIVEN
    thinking: Thinking = Thinking.EFFORT
    levels: tuple[str, ...] = LOW_TO_HIGH
    min_budget: int = 0
    max_budget: int = 24_576
    signs_calls: bool = True


NEWEST_GEMINI: Final = GeminiAbilities()
_ALL_LEVELS: Final = ("minimal", *LOW_TO_HIGH)
# The first match counts. Levels and budgets: https://ai.google.dev/gemini-api/docs/generate-content/thinking. Models
# for sound or images accept neither ("Thinking level is not supported for this model", OpenMinis/OpenMinis#226). From
# 3.6 on sampling parameters are ignored, and later models will refuse them:
# https://ai.google.dev/gemini-api/docs/generate-content/whats-new-gemini-3.6.
_OLD_GEMINI: Final = (
    (
        r"gemini-(1|2\.0)|gemini-2\.5.*(tts|image|audio|live|computer-use)|gemma",
        GeminiAbilities(Sampling.DEFAULT, Thinking.NONE, signs_calls=False),
    ),
    (r"tts|image|banana|audio|live", GeminiAbilities(thinking=Thinking.NONE)),
    (
        r"gemini-2\.5-pro",
        GeminiAbilities(Sampling.DEFAULT, Thinking.BUDGET, min_budget=128, max_budget=32_768, signs_calls=False),
    ),
    (r"gemini-2\.5", GeminiAbilities(Sampling.DEFAULT, Thinking.BUDGET, signs_calls=False)),
    (r"gemini-3-pro", GeminiAbilities(Sampling.DEFAULT, levels=("low", "high"))),
    (r"gemini-3\.[1-5]-pro", GeminiAbilities(Sampling.DEFAULT)),
    (r"gemini-3(\.[1-5])?-", GeminiAbilities(Sampling.DEFAULT, levels=_ALL_LEVELS)),
    (r"gemini-3\.6", GeminiAbilities(levels=_ALL_LEVELS)),
)
OLD_GEMINI: Final = tuple((re.compile(name), abilities) for name, abilities in _OLD_GEMINI)


@cache
def gemini(model: str) -> GeminiAbilities:
    """Return the abilities of a Gemini model."""
    return next((abilities for name, abilities in OLD_GEMINI if name.search(model)), NEWEST_GEMINI)


THINKING_VARIANT: Final = ":thinking"  # OpenRouter's suffix for a model that reasons before every answer


def takes_default_temperature(model: str) -> bool:
    """Return True if a model, by its name at a router, accepts the default temperature."""
    if THINKING_VARIANT in model:
        return False
    if "claude" in model:
        return claude(model).sampling is Sampling.DEFAULT
    if "gemini" in model:
        return gemini(model).sampling is Sampling.DEFAULT
    return not OPENAI_NAME.search(model) or openai(model).sampling is Sampling.DEFAULT


def nearest_effort(effort: str, known: Sequence[str]) -> str | None:
    """Return the effort of a model that is nearest to `effort`, the lower of two; None if the model has no efforts.

    `none` turns thinking off. No other effort is mapped to `none`, and a model without `none` gets its lowest effort.
    """
    if effort in known:
        return effort
    place = EFFORTS[::-1].index
    thinking = [word for word in known if word != "none"]
    return min(thinking, key=lambda word: (abs(place(word) - place(effort)), place(word)), default=None)


def effort_for(tokens: int, budgets: dict[str, int]) -> str:
    """Return the lowest effort with a budget of at least this many tokens, otherwise the highest effort."""
    return next((effort for effort, budget in budgets.items() if tokens <= budget), list(budgets)[-1])


def _version(pattern: re.Pattern[str], model: str) -> tuple[int, int] | None:
    found = pattern.search(model)
    return (int(found[1]), int(found[2] or 0)) if found else None
