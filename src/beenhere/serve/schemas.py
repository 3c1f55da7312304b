"""What goes over HTTP: questions, and the answers of :mod:`beenhere.report.location` in types."""

from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, field_validator

from beenhere.retrieval.search.filters import Filter

Latitude = Annotated[float, Field(ge=-90, le=90)]
Longitude = Annotated[float, Field(ge=-180, le=180)]
Text = Annotated[str, Field(max_length=4096)]


class Data(BaseModel):
    """Numbers are finite; names that are not known are errors."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Problem(Data):
    """An error, as RFC 9457 has it; ``detail`` says what was got, what was expected, what to do."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


# --- questions -----------------------------------------------------------------------------------


class Which(Data):
    """The photos of an index that are meant."""

    near: str | None = Field(
        None, description="latitude and longitude, such as 37.78,-122.42; goes with radius"
    )
    radius: float | None = Field(None, ge=0, description="metres from there at most")
    from_: str | None = Field(None, alias="from", description="first date, such as 2015-06")
    to: str | None = Field(None, description="last date, included")
    heading: float | None = Field(None, description="degrees clockwise from north")
    tolerance: float | None = Field(
        None, ge=0, le=180, description="degrees from the heading, either way round"
    )

    @field_validator("near")
    @classmethod
    def _two_numbers(cls, text: str | None) -> str | None:
        if text is not None:
            position(text)
        return text

    def filter(self) -> Filter | None:
        """The conditions; None if none was given. Raises ConfigError as :class:`Filter` does."""
        dates = (self.from_, self.to)
        if {self.near, self.radius, *dates, self.heading, self.tolerance} == {None}:
            return None
        return Filter(
            near=None if self.near is None else position(self.near),
            radius=self.radius,
            dates=None if dates == (None, None) else dates,
            heading=self.heading,
            tolerance=self.tolerance,
        )


def position(text: str) -> tuple[float, float]:
    """Latitude and longitude of a text such as ``"37.78,-122.42"``."""
    try:
        lat, lon = (float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(
            f"near is {text[:40]!r}; expected latitude and longitude, such as 37.78,-122.42"
        ) from None
    return lat, lon


class Listed(Which):
    """The photos of an index that are listed."""

    condition: Text | None = Field(None, description="such as night, as the index has it")


class OfIndex(Data):
    """Which index is asked; the only one, if none is named."""

    index: str | None = Field(None, description="name of the index, where there are several")


class Question(OfIndex, Which):
    """How photos are located; what is not given is as it was when the index was calibrated."""

    matches: int | None = Field(None, ge=1, le=1000, description="photos of the index to look at")
    threshold: float | None = Field(
        None, ge=0, le=1, description="probability from which on a place counts as known"
    )
    verify: bool | None = Field(None, description="compare local features with the first matches")
    sequence: bool = Field(False, description="the photos, in their order, are one path")
    step: float | None = Field(
        None, ge=0, description="metres at most between two photos of the path"
    )
    name: Text | None = Field(None, description="name of the photo, where it is the body itself")

    def options(self) -> dict[str, Any]:
        """Those of :class:`beenhere.config.retrieval.LocateConfig` that were given."""
        given = {"matches": self.matches, "threshold": self.threshold}
        return {name: value for name, value in given.items() if value is not None}


class SearchQuestion(OfIndex, Which):
    """Which photos of the index are looked for."""

    k: int = Field(10, ge=1, le=1000, description="how many for each photo")
    name: Text | None = Field(None, description="name of the photo, where it is the body itself")


class DescribeQuestion(OfIndex):
    """By which index's model photos are described."""

    name: Text | None = Field(None, description="name of the photo, where it is the body itself")


class CompareQuestion(OfIndex):
    """A photo of the index that the query is held against."""

    row: int = Field(ge=0, description="of the photo in the index")
    what: Literal["lines", "map"] = Field(
        "lines", description="lines between local features that agree, or similarity maps"
    )
    generation: int | None = Field(None, description="of the index that the row is of")
    name: Text | None = Field(None, description="name of the photo, where it is the body itself")


class PhotosQuestion(Listed):
    """A page of an index's photos."""

    limit: int = Field(1000, ge=1, le=10_000, description="photos of a page at most")
    after: int = Field(-1, ge=-1, description="row to go on behind: next of the page before")


class ThumbnailQuestion(Data):
    """How large, and of which state of the index."""

    size: Literal[168, 640, 1280] = Field(168, description="pixels of the longer side at most")
    generation: int | None = Field(None, description="of the index that the row is of")

    @field_validator("size", mode="before")
    @classmethod
    def _number(cls, value: Any) -> Any:
        return int(value) if isinstance(value, str) and value.isdecimal() else value


Asked = Annotated[Question, Query()]
SearchAsked = Annotated[SearchQuestion, Query()]
DescribeAsked = Annotated[DescribeQuestion, Query()]
CompareAsked = Annotated[CompareQuestion, Query()]
PhotosAsked = Annotated[PhotosQuestion, Query()]
ListedAsked = Annotated[Listed, Query()]
ThumbnailAsked = Annotated[ThumbnailQuestion, Query()]


# --- answers -------------------------------------------------------------------------------------


class Where(Data):
    """Where something is: what is not known is null."""

    lat: Latitude | None = None
    lon: Longitude | None = None
    x: float | None = None
    y: float | None = None
    frame: int | None = None
    map: Text | None = None
    place: Text | None = None


class MatchValues(Where):
    """A photo of the index that looks like the query."""

    row: int | None = Field(None, description="of the photo in the index")
    name: Text
    rank: int
    similarity: float
    inliers: int | None = None
    heading: float | None = None
    captured: Text | None = None
    distance_m: float | None = None
    distance: float | None = None


class PlaceValues(Where):
    """Where the photo may have been taken."""

    spread_m: float | None = None
    spread: float | None = None
    share: float
    supporting: Annotated[list[int], Field(max_length=10_000)]
    best: int | None = None
    distance_m: float | None = None
    distance: float | None = None


class OwnValues(Data):
    """Where the photo itself says it was taken."""

    lat: Latitude
    lon: Longitude
    source: Text
    distance_m: float | None = None


class Answer(Data):
    """Where a photo was taken, as `beenhere locate --json` has it, with rows instead of paths."""

    query: Text
    status: Literal["known", "guess", "unknown", "unreadable"]
    reason: Text | None = None
    lat: Latitude | None = None
    lon: Longitude | None = None
    radius_m: float | None = None
    probability: float | None = None
    threshold: float | None = None
    inliers_elsewhere: int | None = None
    radius: float | None = None
    unit: Literal["m", "frames"] | None = None
    place: PlaceValues | None = None
    runner_up: PlaceValues | None = None
    matches: Annotated[list[MatchValues], Field(max_length=10_000)] = []
    own: OwnValues | None = None
    in_index: bool = False
    text: Annotated[list[Text], Field(max_length=100)] = Field(
        [], description="the answer in plain words, as the command prints it"
    )
    accepted: bool = Field(False, description="a person agrees: it counts as known")
    moved: bool = Field(False, description="a person has put it where lat and lon say")


class Located(Data):
    """The answers for some photos, in their order."""

    index: str
    generation: int
    answers: list[Answer]


class Accepted(Data):
    """Answers as they were given; a person has accepted or moved some."""

    answers: Annotated[list[Answer], Field(max_length=10_000)]
    overwrite: bool = Field(False, description="also where a photo has a position of its own")


class Similar(Data):
    """The photos of the index that look most like one."""

    query: str
    status: Literal["ok", "unreadable"] = "ok"
    reason: str | None = None
    matches: list[MatchValues] = []


class Searched(Data):
    """What is most like each photo."""

    index: str
    generation: int
    answers: list[Similar]


class Descriptor(Data):
    """What the model makes of a photo."""

    query: str
    descriptor: list[float] | None
    reason: str | None = None


class Described(Data):
    """Descriptors of some photos."""

    dim: int
    answers: list[Descriptor]


class Lines(Data):
    """Local features of two photos that agree on one scene, in pixels of each."""

    width: int
    height: int
    match_width: int
    match_height: int
    inliers: int
    lines: list[tuple[float, float, float, float]]


class Maps(Data):
    """What makes two photos alike, position by position; each covers its whole photo."""

    similarity: float
    query: list[list[float]]
    match: list[list[float]]


class IndexValues(Data):
    """What an index holds."""

    name: str
    photos: int
    rows: int
    generation: int
    model: str
    dim: int
    search: str
    calibrated: bool
    threshold: float | None
    reference: Literal["position", "xy", "frame", "place"]
    bounds: tuple[float, float, float, float] | None
    captured: tuple[str, str] | None
    has_heading: bool
    conditions: list[str]


class Limits(Data):
    """What a request may bring."""

    file_bytes: int
    request_bytes: int
    files: int
    pixels: int
    queue: int


class Tiles(Data):
    """The base map."""

    kind: Literal["raster", "vector"]
    url: str
    min_zoom: int
    max_zoom: int
    attribution: str
    bounds: tuple[float, float, float, float] | None


class Indexes(Data):
    """What is served."""

    indexes: list[IndexValues]
    limits: Limits
    tiles: Tiles | None
    writable: bool
    version: str


class Points(Data):
    """All photos that meet the conditions, in columns."""

    generation: int
    rows: list[int]
    lat: list[float | None]
    lon: list[float | None]
    heading: list[float | None]


class PhotoProperties(Data):
    """What the index knows of a photo."""

    row: int
    name: str
    captured: str | None
    heading: float | None
    condition: str | None
    x: float | None
    y: float | None
    frame: int | None
    map: str | None
    place: str | None


class Point(Data):
    """Longitude and latitude, as GeoJSON has them."""

    type: Literal["Point"] = "Point"
    coordinates: tuple[float, float]


class Feature(Data):
    """A photo as GeoJSON."""

    type: Literal["Feature"] = "Feature"
    id: int
    geometry: Point | None
    properties: PhotoProperties


class Photos(Data):
    """A page of photos as GeoJSON."""

    type: Literal["FeatureCollection"] = "FeatureCollection"
    features: list[Feature]
    next: int | None
    generation: int


class PhotoWritten(Data):
    """What became of an answer, in words where it was not written."""

    query: str
    done: bool
    message: str


class WrittenAll(Data):
    """What became of all of them."""

    photos: list[PhotoWritten]


class Status(Data):
    """Whether the service can answer."""

    status: str
