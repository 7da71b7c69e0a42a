"""The entry points and reads as consumers may write them; the other files in this folder have the rest.

These files are type-checked by `nox -s types`, and never run; for the search for dead code, they list what is used from
outside. Every name of the interface is used, every argument by position and by keyword, and every result is asserted,
so that no signature becomes stricter. A line with an ignore must be a type error: mypy (warn_unused_ignores) and
basedpyright (reportUnnecessaryTypeIgnoreComment) complain if it is not, so that no signature becomes laxer.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, assert_type

from fastapi import APIRouter
from sqlalchemy.orm import Session

from modules import llm_services
from modules.infrastructure.public import infrastructure_provider
from modules.llm_services import models, service
from modules.llm_services.providers.factory import get_available_providers
from modules.llm_services.public import (
    ImageResponse,
    LLMMessage,
    LLMRequest,
    LLMResponse,
    LLMServicesAdminProvider,
    LLMServicesProvider,
    WebSearchResponse,
    llm_services_admin_provider,
    llm_services_provider,
)
from modules.llm_services.routes import llm_router
from modules.llm_services.types import LLMProviderType
from modules.shared_models import Base, PostgresUUID

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from uuid import UUID

    from fastapi import FastAPI
    from sqlalchemy.ext.asyncio import AsyncSession

    from modules.llm_services.service import LLMRequestReader


def consumers_import() -> None:
    """Every name is the same class, whichever module it is imported from."""
    assert_type(llm_services.LLMMessage, type[LLMMessage])
    assert_type(llm_services.LLMRequest, type[LLMRequest])
    assert_type(llm_services.LLMResponse, type[LLMResponse])
    assert_type(llm_services.ImageResponse, type[ImageResponse])
    assert_type(llm_services.WebSearchResponse, type[WebSearchResponse])
    assert_type(llm_services.llm_services_provider(), LLMServicesProvider)
    assert_type(service.LLMMessage, type[LLMMessage])
    assert_type(service.LLMRequest, type[LLMRequest])
    assert_type(get_available_providers(), list[LLMProviderType])


def consumers_mount_the_routes(application: FastAPI, authenticated: Callable[[str], bool]) -> None:
    """The routes require the deployment's own authentication."""
    assert_type(llm_router(authenticated), APIRouter)
    application.include_router(llm_router(authenticated=authenticated))

    llm_router()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    llm_router(None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def consumers_bring(made: service.LLMService) -> None:
    """The application's own modules pass these to llm_services."""
    infrastructure = infrastructure_provider()
    infrastructure.initialize()
    assert_type(infrastructure.get_database_session().session, Session)
    assert_type(infrastructure.get_session_context(), AbstractContextManager[Session])
    key: PostgresUUID[UUID] = PostgresUUID()
    base: type[Base] = models.LLMRequestModel
    door: llm_services.LLMServicesProvider = made
    admin_door: LLMServicesAdminProvider = made
    _ = (key, base, door, admin_door)


def consumers_enter(session: Session, asynchronous: AsyncSession, reader: LLMRequestReader) -> None:
    """A service takes a sync session, by position or by keyword, or none; the administrator's requires one."""
    assert_type(llm_services_provider(), LLMServicesProvider)
    assert_type(llm_services_provider(None), LLMServicesProvider)
    assert_type(llm_services_provider(session), LLMServicesProvider)
    assert_type(llm_services_provider(session=session), LLMServicesProvider)
    assert_type(llm_services_admin_provider(session), LLMServicesAdminProvider)
    assert_type(llm_services_admin_provider(session=session), LLMServicesAdminProvider)
    admin: LLMServicesAdminProvider = reader
    _ = admin

    llm_services_provider(asynchronous)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    llm_services_provider(session, None)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    llm_services_admin_provider()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    llm_services_admin_provider(None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def consumers_read(llm: LLMServicesProvider, request_id: UUID, messages: list[LLMMessage]) -> None:
    """Reads are sync, and take their arguments by position or by keyword."""
    assert_type(llm.get_request(request_id), LLMRequest | None)
    assert_type(llm.get_request(request_id=str(request_id)), LLMRequest | None)
    assert_type(llm.get_user_requests(1, 50, 0), list[LLMRequest])
    assert_type(llm.get_user_requests(user_id=1, limit=50, offset=0), list[LLMRequest])
    assert_type(llm.get_user_requests(1), list[LLMRequest])
    assert_type(llm.estimate_cost(messages, "gpt-5"), float)
    assert_type(llm.estimate_cost(messages=messages, model=None), float)
    assert_type(llm.estimate_cost(messages), float)
    assert_type(llm.get_request_count_by_user(1), int)
    assert_type(llm.get_request_count_by_user(user_id=1), int)
    assert_type(llm.get_request_count_by_status("failed"), int)
    assert_type(llm.get_request_count_by_status(status="failed"), int)

    llm.get_request(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    llm.get_user_requests("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    llm.get_user_requests(1, "50")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    llm.get_user_requests(1, 50, "0")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    llm.estimate_cost("Hello!")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    llm.estimate_cost(messages, 5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    llm.get_request_count_by_user(None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    llm.get_request_count_by_status(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def consumers_administer(admin: LLMServicesAdminProvider, request_id: UUID, moment: datetime) -> None:
    """An administrator reads the requests of all users."""
    assert_type(admin.get_request(request_id), LLMRequest | None)
    assert_type(admin.get_request(request_id=str(request_id)), LLMRequest | None)
    assert_type(admin.get_recent_requests(), list[LLMRequest])
    assert_type(admin.get_recent_requests(50, 0), list[LLMRequest])
    assert_type(admin.get_recent_requests(limit=50, offset=0), list[LLMRequest])
    assert_type(admin.get_user_requests(1), list[LLMRequest])
    assert_type(admin.get_user_requests(1, 50, 0), list[LLMRequest])
    assert_type(admin.get_user_requests(user_id=1, limit=50, offset=0), list[LLMRequest])
    assert_type(admin.count_all_requests(), int)
    assert_type(admin.get_request_count_by_user(1), int)
    assert_type(admin.get_request_count_by_user(user_id=1), int)
    assert_type(admin.count_requests_since(moment), int)
    assert_type(admin.count_requests_since(moment=moment), int)
    assert_type(admin.sum_request_costs_since(moment), float)
    assert_type(admin.sum_request_costs_since(moment=moment), float)

    admin.get_request(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    admin.get_recent_requests("50")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    admin.get_recent_requests(50, "0")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    admin.get_user_requests("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    admin.get_user_requests(1, "50")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    admin.get_user_requests(1, 50, "0")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    admin.count_all_requests(1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    admin.get_request_count_by_user("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    admin.count_requests_since(0)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    admin.sum_request_costs_since(0)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
