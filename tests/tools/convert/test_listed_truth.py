"""Sets whose positives are listed, converted: what is right stays right, under the new names."""

from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
import pytest
from listed_street import write_street
from published_sets import objects
from tiny import TinyModel, write_photo

from beenhere.config.evaluation import EvalConfig, ExtractConfig
from beenhere.config.training import EvaluationData
from beenhere.errors import DataError
from beenhere.evaluation.evaluate import evaluate_tables
from beenhere.evaluation.evaluation_results import Recall
from beenhere.photos.formats import read_evaluation
from beenhere.photos.ground_truth import EvaluationTables
from beenhere.tools.convert import FolderLayout, convert

CONFIG = EvalConfig(
    recall_at=[1, 2, 5],
    extract=ExtractConfig(batch_size=4, workers=1, device="cpu", precision="32"),
)
LAYOUTS: list[FolderLayout] = ["utm", "csv", "parquet"]


def read(tree: Path) -> EvaluationTables:
    return read_evaluation(EvaluationData(tree=tree))


def recalls(tree: Path) -> list[Recall]:
    return evaluate_tables(TinyModel(), read(tree), CONFIG).recalls


def pairs(tree: Path) -> set[tuple[bytes, bytes]]:
    """What is right for what, by the bytes of the photos."""
    tables = read(tree)
    return {
        (Path(query).read_bytes(), Path(tables.database.paths[row]).read_bytes())
        for query, rows in zip(tables.queries.paths, tables.truth.positives(None), strict=True)
        for row in rows
    }


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("deep", [False, True])
def test_the_same_recall_as_before(tmp_path: Path, layout: FolderLayout, deep: bool) -> None:
    """The source is one set, or one of several; one of its photos is a query without positives."""
    source = tmp_path / "in"
    street = write_street(source / "one" if deep else source)
    if deep:
        write_street(source / "two", {at: [] for at in range(9)})
    written = convert(source, tmp_path / "out", layout)
    new = tmp_path / "out" / ("one" if deep else "")
    assert written.lost == []
    assert recalls(new) == recalls(street)
    assert pairs(new) == pairs(street) and len(pairs(new)) == 11
    assert read(new).queries.notes == []
    truth = pl.read_csv(new / "ground_truth.csv", infer_schema=False)
    assert truth.columns == ["query", "database"] and truth.height == 11
    assert all((new / path).is_file() for row in truth.rows() for path in row)
    assert not any("/../" in path.lstrip("./") for row in truth.rows() for path in row)
    if deep:
        assert (tmp_path / "out/two/ground_truth.csv").read_text() == "query,database\n"
        with pytest.raises(DataError, match="names no photo that is here as right"):
            recalls(tmp_path / "out/two")


@pytest.mark.parametrize("layout", ["csv", "parquet"])
def test_tables_reached_through_links(
    tmp_path: Path, layout: Literal["csv", "parquet"], monkeypatch: pytest.MonkeyPatch
) -> None:
    """``..`` in a table leads out of what a link points to; so it does in the list."""
    street = write_street(tmp_path / "far/away/street")
    (tmp_path / "disk/deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to("disk/deep")
    monkeypatch.chdir(tmp_path)
    convert(street, Path("link/out"), layout)
    assert pairs(Path("link/out")) == pairs(street) == pairs(tmp_path / "disk/deep/out")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_numbers_and_protocols(tmp_path: Path, layout: FolderLayout) -> None:
    """Nordland's lists of numbers; its other protocol cannot come along, and that is said."""
    source = tmp_path / "nordland"
    for at in range(6):
        write_photo(source / "ref" / f"{at:04}.png", at)
        write_photo(source / "query" / f"{at:04}.png", at + 50)
    lists = [[one for one in (at - 1, at, at + 1) if 0 <= one < 6] for at in range(6)]
    np.save(source / "ground_truth.npy", objects(lists), allow_pickle=True)
    written = convert(source, tmp_path / f"nordland-{layout}", layout)
    assert written.lost == ["the protocol 10-frames of the set"]
    assert pairs(tmp_path / f"nordland-{layout}") == pairs(source)
    assert recalls(tmp_path / f"nordland-{layout}") == recalls(source)


def test_what_the_list_names_and_is_not_there_is_said(tmp_path: Path) -> None:
    street = write_street(tmp_path / "street")
    (street / "ref/d11.png").unlink()
    written = convert(street, tmp_path / "out", "utm")
    assert written.lost == [
        "ground_truth.csv: names 1 database photos that are not here or of no use: ref/d11.png"
    ]
    assert recalls(tmp_path / "out") == recalls(street)
