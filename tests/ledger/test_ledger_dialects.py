"""Whatever a server sends, the row is settled, on PostgreSQL as on SQLite."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.orm import Session

from modules.llm_services.exceptions import LLMError
from support.calls import ANSWER, ask, only_row

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from modules.llm_services.models import LLMRequestModel
    from support.calls import Serve

NUL, SURROGATE, REPLACED = "\x00", "\ud800", "\ufffd"


async def settled(engine: Engine, serve: Serve, body: str, status: int = 200) -> LLMRequestModel:
    """Return the row of a call that a server answers with `body`; an LLMError is accepted."""
    async with serve(lambda visit: visit.answer(body, status=status)):
        with Session(engine) as session, suppress(LLMError):
            await ask(session)
    row = only_row(engine)
    assert "pending" != row.status
    return row


def answer(**fields: Any) -> str:
    """Return a completion with some fields replaced, as JSON in ASCII."""
    return json.dumps(ANSWER | fields)


async def test_text_that_a_database_refuses_is_replaced(engine: Engine, serve: Serve) -> None:
    """NUL characters and lone surrogates in an answer become U+FFFD in every column."""
    odd = f"a{NUL}b{SURROGATE}c"
    message = {"role": "assistant", "content": odd}
    choices = [{"index": 0, "finish_reason": odd, "message": message, odd: {odd: [odd]}}]
    row = await settled(engine, serve, answer(id=odd, system_fingerprint=odd, model=odd, choices=choices))
    clean = f"a{REPLACED}b{REPLACED}c"
    assert ("completed", clean) == (row.status, row.response_content)
    assert (clean, clean) == (row.provider_response_id, row.system_fingerprint)
    assert row.response_raw is not None
    choice = row.response_raw["body"]["choices"][0]
    assert ([clean], clean) == (choice[clean][clean], row.response_raw["finish_reason"])


async def test_the_words_of_an_error_are_replaced_too(engine: Engine, serve: Serve) -> None:
    """NUL characters and lone surrogates in an error's message are replaced in the failed row."""
    row = await settled(engine, serve, json.dumps({"error": {"code": 402, "message": f"no{NUL}{SURROGATE}"}}), 402)
    assert "failed" == row.status
    assert row.error_message
    assert f"no{REPLACED}{REPLACED}" in row.error_message


async def test_an_id_that_is_too_long_is_cut(engine: Engine, serve: Serve) -> None:
    """Ids that are longer than their column are shortened; the body has them in full."""
    row = await settled(engine, serve, answer(id="i" * 101, system_fingerprint="f" * 500))
    assert ("completed", "i" * 100, "f" * 100) == (row.status, row.provider_response_id, row.system_fingerprint)
    assert row.response_raw is not None
    assert "i" * 101 == row.response_raw["body"]["id"]


@pytest.mark.parametrize("cost", [float("nan"), float("inf"), -float("inf")], ids=str)
async def test_a_cost_that_is_no_number_is_unpriced(engine: Engine, serve: Serve, cost: float) -> None:
    """NaN and infinity are not a cost: the row has 0.0, `unpriced`, and the value in the body."""
    row = await settled(engine, serve, answer(usage={"cost": cost, "total_tokens": 8}))
    assert ("completed", 0.0, 8) == (row.status, row.cost_estimate, row.tokens_used)
    assert row.response_raw is not None
    assert ("unpriced", str(cost)) == (row.response_raw["cost_source"], row.response_raw["body"]["usage"]["cost"])


@pytest.mark.parametrize("tokens", [2**31, 10**30, -(2**40)])
async def test_a_count_beyond_32_bits_is_unknown(engine: Engine, serve: Serve, tokens: int) -> None:
    """A token count that does not fit the column is NULL, and unchanged in the body."""
    usage = {"prompt_tokens": tokens, "completion_tokens": tokens, "total_tokens": tokens, "cost": 1.0}
    row = await settled(engine, serve, answer(usage=usage))
    assert ("completed", None, None, None) == (row.status, row.tokens_used, row.input_tokens, row.output_tokens)
    assert row.response_raw is not None
    assert tokens == row.response_raw["body"]["usage"]["total_tokens"]


@pytest.mark.parametrize("created", [1_784_218_677, -62135596800, 253402300799, 10**30, float("nan"), "soon"], ids=str)
async def test_a_creation_time_of_any_kind_settles(engine: Engine, serve: Serve, created: object) -> None:
    """A `created` at or beyond the limits of the calendar is NULL; one of this century is a time."""
    row = await settled(engine, serve, answer(created=created))
    assert "completed" == row.status
    assert (row.response_created_at is not None) == (created == 1_784_218_677)


@pytest.mark.parametrize(
    ("opened", "depth"),
    [
        ('{"a":', 99),
        ('{"a":', 400),
        ('{"a":', 5000),
        ("[", 99),
        ("[", 400),
        ("[", 5000),
    ],
)
async def test_deep_nesting_settles(engine: Engine, serve: Serve, opened: str, depth: int) -> None:
    """However deeply a body nests, the row is settled, and the call raises only LLMError."""
    nested = opened * depth + "0" + {"[": "]"}.get(opened, "}") * depth
    await settled(engine, serve, answer()[:-1] + f', "extra": {nested}}}')
