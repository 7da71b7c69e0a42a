"""The store of the response cache: JSON entries in a directory, Redis or Valkey, through cachelib.

https://cachelib.readthedocs.io. If the cache fails, the call is a miss and a line is logged; there is no error.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from . import packages, pieces, threads
from .sanitize import redact
from .secret import mask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cachelib import BaseCache

logger = logging.getLogger(__name__)

PATIENCE_SECONDS: Final = 2.0
KEY_PREFIX: Final = "llm_services:"
OWNER_ONLY: Final = 0o700
FOREVER: Final = 0
UNLIMITED: Final = 0
EXPIRY_BYTES: Final = 4  # the length of the expiry time with which cachelib begins a file
ENTRY_NAME: Final = re.compile("[0-9a-f]{32,}")  # the form of cachelib's file names


class ResponseCache:
    """Entries by key. A thread does the work, and a call waits for it at most two seconds."""

    def __init__(self, directory: str, url: str | None = None) -> None:
        """Store entries at `url` if it is set, otherwise in `directory`; neither is opened before the first use."""
        self._place = str(Path(directory).absolute()), url  # a process may change its directory

    async def get(self, key: str) -> Any:  # noqa: ANN401 - JSON, of any shape if it was damaged
        """Return the entry for `key`; None if there is none or it cannot be read."""
        return await self._try(lambda store: store.get(key))

    async def put(self, key: str, entry: dict[str, Any]) -> None:
        """Store `entry`, a JSON value, under `key`, unless a configured API key is in it."""
        await self._try(lambda store: _has_no_secret(entry) and store.set(key, entry))

    async def _try(self, work: Callable[[BaseCache], Any]) -> Any:  # noqa: ANN401 - what `work` returns
        """Return the result of `work` on the store, or None if it fails; raise RuntimeError if a package is missing."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await threads.run(lambda: work(_store(*self._place)))
        except ImportError as error:
            raise packages.missing(error) from error
        except Exception as error:  # noqa: BLE001 - a cache is dispensable, whatever befalls it
            logger.warning("the response cache was skipped (%s: %s)", type(error).__name__, redact(str(error)))
            return None


def _has_no_secret(entry: dict[str, Any]) -> bool:
    text = json.dumps(entry)
    return mask(text) == text


def remove_entries(directory: str, url: str | None, chosen: Callable[[set[str]], set[str]]) -> int:
    """Remove the entries that `chosen` picks from the request ids of all entries; return the number removed.

    An entry that cannot be read is removed too, because its owner is unknown. Raises OSError, or an error of the
    server's client, if the cache cannot be reached, and RuntimeError if a package is missing.
    """
    try:
        entries = [(remove, _row_id(entry)) for remove, entry in _entries(directory, url)]
    except ImportError as error:
        raise packages.missing(error) from error
    wanted = chosen({row_id for _, row_id in entries if row_id})
    removers = [remove for remove, row_id in entries if row_id is None or row_id in wanted]
    for remove in removers:
        remove()
    return len(removers)


def _entries(directory: str, url: str | None) -> Iterator[tuple[Callable[[], object], bytes]]:
    """Yield for every entry a function that removes it, and its JSON."""
    if url is None:
        for path in filter(lambda path: ENTRY_NAME.fullmatch(path.name), Path(directory).glob("*")):
            yield partial(path.unlink, missing_ok=True), path.read_bytes()[EXPIRY_BYTES:]
        return
    client = _redis(url)
    for key in client.scan_iter(match=f"{KEY_PREFIX}*"):
        yield partial(client.delete, key), client.get(key) or b""


def _row_id(entry: bytes) -> str | None:
    try:
        return str(json.loads(entry)["request_id"])
    except (ValueError, TypeError, LookupError):
        return None


def key_of(*facts: object) -> str:
    """Return the key of a request; the order of an object's fields is part of it, because it affects the answer."""
    return pieces.sha256(json.dumps(pieces.digested(facts)))


@cache
def _store(directory: str, url: str | None) -> BaseCache:
    """Return the store at a place; one for the whole process."""
    from cachelib import FileSystemCache, RedisCache  # noqa: PLC0415 - not paid for where there is no cache
    from cachelib.serializers import JSONSerializer  # noqa: PLC0415

    class Strict(JSONSerializer):
        """JSON that raises for a damaged entry instead of logging it to the root logger."""

        def loads(self, bvalue: str | bytes | bytearray | None) -> Any:  # noqa: ANN401 - JSON
            """Return None for None, which a server returns for a miss."""
            return None if bvalue is None else super().loads(bvalue)

        def _warn(self, e: Exception) -> None:
            raise e

    class Directory(FileSystemCache):
        """Files that only their owner can read, written atomically."""

        serializer = Strict()  # type: ignore[assignment]  # what cachelib's documentation does

    class Server(RedisCache):
        """Entries on a server."""

        serializer = Strict()  # type: ignore[assignment]  # as above

    if url is None:
        Path(directory).mkdir(OWNER_ONLY, parents=True, exist_ok=True)
        return Directory(directory, threshold=UNLIMITED, default_timeout=FOREVER)
    return Server(_redis(url), default_timeout=FOREVER, key_prefix=KEY_PREFIX)


def _redis(url: str) -> Any:  # noqa: ANN401 - redis is not installed everywhere
    """Return a client of the server at `url`, with a shorter timeout than a call's wait."""
    from redis import Redis  # noqa: PLC0415 - an extra
    from redis.backoff import NoBackoff  # noqa: PLC0415
    from redis.retry import Retry  # noqa: PLC0415

    spoken = url.replace("valkey", "redis", 1) if url.startswith("valkey") else url  # two names for the same protocol
    soon = PATIENCE_SECONDS / 2
    return Redis.from_url(spoken, socket_timeout=soon, socket_connect_timeout=soon, retry=Retry(NoBackoff(), 0))
