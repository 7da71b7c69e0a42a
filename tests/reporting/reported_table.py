"""A large table for reports, filled by one statement in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Engine

ROWS = """
INSERT INTO llm_requests (
    id, user_id, api_variant, provider, model, provider_response_id, temperature, messages, request_payload,
    response_content, response_raw, tokens_used, input_tokens, output_tokens, cost_estimate, status,
    execution_time_ms, error_type, retry_attempt, cached, created_at, updated_at
)
SELECT
    {id}, i % 1000, 'chat_completions', 'openrouter',
    'openrouter/anthropic/claude-haiku-4.' || (i % 20), 'gen-' || i, 0.7,
    {json}'[{{"role": "user", "content": "What is the capital of country ' || i || '?"}}]'{as_json},
    {json}'{{"model": "author/model", "messages": [{{"role": "user", "content": "the same again"}}]}}'{as_json},
    'Its capital is city ' || i || '.',
    CASE WHEN i % 100 > 0 THEN {json}
        '{{"body": {{"id": "gen-' || i || '", "provider": "Anthropic", "object": "chat.completion", '
        || '"created": 1767225600, "choices": [{{"index": 0, "finish_reason": "stop", "message": '
        || '{{"role": "assistant", "content": "' || :words
        || '"}}}}], "usage": {{"prompt_tokens": 1200, "completion_tokens": 80, "cost": 0.0016}}}}, '
        || '"status_code": ' || (CASE WHEN i % 100 < 3 THEN 429 ELSE 200 END) || ', "finish_reason": "stop", '
        || '"cached_input_tokens": ' || (i % 5 * 200) || ', "generation_id": "gen-' || i || '", '
        || '"served_model": "anthropic/claude-haiku-4.5", "upstream_provider": "Provider ' || (i % 7) || '", '
        || '"native_finish_reason": "end_turn", "cost_source": "reported"}}'
    {as_json} END,
    1280, 1200, 80, CASE WHEN i % 100 > 2 THEN 0.0001 * (i % 10) END,
    CASE WHEN i % 100 = 0 THEN 'pending' WHEN i % 100 < 3 THEN 'failed' ELSE 'completed' END,
    i % 60000 * 7919 % 60000, CASE WHEN i % 100 IN (1, 2) THEN 'LLMRateLimitError' END, 1 + (i % 50 = 0){number},
    i % 5 > 0, {created}, {created}
FROM {numbers}
"""
DIALECTS: Final = {
    "sqlite": {
        "id": "'a' || substr(lower(hex(randomblob(16))), 2)",
        "json": "(",
        "as_json": ")",
        "number": "",
        "created": "strftime('%Y-%m-%d %H:%M:%f000', :newest, (i - :rows) || ' seconds')",
        "numbers": "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows) SELECT i FROM n)",
    },
    "postgresql": {
        "id": "gen_random_uuid()",
        "json": "(",
        "as_json": ")::json",
        "number": "::integer",
        "created": "CAST(:newest AS timestamptz) + make_interval(secs => i - :rows)",
        "numbers": "generate_series(1, :rows) AS i",
    },
}
# A kilobyte of an answer, with characters that JSON has to escape.
WORDS: Final = 'It was the best of times, it was the worst of times,\\n and said \\"so\\"; ' * 15


def fill(engine: Engine, rows: int, newest: datetime) -> None:
    """Insert `rows` attempts, one second apart, with answers of about 1.5 KB."""
    statement = text(ROWS.format(**DIALECTS[engine.dialect.name]))
    with engine.begin() as connection:
        connection.execute(statement, {"rows": rows, "newest": newest.isoformat(), "words": WORDS})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE" if engine.dialect.name == "sqlite" else "VACUUM ANALYZE llm_requests"))
