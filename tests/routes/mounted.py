"""An application that mounts the routes behind its own authentication, served by uvicorn in a thread."""

from __future__ import annotations

import socket
import threading
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final

import uvicorn
from fastapi import FastAPI, Header, HTTPException

from modules.llm_services.routes import llm_router

if TYPE_CHECKING:
    from collections.abc import Generator

    import httpx

PATH: Final = "/api/v1/llm"
DOOR: Final = {"Authorization": "Bearer of-the-door"}
COMPLETION: Final = "openrouter/stand-in/completion"
MESSAGES: Final = [{"role": "user", "content": "What is the capital of France?"}]


def asked(model: str = COMPLETION, **fields: Any) -> dict[str, Any]:
    """Return the body of a request."""
    return {"messages": MESSAGES, "model": model} | fields


def post(client: httpx.Client, text: str | bytes) -> httpx.Response:
    """Post values that are not JSON to httpx: NaN, lone surrogates, nonsense."""
    return client.post("/responses", content=text, headers={"Content-Type": "application/json"})


def authenticated(authorization: Annotated[str | None, Header()] = None) -> None:
    """Accept clients with the password."""
    if authorization != DOOR["Authorization"]:
        raise HTTPException(401, "who are you?")


def application() -> FastAPI:
    """Return an application with only the routes."""
    app = FastAPI()
    app.include_router(llm_router(authenticated))
    return app


def mounted() -> AbstractContextManager[str]:
    """Serve the application with the routes until the block ends."""
    return served(application())


@contextmanager
def served(application: FastAPI) -> Generator[str]:
    """Serve an application on this machine until the block ends and every request has been handled."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        config = uvicorn.Config(application, log_level="warning", lifespan="off", ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
