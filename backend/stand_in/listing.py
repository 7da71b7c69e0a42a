"""The list of scenarios, with what happens and what a caller gets: for a terminal, and as Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

from .scenarios import FAULTY_REQUESTS, ONCE, SCENARIOS
from .vendors import OPENROUTER, VENDORS, environment

if TYPE_CHECKING:
    from .scenario import Scenario

COLUMNS = 80
INDENT = "    "
LEGEND = (
    f"`{ONCE}` after an error's name: the error comes once, then the same request is answered. `after retries`: after "
    "MAX_RETRIES further attempts, each with a row. A structured call (`generate_structured_response`) gets "
    "LLMValidationError unless the table says `also structured`."
)
EXAMPLE_URL = "http://127.0.0.1:8765/api/v1"


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a table; `source` is the public record that it follows, or "" if it follows a vendor's types."""

    name: str
    does: str
    gets: str
    source: str = ""


def sections() -> dict[str, list[Entry]]:
    """Return all scenarios, by the sentence above each table."""
    by_model = [scenario for scenario in SCENARIOS.values() if scenario not in FAULTY_REQUESTS]
    vendors = [vendor for name, vendor in VENDORS.items() if name != OPENROUTER]
    example = f"{vendors[0].url_variable}={vendors[0].url(EXAMPLE_URL, 'rate-limited')}"
    names = ", ".join(vendor.name for vendor in vendors)
    return {
        "The model's name chooses what happens:": [
            _entry(scenario, f"openrouter/stand-in/{scenario.name}") for scenario in by_model
        ],
        "An invalid request gets one of these errors, and so does a call to `openrouter/stand-in/<name>`:": [
            _entry(scenario, scenario.name) for scenario in FAULTY_REQUESTS
        ],
        f"For {names} the address chooses what happens, as in {example}:": [
            Entry(
                " or ".join(filter(None, (scenario.name, scenario.alias))),
                scenario.does,
                _gets(scenario, scenario.elsewhere),
            )
            for scenario in SCENARIOS.values()
            if scenario.everywhere
        ],
    }


def _entry(scenario: Scenario, name: str) -> Entry:
    does = f"{scenario.status}: {scenario.does}" if scenario.is_error else scenario.does
    source = f"status {scenario.shown_status}; follows {scenario.follows}"
    return Entry(name, does, _gets(scenario), source)


def _gets(scenario: Scenario, elsewhere: str = "") -> str:
    if scenario.once:
        return "an answer after one retry"
    if failure := scenario.failure:
        return f"{failure.raises} after retries" if failure.retryable else elsewhere or failure.raises
    return "an answer, also structured" if scenario.structured else "an answer"


def text(*, sources: bool = False) -> str:
    """Return the tables for a terminal of eighty columns, or for a pipe: a searchable line, then an explanation."""
    blocks = []
    for sentence, entries in sections().items():
        width = max(len(entry.name) for entry in entries)
        blocks.append(_filled(sentence) + "\n")
        for entry in entries:
            blocks.append(f"{entry.name:{width}}  {entry.gets}")
            blocks.append(_filled(entry.does, INDENT))
            if sources and entry.source:
                blocks.append(INDENT + entry.source)
        blocks.append("")
    return "\n".join([*blocks, _filled(LEGEND)]) + "\n"


def _filled(words: str, indent: str = "") -> str:
    """Return text in lines that fit, without breaking words."""
    lines = wrap(words, COLUMNS - len(indent), break_long_words=False, break_on_hyphens=False)
    return "\n".join(indent + line for line in lines)


def markdown() -> str:
    """Return the tables as docs/stand-in.md has them."""
    blocks = []
    for sentence, entries in sections().items():
        blocks += [sentence, "", "| name | what happens | your code gets |", "|---|---|---|"]
        blocks += [f"| `{entry.name.replace(' or ', '` or `')}` | {entry.does} | {entry.gets} |" for entry in entries]
        blocks.append("")
    return "\n".join([*blocks, LEGEND]) + "\n"


def exports(base_url: str) -> str:
    """Return the shell commands that direct programs to the stand-in, OpenRouter's before the others."""
    vendor = VENDORS[OPENROUTER]
    first = vendor.environment(base_url) | dict.fromkeys(vendor.keys, "sk-or-anything")
    others = {name: value for name, value in environment(base_url).items() if name not in first and value}
    return (
        f"Point an application at it, in the application's own shell:\n\n{_exported(first)}\n"
        f"and, where it asks other providers too:\n\n{_exported(others)}"
    )


def _exported(variables: dict[str, str]) -> str:
    return "".join(f"{INDENT}export {name}='{value}'\n" for name, value in variables.items())
