"""Options of an index: how it is searched, verified and asked for a place."""

import os
import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from beenhere.config.evaluation import ComputeConfig
from beenhere.config.options import Options, named_choice
from beenhere.errors import ConfigError

MILVUS_PORT = 19530

_MILVUS_SCHEMES = {"milvus": "http", "milvus+https": "https"}
_COLLECTION_NAME = re.compile(r"[A-Za-z_]\w{0,254}", re.ASCII)
_STORE_FORMS = (
    "expected milvus://HOST/COLLECTION, milvus://HOST:PORT/COLLECTION, milvus+https://... where "
    "the server has a certificate, or FILE.db/COLLECTION for Milvus Lite"
)


class SearchConfig(Options):
    """How an index is searched: exactly, or by a structure that passes most of it over."""

    kind: Literal["auto", "exact", "pq", "ivf", "hnsw"] = Field(
        "auto",
        description="auto: exact, or pq where that takes too long; pq: 4-bit codes of all photos; "
        "ivf: codes in the nearest of many lists; hnsw: a graph",
    )
    rescore: int | None = Field(
        None,
        ge=1,
        description="candidates scored again by their whole descriptors, for each match wanted "
        "(for fewer than 20, as for 20) [default: as many as the kind needs]",
    )
    pq_share: float = Field(
        0.95,
        gt=0,
        le=1,
        description="share of the descriptors' variance that codes keep; the weakest directions "
        "are left out of them (pq, ivf)",
    )
    pq_numbers: int = Field(2, ge=1, description="numbers that share 4 bits of a code (pq, ivf)")
    nlist: int | None = Field(
        None,
        ge=1,
        description="lists that ivf sorts photos into [default: twice the root of their number]",
    )
    nprobe: int | None = Field(
        None, ge=1, description="lists that ivf scans for a query [default: a fifth of them]"
    )
    M: int = Field(16, ge=2, le=256, description="links of a photo to others in hnsw's graph")
    ef_construction: int = Field(
        100, ge=1, description="candidates for the links of a photo, as hnsw's graph is built"
    )
    ef_search: int = Field(
        200, ge=1, description="candidates that hnsw keeps on its way to a query, at least"
    )


class WhiteningConfig(Options):
    """PCA-whitening of descriptors, learned on them (Jegou and Chum, 2012)."""

    dim: int | None = Field(
        512,
        ge=1,
        description="numbers to keep of each descriptor; null: all, and what lies outside the "
        "directions in which the photos vary stays",
    )
    power: float = Field(
        1.0, ge=0, le=1, description="1: all directions get equal weight; 0: PCA alone"
    )
    floor: float = Field(
        0.25,
        gt=0,
        description="added to every variance, as a share of their mean, so that weak directions "
        "are not blown up (dim null alone)",
    )


HALF = WhiteningConfig(dim=None, power=0.5)
"""What ``whitening: half`` stands for."""

# Lets ``search: pq`` stand for ``search: {kind: pq}``.
_Search = Annotated[
    SearchConfig,
    BeforeValidator(lambda value: {"kind": value} if isinstance(value, str) else value),
]


class IndexConfig(Options):
    """A new saved index."""

    dtype: Literal["float32", "float16", "int8"] = Field(
        "float32", description="number type of the kept descriptors; int8 has a scale for each"
    )
    whitening: WhiteningConfig | Literal["auto", "half", "none"] = Field(
        "auto",
        description="learned on the photos of the index; half: of all numbers, by half the power; "
        "auto: half for the default model from 100 photos on",
    )
    search: _Search = SearchConfig()
    store: str | None = Field(
        None,
        description="a Milvus collection for photos and descriptors, milvus://HOST/COLLECTION or "
        "FILE.db/COLLECTION [default: the folder itself]",
    )
    extract: ComputeConfig = ComputeConfig()

    def milvus_address(self) -> "MilvusAddress | None":
        """The collection that the index is to lie in; None: its folder.

        Raises:
            ConfigError: no address, or options that are not for Milvus.
        """
        if self.store is None:
            return None
        address = MilvusAddress.parse(self.store)
        if self.dtype != "float32" or self.whitening not in ("auto", "none"):
            raise ConfigError(
                "in Milvus descriptors are kept as the model gives them, in float32; leave out "
                "dtype and whitening"
            )
        return address


class IndexSearchConfig(Options):
    """Options of a saved index that may change without computing descriptors again."""

    search: _Search = SearchConfig()


class PairsConfig(Options):
    """Pairs of photos for programs that match local features."""

    matches: int = Field(20, ge=1, description="nearest photos for each photo, at most")
    min_similarity: float | None = Field(
        None, ge=-1, le=1, description="least cosine similarity of a pair"
    )
    within: float | None = Field(
        None, ge=0, description="two photos must be at most so many metres apart"
    )
    beyond: float | None = Field(
        None, ge=0, description="two photos must be more than so many metres apart"
    )
    heading: float | None = Field(
        None, ge=0, le=180, description="degrees between their headings at most, either way round"
    )
    gap_seconds: float | None = Field(
        None, ge=0, description="seconds between their times at least: no neighbours of a sequence"
    )
    mutual: bool = Field(False, description="only pairs of which each is among the other's nearest")

    @model_validator(mode="after")
    def _some_room(self) -> "PairsConfig":
        if self.within is not None and self.beyond is not None and self.within <= self.beyond:
            raise ValueError(
                f"within is {self.within:g} and beyond {self.beyond:g}; expected within to be more"
            )
        return self


class MilvusAddress(Options):
    """A Milvus collection, and where it is.

    Attributes:
        address: ``milvus://HOST:PORT``, ``milvus+https://HOST:PORT``, or the absolute path of a
            Milvus Lite database, which ends in ``.db``.
        collection: letters, digits and ``_``.
    """

    address: str
    collection: str

    def __str__(self) -> str:
        return f"{self.address}/{self.collection}"

    @property
    def local(self) -> bool:
        """Whether it is a file of this machine."""
        return "://" not in self.address

    @property
    def uri(self) -> str:
        """As pymilvus wants it."""
        if self.local:
            return self.address
        scheme, _, host = self.address.partition("://")
        return f"{_MILVUS_SCHEMES[scheme]}://{host}"

    @classmethod
    def parse(cls, text: str) -> "MilvusAddress":
        """Read what a person gave.

        Raises:
            ConfigError: it is none.
        """
        wrong = ConfigError(f"store is {text!r}; {_STORE_FORMS}")
        where, _, collection = text.rpartition("/")
        if not _COLLECTION_NAME.fullmatch(collection):
            raise ConfigError(f"{wrong}; a collection is letters, digits, _")
        scheme, separator, host = where.partition("://")
        if not separator:
            if not where.endswith(".db"):
                raise wrong
            return cls(address=os.path.abspath(where), collection=collection)  # noqa: PTH100 - links stay
        if scheme not in _MILVUS_SCHEMES or not host or "/" in host:
            raise wrong
        if "@" in host:
            raise ConfigError(
                "store holds a user or password, which would be kept in the index; leave it out, "
                "and set the environment variable BEENHERE_MILVUS_TOKEN to USER:PASSWORD"
            )
        name, colon, port = host.rpartition(":")
        if not colon:
            return cls(address=f"{where}:{MILVUS_PORT}", collection=collection)
        if not name or not port.isdecimal():
            raise wrong
        return cls(address=where, collection=collection)


class SiftConfig(Options):
    """SIFT (Lowe, 2004), with RootSIFT's descriptors; needs no weights."""

    name: Literal["sift"] = "sift"
    contrast: float = Field(
        0.01,
        gt=0,
        description="least contrast of a feature; OpenCV's 0.04 leaves dusk and fog bare",
    )
    ratio: float = Field(
        0.8,
        gt=0,
        le=1,
        description="a feature's nearest must be nearer than this times its second nearest",
    )
    min_inliers: int = Field(12, ge=8, description="fewer count as none: chance gives as many")


class XFeatConfig(Options):
    """XFeat (Potje et al., 2024), a small network; its package brings the weights."""

    name: Literal["xfeat"] = "xfeat"
    ratio: float = Field(
        0.9,
        gt=0,
        le=1,
        description="a feature's nearest must be nearer than this times its second nearest",
    )
    min_inliers: int = Field(20, ge=8, description="fewer count as none: chance gives as many")


LocalFeaturesConfig = Annotated[
    Annotated[SiftConfig | XFeatConfig, Field(discriminator="name")], named_choice("sift")
]


class VerifyConfig(Options):
    """The geometric check of a query's first matches, by local features."""

    matches: int = Field(20, ge=1, description="how many of a query's first matches are checked")
    features: LocalFeaturesConfig = SiftConfig()
    max_features: int = Field(
        1000, ge=8, description="how many features a photo keeps, the strongest"
    )
    max_size: int = Field(
        640, ge=32, description="pixels of the longer side to which photos are scaled down"
    )
    threshold: float = Field(
        3.0, gt=0, description="pixels between a point and its epipolar line, at most about"
    )
    enough: int | None = Field(
        None, ge=8, description="inliers beyond which more count for nothing [default: all count]"
    )
    cache_mib: int = Field(
        256, ge=0, description="MiB of photos' features to keep; one photo takes about 0.5"
    )
    workers: int | None = Field(None, ge=1, description="threads [default: one for each core]")

    @model_validator(mode="after")
    def _enough_counts(self) -> "VerifyConfig":
        if self.enough is not None and self.enough < self.features.min_inliers:
            raise ValueError(
                f"enough is {self.enough}; expected at least features.min_inliers, "
                f"{self.features.min_inliers}"
            )
        return self


class LocateConfig(Options):
    """Where a photo was taken, by the photos of an index that look like it."""

    matches: int = Field(20, ge=1, description="photos of the index to look at for each query")
    by: Literal["auto", "position", "xy", "frame", "place"] = Field(
        "auto",
        description="what says where a photo was taken; auto: the first of these that photos of "
        "the index have",
    )
    radius: float | None = Field(
        None,
        gt=0,
        description="metres around a place within which matches speak for it; of x and y in their "
        "unit, or frames [default: 25 m; 5 of x and y; 2 frames]",
    )
    temperature: float = Field(
        0.1,
        ge=0.01,
        description="temperature of the softmax that weighs matches by similarity, as a share of "
        "the range of a query's similarities: less gives the first match more weight",
    )
    threshold: float | None = Field(
        None,
        ge=0,
        le=1,
        description="probability that makes a place count as known [default: the calibration's]",
    )
    verification: VerifyConfig = VerifyConfig()
    extract: ComputeConfig = ComputeConfig()

    def evidence(self) -> dict[str, Any]:
        """The options that decide the evidence for a place, which a calibration was fitted with."""
        of_the_machine = {"verification": {"cache_mib", "workers"}}
        kept = self.model_dump(mode="json", exclude=of_the_machine)
        # What a calibration resolves, and those from before are of positions.
        kept["by"] = "position" if self.by == "auto" else self.by
        kept["radius"] = 25.0 if self.radius is None else self.radius
        names = "by", "matches", "radius", "temperature", "verification"
        return {name: kept[name] for name in names}
