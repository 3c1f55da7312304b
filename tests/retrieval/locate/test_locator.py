"""From a photo to an answer, with a real index, a real model and real files."""

import io
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny import at_name, write_photo

from beenhere import geo
from beenhere.config.evaluation import ComputeConfig
from beenhere.errors import ConfigError, DataError, PhotoError
from beenhere.models.model import VPRModel
from beenhere.photos.formats import read_photos
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.extract import Embedder
from beenhere.retrieval.index import Index
from beenhere.retrieval.index import snapshot as snapshots
from beenhere.retrieval.index.describing import extraction
from beenhere.retrieval.locate.answer import Place
from beenhere.retrieval.locate.inlier_rule import InlierGap
from beenhere.retrieval.search.filters import Filter

PHOTOS = 8


def metres_off(place: Place | None, index: Index, path: str) -> float:
    assert place is not None
    row = index.photos.paths.index(path)
    truth = index.photos.positions[np.array([row])]
    return float(geo.distance(geo.positions([place.lat], [place.lon]), truth)[0])


def test_a_photo_of_the_index_is_where_it_was_taken(index: Index, street: list[str]) -> None:
    location = index.locate(street[3], verify=False)
    assert location.status == "guess" and location.query == street[3]
    assert location.reason is not None and "not calibrated" in location.reason
    assert location.probability is location.radius is location.threshold is None
    assert metres_off(location.place, index, street[3]) < 0.01
    assert location.place is not None and location.runner_up is not None
    assert [match.path for match in location.place.matches] == [street[3]]
    assert location.place.spread == pytest.approx(0, abs=0.01)
    assert location.place.share > location.runner_up.share
    assert [match.rank for match in location.matches] == list(range(1, PHOTOS + 1))
    assert {match.path for match in location.matches} == set(street)
    first = location.matches[0]
    assert (first.path, first.captured, first.inliers) == (street[3], "2015-07", None)
    assert first.similarity == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("precision", ["32", "bf16"])
def test_descriptors_are_those_of_extraction(
    precision: str, street: list[str], small_model: VPRModel, tmp_path: Path
) -> None:
    sizes = [(32, 32), (40, 56), (33, 65)]
    mixed = [write_photo(tmp_path / f"{n}.jpg", n, *sizes[n % 3]) for n in range(7)]
    index = Index.build(
        Path(street[0]).parent, small_model, tmp_path / "y.index", extract={"precision": precision}
    )
    expected = index.describe(PhotoTable.from_columns({"path": mixed})).vectors
    config = extraction(index.manifest.model, ComputeConfig(), "float32")
    embedder = Embedder(index.model())
    together, failed = embedder.embed_all(mixed, mixed, config)
    assert not failed
    alone = [embedder.embed_all([path], [path], config)[0][0] for path in mixed]
    tolerance = 2e-6 if precision == "32" else 2e-3  # bfloat16 has 8 bits
    np.testing.assert_allclose(together, expected, atol=tolerance)
    np.testing.assert_allclose(alone, expected, atol=tolerance)


def test_the_second_call_is_one_forward_pass_and_one_search(
    index: Index, street: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: Counter[str] = Counter()

    def counted(owner: Any, name: str) -> None:
        original = getattr(owner, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            calls[name] += 1
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, call)

    index.locate(street[0])
    counted(VPRModel, "forward")
    counted(VPRModel, "__init__")
    counted(Index, "search")
    counted(snapshots.Snapshot, "open")
    counted(snapshots, "photo_table")
    index.locate(street[1])
    assert calls == {"forward": 1, "search": 1}


def test_all_ways_to_give_a_photo_agree(index: Index, street: list[str]) -> None:
    expected = index.locate(street[2])
    content = Path(street[2]).read_bytes()
    pixels = np.array(Image.open(street[2]))
    for given in (content, io.BytesIO(content), Image.open(street[2]), pixels, pixels / 255):
        location = index.locate(given)
        assert location.place is not None and expected.place is not None
        assert location.place.lat == pytest.approx(expected.place.lat, abs=1e-9)
        assert [m.path for m in location.matches] == [m.path for m in expected.matches]
    assert index.locate(pixels).query == "photo"


def test_many_photos_are_each_as_alone_and_the_unreadable_are_named(
    index: Index, street: list[str], tmp_path: Path
) -> None:
    (tmp_path / "text.jpg").write_text("hello")
    other_size = write_photo(tmp_path / "other.jpg", 5, 48, 40)
    asked: list[Any] = [street[5], tmp_path / "text.jpg", other_size, 7, street[0], "gone.jpg"]
    located = index.locate_many(asked, extract={"batch_size": 2})
    assert [location is None for location in located.locations] == [
        False, True, False, True, False, True,
    ]  # fmt: skip
    assert [name for name, _ in located.unreadable] == [
        str(tmp_path / "text.jpg"), "photo 4", "gone.jpg",
    ]  # fmt: skip
    assert "a text file" in located.unreadable[0][1] and "got int" in located.unreadable[1][1]
    for number in (0, 2, 4):
        alone, location = index.locate(asked[number]), located.locations[number]
        assert location is not None and location.query == alone.query
        assert [m.path for m in location.matches] == [m.path for m in alone.matches]
        np.testing.assert_allclose(
            [m.similarity for m in location.matches],
            [m.similarity for m in alone.matches],
            atol=1e-6,
        )
    nothing = index.locate_many([])
    assert nothing.locations == () and nothing.unreadable == ()
    only_bad = index.locate_many(["gone.jpg"])
    assert only_bad.locations == (None,)


def test_a_query_that_is_no_photo(index: Index, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("hello")
    for given in (tmp_path / "text.jpg", "gone.jpg", b"hello", np.zeros((2, 2, 7)), None):
        with pytest.raises(PhotoError) as caught:
            index.locate(given)  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)


# --- nothing to be found --------------------------------------------------------------------------


def test_an_empty_index(index: Index, street: list[str]) -> None:
    index.remove(*street)
    location = index.locate(street[0])
    assert (location.known, location.place, location.matches) == (False, None, ())
    assert location.reason == "the index is empty"


def test_filters_that_leave_nothing(index: Index, street: list[str]) -> None:
    location = index.locate(street[0], where=Filter(near=(0.0, 0.0), radius=10.0))
    assert not location.known and location.matches == () and location.runner_up is None
    assert location.reason == "no photo of the index meets the conditions"


def test_filters_choose_matches(index: Index, street: list[str]) -> None:
    row = index.photos.paths.index(street[6])
    lat, lon = (float(index.photos.frame[name][row]) for name in ("lat", "lon"))
    location = index.locate(street[0], where=Filter(near=(lat, lon), radius=250.0))
    assert {match.path for match in location.matches} == set(street[5:8])


def test_matches_without_positions(
    street: list[str], small_model: VPRModel, tmp_path: Path
) -> None:
    table = PhotoTable.from_columns({"path": street[:3]})
    index = Index.build(table, small_model, tmp_path / "y.index", extract={"precision": "32"})
    location = index.locate(street[0])
    assert not location.known and location.place is None and len(location.matches) == 3
    assert location.reason == "the most similar 3 photos have no places"
    assert index.locate(street[0], matches=1).reason == "the most similar photo has no place"


def test_fewer_and_more_matches_than_photos(index: Index, street: list[str]) -> None:
    assert len(index.locate(street[0], matches=3).matches) == 3
    assert len(index.locate(street[0], matches=10**9).matches) == PHOTOS


def test_one_photo_alone(street: list[str], small_model: VPRModel, tmp_path: Path) -> None:
    table = read_photos(Path(street[0]).parent).rows([0])
    index = Index.build(table, small_model, tmp_path / "y.index", extract={"precision": "32"})
    location = index.locate(street[5])
    assert location.place is not None and location.runner_up is None
    assert location.place.share == 1


def test_a_photo_added_is_found(index: Index, street: list[str], tmp_path: Path) -> None:
    index.locate(street[0])
    new = write_photo(tmp_path / "new" / at_name(503_000, 4_100_000), 99)
    index.add(Path(new).parent)
    assert metres_off(index.locate(new).place, index, new) < 0.01


# --- options --------------------------------------------------------------------------------------


def test_wrong_options(index: Index, street: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"Index\.locate.*'matchs' is not an option"):
        index.locate(street[0], matchs=3)
    with pytest.raises(ConfigError, match=r"^where is 5; expected a .*Filter"):
        index.locate(street[0], where=5)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="precision is bf16"):
        index.locate(street[0], extract={"precision": "bf16"})
    with pytest.raises(ConfigError, match=r"threshold is 0\.5, but the index was not calibrated"):
        index.locate(street[0], threshold=0.5)


def test_a_smaller_radius_parts_a_place(
    street: list[str], small_model: VPRModel, tmp_path: Path
) -> None:
    path = Path(street[0])
    write_photo(path.parent / at_name(500_012, 4_100_000), 0)
    index = Index.build(path.parent, small_model, tmp_path / "y.index", extract={"precision": "32"})
    both, one = index.locate(street[0]).place, index.locate(street[0], radius=10.0).place
    assert both is not None and len(both.matches) == 2 and both.spread == pytest.approx(6, abs=0.1)
    assert one is not None and len(one.matches) == 1


# --- verification ---------------------------------------------------------------------------------


class Counts:
    """Stands in for a verifier: agreement by file name."""

    made = 0

    def __init__(self, config: Any) -> None:
        self.config = config
        Counts.made += 1

    def inliers(self, query: Any, paths: list[str]) -> list[int | None]:
        assert len(paths) <= self.config.matches
        return [self.agreement.get(path, 0) for path in paths]

    agreement: dict[str, int | None]


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> type[Counts]:
    monkeypatch.setattr("beenhere.retrieval.verify.Verifier", Counts)
    Counts.made, Counts.agreement = 0, {}
    return Counts


def test_inliers_decide(index: Index, street: list[str], counts: type[Counts]) -> None:
    by_likeness = [match.path for match in index.locate(street[0], verify=False).matches]
    third = by_likeness[2]
    counts.agreement = {third: 60, by_likeness[1]: None}
    location = index.locate(street[0], verify=True, verification={"matches": 4})
    assert metres_off(location.place, index, third) < 0.01
    assert location.status == "known" and location.gap == InlierGap(3, 60, 0)
    assert [match.path for match in location.matches] == [
        third, *by_likeness[:2], *by_likeness[3:],
    ]  # fmt: skip
    assert [match.rank for match in location.matches][:3] == [3, 1, 2]
    assert [match.inliers for match in location.matches] == [60, 0, None, 0] + [None] * 4
    index.locate(street[1], verify=True, verification={"matches": 4})
    assert counts.made == 1
    assert index.locate(street[1], verify=False).matches[0].inliers is None
    index.locate(street[1])  # by default
    assert counts.made == 2  # for other options of verification


def test_verification_for_real(index: Index, street: list[str]) -> None:
    location = index.locate(street[0], verify=True, verification={"matches": 2})
    assert [match.inliers is None for match in location.matches] == [False] * 2 + [True] * 6


# --- sequences ------------------------------------------------------------------------------------


def test_a_sequence_of_photos(index: Index, street: list[str]) -> None:
    located = index.locate_sequence([*street[:3], "gone.jpg", street[4]], step=200.0)
    assert located.unreadable == (("gone.jpg", "no such file"),)
    assert located.locations[3] is None
    for number in (0, 1, 2, 4):
        location = located.locations[number]
        assert location is not None and location.query == street[number]
        assert location.probability is None
        assert metres_off(location.place, index, street[number]) < 0.01
    with pytest.raises(DataError, match="does not say when it was taken"):
        index.locate_sequence(street[:2])
    with pytest.raises(DataError, match="step is -1"):
        index.locate_sequence(street[:2], step=-1)
    assert index.locate_sequence([], step=0).locations == ()


def test_a_calibrated_index(index: Index, street: list[str]) -> None:
    index.set_calibration({"plain": BELIEVES_SHARE, "verified": None, "fitted": {}})
    located = index.locate_many(street)
    for location in located.locations:
        assert location is not None and location.place is not None
        expected = 1 / (1 + np.exp(2 - 6 * location.place.share))
        assert location.probability == pytest.approx(expected)
        assert location.known == (expected >= 0.75) and location.threshold == 0.75
        assert location.radius is not None and location.radius > 0
    alone = [location.probability for location in located.locations if location]
    path = index.locate_sequence(street, step=200.0).locations
    together = [location.probability for location in path if location and location.probability]
    # The frames are of one place: none gets surer than they are, in the mean or by itself.
    assert len(together) == PHOTOS and max(together) <= max(p for p in alone if p) + 1e-9
    strict = index.locate(street[0], threshold=1.0)
    assert not strict.known and strict.reason is not None and "below the" in strict.reason


BELIEVES_SHARE: dict[str, Any] = {
    "verified": False,
    "threshold": 0.75,
    "intercept": -2.0,
    "terms": {"share": {"slope": 6.0, "low": 0.0, "high": 1.0}},
    "errors": {"slope": 1.0, "intercept": 0.0, "near": [1.0, 25.0], "far": [26.0, 3000.0]},
    "level_known": 0.9,
    "level_unknown": 0.9,
    "fitted": {},
}
