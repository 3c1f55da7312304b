import csv
import io

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from beenhere.files.csv_text import csv_text


def test_what_a_spreadsheet_would_run_is_a_text() -> None:
    cells = {
        "=1+1": "'=1+1",
        "+cmd|' /C calc'!A0": "'+cmd|' /C calc'!A0",
        "-2+3+cmd": "'-2+3+cmd",
        "@SUM(A1)": "'@SUM(A1)",
        "\t=1": "'\t=1",
        "\r=1": "'\r=1",
        "a=1": "a=1",
        "-5": "-5",
        "+49.5": "+49.5",
        "-1e-7": "-1e-7",
    }
    for given_, expected in cells.items():
        rows = list(csv.reader(io.StringIO(csv_text(["x"], [{"x": given_}]), newline="")))
        assert rows == [["x"], [expected]], given_
    # A name of a column comes from a file, too.
    assert csv_text(["=A1"], []) == "'=A1\n"


def test_numbers_stay_numbers_and_nothing_is_empty() -> None:
    rows = [{"a": -122.42, "b": None, "other": "=1"}, {"a": -3}]
    assert csv_text(["a", "b"], rows) == "a,b\n-122.42,\n-3,\n"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_text_comes_back(text: str) -> None:
    written = csv_text(["a", "b"], [{"a": text, "b": 1}])
    assert pl.read_csv(written.encode(), infer_schema=False, eol_char="\n").height == 1
    _, (cell, one) = csv.reader(io.StringIO(written, newline=""))
    assert cell in (text, f"'{text}") and one == "1"
