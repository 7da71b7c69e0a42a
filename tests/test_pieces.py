"""Large texts and documents are processed in pieces, with the same result as in one piece."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.llm_services import pieces
from modules.llm_services.sanitize import (
    ENCODER,
    PAYLOAD_ENCODER,
    encode_json,
    encode_large_json,
    redact,
    sanitize_text,
)
from modules.llm_services.secret import MASK

KEY: Final = "sk-or-v1-7e5d90c1b2a3f4e6"
JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner),
)


@given(JSON, st.integers(0, 3))
def test_json_in_pieces_is_the_same_json(value: Any, small: int) -> None:  # noqa: ANN401 - JSON
    """JSON encoded in pieces is the text that the encoder returns for the whole."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PIECE_LENGTH", "FEW", "SHORT", "BATCH"):
            patch.setattr(pieces, name, small + 1)
        assert json.dumps(value) == pieces.encoded(json.JSONEncoder(), value)
        assert encode_json(value) == encode_large_json(value)


@pytest.mark.parametrize("encoder", [ENCODER, PAYLOAD_ENCODER])
def test_large_json_is_the_same_json(encoder: json.JSONEncoder) -> None:
    """The same is true of large values."""
    value = {"text": "häx\n" * 100_000, "list": [{"a": [1, {"b": "c" * 300}]}, 1.5, None] * 1000, "": {}, "e": []}
    assert encoder.encode(value) == pieces.encoded(encoder, value)


@pytest.mark.parametrize("place", [0, pieces.PIECE_LENGTH - 10, pieces.PIECE_LENGTH, 3 * pieces.PIECE_LENGTH - 5])
def test_a_key_is_masked_wherever_it_is_in_a_large_text(place: int) -> None:
    """No key is cut in two if there is a boundary to cut at."""
    text = ("x, " * 100_000)[: place - 1] + " " * (place > 0) + KEY + ", x" * 100_000
    assert text.replace(KEY, MASK) == redact(text)


def test_a_large_text_is_sanitized_in_all_its_pieces() -> None:
    """NUL and lone surrogates are replaced in every piece."""
    assert "a\ufffdb\ufffd" * 100_000 == sanitize_text("a\x00b\ud800" * 100_000)
