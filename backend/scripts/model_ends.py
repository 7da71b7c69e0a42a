#!/usr/bin/env python3
"""List the default models, and the routed model names, that their vendors retire soon.

    model_ends.py                     what ends within the next 60 days
    model_ends.py --days 180          within half a year, as before a release
    model_ends.py --today 2027-01-01  as if it were that day

The dates are in model_names.py, with the vendors' pages. Models that have ended already are not shown. At Azure and
Bedrock, a model may end on a different day.

variables:
    none: the script checks the defaults of this release, not your configuration

exit codes:
    0  no default ends in this time
    1  a default ends, or has ended
    2  the command line is wrong, or a package is not installed
    130  interrupted
"""

from __future__ import annotations

from command_line import day, number, parser, run, show_help

import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

DAYS = 60
MOST_DAYS = 36_500


def _options() -> argparse.ArgumentParser:
    options = parser(__doc__)
    options.add_argument(
        "--days", type=number("days", MOST_DAYS), default=DAYS, metavar="N", help=f"how far to look ({DAYS})"
    )
    options.add_argument(
        "--today", type=day, default=datetime.now(UTC).date(), metavar="YYYY-MM-DD", help="as if it were that day"
    )
    return options


if __name__ == "__main__":
    show_help(_options())

from modules.llm_services.config import VARIABLES, LLMConfig
from modules.llm_services.types import LLMProviderType
from modules.llm_services.vendors import VENDORS

if TYPE_CHECKING:
    import argparse


@dataclass(frozen=True)
class Default:
    """A model that is used if neither the call nor a variable names one."""

    vendor: str
    kind: str
    model: str
    fields: tuple[str, ...]

    @property
    def variables(self) -> list[str]:
        """The variables that override it."""
        return [name for field in self.fields for name in VARIABLES[field]]

    @property
    def end(self) -> date | None:
        """The day on which the vendor retires the default; None if no day is announced."""
        return end_of(self.model)


def main() -> int:
    """Print the defaults that end, then the names, by day; return 1 if a default ends."""
    arguments = _options().parse_args()
    last = arguments.today + timedelta(days=arguments.days)
    defaults = [default for default in all_defaults() if default.end and default.end <= last]
    for default in defaults:
        others = f": set {' or '.join(default.variables)}" if default.variables else ""
        print(f"default of {default.vendor}, {default.kind}: {default.model} ends on {default.end}{others}")
    for end, names in names_by_end().items():
        if end and arguments.today <= end <= last:
            print(f"{end}: {', '.join(names)}")
    return 1 if defaults else 0


def all_defaults() -> list[Default]:
    """Return every default model, vendor by vendor."""
    config = LLMConfig()
    defaults = [
        Default(vendor.name, "text", config.default_model(provider), vendor.model_fields)
        for provider, vendor in VENDORS.items()
    ]
    defaults += [
        Default(vendor.name, "speech", model, vendor.speech_model_fields)
        for provider, vendor in VENDORS.items()
        if (model := config.speech_model(provider))
    ]
    images = Default(VENDORS[LLMProviderType.OPENAI].name, "images", config.image_model, ("image_model",))
    return [*defaults, images]


def end_of(model: str) -> date | None:
    """Return the day on which a model's maker retires it; None if none is announced, or for an alias."""
    return next((vendor.models[model] for vendor in VENDORS.values() if model in vendor.models), None)


def names_by_end() -> dict[date | None, list[str]]:
    """Return all names by the day on which they end; those without a day come last."""
    ends = {name: end for vendor in VENDORS.values() for name, end in vendor.models.items()}
    days = sorted({end for end in ends.values() if end})
    return {day: [name for name, end in ends.items() if end == day] for day in [*days, None]}


if __name__ == "__main__":
    sys.exit(run(main))
