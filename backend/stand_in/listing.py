"""What can be asked for, what happens then, and what a caller of the module gets: for a terminal, and as Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING

from .environment import DOORS, environment, openrouter
from .expectations import expectations
from .scenarios import AUTHOR, REFUSALS, SCENARIOS
from .vendors.scenes import DOES, ONCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .expectations import Expectation
    from .kinds import Scenario

COLUMNS = 80
INDENT = "    "
NEVER_SENT = "llm_services never sends it"
LEGEND = (
    "`after retries`: MAX_RETRIES more attempts, a row each. Where nothing else is said, a structured call "
    "(`generate_structured_response`) gets LLMValidationError from what is an answer to others."
)
EXAMPLE_URL = "http://127.0.0.1:8765/api/v1"


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the table; `source` is what of the public record it follows, "" for what follows a vendor's types."""

    asked: str
    does: str
    gets: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A table, and the sentence above it."""

    words: str
    entries: list[Entry]


def sections() -> list[Section]:
    """Return everything that the stand-in can be asked for."""
    scene = DOORS["openai"].url(EXAMPLE_URL, "rate-limited")
    expected = expectations("Scenes")
    scenes = [Entry(name, does, gets(expected[name])) for name, does in DOES.items() if not name.endswith(ONCE)]
    return [
        Section("The model's name chooses what happens:", list(_scenarios())),
        Section("Whatever model is named, a faulty request is refused:", list(_refusals())),
        Section(
            f"On the wires of {', '.join(DOORS)} the address chooses, as in OPENAI_BASE_URL={scene}; "
            f"an error with `{ONCE}` behind its name comes once, and the same request is answered then:",
            scenes,
        ),
    ]


def _scenarios() -> Iterator[Entry]:
    expected = expectations("Scenarios")
    for each in SCENARIOS.values():
        got = "an answer after one retry" if each.then else gets(expected[each.name])
        yield Entry(f"openrouter/{AUTHOR}/{each.name}", each.does, got, _source(each))


def _refusals() -> Iterator[Entry]:
    expected = expectations("Refusals")
    for each in REFUSALS.values():
        got = gets(expected[each.name]) if each.name in expected else NEVER_SENT
        yield Entry(each.name, each.does, got, _source(each))


def _source(scenario: Scenario) -> str:
    return f"status {scenario.shown_status}; follows {scenario.follows}"


def gets(expected: Expectation) -> str:
    """Say what comes of a call with the module's own retries."""
    if expected.raises:
        return f"{expected.raises} after retries" if expected.again else expected.raises
    return "an answer, also structured" if expected.fits else "an answer"


def text(*, sources: bool = False) -> str:
    """Return the tables for a terminal of eighty columns, or a pipe: a line that can be searched for, one that says."""
    blocks = []
    for section in sections():
        width = max(len(entry.asked) for entry in section.entries)
        blocks.append(fill(section.words, COLUMNS, break_long_words=False, break_on_hyphens=False) + "\n")
        for entry in section.entries:
            blocks.append(f"{entry.asked:{width}}  {entry.gets}")
            blocks.append(fill(entry.does, COLUMNS, initial_indent=INDENT, subsequent_indent=INDENT))
            if sources and entry.source:
                blocks.append(INDENT + entry.source)
        blocks.append("")
    return "\n".join([*blocks, fill(LEGEND, COLUMNS)]) + "\n"


def markdown() -> str:
    """Return the tables as docs/stand-in.md has them."""
    blocks = []
    for section in sections():
        blocks += [section.words, "", "| ask for | what happens | your code gets |", "|---|---|---|"]
        blocks += [f"| `{entry.asked}` | {entry.does} | {entry.gets} |" for entry in section.entries]
        blocks.append("")
    return "\n".join([*blocks, LEGEND]) + "\n"


def exports(base_url: str) -> str:
    """Return the lines that lead a shell's programs to the stand-in, OpenRouter's calls before everybody's."""
    first = openrouter(base_url, "sk-or-anything")
    others = {name: value for name, value in environment(base_url).items() if name not in first and value}
    return (
        f"Point an application at it, in the application's own shell:\n\n{_exported(first)}\n"
        f"and, where it asks other providers too:\n\n{_exported(others)}"
    )


def _exported(variables: dict[str, str]) -> str:
    return "".join(f"{INDENT}export {name}='{value}'\n" for name, value in variables.items())
