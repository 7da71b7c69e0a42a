"""Validate a large document piece by piece, and stop after the first few wrong elements.

Pydantic builds an error for every wrong element before it returns, and blocks all threads meanwhile: for a tenth of a
second if a model has written 200,000 strings instead of numbers.
"""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Location = tuple[int | str, ...]
Problem = tuple[Location, str]

FIRST_WINDOW: Final = 20
LARGEST_WINDOW: Final = 1000
# Beyond this number errors are only counted: writing their texts takes longer than finding them.
MAX_EXPLAINED_ERRORS: Final = 1000


def problems_of(error: ValidationError) -> list[Problem]:
    """Return the locations and texts of a document's errors; if there are very many, only their number."""
    if error.error_count() > MAX_EXPLAINED_ERRORS:
        return [((), f"{error.error_count()} problems")]
    details = error.errors(include_url=False, include_context=False, include_input=False)
    return [(problem["loc"], problem["msg"]) for problem in details]


def windows(document: Any) -> Iterator[int]:  # noqa: ANN401 - JSON
    """Yield the start of each window on the document's lists and objects; windows are small at first, then larger."""
    start, longest = 0, _longest(document)
    while start < longest:
        yield start
        start += _size(start)


def problems_inside(validate_json: Callable[[str], Any], document: Any, start: int) -> list[Problem]:  # noqa: ANN401 - JSON
    """Return the errors of the elements in the window at `start`, with their locations in the document.

    Errors of the whole list or object, such as a list that is too short, are left to the validation of the whole
    document. So is any exception of the caller's class for a piece.
    """
    try:
        validate_json(json.dumps(_window(document, start)))
    except ValidationError as error:
        if error.error_count() > MAX_EXPLAINED_ERRORS:
            return problems_of(error)
        located = [(_located(document, location, start), message) for location, message in problems_of(error)]
        return [(location, message) for location, message in located if location is not None]
    except Exception:  # noqa: BLE001 - see above
        return []
    return []


def _size(start: int) -> int:
    return min(max(start, FIRST_WINDOW), LARGEST_WINDOW)


def _longest(document: Any) -> int:  # noqa: ANN401 - JSON
    if not isinstance(document, dict | list):
        return 0
    children = document.values() if isinstance(document, dict) else document
    return max(len(document), max(map(_longest, children), default=0))


def _window(document: Any, start: int) -> Any:  # noqa: ANN401 - JSON
    """Return `document` with each long list and object reduced to the window at `start`, or to its first window."""
    if not isinstance(document, dict | list):
        return document
    first = start if start < len(document) else 0
    last = first + _size(first) if len(document) > FIRST_WINDOW else None
    if isinstance(document, list):
        return [_window(element, start) for element in document[first if last else 0 : last]]
    return {key: _window(element, start) for key, element in islice(document.items(), first if last else 0, last)}


def _located(document: Any, location: Location, start: int) -> Location | None:  # noqa: ANN401 - JSON
    """Return a window's location as a location in the document; None if it is not inside a shortened list or object.

    A location may have steps that the document does not have, such as the members of a union.
    """
    steps: list[int | str] = []
    is_inside = False
    for step in location:
        place = step
        if isinstance(document, list) and isinstance(step, int):
            is_cut = len(document) > FIRST_WINDOW
            place = step + start if is_cut and start < len(document) else step
        elif not isinstance(document, dict) or step not in document:
            steps.append(step)
            continue
        is_inside = is_inside or len(document) > FIRST_WINDOW
        document = document[place]
        steps.append(place)
    return tuple(steps) if is_inside else None
