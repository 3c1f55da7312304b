from pathlib import Path

import published_sets
import pytest

from beenhere.errors import DataError
from beenhere.photos.acquire.set_folder import find_root
from beenhere.photos.catalog import named_set


def test_the_set_may_lie_some_folders_down(tmp_path: Path) -> None:
    entry = named_set("amstertime")
    for inner in ("", "a", "a/b", "a/b/c"):
        folder = tmp_path / f"case{len(inner)}"
        published_sets.amstertime(folder / inner)
        assert find_root(entry, folder) == folder / inner
    published_sets.amstertime(tmp_path / "deep/a/b/c/d")
    with pytest.raises(DataError, match="does not hold amstertime"):
        find_root(entry, tmp_path / "deep")


def test_of_sets_laid_out_alike_the_one_of_that_name_is_taken(tmp_path: Path) -> None:
    for folder in ("sf_xs", "Tokyo-XS", "another"):
        published_sets.sf_xs(tmp_path / folder)
    assert find_root(named_set("tokyo_xs"), tmp_path) == tmp_path / "Tokyo-XS"
    assert find_root(named_set("sf_xs"), tmp_path) == tmp_path / "sf_xs"


def test_what_macos_adds_is_no_set(tmp_path: Path) -> None:
    published_sets.amstertime(tmp_path / "__MACOSX")
    with pytest.raises(DataError, match="does not hold"):
        find_root(named_set("amstertime"), tmp_path)


def test_a_wrong_folder_is_told_what_was_looked_for_and_found(tmp_path: Path) -> None:
    published_sets.put(tmp_path, "a.jpg", "b.jpg")
    with pytest.raises(DataError) as caught:
        find_root(named_set("amstertime"), tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: does not hold amstertime; expected new/*.png and old/*.jpg, "
        "found a.jpg, b.jpg (beenhere data list amstertime)"
    )
    assert "nothing" in _refused("sf_xs", tmp_path, "empty")


def test_a_part_is_told_what_is_missing(tmp_path: Path) -> None:
    published_sets.sf_xs(tmp_path / "in" / "sf_xs")
    (tmp_path / "in" / "sf_xs" / "test" / "queries").rename(tmp_path / "away")
    with pytest.raises(DataError, match="is a part of sf_xs, without test/queries; add that"):
        find_root(named_set("sf_xs"), tmp_path / "in")


def test_lists_of_pittsburgh_may_lie_beside_or_in_a_folder(tmp_path: Path) -> None:
    entry = named_set("pitts30k")
    for number, place in enumerate(("pitts30k_test.mat", "datasets/pitts30k_test.mat")):
        root = tmp_path / str(number) / "Pittsburgh"
        for folder in ("000", "queries_real"):
            (root / folder).mkdir(parents=True)
        (root / place).parent.mkdir(exist_ok=True)
        (root / place).touch()
        assert find_root(entry, tmp_path / str(number)) == root


def _refused(name: str, folder: Path, inner: str) -> str:
    (folder / inner).mkdir()
    with pytest.raises(DataError) as caught:
        find_root(named_set(name), folder / inner)
    return str(caught.value)
