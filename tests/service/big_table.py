"""A table of a million requests, filled by one statement in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Engine

USERS: Final = 1_000
SECONDS_APART: Final = 10
# One row in this many has a large body.
LARGE: Final = 19

ROWS = """
INSERT INTO llm_requests (
    id, user_id, api_variant, provider, model, provider_response_id, temperature, messages, request_payload,
    response_content, response_raw, tokens_used, input_tokens, output_tokens, cost_estimate, status,
    execution_time_ms, retry_attempt, cached, created_at, updated_at
)
SELECT
    {id}, i % :users, 'chat_completions', 'openrouter', 'openrouter/author/model-' || i % 20, 'gen-' || i, 0.7,
    {json_open}'[{{"role": "user", "content": "What is the capital of country ' || i || '?"}}]'{json_close},
    {json_open}'{{"model": "author/model", "messages": [{{"role": "user", "content": "the same again"}}]}}'{json_close},
    'Its capital is city ' || i || '.',
    {json_open}'{{"body": "' || CASE WHEN i % :large = 0 THEN {large} ELSE 'short' END || '"}}'{json_close},
    120, 100, 20, 0.001 * (i % 10),
    CASE WHEN i % 100 = 0 THEN 'pending' WHEN i % 100 < 3 THEN 'failed' ELSE 'completed' END,
    900, 1, {cached}, {created}, {created}
FROM {numbers}
"""
DIALECTS: Final = {
    "sqlite": {
        "id": "'a' || substr(lower(hex(randomblob(16))), 2)",
        "json_open": "",
        "json_close": "",
        "large": "hex(randomblob(10000))",
        "cached": "i % 10 = 0",
        "created": "strftime('%Y-%m-%d %H:%M:%f000', :newest, ((i - :rows) / :at_once * :apart) || ' seconds')",
        "numbers": "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows) SELECT i FROM n)",
    },
    "postgresql": {
        "id": "gen_random_uuid()",
        "json_open": "(",
        "json_close": ")::json",
        "large": "(SELECT string_agg(md5(i::text || j), '') FROM generate_series(1, 625) AS j)",
        "cached": "i % 10 = 0",
        "created": "CAST(:newest AS timestamptz) + make_interval(secs => (i - :rows) / :at_once * :apart)",
        "numbers": "generate_series(1, :rows) AS i",
    },
}


def fill(engine: Engine, rows: int, newest: datetime, at_once: int = 1) -> None:
    """Insert `rows` requests of 1,000 users, `at_once` every ten seconds; one in nineteen has a body of 20 KB."""
    statement = text(ROWS.format(**DIALECTS[engine.dialect.name]))
    figures = {"users": USERS, "large": LARGE, "rows": rows, "apart": SECONDS_APART, "at_once": at_once}
    with engine.begin() as connection:
        connection.execute(statement, figures | {"newest": newest.isoformat()})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE" if engine.dialect.name == "sqlite" else "VACUUM ANALYZE llm_requests"))
