"""The other side of the benchmark: answers every request with one completion, as cheaply as asyncio can.

A request for the model `author/slow` is answered after so many seconds as the command line says.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Final

QUESTION: Final = "What is the capital of France? " * 4
BODY: Final = json.dumps(
    {
        "id": "gen-1760000000-benchmark",
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": "author/model",
        "provider": "Benchmark",
        "system_fingerprint": None,
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "native_finish_reason": "stop",
                "message": {"role": "assistant", "content": "Paris is the capital of France. " * 8, "refusal": None},
            }
        ],
        "usage": {
            "prompt_tokens": 13,
            "completion_tokens": 21,
            "total_tokens": 34,
            "cost": 0.000194,
            "is_byok": False,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    }
).encode()
HEAD: Final = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-generation-id: gen-1760000000-benchmark\r\n"
ANSWER: Final = f"{HEAD}content-length: {len(BODY)}\r\n\r\n".encode() + BODY
END_OF_HEAD: Final = b"\r\n\r\n"
SLOW_MODEL: Final = b"author/slow"
MODEL_WITHIN_BYTES: Final = 4096  # of a body: what is beyond is the question


class Answering(asyncio.Protocol):
    """One connection: each request that is complete is answered, at once or after a while."""

    def __init__(self, delay: float) -> None:
        """Expect a request."""
        self._delay = delay
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer what is complete."""
        self._received += data
        while (end := self._received.find(END_OF_HEAD)) >= 0:
            length = self._received[:end].lower().partition(b"content-length: ")[2].split(b"\r\n")[0]
            size = end + len(END_OF_HEAD) + int(length)
            if len(self._received) < size:
                return
            is_slow = self._received.find(SLOW_MODEL, end, end + MODEL_WITHIN_BYTES) >= 0
            del self._received[:size]
            if is_slow:
                asyncio.get_running_loop().call_later(self._delay, self._answer)
            else:
                self._answer()

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(ANSWER)


async def main(delay: float) -> None:
    """Print the port, and answer until killed, or until standard input ends with the benchmark's process."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Answering(delay), "127.0.0.1", 0, backlog=4096)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
