"""The public interface: its names, the effects of importing it, and its reads."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from sqlalchemy import text

from modules import llm_services
from modules.llm_services import public, service
from modules.llm_services.models import LLMRequestModel, new_request_id
from modules.llm_services.public import llm_services_admin_provider, llm_services_provider
from support.processes import bare_environment

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

BACKEND = Path(__file__).resolve().parents[1] / "backend"
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def row(**columns: object) -> LLMRequestModel:
    """Return a completed row, created at noon."""
    given = {
        "provider": "openrouter",
        "model": "openrouter/a/b",
        "messages": [{"role": "user", "content": "hi"}],
        "temperature": 0.7,
        "status": "completed",
        "created_at": NOON,
    }
    return LLMRequestModel(**given | columns)


@pytest.mark.parametrize("module", [llm_services, public, service])
def test_every_name_that_is_promised_is_there(module: object) -> None:
    """All names in `__all__` exist, and they include those that consumers import."""
    names = set(module.__all__)  # type: ignore[attr-defined]
    assert set() == names - set(dir(module))


def test_a_value_is_defined_once() -> None:
    """public, service and types export the same classes, not copies of them."""
    assert public.LLMMessage is service.LLMMessage is llm_services.LLMMessage
    assert public.LLMRequest is service.LLMRequest is llm_services.LLMRequest


@pytest.mark.parametrize(
    "statement",
    [
        "import modules.llm_services.public",
        "from modules.llm_services import llm_services_provider as p; from sqlalchemy.orm import Session; p(Session())",
    ],
)
def test_importing_is_silent(statement: str, tmp_path: Path) -> None:
    """Importing `public` and building a service prints nothing, writes nothing and needs no environment."""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", statement]
    environment = bare_environment(PYTHONPATH=str(BACKEND), PYTHONDONTWRITEBYTECODE="1")
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
    assert [] == list(tmp_path.iterdir())


def test_importing_the_door_registers_the_table() -> None:
    """Importing `public` alone puts llm_requests on the metadata, for the foreign keys of other tables."""
    statement = "import modules.llm_services.public, modules.shared_models as s; print(*s.Base.metadata.tables)"
    command = [sys.executable, "-c", statement]
    done = subprocess.run(
        command, env=bare_environment(PYTHONPATH=str(BACKEND)), capture_output=True, text=True, check=True
    )
    assert "llm_requests\n" == done.stdout


def test_the_admin_door_takes_a_session_only(session: Session) -> None:
    """llm_services_admin_provider raises ValueError for anything but a Session."""
    assert 0 == llm_services_admin_provider(session).count_all_requests()
    with pytest.raises(ValueError, match="Session, not NoneType"):
        llm_services_admin_provider(None)  # type: ignore[arg-type]


def test_lists_are_newest_first_and_stable(session: Session) -> None:
    """Requests are listed newest first; those with the same time keep their order from page to page."""
    session.add_all([row(created_at=NOON - timedelta(seconds=age // 2)) for age in range(10)])
    session.flush()
    admin = llm_services_admin_provider(session)
    whole = admin.get_recent_requests()
    assert sorted((each.created_at for each in whole), reverse=True) == [each.created_at for each in whole]
    pages = [each.id for offset in range(0, 10, 3) for each in admin.get_recent_requests(3, offset)]
    assert [each.id for each in whole] == pages


def test_lists_leave_the_bodies_out(session: Session) -> None:
    """A list does not load the request and response bodies; a single request has both."""
    session.add(made := row(request_payload={"a": 1}, response_raw={"b": 2}))
    session.commit()
    llm = llm_services_provider(session)
    (listed,) = llm_services_admin_provider(session).get_recent_requests()
    whole = llm.get_request(made.id)
    assert (None, None) == (listed.request_payload, listed.response_raw)
    assert whole is not None
    assert ({"a": 1}, {"b": 2}) == (whole.request_payload, whole.response_raw)


def test_figures_of_rows(session: Session) -> None:
    """Counts and sums are of rows: by user, by status, since a time in any zone; unknown costs add nothing."""
    session.add_all(
        [
            row(user_id=1, cost_estimate=0.25),
            row(user_id=1, status="failed", cost_estimate=None),
            row(user_id=2, cost_estimate=0.5, created_at=NOON - timedelta(days=1)),
        ]
    )
    session.flush()
    llm, admin = llm_services_provider(session), llm_services_admin_provider(session)
    two_hours_east = NOON.astimezone(timezone(timedelta(hours=2)))
    assert (3, 2, 0.25) == (
        admin.count_all_requests(),
        admin.count_requests_since(two_hours_east),
        admin.sum_request_costs_since(two_hours_east),
    )
    assert (2, 1) == (llm.get_request_count_by_user(1), llm.get_request_count_by_status("failed"))
    assert [2] == [each.user_id for each in llm.get_user_requests(2)]
    assert 0.0 == admin.sum_request_costs_since(NOON + timedelta(days=1))


@pytest.mark.parametrize("user_id", ["1; DROP TABLE", None, 1.5, True, 2**40, -(2**40)])
def test_a_user_that_cannot_be_has_no_requests(session: Session, user_id: object) -> None:
    """A user id that does not fit the column gets an empty result, not a database error."""
    llm = llm_services_provider(session)
    assert [] == llm.get_user_requests(user_id)  # type: ignore[arg-type]
    assert 0 == llm.get_request_count_by_user(user_id)  # type: ignore[arg-type]


@pytest.mark.parametrize("request_id", [uuid4(), str(uuid4()), "nonsense"], ids=["id", "text", "nonsense"])
def test_a_request_that_is_not_there_is_none(session: Session, request_id: object) -> None:
    """An id without a row, or an invalid id, gives None."""
    assert None is llm_services_provider(session).get_request(request_id)  # type: ignore[arg-type]


def test_a_request_mirrors_its_row(session: Session) -> None:
    """LLMRequest has every column of the table, and its times are in UTC."""
    session.add(made := row(id=new_request_id(), response_output={"a": 1}))
    session.commit()
    request = llm_services_provider(session).get_request(made.id)
    assert request is not None
    assert {column.name for column in LLMRequestModel.__table__.columns} == set(type(request).model_fields)
    assert ({"a": 1}, NOON) == (request.response_output, request.created_at)


def test_an_odd_row_does_not_take_the_others_with_it(session: Session) -> None:
    """An invalid row is listed unchanged, beside the valid ones."""
    session.add_all([row(), row(), row()])
    session.flush()
    session.execute(text("UPDATE llm_requests SET temperature = 'warm', status = 7 WHERE rowid = 2"))
    requests = llm_services_admin_provider(session).get_recent_requests()
    assert 3 == len(requests)
    assert 1 == sum("warm" == str(each.temperature) for each in requests)


def test_reading_leaves_the_callers_session_alone(session: Session) -> None:
    """Reads neither commit nor roll back: the caller's uncommitted changes stay, and stay uncommitted."""
    session.add(row(user_id=1))
    session.flush()
    assert 1 == llm_services_admin_provider(session).count_all_requests()
    session.rollback()
    assert 0 == llm_services_admin_provider(session).count_all_requests()
