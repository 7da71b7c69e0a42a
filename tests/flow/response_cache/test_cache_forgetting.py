"""Entries of forgotten rows are removed, from a directory and from a server."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from modules.llm_services.cache import ResponseCache, key_of, remove_entries

if TYPE_CHECKING:
    from pathlib import Path


def cache_at(path: Path) -> tuple[str, str | None]:
    """Return the cache that the variables configure."""
    return os.environ.get("LLM_CACHE_DIR", str(path / "answers")), os.environ.get("LLM_CACHE_URL")


def put(place: tuple[str, str | None], row_id: object) -> str:
    """Store an answer of a row, and return its key."""
    key = key_of(str(row_id))
    asyncio.run(ResponseCache(*place).put(key, {"request_id": row_id, "body": "Paris"}))
    return key


@pytest.mark.usefixtures("place")
def test_the_entries_of_chosen_rows_are_removed(tmp_path: Path) -> None:
    """`chosen` gets the ids of all rows with an entry; the entries of the others stay."""
    place, seen = cache_at(tmp_path), list[set[str]]()
    keys = {name: put(place, name) for name in ("one", "two", "three")}

    def chosen(row_ids: set[str]) -> set[str]:
        seen.append(row_ids)
        return {"one", "three"}

    assert 2 == remove_entries(*place, chosen)
    assert [{"one", "two", "three"}] == seen
    kept = [name for name, key in keys.items() if asyncio.run(ResponseCache(*place).get(key))]
    assert ["two"] == kept


@pytest.mark.usefixtures("place")
def test_an_entry_that_nobody_can_read_is_removed(tmp_path: Path) -> None:
    """An unreadable entry is removed, because its row is unknown and it answers no call."""
    place = cache_at(tmp_path)
    key = key_of("broken")
    asyncio.run(ResponseCache(*place).put(key, ["no", "entry"]))  # type: ignore[arg-type]  # as if it were damaged
    assert 1 == remove_entries(*place, lambda _: set())
    assert None is asyncio.run(ResponseCache(*place).get(key))


def test_other_files_of_the_directory_stay(directory: Path) -> None:
    """A file that is not an entry is left alone, whatever it contains."""
    put((str(directory), None), "one")
    (directory / "notes.txt").write_text("mine", "utf-8")
    assert 1 == remove_entries(str(directory), None, set)
    assert ["notes.txt"] == [path.name for path in directory.iterdir()]


def test_a_directory_that_is_not_there_has_no_entries(directory: Path) -> None:
    """If the cache was never used, nothing is removed and no directory is created."""
    assert 0 == remove_entries(str(directory), None, set)
    assert not directory.exists()


def test_a_server_that_is_away_is_an_error() -> None:
    """An unreachable server raises an error, because the answers are still there."""
    with pytest.raises(Exception, match="refused"):
        remove_entries("unused", "redis://127.0.0.1:1/0", set)
