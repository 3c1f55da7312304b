"""Errors as they are answered: a sentence in the form of RFC 9457, and no more than that."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from beenhere.errors import BeenhereError, PhotoError
from beenhere.serve import schemas
from beenhere.serve.guard import problem
from beenhere.serve.queue import Busy, Gone, Late
from beenhere.serve.service import Service
from beenhere.serve.state import Missing, Outdated

_CLOSED = 499
"""Status for the log of who went away; nobody receives it."""

PROBLEMS: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "What is wrong, in a sentence",
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
    }
}
"""For the description of every route."""


def _describe(app: FastAPI) -> None:
    """Have the description of the API hold what :data:`PROBLEMS` names."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        found = described()
        found["components"]["schemas"]["Problem"] = schemas.Problem.model_json_schema()
        return found

    app.openapi = openapi  # type: ignore[method-assign]


def add_problems(app: FastAPI, service: Service) -> None:
    """Have every error be a problem in a sentence."""
    _describe(app)

    def answer(status: int, detail: str, **headers: str) -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        kind = "application/problem+json"
        return Response(problem(status, detail), status, named, media_type=kind)

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> Response:
        return answer(error.status_code, str(error.detail), **dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        said = first["msg"].removeprefix("Value error, ")
        if first["type"] != "value_error":  # whose sentence is whole
            name = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
            given = first.get("input")
            got = f" is {str(given)[:60]!r}" if isinstance(given, str | int | float) else ""
            said = f"{name[:200]}{got}: {said[:1].lower()}{said[1:300]}"
        return answer(422, said)

    @app.exception_handler(Busy)
    async def busy(_: Request, error: Busy) -> Response:
        detail = f"{service.queue.held} requests are waiting; try again in {error.seconds} s"
        return answer(503, detail, Retry_After=str(error.seconds), connection="close")

    @app.exception_handler(Late)
    async def late(_: Request, error: Late) -> Response:
        return answer(504, f"not done within {service.config.deadline:g} s; try again later")

    @app.exception_handler(Gone)
    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, error: Exception) -> Response:
        return Response(status_code=_CLOSED)

    @app.exception_handler(BeenhereError)
    async def ours(request: Request, error: BeenhereError) -> Response:
        status = 400
        if isinstance(error, Missing):
            status = 404
        elif isinstance(error, Outdated):
            status = 410
        elif isinstance(error, PhotoError):
            status = 422
        elif not all(one.ready for one in service.served.values()):
            status = 503
        return answer(status, _without_paths(str(error), service))

    @app.exception_handler(Exception)
    async def fault(_: Request, error: Exception) -> Response:
        return answer(HTTPStatus.INTERNAL_SERVER_ERROR, "the server failed; its log says where")


def _without_paths(text: str, service: Service) -> str:
    for one in service.served.values():
        text = one.without_paths(text)
    return text
