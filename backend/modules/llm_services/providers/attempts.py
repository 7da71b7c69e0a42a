"""How far a call has come, and whether it is tried again."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from uuid import UUID

    from ..exceptions import LLMError
    from ..types import Usage

BACKOFF_SECONDS: Final = 0.5
WAIT_BUDGET_SECONDS: Final = 60.0


@dataclass
class Attempts:
    """The attempts of one call: at most `retries` beyond the first, their waits together within a minute."""

    retries: int
    number: int = 1
    waited: float = 0.0
    first: UUID | None = None
    corrected: bool = False
    spent: list[Usage] = field(default_factory=list)

    @property
    def is_last(self) -> bool:
        """Whether no further attempt is left."""
        return self.number > self.retries

    def wait(self, error: LLMError) -> float | None:
        """Return the seconds to wait before trying again, None when `error` is the last word.

        The server's own figure where there is one, else exponential backoff with jitter.
        """
        if self.is_last or not error.retryable:
            return None
        longest = BACKOFF_SECONDS * 2.0 ** (self.number - 1)
        seconds = random.uniform(longest / 2, longest) if error.retry_after is None else error.retry_after  # noqa: S311
        return seconds if self.waited + seconds <= WAIT_BUDGET_SECONDS else None

    def failed(self, request_id: UUID | None, usage: Usage, wait: float) -> None:
        """Count an attempt that failed and what it spent, and the wait that follows."""
        self.first = self.first or request_id
        self.spent.append(usage)
        self.number += 1
        self.waited += wait
