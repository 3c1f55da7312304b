"""Evaluate from paths: what ``beenhere.evaluate`` and ``beenhere eval`` do."""

from pathlib import Path
from typing import Any

from beenhere import config_yaml
from beenhere.config import EvalConfig, EvaluationData
from beenhere.datasets.formats import EvaluationTables, read_photos
from beenhere.datasets.table import PhotoTable
from beenhere.devices import choose_device
from beenhere.errors import ConfigError
from beenhere.evaluation.evaluate import evaluate as evaluate_tables
from beenhere.evaluation.results import Evaluation
from beenhere.evaluation.tables import leave_one_out, read_tables
from beenhere.models.checkpoint import BUILT_IN, load_model, read_provenance
from beenhere.models.model import VPRModel

Photos = PhotoTable | str | Path


def evaluate(
    model: VPRModel | str | Path,
    *,
    data: str | Path | None = None,
    protocol: str | None = None,
    database: Photos | None = None,
    queries: Photos | None = None,
    photos: Photos | None = None,
    out: str | Path | None = None,
    **options: Any,
) -> Evaluation:
    """Recall@N of a model over all queries, with intervals.

    The photos come in one of three ways: ``data``, ``database`` with ``queries``, or ``photos``.

        >>> result = beenhere.evaluate("offline-lite0", photos="holiday", thresholds=[25, 50])
        >>> result.recall(at=1), result.without_positive[25]

    Args:
        model: a model, a checkpoint or run folder, or ``"offline-lite0"``.
        data: a folder with ``database/`` and ``queries/``, or a published set as it comes.
        protocol: of a published set that has several; None: its first.
        database: photos that can be found: a table, or a path of any known format.
        queries: photos to find, alike.
        photos: photos that are each searched in the rest (leave-one-out).
        out: a folder for results, predictions and descriptors, which are then computed once and
            found again; None: nothing is written, nothing printed.
        **options: those of :class:`beenhere.config.EvalConfig`, such as ``thresholds=[25]``,
            ``recall_at=[1, 5]``, ``extract={"batch_size": 32}``.

    Raises:
        ConfigError: an unknown option, no such device, or photos given in no way or in two.
        DataError: photos that cannot be found or understood.
        ModelError: no such model, or a photo of a size that it cannot take.
    """
    config = config_yaml.validate(EvalConfig, options, "options of evaluate")
    folder = Path(out) if out is not None else None
    tables = _tables(data, protocol, database, queries, photos, folder)
    provenance = None
    if not isinstance(model, VPRModel):
        spec = str(model)
        trained = {} if spec in BUILT_IN else read_provenance(spec)
        provenance = {"model": spec, **trained}
        model = load_model(spec, choose_device(config.extract.device))
    return evaluate_tables(model, tables, config, folder, provenance)


def _tables(
    data: str | Path | None,
    protocol: str | None,
    database: Photos | None,
    queries: Photos | None,
    photos: Photos | None,
    out: Path | None,
) -> EvaluationTables:
    keep = out / "tables" if out is not None else None
    if protocol is not None and data is None:
        raise ConfigError(f"protocol {protocol!r} is one of a published set; give its folder too")
    match (data, database, queries, photos):
        case (tree, None, None, None) if tree is not None:
            return read_tables(EvaluationData(tree=Path(tree), protocol=protocol), keep)
        case (None, None, None, PhotoTable() as table):
            return leave_one_out(table, "photos")
        case (None, None, None, str() | Path() as path):
            return read_tables(Path(path), keep)
        case (None, str() | Path() as found, str() | Path() as sought, None):
            paths = EvaluationData(database=Path(found), queries=Path(sought))
            return read_tables(paths, keep)
        case (None, found, sought, None) if found is not None and sought is not None:
            return EvaluationTables(_table(found), _table(sought), "database and queries")
    given = {"data": data, "database": database, "queries": queries, "photos": photos}
    names = [name for name, value in given.items() if value is not None]
    raise ConfigError(
        f"photos are given by {' and '.join(names) or 'nothing'}; expected data (a folder with "
        "database/ and queries/), or both database and queries, or photos (each is searched in "
        "the rest)"
    )


def _table(photos: Photos) -> PhotoTable:
    return photos if isinstance(photos, PhotoTable) else read_photos(photos)
