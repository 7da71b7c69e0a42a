"""What breaks below the answer, done byte by byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .kinds import Fault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    from .kinds import Answer
    from .wire import Wire

    Deed: TypeAlias = Callable[[Wire, Answer], Awaitable[None]]

NO_STATUS_LINE = b"220 the stand-in plays a mail server\r\n\r\n"


async def commit(fault: Fault, wire: Wire, answer: Answer) -> None:
    """Do to `answer` what the fault does; whoever holds the conversation then closes what is not finished."""
    await _DEEDS[fault](wire, answer)


async def _reset(wire: Wire, _answer: Answer) -> None:
    wire.reset()


async def _disconnect(_wire: Wire, _answer: Answer) -> None:
    """Leave it to the end of the conversation, which closes the connection."""


async def _silence(wire: Wire, _answer: Answer) -> None:
    await wire.hung_up()


async def _stall(wire: Wire, answer: Answer) -> None:
    await wire.begin(answer)
    await wire.hung_up()


async def _half_a_chunk(wire: Wire, answer: Answer) -> None:
    await wire.begin(answer)
    chunk = wire.framed(answer.body)
    await wire.write(chunk[: len(chunk) // 2])


async def _reset_in_a_chunk(wire: Wire, answer: Answer) -> None:
    await _half_a_chunk(wire, answer)
    wire.reset()


async def _content_length_too_short(wire: Wire, answer: Answer) -> None:
    """Send all of it in one piece: what a client makes of it must not hang on where the network cuts."""
    half = len(answer.body) // 2
    head = wire.head(answer, ("Content-Length", str(half)))
    await wire.write(head + wire.framed(answer.body[:half]) + answer.body[half:])
    await wire.end()


async def _content_length_too_long(wire: Wire, answer: Answer) -> None:
    await wire.begin(answer, ("Content-Length", str(2 * len(answer.body))))
    await wire.write(wire.framed(answer.body))


async def _not_gzip(wire: Wire, answer: Answer) -> None:
    await wire.begin(answer, ("Content-Encoding", "gzip"))
    await wire.write(wire.framed(answer.body))
    await wire.end()


async def _not_http(wire: Wire, _answer: Answer) -> None:
    await wire.write(NO_STATUS_LINE)


_DEEDS: dict[Fault, Deed] = {
    Fault.RESET_WHILE_READING: _reset,
    Fault.RESET: _reset,
    Fault.DISCONNECT: _disconnect,
    Fault.SILENCE: _silence,
    Fault.NOT_HTTP: _not_http,
    Fault.STALL: _stall,
    Fault.HALF_A_CHUNK: _half_a_chunk,
    Fault.RESET_IN_A_CHUNK: _reset_in_a_chunk,
    Fault.CONTENT_LENGTH_TOO_SHORT: _content_length_too_short,
    Fault.CONTENT_LENGTH_TOO_LONG: _content_length_too_long,
    Fault.NOT_GZIP: _not_gzip,
}
