"""Search in an index: exact, approximate, and what both cost as it grows.

    python benchmarks/index.py [--quick] [--only exact|kinds|growth] [--help]

1. Exact search against faiss' flat indices, each in a process of its own, in turn. The vectors lie
   in a file; faiss reads it into its index before the clock starts, ours searches the memory map.
2. Each approximate kind: what it keeps of exact search's answer, its size, its time.
3. Cost against size of a whole index: writing it and learning the structure that ``auto`` chooses,
   opening it, searching, with and without a filter; memory with the vectors memory-mapped.

Vectors are made up, float32 and of unit length. *Random* ones have no structure: the worst case for
anything approximate. *Clustered* ones look like a trained model's: five views of every place and
twenty places of every area share what the place and the area look like; everything lies near a
common mean (cosine 0.3 between any two photos) in 256 directions that count less and less. A query
is one more view, less clear than those in the database. Memory is the peak of what a process
allocates (its anonymous pages); pages of a memory map are not counted, as the system takes them
back when it needs them.
"""

import argparse
import multiprocessing
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from beenhere import geo
from beenhere.config.retrieval import IndexConfig, SearchConfig
from beenhere.progress import progress
from beenhere.retrieval.index import Index
from beenhere.retrieval.index.change import changing
from beenhere.retrieval.index.manifest import COLUMNS, IndexedModel
from beenhere.retrieval.index.segments import SegmentDraft, update_structure
from beenhere.retrieval.index.segments import write_vectors as write_vectors_of
from beenhere.retrieval.search.approximate import Structure
from beenhere.retrieval.search.choice import choose
from beenhere.retrieval.search.exact import search_exact
from beenhere.retrieval.search.filters import Filter
from beenhere.retrieval.search.kinds import KINDS
from beenhere.retrieval.search.quality import measure
from beenhere.retrieval.search.vectors import StoredVectors

Vectors = NDArray[np.float32]
K = 20
BLOCK = 20_000
CONSOLE = Console(highlight=False, width=120)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small sizes: is all in order?")
    parser.add_argument("--only", choices=["exact", "kinds", "growth"], help="one part")
    parser.add_argument("--sizes", nargs="+", metavar="NxD", default=["100000x4096", "1000000x512"])
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument(
        "--looks", nargs="+", choices=["random", "clustered"], default=["random", "clustered"]
    )
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3, help="of exact search; best counts")
    parser.add_argument("--folder", type=Path, help="for the vectors; default: a temporary one")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.sizes, arguments.queries, arguments.repeats = ["4000x256", "20000x64"], 100, 1
    sizes = [tuple(map(int, size.split("x"))) for size in arguments.sizes]
    growth = [2000, 20_000] if arguments.quick else [10_000, 100_000, 1_000_000]
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for look in arguments.looks:
            for count, dim in sizes if arguments.only != "growth" else []:
                files = write_vectors(Path(folder), look, count, dim, arguments.queries)
                if arguments.only in (None, "exact"):
                    compare_exact(look, count, dim, files, arguments.repeats)
                if arguments.only in (None, "kinds") and dim == min(dim for _, dim in sizes):
                    compare_kinds(look, count, dim, files, arguments.kinds)
                for file in files:
                    file.unlink()
        if arguments.only in (None, "growth"):
            compare_sizes(Path(folder), growth, min(dim for _, dim in sizes), arguments.queries)


# --- vectors -------------------------------------------------------------------------------------


def write_vectors(folder: Path, look: str, count: int, dim: int, queries: int) -> tuple[Path, Path]:
    """Files of ``(count, dim)`` database vectors and ``(queries, dim)`` queries."""
    database, wanted = folder / "database.npy", folder / "queries.npy"
    rng = np.random.default_rng(0)
    make = clustered(count, dim, rng) if look == "clustered" else random_vectors(dim, rng)
    written = np.lib.format.open_memmap(database, mode="w+", dtype=np.float32, shape=(count, dim))
    with progress(f"{count:,} {look} vectors of {dim}", count) as advance:
        for start in range(0, count, BLOCK):
            rows = np.arange(start, min(start + BLOCK, count))
            written[rows[0] : rows[-1] + 1] = make(rows, False)
            advance(len(rows))
    written.flush()
    np.save(wanted, make(rng.integers(0, count, queries), True))
    return database, wanted


def random_vectors(
    dim: int, rng: np.random.Generator
) -> Callable[[NDArray[np.int64], bool], Vectors]:
    """Directions without any structure."""
    return lambda rows, query: unit(rng.standard_normal((len(rows), dim), np.float32))


def clustered(
    count: int, dim: int, rng: np.random.Generator
) -> Callable[[NDArray[np.int64], bool], Vectors]:
    """Views of places in areas; the place of row i is i // 5, and its area i // 100."""
    directions = min(dim, 256)
    spread = np.arange(1, directions + 1, dtype=np.float32) ** -0.4
    mixing = rng.standard_normal((directions, dim), np.float32)
    areas = rng.standard_normal((count // 100 + 1, directions), np.float32)
    places = rng.standard_normal((count // 5 + 1, directions), np.float32)
    common = 1.6 * rng.standard_normal(directions, np.float32)

    def make(rows: NDArray[np.int64], query: bool) -> Vectors:
        view = (1.5 if query else 1.2) * rng.standard_normal((len(rows), directions), np.float32)
        latent = common + 0.8 * areas[rows // 100] + 1.6 * places[rows // 5] + view
        vectors = (latent * spread) @ mixing
        size = np.linalg.norm(vectors, axis=1, keepdims=True) / dim**0.5
        return unit(vectors + 0.2 * size * rng.standard_normal(vectors.shape, np.float32))

    return make


def unit(vectors: Vectors) -> Vectors:
    """Of length 1."""
    normalised: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return normalised


# --- measuring -----------------------------------------------------------------------------------


class PeakMemory:
    """The most anonymous memory of this process while the block runs, in MiB (Linux)."""

    def __enter__(self) -> "PeakMemory":
        self.mib = _anonymous_mib()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.mib = max(self.mib, _anonymous_mib())
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.01):
            self.mib = max(self.mib, _anonymous_mib())


def _anonymous_mib() -> float:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    return 0.0


def apart(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function returns, called in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def timed(function: Callable[[], Any]) -> tuple[Any, float]:
    """What a function returns, and the seconds it took."""
    start = time.perf_counter()
    return function(), time.perf_counter() - start


# --- exact ---------------------------------------------------------------------------------------


def compare_exact(look: str, count: int, dim: int, files: tuple[Path, Path], repeats: int) -> None:
    """Ours and faiss' flat indices in turn."""
    names = ("beenhere", "faiss IndexFlatIP", "faiss IndexFlatL2")
    runs: dict[str, list[tuple[NDArray[np.int64], float, float]]] = {name: [] for name in names}
    for _ in range(repeats):
        for name in names:
            runs[name].append(apart(run_exact, name, *files))
    rows = runs["beenhere"][0][0]
    table = Table(
        title=f"Exact: {count:,} {look} vectors x {dim}, {len(rows):,} queries, first {K}"
    )
    for heading in ("", "search, s", "times ours", "memory, MiB", "same first 20, %"):
        table.add_column(heading, justify="right" if heading else "left")
    ours = min(seconds for _, seconds, _ in runs["beenhere"])
    for name in names:
        seconds = min(seconds for _, seconds, _ in runs[name])
        memory = max(memory for _, _, memory in runs[name])
        other = runs[name][0][0]
        shared = np.mean([np.isin(*pair).mean() for pair in zip(rows, other, strict=True)])
        table.add_row(
            name, f"{seconds:.2f}", f"{seconds / ours:.2f}", f"{memory:,.0f}", f"{100 * shared:.3f}"
        )
    CONSOLE.print(table)


def run_exact(name: str, database: Path, wanted: Path) -> tuple[NDArray[np.int64], float, float]:
    """Rows, seconds of the search, and MiB."""
    import faiss

    vectors, queries = np.load(database, mmap_mode="r"), np.load(wanted)
    before = _anonymous_mib()
    with PeakMemory() as memory:
        if name == "beenhere":
            segments = [StoredVectors(vectors)]
            search_exact([segments[0].part(0, 2000)], queries, K)
            int(vectors[:, 0].view(np.int32).sum())  # the file is in the system's cache, for all
            (_, rows), seconds = timed(lambda: search_exact(segments, queries, K))
        else:
            index = getattr(faiss, name.split()[1])(vectors.shape[1])
            for start in range(0, len(vectors), BLOCK):
                index.add(np.array(vectors[start : start + BLOCK]))
            index.search(queries[:100], K)
            (_, rows), seconds = timed(lambda: index.search(queries, K))
    return rows, seconds, memory.mib - before


# --- approximate ---------------------------------------------------------------------------------


def compare_kinds(
    look: str, count: int, dim: int, files: tuple[Path, Path], kinds: list[str]
) -> None:
    """Every kind on the same vectors, each in a process of its own."""
    table = Table(title=f"Kinds: {count:,} {look} vectors x {dim}, first {K}")
    headings = ("", "build, s", "bytes a photo", "R@1 kept, %", "first 20 kept, %")
    for heading in (*headings, "ms a query", "times exact", "ms alone", "memory, MiB"):
        table.add_column(heading, justify="right" if heading else "left")
    for number, kind in enumerate(kinds):
        rows, build, memory = apart(run_kind, kind, *files)
        exact = rows[0]
        for row in rows if number == 0 else rows[1:]:
            structure = row.kind != "exact"
            table.add_row(
                row.kind,
                f"{build:.1f}" if structure else "",
                f"{row.photo_bytes:,.0f}",
                f"{100 * row.kept[1]:.1f}",
                f"{100 * row.kept[K]:.2f}",
                f"{row.together_ms:.2f}",
                f"{exact.together_ms / row.together_ms:.1f}",
                f"{row.alone_ms:.1f}",
                f"{memory:,.0f}" if structure else "",
            )
        print(f"{kind} done", file=sys.stderr)
    CONSOLE.print(table)


def run_kind(kind: str, database: Path, wanted: Path) -> tuple[list[Any], float, float]:
    """Rows of the table, seconds to build, and MiB."""
    segments = [StoredVectors(np.load(database, mmap_mode="r"))]
    queries = np.load(wanted)
    before = _anonymous_mib()
    with PeakMemory() as memory:
        options = SearchConfig.model_validate({"kind": kind})
        structure, build = timed(lambda: Structure.train(segments, options))
    rows = measure(segments, [structure], queries, [1, K])
    return rows, build, memory.mib - before


# --- growth --------------------------------------------------------------------------------------


def compare_sizes(folder: Path, counts: list[int], dim: int, queries: int) -> None:
    """What a whole index costs as the number of photos grows, exact and as ``auto`` chooses."""
    table = Table(title=f"Growth: an index of clustered vectors x {dim}, float32")
    headings = (
        "photos",
        "search",
        "on disk, MiB",
        "build, s",
        "build, MiB",
        "open, ms",
        "first, s",
    )
    for heading in (*headings, "one query, ms", "within 500 m, ms", f"{queries:,} queries, s"):
        table.add_column(heading, justify="right")
    table.add_column("search, MiB", justify="right")
    for count in counts:
        files = write_vectors(folder, "clustered", count, dim, queries)
        kind, _ = choose(count, dim, SearchConfig())
        for some in dict.fromkeys(("exact", kind)):
            build, build_memory, size = apart(run_build, some, *files)
            opened, memory = apart(run_open, some, *files)
            table.add_row(
                f"{count:,}",
                some,
                f"{size:,.0f}",
                f"{build:.1f}",
                f"{build_memory:,.0f}",
                f"{1000 * opened.seconds:.0f}",
                f"{opened.first:.2f}",
                f"{1000 * opened.one:.1f}",
                f"{1000 * opened.filtered:.1f}",
                f"{opened.many:.2f}",
                f"{memory:,.0f}",
            )
            shutil.rmtree(files[0].with_name("growth.index"))
    CONSOLE.print(table)


def run_build(kind: str, database: Path, wanted: Path) -> tuple[float, float, float]:
    """Seconds, MiB of memory, and MiB on disk, to write an index and to learn a structure."""
    vectors = np.load(database, mmap_mode="r")
    folder = database.with_name("growth.index")
    before = _anonymous_mib()
    start = time.perf_counter()
    with PeakMemory() as memory:
        write_index(folder, vectors, IndexConfig.model_validate({"search": {"kind": kind}}))
    seconds = time.perf_counter() - start
    return seconds, memory.mib - before, Index.open(folder).manifest.bytes / 2**20


def write_index(folder: Path, vectors: Vectors, config: IndexConfig) -> None:
    """An index of descriptors whose photos do not exist: ten metres apart in streets of 200."""
    rows = np.arange(len(vectors))
    lat = 37.0 + 0.002 * (rows // 200 % 500)
    lon = -122.0 + 0.05 * (rows // 100_000) + 1.13e-4 * (rows % 200)
    easting, northing, _ = geo.to_utm(lat, lon)
    photos = pl.DataFrame(
        {
            "path": [f"/photos/{row // 200:05d}/{row:07d}.jpg" for row in rows],
            "lat": lat,
            "lon": lon,
            "easting": easting,
            "northing": northing,
            "zone": "10S",
            "sha256": [b"%032d" % row for row in rows],
            "size": 1,
            "mtime_ns": 1,
        }
    )
    none = [pl.lit(None).alias(name) for name in COLUMNS if name not in photos.columns]
    frame = photos.with_columns(none).select(list(COLUMNS)).cast(pl.Schema(COLUMNS))
    model = IndexedModel(
        name="offline-lite0",
        fingerprint="made up",
        dim=vectors.shape[1],
        precision="32",
        config={},
        provenance={},
        parts=(),
    )
    parts = (StoredVectors(vectors[row : row + BLOCK]) for row in range(0, len(rows), BLOCK))
    with changing(folder, 0, new=True) as change:
        change.begin(model, config.dtype, config.search)
        files = write_vectors_of(change, parts, model.dim, config.dtype)
        segment = SegmentDraft(files, frame).written(change)
        change.commit_photos([segment], np.empty(0, np.int64), {})
        update_structure(change, None)


@dataclass(frozen=True)
class Opened:
    """Seconds: to open, for the first query of all, for one more, for one in a filter, for all."""

    seconds: float
    first: float
    one: float
    filtered: float
    many: float


def run_open(kind: str, database: Path, wanted: Path) -> tuple[Opened, float]:
    """What an open index costs, and MiB of memory."""
    queries = np.load(wanted)
    search_exact([StoredVectors(queries)], queries, K)  # libraries are loaded now
    folder = database.with_name("growth.index")
    near = Filter(near=(37.1, -121.99), radius=500.0)
    before = _anonymous_mib()
    with PeakMemory() as memory:
        index, seconds = timed(lambda: Index.open(folder))
        _, first = timed(lambda: index.search(queries[:1], K))
        _, one = timed(lambda: index.search(queries[1:2], K))
        index.search(queries[:1], K, near)
        _, filtered = timed(lambda: index.search(queries[1:2], K, near))
        _, many = timed(lambda: index.search(queries, K))
    return Opened(seconds, first, one, filtered, many), memory.mib - before


if __name__ == "__main__":
    main()
