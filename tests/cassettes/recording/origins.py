"""The table in cassettes/README.md, written from the origins of the cassettes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from cassette.format import read_origin
from cassettes.recording.scenarios import SCENARIOS, Scenario
from modules.llm_services.types import LLMProviderType
from stand_in.scenarios import SCENARIOS as PLAYED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BEGIN: Final = "<!-- the table is written by tests/cassettes/recording/record.py -->"
END: Final = "<!-- end of the table -->"
TABLE: Final = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
HEAD: Final = "| cassette | model asked | recorded from | on | can be ordered live |\n|---|---|---|---|---|"


def update_table(folder: Path) -> None:
    """Write the table of `folder`/README.md again, if the file exists."""
    readme = folder / "README.md"
    if readme.exists():
        readme.write_text(with_table(readme.read_text("utf-8"), folder), "utf-8")


def with_table(readme: str, folder: Path) -> str:
    """Return a README with the table of the cassettes in `folder`."""
    rows = [_row(scenario, folder / f"{scenario.cassette}.yaml") for scenario in SCENARIOS.values()]
    table = "\n".join([BEGIN, "", HEAD, *rows, "", END])
    return TABLE.sub(lambda _: table, readme)


def _row(scenario: Scenario, cassette: Path) -> str:
    origin = read_origin(cassette) if cassette.exists() else {"server": "nobody yet", "recorded": ""}
    name = f"[{scenario.name}]({scenario.cassette}.yaml)"
    live = f"no: {scenario.not_live}" if scenario.not_live else "yes"
    if scenario.live:
        live = f"yes, by at most {scenario.live.most_requests} requests for `{scenario.live.model}`"
    return f"| {name} | `{scenario.model}` | {_server(scenario, origin)} | {origin['recorded']} | {live} |"


def _server(scenario: Scenario, origin: Mapping[str, object]) -> str:
    """Return who answered and, for the stand-in, the public source that its scenario follows."""
    played = origin.get("scenario")
    if scenario.vendor != LLMProviderType.OPENROUTER and played:
        return f"{origin['server']}, after the types of the vendor's package"
    if played not in PLAYED:
        return str(origin["server"])
    return f"{origin['server']}, scenario `{played}`, after {PLAYED[played].follows}"
