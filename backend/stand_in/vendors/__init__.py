"""The wires of the vendors next door: OpenAI, Azure OpenAI, Anthropic, Amazon Bedrock, Gemini.

Their bodies follow the vendors' published packages, whose types the tests hold them against; none was recorded live.
"""

from __future__ import annotations

from .router import VENDORS, answered, is_vendors

__all__ = ["VENDORS", "answered", "is_vendors"]
