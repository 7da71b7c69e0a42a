"""Schemathesis checks the running server against the generated OpenAPI, with generated requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import positive_data_acceptance

from routes.mounted import DOOR, PATH, application

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemathesis import Case
    from schemathesis.checks import CheckFunction

# 502 and 503 are documented, other 5xx are not; whether a model is known depends on its name.
NOT_OURS: list[CheckFunction] = [not_a_server_error, positive_data_acceptance]

schema = schemathesis.openapi.from_dict(application().openapi())


@pytest.fixture
def met() -> Iterator[set[int]]:
    """Collect the statuses of a route, which must have refused some requests and accepted others."""
    statuses: set[int] = set()
    yield statuses
    assert {422} == statuses & {422}
    assert statuses - {405, 422}


# The server's thread draws random numbers too, for span ids and for waits, which Hypothesis cannot control.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@schema.parametrize()
@settings(max_examples=30, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_a_documented_one(case: Case[Any], url: str, met: set[int]) -> None:
    """For valid and invalid requests, the status, the headers and the body are documented."""
    answer = case.call_and_validate(base_url=url.removesuffix(PATH), headers=DOOR, excluded_checks=NOT_OURS)
    met.add(answer.status_code)
