"""The errors that a faulty request earns by itself, whichever scenario it names."""

from __future__ import annotations

from .kinds import Failure, Scenario

OPENAPI = "OpenRouterTeam/docs openapi/openapi.yaml"

FAULTY_REQUESTS = (
    Scenario(
        name="missing-key",
        does="no Authorization header",
        follows="crmne/ruby_llm spec/fixtures/vcr_cassettes/"
        "chat_error_handling_with_openrouter_claude-haiku-4-5_raises_appropriate_auth_error.yml",
        status=401,
        answer=Failure(message="Missing Authentication header", user_id=False),
    ),
    Scenario(
        name="unknown-key",
        does="a key that does not start with sk-or-, or contains `invalid`",
        follows="https://github.com/apurvsinghgautam/robin/issues/103",
        status=401,
        answer=Failure(message="User not found.", user_id=False),
    ),
    Scenario(
        name="unknown-path",
        does="anything but POST /api/v1/chat/completions and GET /api/v1/generation",
        follows=OPENAPI,
        status=404,
        answer=Failure(message="Not Found", user_id=False),
    ),
    Scenario(
        name="bad-json",
        does="a body that is not a JSON object",
        follows=OPENAPI,
        status=400,
        answer=Failure(message="The request body is not a JSON object."),
    ),
    Scenario(
        name="too-deep",
        does="a body nested, or a schema that refers to itself, without end",
        follows=OPENAPI,
        status=400,
        answer=Failure(message="The request is nested too deeply."),
    ),
    Scenario(
        name="bad-schema",
        does="a schema, of an answer or of a tool's parameters, that is none",
        follows="https://github.com/dottxt-ai/outlines/issues/1666",
        status=400,
        answer=Failure(message="The stand-in cannot make anything of the schema: it is no JSON Schema."),
    ),
    Scenario(
        name="no-messages",
        does="messages missing, empty, or not a list of objects",
        follows="estiens/open_router_enhanced spec/fixtures/vcr_cassettes/error_handling_parameter_validation.yml",
        status=400,
        answer=Failure(message='Input required: specify "prompt" or "messages"'),
    ),
    Scenario(
        name="no-input",
        does="messages without text or a part of a known type",
        follows="OpenRouterTeam/ai-sdk-provider e2e/__fixtures__/7gZvF6BILex/request.json",
        status=400,
        answer=Failure(
            message="Input must have at least 1 token.",
            metadata={"provider_name": None},
            user_id=False,
        ),
    ),
    Scenario(
        name="streaming",
        does="stream: true, which the stand-in does not speak",
        follows="nothing: OpenRouter streams",
        status=400,
        answer=Failure(message="The stand-in does not stream. Leave out stream, or send false."),
    ),
    Scenario(
        name="unknown-model",
        does="a name without a slash, or an unknown stand-in/ name",
        follows="https://github.com/RightNow-AI/openfang/issues/697",
        status=400,
        answer=Failure(message="{model} is not a valid model ID"),
    ),
    Scenario(
        name="alpha-ended",
        does="the model openrouter/horizon-beta",
        follows="vkryukov/req_llm test/support/fixtures/openrouter/openrouter_horizon_beta/usage.json",
        status=404,
        answer=Failure(
            message="The alpha period for this model has ended. For other stealth models, please visit "
            "https://openrouter.ai/provider/stealth",
        ),
    ),
)
