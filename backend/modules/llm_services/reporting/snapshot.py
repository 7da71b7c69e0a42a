"""A large table at one moment, a part at a time: a report that is being made says how far it is.

Parts follow the order of the rows on disk, so no index is needed and each part is read once.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from ..ledger.sqlite import driver
from .words import TABLE

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from sqlalchemy import Connection, Engine, TextClause

    Part = Mapping[str, int | str]  # the first row of a part, and the first after it

ROWS_OF_A_PART: Final = 50_000
BLOCKS_OF_A_PART: Final = 8_192  # 64 MB


@contextmanager
def snapshot(engine: Engine) -> Generator[Connection]:
    """Connect to the table as it is now: writers neither wait nor are seen, and nothing can be written."""
    with _SNAPSHOTS[engine.dialect.name](engine) as connection:
        yield connection


@contextmanager
def _sqlite(engine: Engine) -> Generator[Connection]:
    with engine.connect() as connection:
        own = driver(connection)
        try:
            # What a part is sorted in is some megabytes, which need no file.
            own.execute("PRAGMA temp_store = MEMORY")
            own.execute("PRAGMA query_only = ON")
            connection.begin()
            if not own.in_transaction:  # the driver begins none for a SELECT, unless the engine was taught to
                own.execute("BEGIN")
            yield connection
        finally:
            connection.rollback()
            own.execute("PRAGMA query_only = OFF")
            own.execute("PRAGMA temp_store = DEFAULT")


@contextmanager
def _postgresql(engine: Engine) -> Generator[Connection]:
    with engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as connection:
        yield connection


def is_in_part(dialect: str) -> TextClause:
    """Return the condition of a part, whose bounds are parameters."""
    return text(_IS_IN_PART[dialect])


def parts(connection: Connection) -> Sequence[Part]:
    """Return all parts, at least one: each row is in one of them."""
    return _PARTS[connection.dialect.name](connection)


def _sqlite_parts(connection: Connection) -> Sequence[Part]:
    last = connection.scalar(text(f"SELECT max(rowid) FROM {TABLE.name}")) or 0  # noqa: S608 - our own name
    return [{"first": start, "end": start + ROWS_OF_A_PART} for start in range(0, last + 1, ROWS_OF_A_PART)]


def _postgresql_parts(connection: Connection) -> Sequence[Part]:
    size = text("SELECT pg_relation_size(CAST(:name AS regclass)) / CAST(current_setting('block_size') AS bigint)")
    starts = range(0, (connection.scalar(size, {"name": TABLE.name}) or 0) + 1, BLOCKS_OF_A_PART)
    return [{"first": f"({start},0)", "end": f"({start + BLOCKS_OF_A_PART},0)"} for start in starts]


_SNAPSHOTS: Final = {"sqlite": _sqlite, "postgresql": _postgresql}
_PARTS: Final = {"sqlite": _sqlite_parts, "postgresql": _postgresql_parts}
_IS_IN_PART: Final = {
    "sqlite": f"{TABLE.name}.rowid >= :first AND {TABLE.name}.rowid < :end",
    "postgresql": f"{TABLE.name}.ctid >= CAST(:first AS tid) AND {TABLE.name}.ctid < CAST(:end AS tid)",
}
