#!/usr/bin/env python3
"""Report costs: add up `llm_requests` by day, model, served provider and user.

    report.py                                the last 30 days, in the terminal
    report.py --html report.html             the same as a page with charts
    report.py --json                         the same with exact figures, for a spreadsheet or a script
    report.py --days 7 --user 42             one user's week
    report.py --check-models                 also look up in OpenRouter's list which models end
    report.py --by metadata.team             also by team, for calls with metadata={"team": ...}
    report.py --since 2026-10-01 --until 2026-10-31 --model openrouter/openai/gpt-4.1-mini

It shows what was spent and by whom, what the caches saved, what failed, why and at what cost, how long answers took,
and which rows have no price or are not settled. Days are UTC days; today is included and incomplete. A row is an
attempt, so a call that was retried is several rows. Unknown costs are counted separately, not as zero. Nothing is
written to the database, and calls can continue meanwhile.

variables, from the environment or .env:
    REQUEST_TIMEOUT  seconds that an attempt may take (180); a row that is pending for much longer is overdue
    OPENROUTER_BASE_URL  for --check-models, an address to use instead of OpenRouter's
    DATABASE_URL     where the rows are (sqlite:///llm_services.db, in the working directory)

exit codes:
    0  reported
    2  the command line or a variable is wrong, there is no such database or table, or the page cannot be written
    3  the database cannot be reached or read
    130  interrupted
"""

from __future__ import annotations

from command_line import Steps, check_database, day, parser, run, show_help, usage, user_id

import argparse
import json
import os
import sys
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

DAYS = 30
BY_HELP = "add up by a name in the metadata of calls, as well; can be repeated"


def _options() -> argparse.ArgumentParser:
    options = parser(__doc__)
    period = options.add_argument_group("which rows")
    period.add_argument("--days", type=_positive, metavar="N", help=f"the last N days, today included ({DAYS})")
    period.add_argument("--since", type=day, metavar="YYYY-MM-DD", help="the first day; instead of --days")
    period.add_argument("--until", type=day, metavar="YYYY-MM-DD", help="the last day, included (today)")
    period.add_argument("--user", type=user_id, metavar="ID", help="only rows of this user")
    period.add_argument("--model", metavar="NAME", help="only calls to this model, by the requested name")
    output = options.add_argument_group("how it is shown")
    period.add_argument("--check-models", action="store_true", help="look up in OpenRouter's list which models end")
    output.add_argument("--by", type=_label, action="append", default=[], metavar="metadata.NAME", help=BY_HELP)
    output.add_argument("--top", type=_positive, metavar="N", help="how many of the most expensive to name")
    output.add_argument("--html", type=Path, metavar="FILE", help="write a self-contained page")
    output.add_argument("--json", action="store_true", help="print JSON")
    return options


def _label(text: str) -> str:
    """Return the name in the metadata."""
    name = text.removeprefix(METADATA)
    if name in {"", text}:
        raise argparse.ArgumentTypeError(f"{text!r} is not a name in the metadata of calls: write it as metadata.team")
    return name


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is not a number of at least 1")
    return int(text)


if __name__ == "__main__":
    show_help(_options())

from modules.infrastructure.public import infrastructure_provider
from modules.llm_services import LLMError
from modules.llm_services.config import create_llm_config_from_env
from modules.llm_services.ledger.maintenance import longest_attempt
from modules.llm_services.reporting.ending import listed_ends
from modules.llm_services.reporting.report import METADATA, TOP, read_report
from modules.llm_services.reporting.values import Report, Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Engine

    from modules.llm_services.config import LLMConfig
    from modules.llm_services.reporting.dialects import Part


def main() -> int:
    """Report, and return 0."""
    arguments = _arguments()
    with usage():
        if arguments.html:
            _check_writable(arguments.html)
        config, engine = create_llm_config_from_env(), _engine()
        longest = timedelta(seconds=longest_attempt(config.request_timeout))
        listed = _listed(config) if arguments.check_models else None
        report = read_report(engine, arguments.scope, longest, arguments.top, listed, _tracked)
        _write(report, _name(engine), arguments)
    return 0


def _engine() -> Engine:
    """Return the database; raise ValueError if it or its table is missing."""
    infrastructure = infrastructure_provider()
    infrastructure.initialize()
    with infrastructure.get_database_session().session as session:
        engine = session.get_bind().engine
    check_database(engine)
    return engine


def _listed(config: LLMConfig) -> dict[str, date | None]:
    """Return the models that OpenRouter lists, with their ends; raise ValueError if it does not answer."""
    from modules.llm_services.providers.openrouter_account import listed_models  # noqa: PLC0415 - needs the network

    try:
        return listed_ends(listed_models(config))
    except LLMError as error:
        raise ValueError(str(error)) from error


def _name(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=True)


def _check_writable(path: Path) -> None:
    """Raise OSError if the page cannot be written, before minutes are spent on it."""
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise OSError(f"cannot write {path}: it is a folder, or in one that cannot be written to or does not exist")


def _tracked(parts: Sequence[Part]) -> Iterator[Part]:
    """Show how much of the table has been read, if that takes a while."""
    if len(parts) == 1:
        yield from parts
        return
    with Steps("reading llm_requests", len(parts)) as steps:
        for number, part in enumerate(parts, start=1):
            steps.begin(f"part {number}")
            yield part
            steps.end()


def _write(report: Report, database: str, arguments: argparse.Namespace) -> None:
    """Write the report in the chosen forms; each form imports the packages that only it needs."""
    if arguments.json:
        print(json.dumps(asdict(report) | {"total": asdict(report.total)}, default=str, indent=2))
    if arguments.html:
        from modules.llm_services.reporting.page import page  # noqa: PLC0415

        arguments.html.write_text(page(report, database), encoding="utf-8")
        print(f"wrote {arguments.html}", file=sys.stderr)
    if not arguments.json and not arguments.html:
        from modules.llm_services.reporting.terminal import show  # noqa: PLC0415

        show(report, database)


def _arguments() -> argparse.Namespace:
    options = _options()
    options.set_defaults(top=TOP)
    arguments = options.parse_args()
    until = arguments.until or datetime.now(UTC).date()
    if arguments.since and arguments.days:
        options.error("--since and --days both say where to begin: give one of them")
    try:
        since = arguments.since or until - timedelta(days=(arguments.days or DAYS) - 1)
        if since > until:
            options.error(f"--since {since} is after --until {until}")
        arguments.scope = Scope(since, until, arguments.user, arguments.model, tuple(arguments.by))
        arguments.scope.end  # noqa: B018 - the day after has to exist
    except OverflowError:
        options.error("the calendar does not go that far")
    return arguments


if __name__ == "__main__":
    sys.exit(run(main))
