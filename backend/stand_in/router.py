"""Route a request to its response: find the vendor's wire, choose the scenario, and note both in the journal."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from . import generations, journal
from .exchange import Response
from .scenario import OK
from .scenarios import BY_NAME, ONCE, find
from .schema import BadSchemaError
from .vendors import OPENROUTER, VENDORS
from .vendors.openai import IMAGE, IMAGE_PATH
from .vendors.openrouter import OpenRouter, data_response, models
from .vendors.wire import PLAIN, Request, RequestError

if TYPE_CHECKING:
    from .exchange import Received
    from .vendors.wire import Wire

MODELS_PATH = "/api/v1/models"
ACCOUNT_PATHS = {generations.PATH, generations.ACTIVITY_PATH, MODELS_PATH}


@dataclass(slots=True)
class Router:
    """Answers every request and notes it; `failed_once` has the requests that a `-once` scenario has already failed."""

    failed_once: set[tuple[str, str]] = field(default_factory=set)
    generations: generations.Generations = field(default_factory=generations.Generations)
    journal: journal.Journal = field(default_factory=journal.Journal)

    def respond(self, received: Received) -> Response:
        """Answer a request, by its scenario."""
        if (received.method, received.path) == ("GET", journal.PATH):
            return self.journal.read(received.query)
        response = self._respond(received)
        if response.statistics:
            self.generations.add(response.statistics, response.model)
        return replace(response, entry=self.journal.note(received, response))

    def _respond(self, received: Received) -> Response:
        if (received.method, received.path) == ("GET", IMAGE_PATH):
            return Response(
                OK, [("Content-Type", "image/png"), ("Connection", "keep-alive"), ("x-stand-in", PLAIN)], IMAGE
            )
        name, _, rest = received.path.strip("/").partition("/")
        wire = VENDORS.get(name, VENDORS[OPENROUTER]).wire
        request = Request(key=wire.key(received))
        try:
            if received.method == "GET" and received.path in ACCOUNT_PATHS and isinstance(wire, OpenRouter):
                return self._account(wire, received)
            request = wire.read(received)
            return _play(wire, request, self._scenario_name(request, rest.partition("/")[0]))
        except RequestError as error:
            name, message = error.scenario, error.message
        except BadSchemaError:
            name, message = "bad-schema", "Invalid schema."
        except RecursionError:
            name, message = "too-deep", "The request is nested too deeply."
        return _play(wire, request, name, message)

    def _account(self, wire: OpenRouter, received: Received) -> Response:
        """Answer a request for OpenRouter's account data, which is not a call."""
        if received.path == MODELS_PATH:
            return data_response("models", models())
        if received.path == generations.ACTIVITY_PATH:
            wire.check_management_key(received)
            return data_response("activity", self.generations.activity(received.query))
        wire.check_key(received)
        found = self.generations.find(received.query)
        if found is None:
            raise RequestError("generation-not-found")
        return data_response("generation", found)

    def _scenario_name(self, request: Request, step: str) -> str:
        """Return the name of the scenario that the request selects, by itself or by a segment of its path."""
        in_path = find(step)
        name = request.scenario or (step if in_path and in_path.everywhere else request.plain)
        scenario = find(name)
        if not name.endswith(ONCE) and not (scenario and scenario.once):
            return name
        if (name, request.identity) in self.failed_once:
            return request.plain
        self.failed_once.add((name, request.identity))
        return name.removesuffix(ONCE)


def _play(wire: Wire, request: Request, name: str, message: str = "") -> Response:
    return wire.respond(replace(request, scenario=name), BY_NAME[name], message)
