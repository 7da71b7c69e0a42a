"""The tables of docs/providers.md, written from vendors.py: python tests/documents/models_table.py.

Each default with the day on which it ends, and every name that is routed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from model_ends import all_defaults, end_of, names_by_end

from modules.llm_services.vendors import VENDORS

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "providers.md"
BEGIN: Final = "<!-- the tables are written by tests/documents/models_table.py -->\n"
END: Final = "<!-- end of the tables -->\n"


def tables() -> str:
    """Return the defaults, and the names by vendor and by the day on which they end."""
    defaults = [
        f"| {default.vendor}, {default.kind} | `{default.model}` | {default.end or 'not announced'} "
        f"| {' or '.join(f'`{name}`' for name in default.variables) or 'a model in the call'} |"
        for default in all_defaults()
    ]
    names = [
        f"| {vendor.name} | {end or 'not announced'} | {', '.join(f'`{name}`' for name in ended)} |"
        for vendor in VENDORS.values()
        for end in names_by_end()
        if (ended := [name for name in vendor.models if end_of(name) == end])
    ]
    return "\n".join(
        [
            "| default | model | ends | another by |\n|---|---|---|---|",
            *defaults,
            "\n| vendor | ends | names |\n|---|---|---|",
            *names,
            "",
        ]
    )


def updated(page: str) -> str:
    """Return a page whose tables are those of the code."""
    before, rest = page.split(BEGIN)
    return before + BEGIN + "\n" + tables() + "\n" + END + rest.split(END)[1]


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
