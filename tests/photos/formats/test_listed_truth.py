"""ground_truth.csv and .npy beside a database and queries."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from published_sets import frames, jpeg, objects, put, vpr_bench_lists

from beenhere.config.training import EvaluationData
from beenhere.errors import DataError
from beenhere.photos.formats import read_evaluation, sets_in
from beenhere.photos.ground_truth import EvaluationTables


def read(root: Path) -> EvaluationTables:
    return read_evaluation(EvaluationData(tree=root))


def by_name(tables: EvaluationTables) -> dict[str, list[str]]:
    found = tables.truth.positives(None)
    return {
        Path(query).stem: [Path(tables.database.paths[row]).stem for row in rows]
        for query, rows in zip(tables.queries.paths, found, strict=True)
    }


def csv(root: Path, *pairs: str) -> None:
    (root / "ground_truth.csv").write_text("\n".join(["query,database", *pairs]) + "\n")


@pytest.mark.parametrize("sides", [("database", "queries"), ("ref", "query")])
def test_pairs_of_paths(tmp_path: Path, sides: tuple[str, str]) -> None:
    database, queries = sides
    put(tmp_path / database, "a.jpg", "b.jpg", "sub/c.jpg")
    put(tmp_path / queries, "x.jpg", "y.jpg", "z.jpg")
    csv(
        tmp_path,
        f"{queries}/y.jpg,{database}/sub/c.jpg",
        f"{queries}/x.jpg,{database}/b.jpg",
        f"{queries}/y.jpg,{database}/a.jpg",
    )
    tables = read(tmp_path)
    assert by_name(tables) == {"x": ["b"], "y": ["a", "c"], "z": []}
    assert tables.queries.notes == []
    pair = EvaluationData(database=tmp_path / database, queries=tmp_path / queries)
    assert by_name(read_evaluation(pair)) == by_name(tables)
    assert [each.evaluation for each in sets_in(tmp_path)] == [True]


def test_a_photo_that_is_gone_moves_no_other(tmp_path: Path) -> None:
    put(tmp_path / "ref", "a.jpg", "b.jpg", "c.jpg")
    put(tmp_path / "query", "x.jpg", "y.jpg")
    csv(tmp_path, "query/x.jpg,ref/a.jpg", "query/x.jpg,ref/b.jpg", "query/y.jpg,ref/c.jpg")
    (tmp_path / "ref/a.jpg").unlink()
    tables = read(tmp_path)
    assert by_name(tables) == {"x": ["b"], "y": ["c"]}
    ((file, note),) = tables.queries.notes
    assert file.endswith("ground_truth.csv")
    assert note == "names 1 database photos that are not here or of no use: ref/a.jpg"


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("form", ["npy", "vpr-bench", "csv"])
def test_numbers(tmp_path: Path, first: int, form: str) -> None:
    """Names are numbers, from 0 or from 1; frame 4 of the database and query 2 are gone."""
    put(tmp_path / "ref", *(f"{at + first:05}.jpg" for at in range(10) if at != 4))
    put(tmp_path / "query", *(f"{at + first}.jpg" for at in range(8) if at != 2))
    lists = [[at, at + 1] for at in range(8)]
    if form == "npy":
        np.save(tmp_path / "ground_truth.npy", objects(lists), allow_pickle=True)
    elif form == "vpr-bench":
        vpr_bench_lists(tmp_path / "ground_truth_new.npy", lists)
    else:
        csv(tmp_path, *(f"{query},{one}" for query, row in enumerate(lists) for one in row))
    tables = read(tmp_path)
    assert by_name(tables) == {
        f"{at + first}": [f"{one + first:05}" for one in (at, at + 1) if one != 4]
        for at in range(8)
        if at != 2
    }
    assert [note.partition(" that")[0] for _, note in tables.queries.notes] == [
        "names 1 database photos",
        "names 1 queries",
    ]


def test_numbers_of_other_names_are_places(tmp_path: Path) -> None:
    put(tmp_path / "ref", "m.jpg", "a.jpg", "z.jpg")
    put(tmp_path / "query", "q.jpg", "b.jpg")
    np.save(tmp_path / "ground_truth.npy", objects([[2], [0, 1]]), allow_pickle=True)
    assert by_name(read(tmp_path)) == {"b": ["z"], "q": ["a", "m"]}
    # A photo that cannot be used keeps its place; one that is gone would shift the others.
    (tmp_path / "ref/a.jpg").write_bytes(b"no photo")
    assert by_name(read(tmp_path)) == {"b": ["z"], "q": ["m"]}
    (tmp_path / "query/b.jpg").unlink()
    with pytest.raises(DataError, match=r"lists for 2 queries, and there are 1 whose names are no"):
        read(tmp_path)


def test_lists_count_where_there_are_positions_too(tmp_path: Path) -> None:
    put(tmp_path / "database", "@550000@4180000@10@S@.jpg", "@559000@4180000@10@S@.jpg")
    put(tmp_path / "queries", "@550001@4180000@10@S@.jpg")
    assert not read(tmp_path).truth.listed
    csv(tmp_path, "queries/@550001@4180000@10@S@.jpg,database/@559000@4180000@10@S@.jpg")
    assert [rows.tolist() for rows in read(tmp_path).truth.positives(None)] == [[1]]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("query,photo\na,b\n", "expected the columns query,database"),
        ("query,database\nquery/0000000.jpg,\n", "line 2: is not whole"),
        (
            "query,database\n0000000.jpg,0000001.jpg\n",
            "the query 0000000.jpg of line 2 is not here .*expected paths .*such as query/0000",
        ),
        (
            "query,database\nquery/0000000.jpg,ref/nope.jpg\n",
            "the database photo ref/nope.jpg of line 2 is not here .*such as ref/0000",
        ),
        ("query,database\n900000000,1\n", "has 1 pairs, and a query numbered 900000000"),
        ("query,database\n1,1\n", "lists for 2 queries, and names are numbers from 0 to 11"),
    ],
)
def test_a_file_that_is_no_ground_truth(tmp_path: Path, text: str, reason: str) -> None:
    frames(tmp_path)
    (tmp_path / "ground_truth.csv").write_text(text)
    with pytest.raises(DataError, match=reason) as caught:
        read(tmp_path)
    assert "\n" not in str(caught.value)


def test_tables_of_photos_have_it_too(tmp_path: Path) -> None:
    for name in ("database", "queries"):
        (tmp_path / f"{name}.csv").write_text("path,city\nphotos/a.jpg,x\nphotos/b.jpg,x\n")
    put(tmp_path / "photos", "a.jpg", "b.jpg", photo=jpeg())
    csv(tmp_path, "photos/a.jpg,photos/b.jpg")
    assert by_name(read(tmp_path)) == {"a": ["b"], "b": []}


@pytest.mark.parametrize(
    "text",
    [
        "Query;Database\nquery/x.jpg;ref/a.jpg\nquery/y.jpg;ref/b.jpg\n",
        "\ufeffquery,database\r\nquery/x.jpg, ref/a.jpg\r\n query/y.jpg,ref/b.jpg\r\n,\r\n",
        "sep=\t\nqueries\tdb\nquery/x.jpg\tref/a.jpg\nquery/y.jpg\tref/b.jpg\n\t\n",
        "QUERY,reference,remark\nquery\\x.jpg,ref\\a.jpg,1\nquery\\y.jpg,ref\\b.jpg,\n",
    ],
)
def test_pairs_as_spreadsheets_write_them(tmp_path: Path, text: str) -> None:
    put(tmp_path / "ref", "a.jpg", "b.jpg")
    put(tmp_path / "query", "x.jpg", "y.jpg")
    (tmp_path / "ground_truth.csv").write_bytes(text.encode())
    assert by_name(read(tmp_path)) == {"x": ["a"], "y": ["b"]}


def test_accents_are_one_name(tmp_path: Path) -> None:
    stored, written = (unicodedata.normalize(form, "caf\u00e9.jpg") for form in ("NFD", "NFC"))
    put(tmp_path / "ref", "a.jpg")
    put(tmp_path / "query", stored)
    csv(tmp_path, f"query/{written},ref/a.jpg")
    (tmp_path / "conditions.csv").write_text(f"path,condition\nquery/{written},night\n")
    tables = read(tmp_path)
    assert list(by_name(tables).values()) == [["a"]]
    assert tables.queries.frame["condition"].to_list() == ["night"]
    assert tables.queries.paths == [str(tmp_path / "query" / stored)]
