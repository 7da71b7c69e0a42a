"""How values are sanitized for a database."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, cast

import pytest
from sqlalchemy import JSON, Column, DateTime, Float, Integer, String, Text

from modules.llm_services.sanitize import column_sanitizer, encode_json
from modules.llm_services.types import RequestStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

INTEGER, FLOAT = Column("integer", Integer), Column("float", Float)
SHORT, LONG = Column("short", String(5)), Column("long", Text)
DOCUMENT = Column("document", JSON)


@pytest.mark.parametrize(
    ("column", "value", "stored"),
    [
        (INTEGER, 2**31 - 1, 2**31 - 1),
        (INTEGER, -(2**31) + 1, -(2**31) + 1),
        (INTEGER, 2**31, None),
        (INTEGER, 10**30, None),
        (INTEGER, 1.0, None),
        (INTEGER, None, None),
        (FLOAT, 0.1, 0.1),
        (FLOAT, 7, 7),
        (FLOAT, float("nan"), None),
        (FLOAT, float("inf"), None),
        (SHORT, "abcdef", "abcde"),
        (SHORT, "äöüßé!", "äöüßé"),
        (SHORT, None, None),
        (LONG, "x" * 10_000, "x" * 10_000),
        (LONG, "a\x00b", "a\ufffdb"),
        (LONG, "a\ud83d\ude00", "a\ufffd\ufffd"),
        (LONG, "😀", "😀"),
        (DOCUMENT, None, None),
        (
            DOCUMENT,
            {"a\x00": ["\ud800", float("nan"), (1, True, None)]},
            {"a\ufffd": ["\ufffd", "nan", [1, True, None]]},
        ),
        (DOCUMENT, {7: [10**30, "\x00"]}, {"7": [10**30, "\ufffd"]}),
    ],
)
def test_a_value_becomes_what_its_column_holds(column: Column[Any], value: object, stored: object) -> None:
    """Text is shortened and cleaned, a number that does not fit becomes None, and JSON is cleaned at every level."""
    found = column_sanitizer(column)(value)
    assert stored == (json.loads(found) if column is DOCUMENT and found else found)


def test_a_number_too_large_for_a_float_is_none() -> None:
    """A whole number that is too large for a float becomes None in a float column, and does not raise."""
    assert column_sanitizer(FLOAT)(10**400) is None


def test_times_are_in_utc() -> None:
    """A time in another zone is converted to UTC; one without a zone is taken to be UTC."""
    column, noon = (
        Column("time", DateTime(timezone=True)),
        datetime(2026, 1, 2, 12, tzinfo=timezone(timedelta(hours=2))),
    )
    assert datetime(2026, 1, 2, 10, tzinfo=UTC) == column_sanitizer(column)(noon)
    assert UTC is column_sanitizer(column)(noon).tzinfo
    assert datetime(2026, 1, 2, 12, tzinfo=UTC) == column_sanitizer(column)(noon.replace(tzinfo=None))


def test_an_enum_is_stored_as_a_plain_string() -> None:
    """A member of a string enum is stored as its value, in a type that a driver knows."""
    stored = column_sanitizer(LONG)(RequestStatus.PENDING)
    assert ("pending", str) == (stored, type(stored))


def levels(value: object) -> Iterator[object]:
    """Yield a nested value and the values inside it, level by level."""
    while isinstance(value, list):
        yield value
        (value,) = value
    yield value


def test_what_nests_too_deep_is_kept_as_text() -> None:
    """JSON that has to be cleaned is kept as text below a hundred levels, without loss."""
    deep = cast("Any", json.loads("[" * 500 + "NaN" + "]" * 500))
    *lists, innermost = levels(json.loads(encode_json(deep) or ""))
    assert (101, "[" * 399 + "NaN" + "]" * 399) == (len(lists), innermost)


def test_an_object_of_another_kind_is_kept_as_text() -> None:
    """A value that JSON cannot express is stored as its string."""
    assert '{"at": "2026-01-02 00:00:00"}' == encode_json({"at": datetime(2026, 1, 2)})  # noqa: DTZ001 - any object
