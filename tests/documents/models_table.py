"""Write the tables of docs/providers.md from the code: python tests/documents/models_table.py.

They have what each model accepts, from abilities.py; the default models; and every routed name with its end date, by
vendor, from vendors.py and model_names.py.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from model_ends import all_defaults, end_of, names_by_end

from modules.llm_services.types import LLMProviderType
from modules.llm_services.vendors import VENDORS
from modules.llm_services.wires import abilities
from modules.llm_services.wires.abilities import Sampling, Thinking

if TYPE_CHECKING:
    from collections.abc import Callable

    from modules.llm_services.wires.abilities import ClaudeAbilities, GeminiAbilities, OpenAIAbilities

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "providers.md"
TABLE: Final = re.compile(r"(?<=<!-- table: )(\w+)( -->\n).*?(?=<!-- end of the table -->)", re.DOTALL)
SNAPSHOT: Final = re.compile(r"-\d{4}-\d{2}-\d{2}$|-\d{8}$|-\d{2}-\d{4}$|-1106$|-0125$|-0613$")
NO_TEXT: Final = re.compile(r"tts|image|dall-e|audio|banana")
# How the rows name unknown models, and an example of each.
UNKNOWN: Final = {
    LLMProviderType.OPENAI: {"any newer name": "gpt-99", "a deployment with its own name": "my-deployment"},
    LLMProviderType.ANTHROPIC: {"any newer name": "claude-opus-99"},
    LLMProviderType.GEMINI: {"any newer name": "gemini-99-pro"},
}
SAMPLING: Final = {Sampling.DEFAULT: "yes", Sampling.GIVEN: "only if you give it", Sampling.NEVER: "no"}


def updated(page: str) -> str:
    """Return a page with its tables written from the code; it has a marked place for each."""
    assert [found[0] for found in TABLE.findall(page)] == list(TABLES)
    return TABLE.sub(lambda found: f"{found[1]}{found[2]}\n{TABLES[found[1]]()}\n", page)


def _openai() -> str:
    def row(takes: OpenAIAbilities) -> list[str]:
        sampling = "only with the effort `none`" if "none" in takes.efforts else SAMPLING[takes.sampling]
        return [
            sampling,
            _codes(takes.efforts),
            "yes" if takes.takes_verbosity else "no",
            f"`{takes.structured_output}`" if takes.structured_output else "in the prompt",
        ]

    head = ["model", "`temperature`, `top_p`", "`reasoning` efforts", "`verbosity`", "structured answer"]
    return _by_abilities(LLMProviderType.OPENAI, head, lambda model: row(abilities.openai(model)))


def _anthropic() -> str:
    def row(takes: ClaudeAbilities) -> list[str]:
        thinking = {
            Thinking.EFFORT: f"adaptive: {_codes(takes.efforts)}",
            Thinking.BUDGET: "a budget of tokens",
            Thinking.NONE: "no",
        }
        return [
            SAMPLING[takes.sampling],
            thinking[takes.thinking],
            "`output_config.format`" if takes.takes_schema else "a forced tool",
            "yes" if takes.takes_prefill else "no",
            f"{takes.max_tokens:,}",
        ]

    head = [
        "model",
        "`temperature`, `top_p`, `top_k`",
        "`reasoning`",
        "structured answer",
        "may continue an assistant's message",
        "most output tokens",
    ]
    return _by_abilities(LLMProviderType.ANTHROPIC, head, lambda model: row(abilities.claude(model)))


def _gemini() -> str:
    def row(takes: GeminiAbilities) -> list[str]:
        thinking = {
            Thinking.EFFORT: f"`thinkingLevel`: {_codes(takes.levels)}",
            Thinking.BUDGET: f"`thinkingBudget`, from {takes.min_budget} tokens",
            Thinking.NONE: "no",
        }
        return [SAMPLING[takes.sampling], thinking[takes.thinking]]

    head = ["model", "`temperature`, `top_p`, `top_k`", "`reasoning`"]
    return _by_abilities(LLMProviderType.GEMINI, head, lambda model: row(abilities.gemini(model)))


def _by_abilities(vendor: LLMProviderType, head: list[str], takes: Callable[[str], list[str]]) -> str:
    """Return a vendor's text models, grouped by what they accept; dated snapshots are listed under their model."""
    models = VENDORS[vendor].models
    shown = [
        name for name in models if not NO_TEXT.search(name) and SNAPSHOT.sub("", name) not in models.keys() - {name}
    ]
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, sample in [*zip(shown, shown, strict=True), *UNKNOWN[vendor].items()]:
        groups.setdefault(tuple(takes(sample)), []).append(name)
    return _table(head, [[_models(names), *cells] for cells, names in groups.items()])


def _defaults() -> str:
    rows = [
        [
            f"{default.vendor}, {default.kind}",
            f"`{default.model}`",
            str(default.end or "not announced"),
            " or ".join(f"`{name}`" for name in default.variables) or "`model=` in the call",
        ]
        for default in all_defaults()
    ]
    return _table(["default of", "model", "ends", "how to change it"], rows)


def _names() -> str:
    rows = [
        [vendor.name, str(end or "not announced"), _codes(ended)]
        for vendor in VENDORS.values()
        for end in names_by_end()
        if (ended := [name for name in vendor.models if end_of(name) == end])
    ]
    return _table(["provider", "ends", "names"], rows)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines).replace("| --- ", "|---").replace("--- |", "---|")


def _models(names: list[str]) -> str:
    return ", ".join(name if " " in name else f"`{name}`" for name in names)


def _codes(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"


TABLES: Final[dict[str, Callable[[], str]]] = {
    "openai": _openai,
    "anthropic": _anthropic,
    "gemini": _gemini,
    "defaults": _defaults,
    "names": _names,
}

if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
