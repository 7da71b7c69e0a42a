"""A masked object is as valid, or as invalid, as the original."""

from __future__ import annotations

import json
from datetime import date
from enum import Enum
from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel, Field, field_validator

from cassette.generated_test import generate_test
from cassette.response_from_row import NotExportableError
from cassettes.exporting.incidents import QUESTION, SECRET, call_with_response, check_same_kind, completion

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from modules.llm_services import LLMServicesProvider

MODEL = "openrouter/author/model"


class Color(Enum):
    """An enum."""

    RED = "red"
    BLUE = "blue"


class Order(BaseModel):
    """Fields that masks have to keep valid: an enum, a date, a length, a pattern, names that a model chose."""

    customer: str
    color: Color
    due: date
    code: str = Field(pattern="^[A-Z]{3}-[0-9]{2}$", max_length=6)
    amounts: dict[str, float]
    note: str | None = None


ORDER = {
    "customer": f"Mr {SECRET}",
    "color": "red",
    "due": "2026-11-25",
    "code": "WAL-47",
    "amounts": {SECRET: 4.5},
    "note": None,
}


async def ask_order(llm: LLMServicesProvider) -> object:
    """Make a call for an Order."""
    return await llm.generate_structured_response(QUESTION, Order, model=MODEL)


@pytest.mark.parametrize("text", [json.dumps(ORDER), f"Here:\n```json\n{json.dumps(ORDER)}\n```\nThat was {SECRET}."])
def test_a_masked_object_is_valid(session: Session, text: str) -> None:
    """A masked object is still valid: enums, dates, lengths and patterns fit; only its texts differ."""
    incident = call_with_response(session, ask_order, completion({"content": text}))
    assert incident.error is None
    exported = incident.export(mask=True)
    check_same_kind(incident, exported)
    order = exported.replay.result[0].model_dump(mode="json")
    assert ("red", "2000-01-01", None) == (order["color"], order["due"], order["note"])
    assert [4.5] == list(order["amounts"].values())
    assert "WAL-47" not in exported.text
    assert SECRET not in exported.text + generate_test(exported, "cassettes/a.yaml")


@pytest.mark.parametrize(
    "text", ["No, Walnut-4711.", '{"customer": "Walnut-4711', json.dumps({**ORDER, "color": "Walnut-4711"}), "{}"]
)
def test_a_masked_object_is_as_invalid(session: Session, text: str) -> None:
    """An invalid object is still invalid when it is masked."""
    incident = call_with_response(session, ask_order, completion({"content": text}))
    assert incident.error is not None
    exported = incident.export(mask=True)
    check_same_kind(incident, exported)
    assert SECRET not in exported.text + generate_test(exported, "cassettes/a.yaml")


class Checked(BaseModel):
    """A model with a validator that its schema does not state."""

    mail: str
    total: str

    @field_validator("total")
    @classmethod
    def _is_known(cls, total: str) -> str:
        if total != "thirty Walnuts":
            raise ValueError("not a total")
        return total


def test_an_object_that_cannot_be_masked_is_refused(session: Session) -> None:
    """If the masked replay ends differently, the export is refused with the difference; unmasked, it works."""

    async def ask(llm: LLMServicesProvider) -> object:
        return await llm.generate_structured_response(QUESTION, Checked, model=MODEL)

    answer = completion({"content": json.dumps({"mail": "a@walnut.org", "total": "thirty Walnuts"})})
    incident = call_with_response(session, ask, answer)
    with pytest.raises(NotExportableError, match="status: 'completed' became 'failed'"):
        incident.export(mask=True, model=Checked)
    assert incident.result[0] == incident.export(model=Checked).replay.result[0]


def test_what_a_schema_cannot_say_is_asked_of_the_model(session: Session) -> None:
    """An answer that only the application's validator refuses is exported with its model, and refused without."""

    async def ask(llm: LLMServicesProvider) -> object:
        return await llm.generate_structured_response(QUESTION, Checked, model=MODEL)

    incident = call_with_response(
        session, ask, completion({"content": json.dumps({"mail": "a@walnut.org", "total": "two"})})
    )
    with pytest.raises(NotExportableError, match="became 'completed'"):
        incident.export()
    assert str(incident.error) == str(incident.export(model=Checked).replay.error)
