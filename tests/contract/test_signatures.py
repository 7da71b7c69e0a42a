"""What type checkers do not compare: order, kind and default of arguments, in the interface and behind it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import pytest

from modules.llm_services.providers.base import LLMProvider
from modules.llm_services.public import LLMServicesAdminProvider, LLMServicesProvider
from modules.llm_services.service import LLMRequestReader, LLMService
from modules.llm_services.types import LLMMessage, MessageRole

if TYPE_CHECKING:
    from collections.abc import Callable

# As the interface lists them, without `self`.
CALLS = {
    "generate_response": "messages, user_id=None, model=None, temperature=None, max_output_tokens=None, **options",
    "generate_structured_response": (
        "messages, response_model, user_id=None, model=None, temperature=None, max_output_tokens=None, **options"
    ),
    "generate_response_with_tools": (
        "messages, tools, user_id=None, model=None, temperature=None, max_output_tokens=None, **options"
    ),
    "generate_image": "prompt, user_id=None, size='1024x1024', quality='standard', style=None, **options",
    "generate_audio": "text, voice, user_id=None, model=None, audio_format='mp3', speed=None, **options",
    "search_web": "queries, user_id=None, max_results=10, **options",
}
READS = {
    "get_request": "request_id",
    "get_user_requests": "user_id, limit=50, offset=0",
    "get_request_count_by_user": "user_id",
}
SERVICE = CALLS | READS | {"estimate_cost": "messages, model=None", "get_request_count_by_status": "status"}
ADMIN = READS | {
    "get_recent_requests": "limit=50, offset=0",
    "count_all_requests": "",
    "count_requests_since": "moment",
    "sum_request_costs_since": "moment",
}
# The arguments that the service passes on; a provider gets those of images and speech as options.
PROVIDER = {name: CALLS[name] for name in list(CALLS)[:3]} | {
    "generate_image": "prompt, user_id=None, model=None, **options",
    "generate_audio": "text, voice, user_id=None, model=None, **options",
    "search_recent_news": CALLS["search_web"],
}


def arguments(function: Callable[..., object]) -> str:
    """Return a function's arguments without their types, as they are written."""
    _self, *given = inspect.signature(function).parameters.values()
    return ", ".join(str(each.replace(annotation=inspect.Parameter.empty)) for each in given)


@pytest.mark.parametrize(
    ("owner", "promised"),
    [
        (LLMServicesProvider, SERVICE),
        (LLMService, SERVICE),
        (LLMServicesAdminProvider, ADMIN),
        (LLMRequestReader, ADMIN),
        (LLMProvider, PROVIDER),
    ],
)
def test_arguments_are_those_of_the_interface(owner: type, promised: dict[str, str]) -> None:
    """Each method takes the promised arguments in order, with their kinds and defaults."""
    assert promised == {name: arguments(getattr(owner, name)) for name in promised}


@pytest.mark.parametrize(("protocol", "promised"), [(LLMServicesProvider, SERVICE), (LLMServicesAdminProvider, ADMIN)])
def test_the_door_has_no_other_method(protocol: type, promised: dict[str, str]) -> None:
    """The Protocols have no other method, because an object without it would no longer satisfy them."""
    assert promised.keys() == {name for name, value in vars(protocol).items() if name[0] != "_" and callable(value)}


@pytest.mark.parametrize("owner", [LLMServicesProvider, LLMService])
def test_calls_are_coroutines_and_reads_are_not(owner: type) -> None:
    """Every call is a coroutine function, and no read is."""
    assert CALLS.keys() == {name for name in SERVICE if inspect.iscoroutinefunction(getattr(owner, name))}


def test_a_role_is_kept_as_what_it_is() -> None:
    """A message made with a plain string stores the enum member, which equals the string."""
    assert MessageRole.USER is LLMMessage(role="user").role
    assert "user" == LLMMessage(role=MessageRole.USER).role
