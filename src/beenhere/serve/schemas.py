"""What goes over HTTP as an answer: that of :mod:`beenhere.report.location`, in types."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

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
