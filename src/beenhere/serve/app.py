"""The routes of the service: what may be asked, and in which form it is answered."""

import asyncio
import gzip
import hmac
import io
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest, multiprocess
from prometheus_client import REGISTRY as ONE_PROCESS
from starlette.staticfiles import StaticFiles

from beenhere import __version__
from beenhere.errors import ConfigError, DataError
from beenhere.serve import accepted, questions, schemas
from beenhere.serve.guard import COOKIE, Guard, Refused, session
from beenhere.serve.problems import PROBLEMS, add_problems
from beenhere.serve.queue import Ticket
from beenhere.serve.served import thumbnail
from beenhere.serve.service import Service
from beenhere.serve.state import Missing

T = TypeVar("T")

STATIC = Path(__file__).parent / "static"

_PHOTOS_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["photo"],
                    "properties": {
                        "photo": {"type": "array", "items": {"type": "string", "format": "binary"}}
                    },
                }
            },
            **{
                kind: {"schema": {"type": "string", "format": "binary"}}
                for kind in ("image/*", "application/octet-stream")
            },
        },
    }
}
_IMMUTABLE = "private, max-age=86400, immutable"


def create_app(service: Service) -> Guard:
    """The application, with its guard before it."""
    config = service.config

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(service.watch())
        yield
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        service.queue.close()
        service.pictures.close()

    app = FastAPI(
        title="beenhere",
        version=__version__,
        summary="Where photos were taken, by an index of photos.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        responses=PROBLEMS,
    )
    add_problems(app, service)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(STATIC / "index.html")

    @app.get("/docs", include_in_schema=False)
    def docs() -> FileResponse:
        return FileResponse(STATIC / "docs.html")

    @app.get("/health", response_model=schemas.Status, tags=["service"])
    async def health() -> Response:
        """Whether the process answers; nothing is computed."""
        return JSONResponse({"status": "ok"})

    @app.get("/ready", response_model=schemas.Status, tags=["service"])
    async def ready() -> Response:
        """Whether all models are loaded; else 503."""
        if all(one.ready for one in service.served.values()):
            return JSONResponse({"status": "ready"})
        raise Refused(503, service.failed or "models are being loaded", Retry_After="1")

    @app.get("/metrics", tags=["service"])
    async def metrics() -> Response:
        """Counts and times, as Prometheus reads them."""
        registry = ONE_PROCESS
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    @app.post("/v1/session", status_code=204, tags=["service"])
    async def begin_session(request: Request) -> Response:
        """Have a browser keep that it has the token, which is sent as a bearer's."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if service.token is not None and not (
            kind.lower() == "bearer"
            and hmac.compare_digest(token.strip().encode(), service.token.encode())
        ):
            raise Refused(401, "the token is missing or another one")
        answer = Response(status_code=204)
        if service.token is not None:
            secure = request.headers.get("x-forwarded-proto", request.url.scheme) == "https"
            answer.set_cookie(
                COOKIE, session(service.token), httponly=True, samesite="strict", secure=secure
            )
        return answer

    @app.get("/v1/indexes", response_model=schemas.Indexes, tags=["indexes"])
    async def indexes() -> Response:
        """What is served, and what a request may bring."""
        limits = {
            "file_bytes": config.file_mb * 10**6,
            "request_bytes": config.request_mb * 10**6,
            "files": config.files,
            "pixels": config.megapixels * 10**6,
            "queue": config.queue,
        }
        tiles = service.tiles and service.tiles.values
        return JSONResponse(
            {
                "indexes": [one.state.values for one in service.served.values()],
                "limits": limits,
                "tiles": tiles,
                "writable": config.write is not None,
                "version": __version__,
            }
        )

    @app.get("/v1/indexes/{name}/photos", response_model=schemas.Photos, tags=["indexes"])
    async def photos(request: Request, name: str, asked: questions.PhotosAsked) -> Response:
        """Photos of an index as GeoJSON, a page at a time."""
        state = service.one(name).state
        where = asked.filter()

        def job(_: Ticket) -> bytes:
            rows = state.rows(where, asked.condition)
            return _json(state.page(rows, asked.after, asked.limit))

        return await _packed(request, await service.work(request, job, small=True))

    @app.get("/v1/indexes/{name}/points", response_model=schemas.Points, tags=["indexes"])
    async def points(request: Request, name: str, asked: questions.ListedAsked) -> Response:
        """Where all photos of an index are, in columns."""
        state = service.one(name).state
        where = asked.filter()

        def job(_: Ticket) -> bytes:
            return _json(state.points(state.rows(where, asked.condition)))

        return await _packed(request, await service.work(request, job, small=True))

    @app.get("/v1/indexes/{name}/photos/{row}", response_model=schemas.Feature, tags=["indexes"])
    async def photo(name: str, row: int, generation: int | None = None) -> Response:
        """A photo of an index."""
        state = service.one(name).at(generation)
        state.path(row)
        (feature,) = state.features(np.array([row]))
        return JSONResponse(feature)

    @app.get(
        "/v1/indexes/{name}/photos/{row}/thumbnail",
        response_class=Response,
        responses={200: {"content": {"image/jpeg": {}}}},
        tags=["indexes"],
    )
    async def small(
        request: Request, name: str, row: int, asked: questions.ThumbnailAsked
    ) -> Response:
        """A photo of an index as a small JPEG; 410 where its state of the index has gone."""
        state = service.one(name).at(asked.generation)
        path = state.path(row)
        tag = f'"{state.generation}-{row}-{asked.size}"'
        headers = {"ETag": tag, "Cache-Control": _IMMUTABLE if asked.generation else "no-cache"}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        content = await service.work(request, lambda _: thumbnail(path, asked.size), small=True)
        return Response(content, media_type="image/jpeg", headers=headers)

    @app.get(
        "/v1/indexes/{name}/photos/{row}/similar", response_model=schemas.Similar, tags=["search"]
    )
    async def similar(
        request: Request, name: str, row: int, k: int = 20, generation: int | None = None
    ) -> Response:
        """The photos of the index that look most like one of them."""
        one = service.one(name)
        state, k = one.at(generation), max(1, min(k, 1000))
        state.path(row)
        return JSONResponse(
            await service.work(request, lambda ticket: one.similar(state, row, k, ticket))
        )

    @app.post(
        "/v1/locate", response_model=schemas.Located, openapi_extra=_PHOTOS_BODY, tags=["locate"]
    )
    async def locate(request: Request, asked: questions.Asked) -> Response:
        """Where photos were taken, how surely, and what speaks for it."""
        one = service.one(asked.index)
        if asked.step is not None and not asked.sequence:
            raise ConfigError("step is given without sequence; give both or neither")
        asked.filter()
        sent = await service.photos(request, asked.name)
        return JSONResponse(
            await service.work(request, lambda ticket: one.locate(sent, asked, ticket))
        )

    @app.post(
        "/v1/search", response_model=schemas.Searched, openapi_extra=_PHOTOS_BODY, tags=["search"]
    )
    async def search(request: Request, asked: questions.SearchAsked) -> Response:
        """The photos of an index that look most like each photo; no place is worked out."""
        one, where = service.one(asked.index), asked.filter()
        sent = await service.photos(request, asked.name)
        return JSONResponse(
            await service.work(request, lambda ticket: one.search(sent, asked.k, where, ticket))
        )

    @app.post(
        "/v1/describe",
        response_model=schemas.Described,
        openapi_extra=_PHOTOS_BODY,
        tags=["search"],
    )
    async def describe(request: Request, asked: questions.DescribeAsked) -> Response:
        """Descriptors of photos by the index's model; as .npy by `Accept: application/x-npy`."""
        one = service.one(asked.index)
        sent = await service.photos(request, asked.name)
        found = await service.work(request, lambda ticket: one.describe(sent, ticket))
        dim = one.state.index.manifest.model.dim
        if "application/x-npy" in request.headers.get("accept", ""):
            for name, _, reason in found:
                if reason is not None:
                    raise DataError(f"{name}: {reason}; a .npy has no row for it")
            buffer = io.BytesIO()
            np.save(buffer, np.array([vector for _, vector, _ in found], np.float32))
            return Response(buffer.getvalue(), media_type="application/x-npy")
        answers = [
            {"query": name, "descriptor": None if vector is None else vector.tolist()}
            | {"reason": reason}
            for name, vector, reason in found
        ]
        return JSONResponse({"dim": dim, "answers": answers})

    @app.post(
        "/v1/compare",
        response_model=schemas.Lines | schemas.Maps,
        openapi_extra=_PHOTOS_BODY,
        tags=["locate"],
    )
    async def compare(request: Request, asked: questions.CompareAsked) -> Response:
        """What a photo and one of the index have in common."""
        one = service.one(asked.index)
        state = one.at(asked.generation)
        state.path(asked.row)
        sent = await service.photos(request, asked.name)
        method = one.lines if asked.what == "lines" else one.maps
        return JSONResponse(
            await service.work(request, lambda ticket: method(state, asked.row, sent[0], ticket))
        )

    @app.post(
        "/v1/export",
        response_class=Response,
        responses={200: {"content": {kind: {} for kind in accepted.FORMS.values()}}},
        tags=["review"],
    )
    async def export(form: accepted.Form, body: schemas.Accepted) -> Response:
        """Accepted answers as a file for other programs."""
        content = accepted.exported(form, body)
        return _file(content.encode(), accepted.FORMS[form], f"beenhere.{form}")

    @app.post(
        "/v1/sidecars",
        response_class=Response,
        responses={200: {"content": {"application/zip": {}}}},
        tags=["review"],
    )
    async def sidecars(body: schemas.Accepted) -> Response:
        """Accepted answers as a zip of XMP files to lie beside the photos."""
        return _file(accepted.sidecars(body), "application/zip", "beenhere-sidecars.zip")

    @app.post("/v1/write", response_model=schemas.WrittenAll, tags=["review"])
    async def write(request: Request, body: schemas.Accepted) -> Response:
        """Accepted answers written into the photos of the folder that the server may write to."""
        if config.write is None:
            raise Refused(
                403, "this server writes nothing; start it with --write FOLDER, or take sidecars"
            )
        folder = config.write
        return JSONResponse(
            await service.work(request, lambda _: accepted.written(body, folder), small=True)
        )

    @app.get(
        "/tiles/{z}/{x}/{y}",
        response_class=Response,
        responses={200: {"content": {"image/png": {}, "application/x-protobuf": {}}}},
        tags=["service"],
    )
    async def tile(z: int, x: int, y: int) -> Response:
        """A tile of the base map."""
        if service.tiles is None:
            raise Missing("no base map is served; start it with --tiles FILE")
        content, headers = service.tiles.tile(z, x, y)
        return Response(content, headers={**headers, "Cache-Control": "private, max-age=86400"})

    return Guard(app, config, service.token)


def _json(values: Any) -> bytes:
    return json.dumps(values, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


async def _packed(request: Request, content: bytes) -> Response:
    headers = {"Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", "") and len(content) > 1000:
        content = await asyncio.to_thread(gzip.compress, content, 1)
        headers["Content-Encoding"] = "gzip"
    return Response(content, media_type="application/json", headers=headers)


def _file(content: bytes, kind: str, name: str) -> Response:
    return Response(
        content, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
