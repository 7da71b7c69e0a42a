"""FastAPI routes that call a model and read requests; they need the package fastapi.

    app.include_router(llm_router(authenticated))

`authenticated` is the application's FastAPI dependency for authentication; it runs before every route.
"""

import inspect
import json
import logging
import math
import sqlite3
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Annotated, Any, Final, Self
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import AfterValidator, BaseModel, ConfigDict, FailFast, Field, model_validator
from sqlalchemy.exc import SQLAlchemyError

from .config import create_llm_config_from_env
from .exceptions import LLMError
from .public import LLMMessage, LLMRequest, LLMResponse, LLMServicesProvider, llm_services_provider
from .sanitize import encode_json, sanitize_text
from .types import LARGEST_INTEGER, LONGEST_MODEL_NAME, MessageRole

logger = logging.getLogger(__name__)

PREFIX: Final = "/api/v1/llm"
MAX_PROBLEMS: Final = 20
NOT_FOUND: Final = "LLM request not found"
TOO_DEEP: Final = "the request nests too deep"
UNREADABLE: Final = "the database is not available: try again later"
UNNAMED: Final = "the database is not configured: check DATABASE_URL"
STRICT: Final = ConfigDict(strict=True, extra="forbid")
# Arguments of a call, and options that are sent unchecked; only code may use them, HTTP clients may not.
ARGUMENTS: Final = frozenset(inspect.signature(LLMServicesProvider.generate_response).parameters) - {"options"}
REFUSED: Final = ARGUMENTS | {"extra_body", "on_text"}
ROLES: Final = ", ".join(MessageRole)
NOT_TAKEN: Final = "nothing was sent: the database did not take the row of this call"
NOT_RECORDED: Final = "the answer came and the database did not take it: it is in `response`, its row stays pending"


def _permitted(options: dict[str, Any] | None) -> dict[str, Any] | None:
    if refused := REFUSED & set(options or {}):
        raise ValueError(f"provider_kwargs must not contain {', '.join(sorted(refused))}")
    return options


class Message(LLMMessage):
    """One message of a conversation; an unknown role is a 400, an empty message a 422."""

    model_config = STRICT

    role: str = Field(json_schema_extra={"enum": list(MessageRole)})  # any string, because an unknown role is a 400

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        """Refuse a message that would be sent and paid for but is empty; a tool's output may be empty."""
        text = self.content.strip() if isinstance(self.content, str) else self.content
        if not (text or self.tool_calls or self.function_call or self.role == MessageRole.TOOL):
            raise ValueError("content is empty")
        return self


class CreateResponse(BaseModel):
    """A call to a model; missing fields have the configured defaults.

    `provider_kwargs` are the provider's options, checked before anything is sent; an unknown one is recorded and not
    sent.
    """

    model_config = STRICT

    # Validation stops early in a long list of invalid messages, because it runs on the event loop.
    messages: Annotated[list[Message], FailFast(), Field(min_length=1)]
    user_id: Annotated[int, Field(ge=-LARGEST_INTEGER, le=LARGEST_INTEGER)] | None = None
    model: Annotated[str, Field(max_length=LONGEST_MODEL_NAME)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_output_tokens: Annotated[int, Field(gt=0, le=LARGEST_INTEGER)] | None = None
    provider_kwargs: Annotated[dict[str, Any] | None, AfterValidator(_permitted)] = None

    def llm_messages(self) -> list[LLMMessage]:
        """Return the messages as LLMMessages; raise ValueError for an unknown role."""
        unknown = [index for index, message in enumerate(self.messages) if message.role not in set(MessageRole)]
        if unknown:
            raise ValueError(f"messages.{unknown[0]}.role is unknown: use one of {ROLES}")
        return [LLMMessage.model_validate(message.model_dump()) for message in self.messages]


class CreatedResponse(BaseModel):
    """An answer and the id of its row."""

    request_id: UUID
    response: LLMResponse


class Problem(BaseModel):
    """An error message."""

    detail: str


class FailedCall(Problem):
    """A failed call; `retry_after` is in seconds, `request_id` its row, `response` a paid answer without a row."""

    error: str = Field(description="the class of the error", examples=["LLMRateLimitError"])
    provider: str | None = None
    model: str | None = None
    status_code: int | None = Field(default=None, description="the provider's")
    error_code: str | None = None
    retryable: bool = False
    retry_after: float | None = None
    request_id: UUID | None = None
    response: LLMResponse | None = None

    @classmethod
    def of(cls, error: LLMError) -> Self:
        """Return the error for a client, without the database's own message, which may name hosts."""
        facts = {name: getattr(error, name) for name in cls.model_fields if name not in {"detail", "error"}}
        message = error.message
        if is_of_the_database(error):
            message = NOT_TAKEN if error.response is None else NOT_RECORDED
        return cls(detail=message, error=type(error).__name__, **facts)


def is_of_the_database(error: BaseException | None) -> bool:
    """Return True if the database caused an error."""
    while error and not isinstance(error, SQLAlchemyError | sqlite3.Error):
        error = error.__cause__
    return error is not None


Documented = dict[int | str, dict[str, Any]]
RETRY_AFTER: Final = {"description": "seconds to wait, where they are known", "schema": {"type": "integer"}}
UNAVAILABLE: Final[Documented] = {503: {"model": Problem, "description": "The database is not available"}}
OF_A_CALL: Final[Documented] = {
    400: {"model": Problem, "description": "A model, a role or an option that nobody knows; nothing was sent"},
    502: {"model": FailedCall, "description": "The call failed", "headers": {"Retry-After": RETRY_AFTER}},
    503: {"model": Problem, "description": "The model's provider is not configured"},
}
OF_ONE: Final[Documented] = {404: {"model": Problem, "description": NOT_FOUND}, **UNAVAILABLE}


def llm_router(authenticated: Callable[..., object]) -> APIRouter:
    """Return the routes under /api/v1/llm, all behind `authenticated`, a dependency that raises for unknown clients.

    A client that it accepts may call any model and read the requests of all users. Raises TypeError if `authenticated`
    is not callable: there are no public routes.
    """
    if not callable(authenticated):
        kind = type(authenticated).__name__
        raise TypeError(f"llm_router needs your authentication: a function that FastAPI can depend on, not {kind}")
    router = APIRouter(prefix=PREFIX, tags=["llm"], route_class=_Route, dependencies=[Depends(authenticated)])
    router.add_api_route(
        "/responses", create_response, methods=["POST"], response_model=CreatedResponse, responses=OF_A_CALL
    )
    router.add_api_route("/requests", list_requests, response_model=list[LLMRequest], responses=UNAVAILABLE)
    router.add_api_route("/requests/{request_id}", read_request, response_model=LLMRequest, responses=OF_ONE)
    return router


class _Route(APIRoute):
    """A route with a 422 that lists the errors and their locations, without the values.

    A value may be long, or one that FastAPI can parse but not write, such as NaN or a lone surrogate.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                shown = error.errors()[:MAX_PROBLEMS]
                problems = [{name: problem[name] for name in ("type", "loc", "msg")} for problem in shown]
                raise RequestValidationError(json.loads(encode_json(problems) or "[]")) from None

        return handled


async def create_response(request: CreateResponse) -> Response:
    """Call a model. The row is settled when the answer arrives, even if the client has disconnected."""
    try:
        messages = request.llm_messages()
        llm = await run_in_threadpool(_configured_service)
        response, request_id = await llm.generate_response(
            messages,
            request.user_id,
            request.model,
            request.temperature,
            request.max_output_tokens,
            **(request.provider_kwargs or {}),
        )
    except LLMError as error:
        return _failure(error)
    except RecursionError as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, TOO_DEEP) from error
    except ValueError as error:
        raise _problem(HTTPStatus.BAD_REQUEST, error) from error
    except RuntimeError as error:
        raise _problem(HTTPStatus.SERVICE_UNAVAILABLE, error) from error
    return _json(CreatedResponse(request_id=request_id, response=response).model_dump(mode="json"))


def list_requests(
    user_id: int, limit: Annotated[int, Query(ge=1, le=500)] = 50, offset: Annotated[int, Query(ge=0)] = 0
) -> Response:
    """List a user's requests, newest first, without `request_payload` and `response_raw`."""
    with _reading() as llm:
        requests = llm.get_user_requests(user_id, limit, offset)
    return _json([_shown(request) for request in requests])


def read_request(request_id: UUID) -> Response:
    """Return one request, with its bodies."""
    with _reading() as llm:
        request = llm.get_request(request_id)
    if request is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, NOT_FOUND)
    return _json(_shown(request))


def _service() -> LLMServicesProvider:
    """Return the service on the application's database; calls hold no connection, and reads close theirs.

    Raises RuntimeError for an invalid DATABASE_URL, without quoting it, because it may contain a password.
    """
    try:
        return llm_services_provider()
    except ValueError:
        raise RuntimeError(UNNAMED) from None


def _configured_service() -> LLMServicesProvider:
    """Return the service; raise RuntimeError for malformed settings too, because they are not the client's fault.

    Raises LLMError, as calls do, if the database is down at its first use.
    """
    try:
        llm = _service()
        create_llm_config_from_env()
    except SQLAlchemyError as error:
        raise LLMError(NOT_TAKEN) from error
    except ValueError as error:
        raise RuntimeError(str(error)) from error
    return llm


@contextmanager
def _reading() -> Generator[LLMServicesProvider]:
    """Respond with 503 if the database cannot be read; its message, which names hosts and users, is only logged."""
    try:
        yield _service()
    except SQLAlchemyError as error:
        _log(error)
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, UNREADABLE) from error
    except RuntimeError as error:
        raise _problem(HTTPStatus.SERVICE_UNAVAILABLE, error) from error


def _log(error: BaseException | None) -> None:
    logger.error("the database of llm_requests fails: %s", getattr(error, "orig", None) or error)


def _failure(error: LLMError) -> Response:
    if is_of_the_database(error):
        _log(error.__cause__)
    failed = FailedCall.of(error)
    wait = failed.retry_after
    headers = {} if wait is None else {"Retry-After": str(math.ceil(wait))}
    return _json(failed.model_dump(mode="json"), HTTPStatus.BAD_GATEWAY, headers)


def _problem(status: HTTPStatus, error: Exception) -> HTTPException:
    return HTTPException(status, sanitize_text(str(error)))


def _shown(request: LLMRequest) -> dict[str, Any]:
    """Return a row as JSON; an invalid row is returned without validation."""
    return request.model_dump(mode="json", warnings=False)


def _json(content: object, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None) -> Response:
    """Render JSON that every client can parse, whatever a row or an answer contains."""
    return Response(encode_json(content), status, headers, media_type="application/json")
