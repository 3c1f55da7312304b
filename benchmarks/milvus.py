"""An index in Milvus against the local one: the same answers, and what they cost.

    python benchmarks/milvus.py [--store FILE.db/COLLECTION | milvus://HOST/COLLECTION] [--quick]

Clustered vectors of 512 numbers (those of benchmarks/index.py) and made-up photos on the streets of
a city of 10 x 10 km are written to a collection, 10,000, then 25,000, then 50,000 of them. At each
size both are asked for the first 20 of 100 queries, without and with filters, all at once and one
by one. The local time includes deciding which rows the filter allows. *Equal* are queries whose 20
similarities agree within 1e-5 and whose photos are the same, but for those that tie within it.
"""

import argparse
import hashlib
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from beenhere import geo
from beenhere.config.retrieval import MilvusAddress, SearchConfig
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.index.manifest import COLUMNS, IndexedModel, photo_table
from beenhere.retrieval.index.milvus.collection import MilvusCollection, connect
from beenhere.retrieval.index.milvus.fields import new_ids
from beenhere.retrieval.index.milvus.milvus_store import search_collection
from beenhere.retrieval.search.exact import search_exact
from beenhere.retrieval.search.filters import Filter
from beenhere.retrieval.search.vectors import StoredVectors
from index import write_vectors

DIM, K, QUERIES, ALONE = 512, 20, 100, 10
TOLERANCE = 1e-5
EAST, NORTH, ZONE = 545_000.0, 4_175_000.0, 10


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", help="default: Milvus Lite in a temporary folder")
    parser.add_argument("--quick", action="store_true", help="small sizes: is all in order?")
    parser.add_argument("--search", choices=["exact", "hnsw"], default="exact")
    arguments = parser.parse_args()
    sizes = [500, 1000] if arguments.quick else [10_000, 25_000, 50_000]
    console = Console(highlight=False, width=120)
    with tempfile.TemporaryDirectory() as folder:
        files = write_vectors(Path(folder), "clustered", sizes[-1], DIM, QUERIES)
        vectors, queries = (np.load(file) for file in files)
        frame = made_up_photos(sizes[-1])
        address = MilvusAddress.parse(arguments.store or f"{folder}/lite.db/benchmark")
        model = IndexedModel(
            name=None,
            fingerprint=hashlib.sha256(vectors.data).hexdigest(),
            dim=DIM,
            precision="32",
            config={},
            provenance={},
            parts=(),
        )
        collection = MilvusCollection.make(address, model, SearchConfig(kind=arguments.search))
        table = Table(
            "photos", "photos/s written", "filter", "allowed", "equal", title=str(address)
        )
        for column in ("Milvus, ms a query", "local", "Milvus, one alone", "local"):
            table.add_column(column, justify="right")
        written = 0
        for size in sizes:
            ids = new_ids(frame["sha256"][written:size], [])
            start = time.perf_counter()
            collection.put(ids, frame[written:size], vectors[written:size])
            collection.flush()
            rate = len(ids) / (time.perf_counter() - start)
            assert collection.count() == size
            photos = photo_table(frame[:size])
            for name, where in filters().items():
                row = compare(collection, photos, vectors[:size], queries, where)
                table.add_row(f"{size:,}", f"{rate:,.0f}", name, *row)
            written = size
        console.print(table)
        connect(address).drop_collection(address.collection)


def made_up_photos(count: int) -> pl.DataFrame:
    """Photos along streets 100 m apart, from some years, looking along their street."""
    random = np.random.default_rng(1)
    along, street = random.uniform(0, 10_000, count), 100 * random.integers(0, 100, count)
    northward = random.random(count) < 0.5
    turned = 180 * (random.random(count) < 0.5)
    table = PhotoTable.from_columns(
        {
            "path": [f"/photos/{number:06d}.jpg" for number in range(count)],
            "easting": EAST + np.where(northward, street, along),
            "northing": NORTH + np.where(northward, along, street),
            "zone": ["10S"] * count,
            "heading": (np.where(northward, 0, 90) + turned).astype(float),
            "captured": [f"{2010 + n % 12}-{n % 11 + 1:02d}" for n in range(count)],
        }
    )
    contents = [hashlib.sha256(path.encode()).digest() for path in table.paths]
    columns = [pl.Series("sha256", contents), pl.lit(1, pl.Int64).alias("size")]
    return table.frame.with_columns(columns, mtime_ns=pl.lit(1, pl.Int64)).select(list(COLUMNS))


def filters() -> dict[str, Filter | None]:
    """What is asked of photos, by a name."""
    lat, lon = geo.to_wgs84([EAST + 5000], [NORTH + 5000], [ZONE])
    near = (float(lat[0]), float(lon[0]))
    return {
        "none": None,
        "within 500 m": Filter(near=near, radius=500),
        "within 3 km": Filter(near=near, radius=3000),
        "2015 to 2018": Filter(dates=("2015", "2018")),
        "3 km, 2015 to 2018, north": Filter(
            near=near, radius=3000, dates=("2015", "2018"), heading=0, tolerance=45
        ),
    }


def compare(
    collection: MilvusCollection,
    photos: PhotoTable,
    vectors: NDArray[np.float32],
    queries: NDArray[np.float32],
    where: Filter | None,
) -> list[str]:
    """Cells of the table: photos that are allowed, equal queries, times."""
    times: dict[str, float] = {}
    segments = [StoredVectors(vectors)]

    def local(some: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        return search_exact(segments, some, K, None if where is None else where.rows(photos))

    for name, some in (("together", queries), ("alone", queries[:1])):
        repeats = ALONE if name == "alone" else 1
        start = time.perf_counter()
        for _ in range(repeats):
            wanted, rows = local(some)
        times[f"local {name}"] = (time.perf_counter() - start) / repeats / len(some)
        start = time.perf_counter()
        for _ in range(repeats):
            similarity, hits, found = search_collection(collection, some, K, where)
        times[name] = (time.perf_counter() - start) / repeats / len(some)
        if name == "together":
            equal = sum(
                same(wanted[n], rows[n], similarity[n], hits[n], photos, found.photos)
                for n in range(len(some))
            )
    allowed = len(photos) if where is None else int(where.rows(photos).sum())
    cells = [times[name] for name in ("together", "local together", "alone", "local alone")]
    return [f"{allowed:,}", f"{equal}/{len(queries)}", *(f"{1000 * cell:.2f}" for cell in cells)]


def same(
    wanted: NDArray[np.float32],
    rows: NDArray[np.int64],
    similarity: NDArray[np.float32],
    hits: NDArray[np.int64],
    photos: PhotoTable,
    found: PhotoTable,
) -> bool:
    """Whether two answers to a query are the same, but for ties at their end."""
    if not np.allclose(wanted, similarity, atol=TOLERANCE, equal_nan=True):
        return False
    sure = wanted > np.min(wanted[rows >= 0], initial=1) + TOLERANCE
    ours = set(found.frame["path"].gather(hits[hits >= 0]))
    return set(photos.frame["path"].gather(rows[sure])) <= ours


if __name__ == "__main__":
    main()
