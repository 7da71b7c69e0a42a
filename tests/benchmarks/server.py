"""The benchmark's server: it answers every request with the same completion, as cheaply as asyncio allows.

The command line names the model that is answered with a delay, the seconds, and the pieces of a streamed answer.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from functools import partial
from typing import Final

COMPLETION: Final = {
    "id": "gen-1760000000-benchmark",
    "object": "chat.completion",
    "created": 1_760_000_000,
    "model": "author/model",
    "provider": "Benchmark",
    "system_fingerprint": None,
}
END: Final = {"index": 0, "finish_reason": "stop", "native_finish_reason": "stop"}
USAGE: Final = {
    "prompt_tokens": 13,
    "completion_tokens": 21,
    "total_tokens": 34,
    "cost": 0.000194,
    "is_byok": False,
    "prompt_tokens_details": {"cached_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0},
}
MESSAGE: Final = {"role": "assistant", "content": "Paris is the capital of France. " * 8, "refusal": None}
BODY: Final = json.dumps(COMPLETION | {"choices": [END | {"message": MESSAGE}], "usage": USAGE}).encode()
HEAD: Final = b"HTTP/1.1 200 OK\r\nx-generation-id: gen-1760000000-benchmark\r\n"
ANSWER: Final = HEAD + b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)
STREAM_HEAD: Final = HEAD + b"content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
END_OF_HEAD: Final = b"\r\n\r\n"
IS_STREAMED: Final = re.compile(rb'"stream": ?true')
OPTIONS_WITHIN_BYTES: Final = 4096  # of a body; the rest is the prompt
PIECE_PAUSE_SECONDS: Final = 0.002


def event(data: str) -> bytes:
    """Return a server-sent event in its own chunk."""
    text = f"data: {data}\n\n".encode()
    return b"%x\r\n%b\r\n" % (len(text), text)


def piece(content: str, end: dict[str, object], **more: object) -> bytes:
    """Return a piece of a completion as an event."""
    choice = {"index": 0, "delta": {"role": "assistant", "content": content}} | end
    return event(json.dumps(COMPLETION | {"object": "chat.completion.chunk", "choices": [choice]} | more))


PIECE: Final = piece("Paris ", {"finish_reason": None, "native_finish_reason": None})
LAST_PIECES: Final = piece("", dict(END), usage=USAGE) + event("[DONE]") + b"0\r\n\r\n"


class Answering(asyncio.Protocol):
    """One connection: each complete request is answered at once, after a while, or piece by piece."""

    def __init__(self, slow_model: str, delay: float, pieces: int) -> None:
        """Expect a request."""
        self._slow_model, self._delay, self._pieces = slow_model.encode(), delay, pieces
        self._received = bytearray()
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each complete request."""
        self._received += data
        while (end := self._received.find(END_OF_HEAD)) >= 0:
            length = self._received[:end].lower().partition(b"content-length: ")[2].split(b"\r\n")[0]
            size = end + len(END_OF_HEAD) + int(length)
            if len(self._received) < size:
                return
            options = bytes(self._received[end : min(size, end + OPTIONS_WITHIN_BYTES)])
            del self._received[:size]
            if IS_STREAMED.search(options):
                self._write(STREAM_HEAD)
                self._stream(self._pieces)
            elif self._slow_model in options:
                self._loop.call_later(self._delay, self._write, ANSWER)
            else:
                self._write(ANSWER)

    def _stream(self, left: int) -> None:
        self._write(PIECE if left else LAST_PIECES)
        if left:
            self._loop.call_later(PIECE_PAUSE_SECONDS, self._stream, left - 1)

    def _write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)


async def main(slow_model: str, delay: float, pieces: int) -> None:
    """Print the port, and answer until killed, or until standard input ends with the benchmark's process."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(partial(Answering, slow_model, delay, pieces), "127.0.0.1", 0, backlog=4096)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3])))
