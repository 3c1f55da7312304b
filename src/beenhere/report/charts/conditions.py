"""Recall by condition, such as day and night."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from beenhere.evaluation.protocol import share
from beenhere.evaluation.statistics import wilson_score
from beenhere.report.charts.drawing import INK, blank, finish
from beenhere.report.charts.series import Series
from beenhere.report.figures import RowFigures
from beenhere.studies.results import StudyResults
from beenhere.wording import interval, percent


@dataclass(frozen=True)
class Bar:
    """Recall of one row over the queries of one condition, in percent with its interval."""

    queries: int
    percent: float
    low: float
    high: float


def by_condition(
    rows: Sequence[RowFigures], test: str, at: int, results: StudyResults
) -> dict[str, dict[str, Bar]]:
    """Bars by condition and name of the row; the mean over seeds.

    The intervals are Wilson's: they hold for few queries, as a condition may have, and where all
    of them are right, or none.
    """
    evaluations = {row.name: row.evaluations(test) for row in rows}
    groups: dict[str, dict[str, Bar]] = {}
    for name, found in evaluations.items():
        hits = np.stack([one.hits(at, results.threshold) for one in found])
        for condition in found[0].conditions:
            members = (found[0].queries["condition"] == condition).fill_null(False).to_numpy()
            mean, queries = share(hits[:, members].ravel()), int(members.sum())
            right = round(mean / 100 * queries)
            low, high = wilson_score(right, queries, results.confidence)
            groups.setdefault(condition, {})[name] = Bar(queries, mean, 100 * low, 100 * high)
    return groups


def bars(
    groups: Mapping[str, Mapping[str, Bar]],
    title: str,
    at: int,
    series: Mapping[str, Series],
    key: str,
) -> str:
    """A group of bars a condition, a bar a row, from :func:`by_condition`."""
    axes = blank(title, "", f"R@{at}, %")
    told = []
    rows: Sequence[str] = list(dict.fromkeys(name for group in groups.values() for name in group))
    width = 0.8 / len(rows)
    for place, (condition, group) in enumerate(groups.items()):
        for number, name in enumerate(rows):
            one, style = group[name], series[name]
            x = place + (number - (len(rows) - 1) / 2) * width
            axes.bar(x, one.percent, width * 0.86, color=style.colour, alpha=0.3, linewidth=0)
            axes.plot([x, x], [one.low, one.high], color=INK, linewidth=1)
            axes.plot(x, one.percent, marker=style.marker, color=style.colour, markersize=5)
            told.append(
                f"{condition}, {name}: {percent(one.percent)} {interval(one.low, one.high)}"
            )
    labels = [
        f"{condition}\n{next(iter(group.values())).queries:,}"
        for condition, group in groups.items()
    ]
    axes.set_xticks(range(len(groups)), labels)
    axes.grid(axis="x", visible=False)
    highest = max(one.high for group in groups.values() for one in group.values())
    axes.set_ylim(0, max(1.0, 1.06 * highest))
    return finish(axes, key, f"R@{at} by condition on {title}", "; ".join(told))
