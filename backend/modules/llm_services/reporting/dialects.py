"""The differences between SQLite and PostgreSQL: JSON, days, and how a large table is scanned.

The table is scanned as it was at one moment, in parts that follow the order of the rows on disk. No index is needed,
each part is read once, and the reader knows its progress.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from typing import cast as type_cast

from sqlalchemy import (
    JSON,
    BigInteger,
    Date,
    Integer,
    String,
    Text,
    and_,
    case,
    cast,
    column,
    func,
    literal_column,
    not_,
    select,
    text,
    true,
)

from ..ledger.sqlite import driver
from ..models import LLMRequestModel

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, Engine, FromClause, Table

    Part = Mapping[str, int | str]  # the first row of a part, and the first row after it

ROWS: Final = LLMRequestModel
TABLE: Final = type_cast("Table", LLMRequestModel.__table__)
ROWS_PER_PART: Final = 50_000
BLOCKS_PER_PART: Final = 8_192  # 64 MB
UUID_PATTERN: Final = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
# The fields of `response_raw` that a report reads.
FIELDS: Final = (
    "cost_source",
    "upstream_provider",
    "served_model",
    "status_code",
    "error_code",
    "cached_input_tokens",
    "cache_creation_tokens",
    "cached_request_id",
    "upstream_attempts",
    "time_to_first_piece_ms",
)
NEXT_ATTEMPT: Final = " → "


class SQLite:
    """SQLite; its `json_extract` parses a text once, however many of its fields a statement reads."""

    source: FromClause = TABLE
    day = func.substr(ROWS.created_at, 1, 10, type_=Text())  # the UTC day of a row
    is_in_part = text(f"{TABLE.name}.rowid >= :first AND {TABLE.name}.rowid < :end")

    def field(self, name: str, rows: type[LLMRequestModel] = ROWS) -> ColumnElement[str]:
        """Return a field of `response_raw` as text."""
        is_json = func.json_valid(rows.response_raw) == 1
        return cast(case((is_json, func.json_extract(rows.response_raw, f"$.{name}"))), Text)

    def label(self, name: str) -> ColumnElement[str]:
        """Return a value of the caller's metadata as text."""
        params = case((func.json_valid(ROWS.additional_params) == 1, ROWS.additional_params))
        entries = func.json_each(params, "$.metadata").table_valued("key", "value", "type", name="entries")
        is_boolean = entries.c.type.in_(["true", "false"])
        value = cast(case((is_boolean, entries.c.type), else_=entries.c.value), Text)
        return select(value).where(entries.c.key == name).limit(1).scalar_subquery()

    def fallback(self) -> ColumnElement[str]:
        """Return the attempts that OpenRouter made: each provider and its status, in order."""
        envelope = case((func.json_valid(ROWS.response_raw) == 1, ROWS.response_raw))
        attempts = func.json_each(envelope, "$.upstream_attempts").table_valued("value", "type", name="tried")
        attempt = case((attempts.c.type == "object", attempts.c.value))
        fields = (func.json_extract(attempt, f"$.{name}") for name in ("provider", "status"))
        provider, status = (func.coalesce(cast(field, Text), "?") for field in fields)
        return select(func.group_concat(provider + " " + status, NEXT_ATTEMPT)).scalar_subquery()

    def is_count(self, value: ColumnElement[str]) -> ColumnElement[bool]:
        """Return the condition that a text is a whole number that fits an integer."""
        return and_(func.length(value).between(1, 9), not_(value.op("GLOB", is_comparison=True)("*[^0-9]*")))

    def row_id(self, request_id: ColumnElement[str]) -> ColumnElement[Any]:
        """Return a request id as the table stores it; a text that is not an id matches no row."""
        return func.lower(func.replace(request_id, "-", ""), type_=String())

    @contextmanager
    def snapshot(self, engine: Engine) -> Generator[Connection]:
        """Connect to the table as it is now; writers are neither blocked nor seen, and nothing can be written."""
        with engine.connect() as connection:
            own = driver(connection)
            try:
                own.execute("PRAGMA temp_store = MEMORY")  # a part is sorted in a few megabytes, which need no file
                own.execute("PRAGMA query_only = ON")
                connection.begin()
                if not own.in_transaction:  # by default the driver begins no transaction for a SELECT
                    own.execute("BEGIN")
                yield connection
            finally:
                connection.rollback()
                own.execute("PRAGMA query_only = OFF")
                own.execute("PRAGMA temp_store = DEFAULT")

    def parts(self, connection: Connection) -> Sequence[Part]:
        """Return all parts of the table, at least one: each row is in one of them."""
        last = connection.scalar(select(func.max(literal_column("rowid"))).select_from(TABLE)) or 0
        return [{"first": first, "end": first + ROWS_PER_PART} for first in range(0, last + 1, ROWS_PER_PART)]


class PostgreSQL:
    """PostgreSQL; its `json_to_record` parses a text once and returns all its fields as a row joined to the table's."""

    day = cast(func.timezone("UTC", ROWS.created_at), Date)  # the UTC day of a row
    is_in_part = text(f"{TABLE.name}.ctid >= CAST(:first AS tid) AND {TABLE.name}.ctid < CAST(:end AS tid)")

    def __init__(self) -> None:
        """Join the fields of `response_raw` to the table."""
        envelope = case((func.json_typeof(ROWS.response_raw) == "object", ROWS.response_raw))
        record = func.json_to_record(envelope).table_valued(*(column(name, Text()) for name in FIELDS), name="envelope")
        fields = record.render_derived(with_types=True).lateral()
        self._fields = fields.c
        self.source: FromClause = TABLE.outerjoin(fields, true())

    def field(self, name: str, rows: type[LLMRequestModel] = ROWS) -> ColumnElement[str]:
        """Return a field of `response_raw` as text."""
        return self._fields[name] if rows is ROWS else rows.response_raw[name].as_string()

    def label(self, name: str) -> ColumnElement[str]:
        """Return a value of the caller's metadata as text."""
        return func.json_extract_path_text(ROWS.additional_params, "metadata", name, type_=Text())

    def fallback(self) -> ColumnElement[str]:
        """Return the attempts that OpenRouter made: each provider and its status, in order."""
        listed = ROWS.response_raw["upstream_attempts"]
        is_list = func.json_typeof(listed) == "array"
        attempts = func.json_array_elements(case((is_list, listed))).table_valued(column("value", JSON), name="tried")
        provider, status = (func.coalesce(attempts.c.value[name].as_string(), "?") for name in ("provider", "status"))
        return select(func.string_agg(provider + " " + status, NEXT_ATTEMPT)).scalar_subquery()

    def is_count(self, value: ColumnElement[str]) -> ColumnElement[bool]:
        """Return the condition that a text is a whole number that fits an integer."""
        return value.regexp_match("^[0-9]{1,9}$")

    def row_id(self, request_id: ColumnElement[str]) -> ColumnElement[Any]:
        """Return a request id as the table stores it; a text that is not an id matches no row."""
        return case((request_id.regexp_match(UUID_PATTERN), cast(request_id, ROWS.id.type)))

    @contextmanager
    def snapshot(self, engine: Engine) -> Generator[Connection]:
        """Connect to the table as it is now; writers are neither blocked nor seen, and nothing can be written."""
        options: Mapping[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with engine.connect().execution_options(**options) as connection:
            yield connection

    def parts(self, connection: Connection) -> Sequence[Part]:
        """Return all parts of the table, at least one: each row is in one of them."""
        block_size = cast(func.current_setting("block_size"), BigInteger)
        size = func.pg_relation_size(literal_column("tableoid", Integer)).op("/")(block_size)
        last = connection.scalar(select(size).select_from(TABLE).limit(1)) or 0  # there may be no row
        blocks = range(0, last + 1, BLOCKS_PER_PART)
        return [{"first": f"({first},0)", "end": f"({first + BLOCKS_PER_PART},0)"} for first in blocks]


Dialect = SQLite | PostgreSQL
DIALECTS: Final[Mapping[str, Dialect]] = {"sqlite": SQLite(), "postgresql": PostgreSQL()}
