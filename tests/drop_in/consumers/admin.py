"""Watches calls and their costs."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from modules.llm_services.public import LLMRequest, LLMServicesAdminProvider, llm_services_admin_provider


@dataclass(frozen=True)
class Overview:
    """Figures since a time, and the latest requests; costs in USD."""

    everything: int
    since: int
    cost: float
    of_user: int
    latest: list[LLMRequest]
    users_latest: list[LLMRequest]


class Dashboard:
    """Reads through the session of a web request."""

    def __init__(self, session: Session) -> None:
        """Read through `session`."""
        self.llm: LLMServicesAdminProvider = llm_services_admin_provider(session)

    def overview(self, since: datetime, user_id: int) -> Overview:
        """Return the figures."""
        return Overview(
            everything=self.llm.count_all_requests(),
            since=self.llm.count_requests_since(since),
            cost=self.llm.sum_request_costs_since(since),
            of_user=self.llm.get_request_count_by_user(user_id),
            latest=self.llm.get_recent_requests(limit=500, offset=0),
            users_latest=self.llm.get_user_requests(user_id, limit=500),
        )

    def answered_with(self, request_id: str) -> object:
        """Return the answer of a request as its provider sent it."""
        request = self.llm.get_request(request_id)
        return request.response_raw if request else None
