"""What a search found, as text, JSON and CSV."""

import csv
import io
import json

from beenhere.report.nearest import CSV_COLUMNS, nearest_csv, nearest_json, nearest_text
from beenhere.retrieval.locate.answer import Match, Nearest

FOUND = Nearest(
    ("q, 1.jpg", "bad.jpg", "none.jpg"),
    (
        (
            Match("a.jpg", 1, 0.91234, 37.75, -122.4, 90.0, "2015-06"),
            Match("b.jpg", 2, 0.5, None, None, None, None, name="kitchen"),
            Match("c.jpg", 3, 0.25, None, None, None, None),
        ),
        None,
        (),
    ),
    (("bad.jpg", "cut off"),),
)


def test_text_has_a_line_a_photo() -> None:
    assert nearest_text(FOUND).splitlines() == [
        "q, 1.jpg",
        "    1  0.912  a.jpg  37.75000, -122.40000",
        "    2  0.500  b.jpg  kitchen",
        "    3  0.250  c.jpg",
        "none.jpg",
        "  no photo",
    ]


def test_json_and_csv_hold_everything() -> None:
    first, empty = json.loads(nearest_json(FOUND))
    assert first["query"] == "q, 1.jpg" and empty == {"query": "none.jpg", "matches": []}
    assert [match["similarity"] for match in first["matches"]] == [0.91234, 0.5, 0.25]
    assert first["matches"][0]["lat"] == 37.75 and first["matches"][1]["place"] == "kitchen"
    rows = list(csv.DictReader(io.StringIO(nearest_csv(FOUND), newline="")))
    assert tuple(rows[0]) == CSV_COLUMNS and len(rows) == 3
    assert rows[1]["place"] == "kitchen" and rows[1]["lat"] == "" and rows[0]["heading"] == "90.0"
