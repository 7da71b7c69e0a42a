"""A server that answers like OpenRouter in its documentation and public recordings, with cookies and account ids.

The stand-in chooses its answer by the model's name and signs it; this server does neither, so that recording works as
it does with a real key. All ids are made up.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from cases.scripted_server import Reply, ScriptedServer
from cassettes.recording.scenarios import REFUSED_KEY

if TYPE_CHECKING:
    from cases.scripted_server import Request

ACCOUNT: Final = "user_2" + "zAcCoUnTqWeRtYuIoPaSdFgHjK"
COOKIE: Final = "__cf_bm=" + "Nm9.made-up-cookie-of-the-edge-1764140000-1.0.1.1"
RAY: Final = "a1c251f0bc578f9c-BOS"
GENERATION: Final = "gen-1764140000-mAdEuPgEnErAtIoN{}"
CITY: Final = '{"name": "Paris", "country": "France"}'
TOKENS_THAT_ARE_CACHED: Final = 1024
CHARACTERS_PER_TOKEN: Final = 4


class OpenRouterLike(ScriptedServer):
    """Counts the requests; a free model is refused after `free_requests`."""

    def __init__(self, free_requests: int) -> None:
        """Know no prompt yet."""
        super().__init__()
        self._left = free_requests
        self._prompts: set[str] = set()

    def reply(self, request: Request) -> Reply:
        """Return OpenRouter's answer."""
        with self._lock:
            self.requests.append(request)
            number = len(self.requests)
            status, body = self._answer(request, number)
        headers = {
            "set-cookie": f"{COOKIE}; HttpOnly; Secure; Domain=openrouter.ai",
            "CF-RAY": RAY,
            "Server": "cloudflare",
        }
        headers["X-Generation-Id"] = GENERATION.format(number)
        if request.body.get("stream") and "choices" in body:
            return Reply(_events(body), status, headers | {"Content-Type": "text/event-stream"})
        return Reply(body, status, headers)

    def _answer(self, request: Request, number: int) -> tuple[int, dict[str, Any]]:
        model = request.body["model"]
        if request.headers["authorization"] == f"Bearer {REFUSED_KEY}":
            return 401, {"error": {"message": "User not found.", "code": 401}}
        if model == "openrouter/horizon-beta":
            return _error(404, "No endpoints found for openrouter/horizon-beta.")
        if model.startswith("stand-in/"):
            return _error(400, f"{model} is not a valid model ID")
        if model.endswith(":free"):
            self._left -= 1
            if self._left < 0:
                return _refusal()
        return 200, self._completion(request.body, number)

    def _completion(self, payload: dict[str, Any], number: int) -> dict[str, Any]:
        prompt = "".join(str(message["content"]) for message in payload["messages"])
        tokens = len(prompt) // CHARACTERS_PER_TOKEN
        cached = TOKENS_THAT_ARE_CACHED if prompt in self._prompts and tokens > TOKENS_THAT_ARE_CACHED else 0
        self._prompts.add(prompt)
        is_cut = "three long sentences" in prompt
        content = CITY if "response_format" in payload else "Paris is the capital of France."
        return {
            "id": GENERATION.format(number),
            "provider": "OpenAI",
            "model": f"{payload['model']}-2026-04-14",
            "object": "chat.completion",
            "created": 1764140000,
            "choices": [
                {
                    "index": 0,
                    "logprobs": None,
                    "finish_reason": "length" if is_cut else "stop",
                    "native_finish_reason": "length" if is_cut else "completed",
                    "message": {"role": "assistant", "content": content, "refusal": None, "reasoning": None},
                }
            ],
            "system_fingerprint": None,
            "usage": {
                "prompt_tokens": tokens,
                "completion_tokens": 8,
                "total_tokens": tokens + 8,
                "cost": 0.0000156,
                "is_byok": False,
                "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": 0, "audio_tokens": 0},
                "cost_details": {"upstream_inference_cost": 0.0000156},
                "completion_tokens_details": {"reasoning_tokens": 0, "image_tokens": 0},
            },
        }


def _events(completion: dict[str, Any]) -> str:
    """Return a completion as a stream with one event for each word."""
    [choice] = completion["choices"]
    about = {name: completion[name] for name in ("id", "provider", "model", "created")}
    about["object"] = "chat.completion.chunk"
    words = choice["message"]["content"].split(" ")
    pieces = [words[0], *(f" {word}" for word in words[1:])]
    end = {"finish_reason": choice["finish_reason"], "native_finish_reason": choice["native_finish_reason"]}
    chunks = [
        {**about, "choices": [{"index": 0, "delta": {"role": "assistant", "content": piece}}]} for piece in pieces
    ]
    chunks.append({**about, "choices": [{"index": 0, "delta": {"content": ""}, **end}], "usage": completion["usage"]})
    return "".join(f"data: {event}\n\n" for event in [*map(json.dumps, chunks), "[DONE]"])


def _error(code: int, message: str, **more: object) -> tuple[int, dict[str, Any]]:
    return code, {"error": {"message": message, "code": code, **more}, "user_id": ACCOUNT}


def _refusal() -> tuple[int, dict[str, Any]]:
    """Return the refusal for a limit per minute."""
    limits = {"X-RateLimit-Limit": "20", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1764140040000"}
    return _error(429, "Rate limit exceeded: free-models-per-min. ", metadata={"headers": limits})
