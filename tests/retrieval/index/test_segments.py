"""A search structure lives in the index: chosen, trained, kept, left behind, replaced."""

import hashlib
from pathlib import Path

import made_up_index
import numpy as np
import pytest
import yaml

from beenhere.errors import ConfigError, DataError
from beenhere.retrieval.index import Index
from beenhere.retrieval.index.change import changing
from beenhere.retrieval.index.checking import check_index
from beenhere.retrieval.index.segments import LAG
from beenhere.retrieval.search import approximate, choice
from beenhere.retrieval.search.filters import Filter
from beenhere.retrieval.search.kinds import KINDS
from places import views

DATABASE, QUERIES = views(places=300, each=5, dim=32, noise=0.5, seed=0)
QUERIES = QUERIES[:40]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "x.index"


@pytest.fixture(autouse=True)
def nothing_is_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Filters that leave few photos are not searched exactly, but in the structure."""
    monkeypatch.setattr(approximate, "FEW_ALLOWED", 0)


def files(folder: Path, kind: str) -> list[str]:
    return sorted(path.name for path in (folder / "parts").glob(f"*.{kind}"))


def same_rows(index: Index, k: int = 5, where: Filter | None = None) -> bool:
    found, exact = index.search(QUERIES, k, where), index.search(QUERIES, k, where, exact=True)
    # What is found is scored and ordered as by exact search, whatever is missed.
    for row, scores in zip(found.rows.tolist(), found.similarity.tolist(), strict=True):
        there = [number for number in row if number >= 0]
        assert index.allowed[there].all() and len(set(there)) == len(there)
        assert scores[: len(there)] == sorted(scores[: len(there)], reverse=True)
    return np.array_equal(found.rows, exact.rows) and np.array_equal(
        found.similarity, exact.similarity, equal_nan=True
    )


@pytest.mark.parametrize("dtype", ["float32", "int8"])
@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_is_kept_and_used(
    folder: Path, kind: str, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_up_index.make(folder, DATABASE, search={"kind": kind}, dtype=dtype)
    index = Index.open(folder)
    assert index.manifest.structure is not None
    assert (index.manifest.structure.kind, index.manifest.structure.rows) == (kind, 1500)
    assert index.manifest.structure.reason == f"{kind} was asked for"
    assert index.check().damages == []
    first = index.search(QUERIES, 1).rows == index.search(QUERIES, 1, exact=True).rows
    assert first.mean() >= (0.95 if kind == "ivf" else 1)
    # Exact search is asked for by nobody else: with one candidate a match, something is missed.
    monkeypatch.setattr(approximate, "FEWEST_MATCHES", 1)
    index.train({"kind": kind, "rescore": 1, "ef_search": 1, "nprobe": 1})
    assert not same_rows(index, 40)


def test_small_indexes_are_searched_exactly(folder: Path) -> None:
    made_up_index.make(folder, DATABASE[:900], search={"kind": "pq"})
    assert Index.open(folder).manifest.structure is None


def test_auto_chooses_by_size(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made_up_index.make(folder, DATABASE[:1400])
    assert Index.open(folder).manifest.structure is None
    monkeypatch.setattr(choice, "EXACT_NUMBERS", 1450 * 32)
    made_up_index.append(folder, DATABASE[1400:])
    structure = Index.open(folder).manifest.structure
    assert structure is not None and structure.kind == "pq"
    assert structure.reason.startswith("1,500 descriptors of 32 numbers take long to read")


def test_photos_added_later_are_found_and_many_train_anew(folder: Path) -> None:
    made_up_index.make(folder, DATABASE[:1300], search={"kind": "pq"})
    trained = files(folder, "structure.faiss")
    made_up_index.append(folder, DATABASE[1300:1400])
    index = Index.open(folder)
    assert index.manifest.structure is not None and index.manifest.structure.rows == 1300
    assert files(folder, "structure.faiss") == trained
    found = index.search(DATABASE[1300:1400], 1)
    assert (found.rows[:, 0] == range(1300, 1400)).all()
    late = int(1300 * (1 + LAG)) + 1
    made_up_index.append(folder, DATABASE[1400:late])
    index.refresh()
    assert index.manifest.structure is not None and index.manifest.structure.rows == late
    (newer,) = files(folder, "structure.faiss")
    assert [newer] != trained
    assert index.check().damages == []


def test_readers_keep_their_structure(folder: Path) -> None:
    made_up_index.make(folder, DATABASE, search={"kind": "pq"})
    reader = Index.open(folder)  # it has not searched yet
    before = Index.open(folder).search(QUERIES, 5)
    Index.open(folder).train("exact")
    assert files(folder, "structure.faiss") == []
    after = reader.search(QUERIES, 5)
    assert np.array_equal(after.rows, before.rows)
    reader.refresh()
    assert reader.manifest.structure is None and same_rows(reader)


def test_removed_rows_and_filters_apply_in_the_search(folder: Path) -> None:
    made_up_index.make(folder, DATABASE, search={"kind": "pq"})
    index = Index.open(folder)
    best = index.search(QUERIES, 3).rows
    index.remove(*(f"/photos/{row:06d}.jpg" for row in np.unique(best[:, 0])))
    assert index.manifest.structure is not None
    found = index.search(QUERIES, 3)
    assert same_rows(index) and not np.isin(found.rows, best[:, 0]).any()
    lat, lon = index.photos.frame.select("lat", "lon").row(700)
    near = Filter(near=(lat, lon), radius=2000)
    assert (
        same_rows(index, 5, near)
        and (np.abs(index.search(QUERIES, 5, near).rows - 700) <= 201).all()
    )
    nowhere = index.search(QUERIES, 5, Filter(near=(-lat, lon), radius=10))
    assert (nowhere.rows == -1).all() and np.isnan(nowhere.similarity).all()


@pytest.mark.parametrize("kind", list(KINDS))
def test_more_than_there_is_and_an_index_that_was_emptied(folder: Path, kind: str) -> None:
    made_up_index.make(folder, DATABASE[:1100], search={"kind": kind})
    index = Index.open(folder)
    rows = index.search(QUERIES[:2], 1200).rows
    assert (np.sort(rows[:, :1100], axis=1) == range(1100)).all() and (rows[:, 1100:] == -1).all()
    index.remove("*")
    assert len(index) == 0 and index.manifest.structure is not None and not index.check().damages
    assert (index.search(QUERIES, 3).rows == -1).all()
    index.compact()
    assert index.manifest.structure is None and (index.search(QUERIES, 3).rows == -1).all()
    made_up_index.append(folder, DATABASE)
    index.refresh()
    assert index.manifest.structure is not None and index.manifest.structure.kind == kind


def test_compaction_trains_again(folder: Path) -> None:
    made_up_index.make(folder, DATABASE, search={"kind": "pq"})
    index = Index.open(folder)
    index.remove("*/000[01]*")
    assert len(index) == 1300
    index.compact()
    assert index.manifest.structure is not None and index.manifest.structure.rows == 1300
    assert same_rows(index) and index.check().damages == []
    assert index.search(DATABASE[200:230], 1).paths(0) == ["/photos/000200.jpg"]


def test_an_interrupted_training_is_made_up_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_up_index.make(folder, DATABASE, search={"kind": "pq"})
    index = Index.open(folder)
    index.remove("*/000[01]*")
    with monkeypatch.context() as patch:
        patch.setattr(approximate.Structure, "save", interrupted)
        with pytest.raises(KeyboardInterrupt):
            index.compact()
    index.refresh()
    assert len(index) == index.manifest.rows == 1300 and index.manifest.structure is None
    assert same_rows(index) and check_index(folder).damages == check_index(folder).leftovers == []
    index.compact()
    assert index.manifest.structure is not None and index.manifest.structure.rows == 1300


def interrupted(self: approximate.Structure, path: Path) -> None:
    path.write_bytes(b"half")
    raise KeyboardInterrupt


def test_the_choice_may_change_later(folder: Path) -> None:
    made_up_index.make(folder, DATABASE)
    index = Index.open(folder)
    vectors = files(folder, "vectors.npy")
    index.train("hnsw")
    trained = files(folder, "structure.faiss")
    assert len(trained) == 1
    index.train({"kind": "hnsw", "rescore": 7})  # needs no other structure
    assert files(folder, "structure.faiss") == trained and index.manifest.search.rescore == 7
    index.train("pq")
    assert same_rows(index)
    assert files(folder, "structure.faiss") != trained
    trained = files(folder, "structure.faiss")
    index.train({"kind": "pq", "pq_numbers": 4})
    assert files(folder, "structure.faiss") != trained
    made_up_index.append(folder, DATABASE[:10])
    index.train({"kind": "pq", "pq_numbers": 4})  # covers what came later
    assert index.manifest.structure is not None and index.manifest.structure.rows == 1510
    generation = index.manifest.generation
    index.train({"kind": "pq", "pq_numbers": 4})
    assert index.manifest.generation == generation
    index.train("exact")
    assert files(folder, "structure.faiss") == [] and files(folder, "vectors.npy")[:1] == vectors
    with pytest.raises(ConfigError, match=r"search.kind is 'fast': input should be 'auto'"):
        index.train("fast")  # type: ignore[arg-type]


def test_damage_is_named_and_never_searched(folder: Path) -> None:
    made_up_index.make(folder, DATABASE, search={"kind": "hnsw"})
    (path,) = (folder / "parts").glob("*.structure.faiss")
    whole = path.read_bytes()
    for at in np.linspace(0, len(whole) - 1, 7).astype(int):
        data = bytearray(whole)
        data[at] ^= 64
        path.write_bytes(data)
        (damage,) = check_index(folder).damages
        assert damage.startswith(f"{path} is damaged: its SHA-256 is ")
        index = Index.open(folder)
        with pytest.raises(DataError, match=r"structure.faiss is damaged: .* --search hnsw"):
            index.search(QUERIES, 3)
        assert (index.search(QUERIES, 3, exact=True).rows >= 0).all()
    index.train("hnsw")
    assert (index.search(QUERIES, 3).rows >= 0).all() and not index.check().damages
    (path,) = (folder / "parts").glob("*.structure.faiss")
    path.write_bytes(whole[:-1])
    with pytest.raises(DataError, match=r"structure.faiss is damaged: has"):
        Index.open(folder)


def test_a_structure_of_something_else_is_found(folder: Path, tmp_path: Path) -> None:
    made_up_index.make(folder, DATABASE, search={"kind": "pq"})
    with changing(folder, 0) as change:
        structure = change.manifest.structure
        assert structure is not None
        change.commit(structure=structure.model_copy(update={"rows": 1400, "kind": "ivf"}))
    (damage,) = check_index(folder).damages
    assert damage.endswith("a structure pq over 1500 photos; expected ivf over 1400")


def as_written_before(folder: Path, kind: str, options: dict[str, int]) -> None:
    """Have the manifest say what the version before would have written of this search."""
    manifest = folder / "index.yaml"
    values = yaml.safe_load(manifest.read_bytes())
    kept = [values["search"]]
    if values["structure"] is not None:
        values["structure"] |= {"kind": kind, "reason": f"{kind} was asked for"}
        kept.append(values["structure"]["options"])
    for each in kept:
        for name in ("nlist", "nprobe", "M", "ef_construction", "ef_search"):
            del each[name]
        each |= {"kind": kind} | options
    body = yaml.safe_dump(values, sort_keys=False).encode()
    manifest.write_bytes(body + f"# sha256 {hashlib.sha256(body).hexdigest()}\n".encode())


def test_options_have_the_names_of_before_in_an_index_of_before(folder: Path) -> None:
    made_up_index.make(folder, DATABASE, search={"kind": "hnsw", "M": 8})
    before = Index.open(folder).search(QUERIES, 5).rows
    trained = files(folder, "structure.faiss")
    old = {"lists": 7, "probes": 3, "links": 8, "build_effort": 100, "effort": 200}
    as_written_before(folder, "hnsw", old)
    index = Index.open(folder)
    search = index.manifest.search
    assert (search.nlist, search.nprobe, search.M) == (7, 3, 8)
    assert (search.ef_construction, search.ef_search) == (100, 200)
    assert np.array_equal(index.search(QUERIES, 5).rows, before) and index.check().damages == []
    options = {"kind": "hnsw", "nlist": 7, "M": 8}
    index.train(options)  # the structure is the one that is asked for
    assert files(folder, "structure.faiss") == trained
    for name in old:
        with pytest.raises(ConfigError, match=f"search.{name}"):
            index.train({"kind": "hnsw", name: 8})


@pytest.mark.parametrize("kind", ["int8", "binary"])
def test_an_index_of_a_kind_that_is_gone_is_searched_exactly(
    folder: Path, kind: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_up_index.make(folder, DATABASE, search={"kind": "pq"})
    as_written_before(folder, kind, {"lists": 7, "effort": 200})
    with caplog.at_level("WARNING"):
        index = Index.open(folder)
    assert f"search by {kind} is no more" in caplog.text and "index train" in caplog.text
    assert (index.manifest.structure, index.manifest.search.kind) == (None, "auto")
    assert same_rows(index) and index.check().damages == []
    with pytest.raises(ConfigError, match=f"search.kind is '{kind}'"):
        index.train(kind)
    monkeypatch.setattr(choice, "EXACT_NUMBERS", 1000)
    made_up_index.append(folder, DATABASE[:10])  # from now on as auto chooses
    index.refresh()
    assert index.manifest.structure is not None and index.manifest.structure.kind == "pq"
    assert len(files(folder, "structure.faiss")) == 1 and index.check().damages == []
