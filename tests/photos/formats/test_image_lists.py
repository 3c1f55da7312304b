"""Names and lists in .npy files, as GSV-Cities and OpenVPRLab have them."""

from pathlib import Path

import numpy as np
import pytest
from published_sets import objects, put

from beenhere.config.training import EvaluationData
from beenhere.errors import DataError
from beenhere.photos.formats import read_evaluation
from beenhere.photos.ground_truth import EvaluationTables

DATABASE = ["ref/z.jpg", "ref/a.jpg", "ref/m.jpg", "ref/b.jpg"]
QUERIES = ["query/9.jpg", "query/1.jpg", "query/5.jpg"]
LISTS = [[0, 1], [2], [3, 1]]
WAYS = [
    ("X_dbImages", "X_qImages", "X_gt"),
    ("X_ref_image_names", "X_query_image_names", "X_ground_truth_25m"),
]


def write(root: Path, way: tuple[str, str, str], lists: object = LISTS) -> None:
    put(root, *DATABASE, *QUERIES)
    np.save(root / f"{way[0]}.npy", np.array(DATABASE))
    np.save(root / f"{way[1]}.npy", np.array(QUERIES))
    rows = lists if isinstance(lists, np.ndarray) else objects([np.array(one) for one in LISTS])
    np.save(root / f"{way[2]}.npy", rows, allow_pickle=True)


def by_name(tables: EvaluationTables) -> dict[str, list[str]]:
    found = tables.truth.positives(None)
    return {
        Path(query).name: sorted(Path(tables.database.paths[row]).name for row in rows)
        for query, rows in zip(tables.queries.paths, found, strict=True)
    }


@pytest.mark.parametrize("way", WAYS)
def test_numbers_are_places_in_the_lists_of_names(
    tmp_path: Path, way: tuple[str, str, str]
) -> None:
    write(tmp_path, way)
    tables = read_evaluation(EvaluationData(tree=tmp_path))
    expected = {"9.jpg": ["a.jpg", "z.jpg"], "1.jpg": ["m.jpg"], "5.jpg": ["a.jpg", "b.jpg"]}
    assert tables.name == "X" and by_name(tables) == expected
    (tmp_path / "ref/a.jpg").unlink()
    (tmp_path / "query/1.jpg").unlink()
    tables = read_evaluation(EvaluationData(tree=tmp_path, protocol="X"))
    assert by_name(tables) == {"9.jpg": ["z.jpg"], "5.jpg": ["b.jpg"]}
    assert tables.database.unusable == [(str(tmp_path / "ref/a.jpg"), "no such file")]


def test_lists_that_do_not_fit(tmp_path: Path) -> None:
    write(tmp_path, WAYS[0], np.array([[0], [1]]))
    with pytest.raises(
        DataError, match=r"lists for 2 queries; expected 3, as X_qImages\.npy names"
    ):
        read_evaluation(EvaluationData(tree=tmp_path))
    write(tmp_path, WAYS[0], np.array([[0], [1], [4]]))
    with pytest.raises(DataError, match=r"database photo 4; X_dbImages\.npy names 4, from 0"):
        read_evaluation(EvaluationData(tree=tmp_path))
