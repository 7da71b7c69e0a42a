"""The stand-in's bytes: padding, chunks, compression, headers, and open connections."""

from __future__ import annotations

import asyncio
import json
import re
import zlib
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from stand_in.server import StandIn

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Ask: TypeAlias = Callable[..., httpx.Response]

PADDING = b"\n         \n"
PATH = "/chat/completions"


def question(name: str) -> dict[str, Any]:
    """Return the body of a request to a scenario."""
    return {"model": f"stand-in/{name}", "messages": [{"role": "user", "content": "Hello"}]}


def connected(base_url: str) -> httpx.AsyncClient:
    """Return a client that opens as many connections as it needs."""
    return httpx.AsyncClient(
        base_url=base_url,
        headers={"Authorization": "Bearer sk-or-v1-stand-in"},
        limits=httpx.Limits(max_connections=None),
        timeout=10,
        trust_env=False,
    )


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_padding_is_the_recorded_unit(client: httpx.Client, encoding: str) -> None:
    """Three units of LF, nine spaces, LF come first, each in its own chunk and compressed block."""
    unpackers: dict[str, Callable[[bytes], bytes]] = {
        "identity": bytes,
        "gzip": zlib.decompressobj(wbits=31).decompress,
    }
    with client.stream("POST", PATH, json=question("completion"), headers={"Accept-Encoding": encoding}) as response:
        blocks = [unpackers[encoding](chunk) for chunk in response.iter_raw()]
    assert [PADDING] * 3 == blocks[:3]
    assert "chat.completion" == json.loads(blocks[3])["object"]


def test_whitespace_is_padding_alone(ask: Ask) -> None:
    """The whitespace scenario ends properly after the padding."""
    assert PADDING * 3 == ask("stand-in/whitespace").content


def test_cut_json_ends_properly(ask: Ask) -> None:
    """The cut-json scenario sends the beginning of a completion and ends the body properly."""
    text = ask("stand-in/cut-json").text
    assert text.strip().startswith('{"id":"gen-')
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)


def test_html_is_a_page(ask: Ask) -> None:
    """The html scenario sends a page with its own content type, without padding."""
    response = ask("stand-in/html")
    assert (200, "text/html; charset=utf-8") == (response.status_code, response.headers["content-type"])
    assert response.text.startswith("<!DOCTYPE html>")


def test_gzip_and_identity_say_the_same(ask: Ask) -> None:
    """A client that accepts gzip gets it, others do not; both get the same body, in chunks."""
    packed, plain = (
        ask("stand-in/no-endpoints", headers={"Accept-Encoding": encoding})
        for encoding in ("gzip, deflate", "identity")
    )
    assert ("gzip", None) == (packed.headers.get("content-encoding"), plain.headers.get("content-encoding"))
    assert packed.content == plain.content
    for response in (packed, plain):
        assert "content-length" not in response.headers
        assert "chunked" == response.headers["transfer-encoding"]


def test_a_generation_has_its_id(ask: Ask) -> None:
    """A completion has one id, in its body and in X-Generation-Id; an error has none."""
    response = ask("stand-in/completion")
    generation = response.headers["x-generation-id"]
    assert re.fullmatch(r"gen-\d{10}-[A-Za-z0-9]{20}", generation)
    assert generation == response.json()["id"]
    assert "x-generation-id" not in ask("stand-in/server-error").headers


def test_headers_carry_what_must_be_scrubbed(ask: Ask) -> None:
    """An answer has the headers of OpenRouter's edge: its name, a ray, and a cookie."""
    headers = ask("stand-in/completion").headers
    assert "cloudflare" == headers["server"]
    assert re.fullmatch(r"[0-9a-f]{16}-[A-Z]{3}", headers["cf-ray"])
    assert re.match(r"__cf_bm=\S+; HttpOnly; SameSite=None; Secure; ", headers["set-cookie"])


def test_what_is_said_comes_back_whole(client: httpx.Client) -> None:
    """Text outside ASCII, control characters and lone surrogates are returned unchanged."""
    said = 'né "\x00" 日本 \ud800'
    raw = json.dumps({"model": "a/b", "messages": [{"role": "user", "content": said}]}).encode()
    response = client.post(PATH, content=raw)
    assert said in response.json()["choices"][0]["message"]["content"]
    assert "日本".encode() in response.content


def test_a_connection_outlives_its_refusals(client: httpx.Client, ask: Ask) -> None:
    """After a 404, with and without a body, and a 503, the same connection can be used."""
    answers = [
        client.get("/nothing"),
        client.head("/nothing"),
        ask("stand-in/overloaded"),
        ask("stand-in/completion"),
    ]
    assert [404, 404, 503, 200] == [each.status_code for each in answers]
    assert 1 == len({each.extensions["network_stream"].get_extra_info("client_addr") for each in answers})


async def test_slow_pads_until_its_client_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """The slow scenario keeps padding after three units, and ends quietly when its client disconnects."""
    monkeypatch.setattr("stand_in.connection.PADDING_SECONDS", 0)
    here, conversations = StandIn(), []

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversations.append(asyncio.create_task(here.serve_connection(reader, writer)))

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with (
            connected(f"http://127.0.0.1:{port}/api/v1") as client,
            client.stream("POST", PATH, json=question("slow"), headers={"Accept-Encoding": "identity"}) as response,
        ):
            units = response.aiter_raw()
            assert [PADDING] * 4 == [await anext(units) for _ in range(4)]
        ended, _ = await asyncio.wait(conversations, timeout=10)
        assert [None] == [each.result() for each in ended]


async def test_many_connections_at_once(base_url: str) -> None:
    """Two hundred requests are in progress at the same time."""
    async with connected(base_url) as client, AsyncExitStack() as open_answers:
        slow = (client.stream("POST", PATH, json=question("slow")) for _ in range(200))
        answers = await asyncio.gather(*map(open_answers.enter_async_context, slow))
        assert [200] * 200 == [each.status_code for each in answers]
