#!/usr/bin/env python3
"""Look up unknown costs at OpenRouter, or compare its bill with the table.

    reconcile_costs.py              update every row with a cost that is unknown, estimated or unpriced
    reconcile_costs.py --audit      change nothing; list the rows with a cost that differs from OpenRouter's
    reconcile_costs.py --days 7     only rows of the last seven days
    reconcile_costs.py --bill 2026-11    change nothing; compare OpenRouter's bill of a month with the table

A call that timed out, broke off or was cancelled may have been billed. OpenRouter sends the id of the generation
before the answer, so the cost can be looked up later, with a key of the same account. The row then has `reconciled` as
its cost_source, and the time.

The bill is OpenRouter's list of spending by day, model and provider, for the last 30 completed UTC days. Differences
from the table are printed by cause, line by line: rows of unknown cost, calls made elsewhere, fees for
calls with your own provider key, rounding. Days that OpenRouter does not list are named.

variables, from the environment or .env:
    OPENROUTER_API_KEY   a key of the account that made the calls
    OPENROUTER_MANAGEMENT_KEY   for --bill, a management key of the account; the other key cannot read the bill
    OPENROUTER_BASE_URL  an address to use instead of OpenRouter's
    REQUEST_TIMEOUT      seconds for one request (180)
    DATABASE_URL         where the rows are (sqlite:///llm_services.db, in the working directory)

exit codes:
    0  nothing is left unknown or different
    1  a row could not be updated or audited, or differs; with --bill, the bill and the table differ
    2  the command line or a variable is wrong, or there is no key or no such database
    3  the database cannot be reached or read
    130  interrupted; rows that were updated stay updated
"""

from __future__ import annotations

from command_line import check_database, number, parser, run, show_help, usage, visible

import argparse
import os
import sys
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

MOST_DAYS = 36_500
DAYS_INTO_NEXT_MONTH = 31


def _month(text: str) -> Scope:
    """Return the days of a month."""
    try:
        first = date.fromisoformat(f"{text}-01")
        return Scope(first, (first + timedelta(days=DAYS_INTO_NEXT_MONTH)).replace(day=1) - timedelta(days=1))
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a month: write it as 2026-11") from error


def _options() -> argparse.ArgumentParser:
    options = parser(__doc__)
    work = options.add_mutually_exclusive_group()
    work.add_argument("--audit", action="store_true", help="compare recorded costs with OpenRouter's; change nothing")
    work.add_argument("--bill", type=_month, metavar="YYYY-MM", help="compare with the bill of a month; change nothing")
    options.add_argument(
        "--days", type=number("days", MOST_DAYS), default=30, metavar="N", help="how far to look back (%(default)s)"
    )
    return options


if __name__ == "__main__":
    show_help(_options())

from rich.progress import track

from modules.infrastructure.public import infrastructure_provider
from modules.llm_services import LLMError
from modules.llm_services.config import create_llm_config_from_env
from modules.llm_services.ledger.maintenance import generations, reconcile, unpriced
from modules.llm_services.models import LLMRequestModel
from modules.llm_services.providers.openrouter_account import (
    MANAGEMENT_KEY_VARIABLE,
    MANAGEMENT_KEYS_PAGE,
    activity,
)
from modules.llm_services.providers.openrouter_generation import GenerationStatistics
from modules.llm_services.reporting.bill import AGREES, ROUNDING, compare
from modules.llm_services.reporting.values import Scope
from modules.llm_services.secret import remember

if TYPE_CHECKING:
    from decimal import Decimal

    from sqlalchemy.orm import Session

SMALLEST_DIFFERENCE_USD = 1e-9


def main() -> int:
    """Reconcile, audit or compare; return the exit code."""
    arguments = _options().parse_args()
    infrastructure = infrastructure_provider()
    if arguments.bill:
        return _bill(arguments.bill)
    with usage():
        infrastructure.initialize()
        try:
            statistics = GenerationStatistics(create_llm_config_from_env())
        except LLMError as error:  # a wrong proxy or certificate variable
            raise ValueError(str(error)) from error
    with statistics, infrastructure.get_database_session().session as session:
        with usage():
            check_database(session.get_bind().engine)
        work = _audit if arguments.audit else _settle
        return work(session, statistics, datetime.now(UTC) - timedelta(days=arguments.days))


def _bill(month: Scope) -> int:
    """Print what the bill and the table agree on, and the differences by cause; return 1 if there are any."""
    infrastructure, today = infrastructure_provider(), datetime.now(UTC).date()
    with usage():
        infrastructure.initialize()
        key = os.environ.get(MANAGEMENT_KEY_VARIABLE, "").strip()
        if not key:
            raise ValueError(
                f"{MANAGEMENT_KEY_VARIABLE} is not set: OpenRouter shows the bill only to a management key "
                f"({MANAGEMENT_KEYS_PAGE})"
            )
        remember(key)
        with infrastructure.get_database_session().session as session:
            engine = session.get_bind().engine
        check_database(engine)
        try:
            bill = compare(engine, month, activity(create_llm_config_from_env(), key), today)
        except LLMError as error:
            raise ValueError(str(error)) from error
    print(f"OpenRouter's bill, {month.since} to {month.until} (UTC days)")
    _print_amounts({"on the bill": bill.billed, "in the table": bill.recorded, "  agreeing": bill.agreeing})
    _print_amounts(
        {"difference": bill.billed - bill.recorded, **{f"  {name}": usd for name, usd in bill.remainders.items()}}
    )
    if bill.unknown_rows:
        print(f"rows of unknown cost: {bill.unknown_rows}; run this without --bill to look them up")
    for day, cost in bill.missing.items():
        print(f"{day} is not compared, because OpenRouter does not list it: {cost:.6f} USD in the table")
    different = [line for line in bill.lines if line.reason not in {AGREES, ROUNDING}]
    for line in different:
        where = visible(" ".join(filter(None, (str(line.key.day), line.key.model, line.key.provider))))
        print(
            f"{where}: {line.billed:.6f} USD for {line.requests} requests on the bill, "
            f"{line.recorded:.6f} USD for {line.rows} rows in the table ({line.reason})"
        )
    return 1 if different else 0


def _print_amounts(amounts: dict[str, Decimal]) -> None:
    for name, usd in amounts.items():
        print(f"{name:42}{usd:16.6f} USD")


def _settle(session: Session, statistics: GenerationStatistics, since: datetime) -> int:
    """Write the reported costs, and commit every row, so that an interrupted run keeps its results."""
    rows = list(generations(session, unpriced(), LLMRequestModel.created_at >= since))
    settled, cost = 0, 0.0
    for row in track(rows, description="asking OpenRouter", disable=not sys.stderr.isatty()):
        try:
            reported = statistics.usage(str(row.provider_response_id))
        except LLMError as error:
            print(f"{row.id} {row.provider_response_id} not settled: {error}")
            continue
        reconcile(row, reported)
        session.commit()
        settled, cost = settled + 1, cost + (reported.cost or 0.0)
    print(f"{settled} of {len(rows)} settled, {cost:.8f} USD found")
    return 0 if settled == len(rows) else 1


def _audit(session: Session, statistics: GenerationStatistics, since: datetime) -> int:
    """Compare every known cost with OpenRouter's."""
    priced = LLMRequestModel.cost_estimate.is_not(None), LLMRequestModel.created_at >= since
    rows = list(generations(session, *priced))
    differing = unanswered = 0
    for row in track(rows, description="auditing", disable=not sys.stderr.isatty()):
        try:
            reported = statistics.usage(str(row.provider_response_id), wait=False).cost or 0.0
        except LLMError as error:
            print(f"{row.id} {row.provider_response_id} not audited: {error}")
            unanswered += 1
            continue
        recorded = row.cost_estimate or 0.0
        if abs(reported - recorded) > SMALLEST_DIFFERENCE_USD:
            print(f"{row.id} {row.provider_response_id} recorded {recorded:.8f} USD, booked {reported:.8f} USD")
            differing += 1
    print(f"{len(rows) - unanswered} of {len(rows)} audited, {differing} differ")
    return 1 if differing or unanswered else 0


if __name__ == "__main__":
    sys.exit(run(main))
