"""A service for each vendor's endpoint at the stand-in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import pytest
from sqlalchemy import Engine, Table, select
from sqlalchemy.orm import Session
from syrupy.matchers import path_type

from modules.llm_services.config import VARIABLE_NAMES
from modules.llm_services.models import LLMRequestModel
from modules.llm_services.public import LLMMessage, LLMServicesProvider, llm_services_provider
from support.doors import DOORS, Door

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from syrupy.assertion import SnapshotAssertion

ROWS = cast("Table", LLMRequestModel.__table__)
if find_spec("openrouter"):  # `nox -s conformance` installs the SDKs: then their types judge every test in here
    from providers.openrouter_judge import judge_what_is_rendered  # noqa: F401
    from providers.oracles import judge_rows  # noqa: F401

QUESTION = [LLMMessage(role="user", content="What is the capital of France?")]
# Values that the stand-in draws or counts, wherever they are in a row.
DRAWN: dict[str, tuple[type[Any], ...]] = {
    "execution_time_ms": (int,),
    r".*\.?(responseId|provider_response_id|signature|thoughtSignature)": (str,),
    r".*\.(id|call_id)": (str,),
    r".*\.(created_at|created)": (int,),
}


@dataclass
class At:
    """A service at a vendor's endpoint, with a scenario that can be changed."""

    door: Door
    llm: LLMServicesProvider
    session: Session
    _go: Callable[..., None]

    def scene(self, name: str = "", **environment: str) -> At:
        """Select a scenario; the service is made again, because it has read its environment."""
        self._go(self.door, name, environment)
        self.llm = llm_services_provider(self.session)
        return self

    def rows(self) -> list[dict[str, Any]]:
        """Return all rows in the order of their attempts."""
        order = select(ROWS).order_by(ROWS.c.created_at, ROWS.c.retry_attempt)
        with self.session.get_bind().connect() as connection:  # type: ignore[union-attr]
            return [dict(row) for row in connection.execute(order).mappings()]

    def row(self) -> dict[str, Any]:
        """Return the only row."""
        (row,) = self.rows()
        return row


@pytest.fixture(params=list(DOORS))
def at(
    request: pytest.FixtureRequest, base_url: str, sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[At]:
    """Return a service for each vendor in turn, with the scenario of a normal answer and one attempt per call."""
    with Session(sqlite_engine) as session:
        at = At(DOORS[request.param], llm_services_provider(session), session, _going(base_url, monkeypatch))
        yield at.scene()


def _going(base_url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[Door, str, dict[str, str]], None]:
    def go(door: Door, scene: str, environment: dict[str, str]) -> None:
        for name in VARIABLE_NAMES:
            monkeypatch.delenv(name, raising=False)
        for name, value in {"MAX_RETRIES": "0", **door.environment(base_url, scene), **environment}.items():
            monkeypatch.setenv(name, value)

    return go


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Mask what differs between runs: row ids, times, durations, and the stand-in's random values."""
    return snapshot.with_defaults(matcher=path_type(DRAWN, types=(UUID, datetime), regex=True))
