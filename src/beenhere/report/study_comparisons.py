"""Pairs of a study's rows side by side, for its page."""

from beenhere.devices import choose_device
from beenhere.evaluation.differences import differences
from beenhere.models.checkpoint import load_model
from beenhere.report.compared import ComparedPair
from beenhere.report.compared_queries import compared_queries
from beenhere.studies.results import Run, StudyResults

COUNT = 3
"""Queries of each test set that one row alone gets right."""


def compared_rows(results: StudyResults) -> list[ComparedPair]:
    """For each pair that the study names and that is trained: each test set, with maps.

    Of a row with several seeds the first is shown.
    """
    found = []
    for table, *names in results.compare:
        first, second = (_run(results, table, name) for name in names)
        if first is None or second is None:
            continue
        device = choose_device("auto")
        models = load_model(first.folder, device), load_model(second.folder, device)
        for test, title in results.tests.items():
            if test in first.tests and test in second.tests:
                pair = differences(
                    first.evaluations[test], second.evaluations[test], 1, results.threshold
                )
                queries = compared_queries(pair, (names[0], names[1]), models, COUNT)
                found.append(ComparedPair(names[0], names[1], title, pair.by_condition(), queries))
    return found


def _run(results: StudyResults, table: str, name: str) -> Run | None:
    rows = next(one.rows for one in results.tables if one.name == table)
    finished = [run for row in rows if row.name == name for run in row.finished]
    return finished[0] if finished else None
