"""Write the tables of docs/configuration.md from config.py: python tests/documents/settings_table.py.

They have each variable with its default in an empty environment and its field's description.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Final
from unittest import mock

from modules.llm_services.config import VARIABLES, LLMConfig, create_llm_config_from_env
from modules.llm_services.types import LLMProviderType
from modules.llm_services.vendors import VENDORS

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"
BEGIN: Final = "<!-- the tables are written by tests/documents/settings_table.py -->\n"
END: Final = "<!-- end of the tables -->\n"
CODE: Final = re.compile(r"[A-Z]+_[A-Z_]+(?:=\w+)?|https?://[^ )]+")
HEAD: Final = "| variable | default | meaning |\n|---|---|---|\n"

# The first group with a prefix of the field gets it.
GROUPS: Final = {
    "openrouter": ("OpenRouter", LLMProviderType.OPENROUTER),
    "openai": ("OpenAI", LLMProviderType.OPENAI),
    "azure": ("Azure OpenAI", LLMProviderType.AZURE_OPENAI),
    "anthropic|claude": ("Anthropic", LLMProviderType.ANTHROPIC),
    "aws|bedrock": ("Bedrock", LLMProviderType.BEDROCK),
    "gemini": ("Gemini", LLMProviderType.GEMINI),
    "image|audio": ("Images and speech", None),
    "store": ("What is stored", None),
    "limit": ("Spend limits", None),
    "cache": ("Response cache", None),
    "log": ("Log", None),
    "": ("All calls", None),
}


def tables() -> str:
    """Return the order of default providers, and a section for each group, the general settings first."""
    fields: dict[str, list[str]] = {prefix: [] for prefix in ("", *GROUPS)}
    for field in VARIABLES:
        fields[next(prefix for prefix in GROUPS if re.match(prefix, field))].append(field)
    titles = {provider: title for title, provider in GROUPS.values()}
    order = ", ".join(titles[provider] for provider in VENDORS)
    sections = [_section(*GROUPS[prefix], fields[prefix]) for prefix in fields]
    return "\n".join(
        [f"Without it, the default provider is the first one that is configured, in the order {order}.\n", *sections]
    )


def _section(title: str, provider: LLMProviderType | None, fields: list[str]) -> str:
    needed = f"To use it, set {_marked(VENDORS[provider].how_to_configure)}.\n\n" if provider else ""
    return f"## {title}\n\n{needed}{HEAD}" + "".join(_line(field) for field in fields)


def _line(field: str) -> str:
    with mock.patch.dict(os.environ, clear=True):
        default = getattr(create_llm_config_from_env(), field)
    names = " or ".join(f"`{name}`" for name in VARIABLES[field])
    meaning = (LLMConfig.model_fields[field].description or "").replace("None:", "unset:")
    return f"| {names} | {_shown(default)} | {_marked(meaning)}{_limits(field)} |\n"


def _shown(default: object) -> str:
    match default:
        case None | {}:
            return "unset"
        case bool():
            return f"`{str(default).lower()}`"
        case float():
            return f"`{default:g}`"
        case _:
            return f"`{default}`"


def _marked(text: str) -> str:
    """Mark variables and addresses as code."""
    return CODE.sub(lambda found: f"`{found[0]}`", text)


def _limits(field: str) -> str:
    """Return the allowed values of a field, if it restricts them."""
    schema: dict[str, Any] = LLMConfig.model_json_schema()["properties"][field]
    schema = next((each for each in schema.get("anyOf", ()) if each["type"] != "null"), schema)
    if "enum" in schema:
        return "; one of " + ", ".join(f"`{each}`" for each in schema["enum"])
    if "maximum" in schema:
        return f"; {schema['minimum']} to {schema['maximum']}"
    if "exclusiveMinimum" in schema:
        return f"; more than {schema['exclusiveMinimum']}"
    return ""


def updated(page: str) -> str:
    """Return a page with its tables written from the code."""
    before, rest = page.split(BEGIN)
    return before + BEGIN + "\n" + tables() + "\n" + END + rest.split(END)[1]


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
