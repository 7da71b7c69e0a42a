"""Checks of callers' arguments: a value of the wrong type is a TypeError that names the argument."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from .types import LLMMessage, ToolDefinition

Argument = TypeVar("Argument")
Input = TypeVar("Input", LLMMessage, ToolDefinition)

# The fields of a message that contain JSON; the content, which may be large, is encoded only when it is sent. Python
# 3.12 and later encode more levels than the code that reads and stores them can take.
MAX_LEVELS: Final = 500
JSON_FIELDS: Final = ("function_call", "tool_calls", "reasoning_details", "cache_control")


def of_type(name: str, value: Argument, *kinds: type) -> Argument:
    """Return an argument of one of these types; raise TypeError, naming it, for others. A bool is not an int here."""
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise TypeError(f"{name} must be {' or '.join(map(_name, kinds))}, not {type(value).__name__}")
    return value


def _name(kind: type) -> str:
    return "None" if kind is type(None) else kind.__name__


def moment(name: str, value: datetime) -> datetime:
    """Return a datetime; raise TypeError, naming the argument, for anything else."""
    return of_type(name, value, datetime)


def check_json(name: str, value: Any) -> None:  # noqa: ANN401 - whatever a caller passes
    """Raise ValueError, which names the argument, for a value that cannot be sent as JSON.

    A text is not encoded for that, because one of ten megabytes would take 50 ms.
    """
    try:
        _check(value, 0)
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        raise ValueError(f"{name}: it cannot be sent as JSON: {error}") from error


def _check(value: Any, level: int) -> None:  # noqa: ANN401 - as above
    if isinstance(value, str):
        return
    if isinstance(value, dict | list | tuple):
        if level == MAX_LEVELS:
            raise ValueError(f"it contains itself, or nests deeper than {MAX_LEVELS} levels")
        if isinstance(value, dict):
            json.dumps(dict.fromkeys(value), allow_nan=False)
        for item in value.values() if isinstance(value, dict) else value:
            _check(item, level + 1)
    else:
        json.dumps(value, allow_nan=False)


def messages(values: Any) -> list[LLMMessage]:  # noqa: ANN401 - as above
    """Return messages, made from dicts if necessary; raise TypeError or ValueError, naming the invalid one."""
    if not isinstance(values, list | tuple):
        raise TypeError(f"messages must be a list of LLMMessage, not {type(values).__name__}")
    return [_message(f"messages[{index}]", value) for index, value in enumerate(values)]


def tools(values: Any) -> list[ToolDefinition]:  # noqa: ANN401 - as above
    """Return tools, made from dicts if necessary."""
    if not isinstance(values, list | tuple):
        raise TypeError(f"tools must be a list of ToolDefinition, not {type(values).__name__}")
    return [_made(f"tools[{index}]", ToolDefinition, value) for index, value in enumerate(values)]


def _message(name: str, value: object) -> LLMMessage:
    message = _made(name, LLMMessage, value)
    if not _is_sound(message):  # made without validation, or changed since
        message = _made(name, LLMMessage, dict(message))
    for field in JSON_FIELDS:
        if getattr(message, field) is not None:
            check_json(f"{name}.{field}", getattr(message, field))
    return message


def _is_sound(message: LLMMessage) -> bool:
    role: object = message.role
    content: object = message.content
    is_content = content is None or isinstance(content, str | list)
    is_known = all(isinstance(part, dict) for part in content) if isinstance(content, list) else is_content
    return isinstance(role, str) and is_known


def _made(name: str, kind: type[Input], value: object) -> Input:
    """Return a message or a tool, made from a dict if necessary."""
    if isinstance(value, kind):
        return value
    if not isinstance(value, dict):
        raise TypeError(f"{name} must be a {kind.__name__} or a dict, not {type(value).__name__}")
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise ValueError(f"{name}: {error}") from error
    except RecursionError as error:
        raise ValueError(f"{name} contains itself") from error
