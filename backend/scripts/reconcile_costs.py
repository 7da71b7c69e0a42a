#!/usr/bin/env python3
"""Ask OpenRouter what the requests cost whose answer did not say.

    reconcile_costs.py              settle every row whose cost is unknown, estimated or unpriced
    reconcile_costs.py --audit      change nothing; report the rows whose cost is not the one in OpenRouter's books
    reconcile_costs.py --days 7     only rows of the last seven days

A call that timed out, broke off or was cancelled may have been billed. OpenRouter names the generation before
the answer, so its row can still be settled from OpenRouter's books, with the key of the same account. A row that
was settled so says `reconciled` as its cost_source, and when.

variables, of the environment or of .env:
    OPENROUTER_API_KEY   the key; it has to be of the account that made the calls
    OPENROUTER_BASE_URL  another address than OpenRouter's
    REQUEST_TIMEOUT      seconds for one question (180)
    DATABASE_URL         where the rows are (sqlite:///llm_services.db, in the working directory)

exit codes:
    0  nothing is left open
    1  a row could not be settled or audited, or differs
    2  the command line or a variable is wrong, or there is no key
    3  the database cannot be reached, or read
    130  interrupted; what was settled stays settled
"""

from __future__ import annotations

from command_line import parser, run, usage

import argparse
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rich.progress import track

from modules.infrastructure.public import infrastructure_provider
from modules.llm_services import LLMError
from modules.llm_services.config import create_llm_config_from_env
from modules.llm_services.ledger.maintenance import generations, reconcile, unpriced
from modules.llm_services.models import LLMRequestModel
from modules.llm_services.providers.openrouter_generation import GenerationStatistics

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

LONGEST_DAYS = 36_500
SMALLEST_DIFFERENCE_USD = 1e-9


def main() -> int:
    """Reconcile or audit; return 0 when nothing is left open, 1 when something is, 2 without a key."""
    arguments = _arguments()
    infrastructure = infrastructure_provider()
    with usage():
        infrastructure.initialize()
        try:
            statistics = GenerationStatistics(create_llm_config_from_env())
        except LLMError as error:  # of a proxy or of certificates
            raise ValueError(str(error)) from error
    with statistics, infrastructure.get_database_session().session as session:
        work = _audit if arguments.audit else _settle
        return work(session, statistics, datetime.now(UTC) - timedelta(days=arguments.days))


def _settle(session: Session, statistics: GenerationStatistics, since: datetime) -> int:
    """Write the booked costs, with a commit for every row, so that an interrupted run keeps what it settled."""
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
    """Compare every known cost with the books."""
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


def _days(text: str) -> float:
    days = float(text)
    if not 0 <= days <= LONGEST_DAYS:
        raise argparse.ArgumentTypeError(f"{text} is no number of days up to {LONGEST_DAYS}")
    return days


def _arguments() -> argparse.Namespace:
    options = parser(__doc__)
    options.add_argument("--audit", action="store_true", help="compare recorded costs with the books, change nothing")
    options.add_argument("--days", type=_days, default=30, help="how far to look back (%(default)s)")
    return options.parse_args()


if __name__ == "__main__":
    sys.exit(run(main))
