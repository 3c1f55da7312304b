"""Options of the service: where it listens, what it takes, and when it gives up."""

from pathlib import Path

from pydantic import Field, model_validator

from beenhere.config.options import Options

LOOPBACK = ("127.0.0.1", "::1", "localhost")
"""Addresses that nobody but this machine reaches."""


class ServeConfig(Options):
    """How indexes are served over HTTP."""

    host: str = Field(
        "127.0.0.1",
        description="address to listen on; another than this machine's own needs a token",
    )
    port: int = Field(8000, ge=0, le=65535, description="port to listen on; 0: any that is free")
    token_file: Path | None = Field(
        None,
        description="file that holds the token which requests must bring; or set BEENHERE_TOKEN",
    )
    allow_host: tuple[str, ...] = Field(
        (), description="a name that this server is reached by, such as that of a proxy"
    )
    cors: tuple[str, ...] = Field(
        (), description="an origin whose pages may use the API, such as https://example.org"
    )
    workers: int = Field(1, ge=1, le=64, description="processes that answer")
    threads: int | None = Field(
        None, ge=1, le=64, description="photos at once in each of them [default: one for each core]"
    )
    device: str = Field("auto", description="where to compute: auto, cpu, cuda, cuda:1, ...")
    queue: int = Field(
        32, ge=1, description="requests that wait in each of them; more are sent away for a while"
    )
    deadline: float = Field(60, gt=0, description="seconds that a request may wait and take")
    headers_within: float = Field(
        5, gt=0, description="seconds within which the head of a request must have come"
    )
    body_within: float = Field(
        60, gt=0, description="seconds within which its photos must have come"
    )
    file_mb: int = Field(64, ge=1, description="MB of a photo at most")
    request_mb: int = Field(256, ge=1, description="MB of a request at most")
    uploads_mb: int = Field(
        1024, ge=1, description="MB of all requests that are being received or wait, at most"
    )
    files: int = Field(64, ge=1, description="photos in a request at most")
    megapixels: int = Field(64, ge=1, description="megapixels of a photo at most")
    rate: float = Field(
        100, gt=0, description="requests a second of one address; twice as many at once"
    )
    keep: Path | None = Field(None, description="folder to keep photos in that were sent")
    write: Path | None = Field(
        None, description="folder of photos into which accepted positions may be written"
    )
    tiles: Path | None = Field(
        None, description="base map of this machine, a .pmtiles or .mbtiles file"
    )
    tiles_url: str | None = Field(
        None,
        description="base map of another server, such as https://tiles.example.org/{z}/{x}/{y}.png",
    )
    attribution: str | None = Field(
        None, description="whose map that is, as its licence asks for; goes with tiles_url"
    )

    @model_validator(mode="after")
    def _tiles_of_one(self) -> "ServeConfig":
        if self.tiles is not None and self.tiles_url is not None:
            raise ValueError("tiles and tiles_url are given; choose one")
        if self.tiles_url is not None and not self.attribution:
            raise ValueError(
                "tiles_url is given without attribution; give the words that the map's licence "
                "asks for"
            )
        if self.tiles_url is not None and not self.tiles_url.startswith(("https://", "http://")):
            raise ValueError(
                "tiles_url is no http(s) URL; expected such as https://.../{z}/{x}/{y}"
            )
        return self

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return self.host in LOOPBACK or self.host.startswith("127.")
