"""The study ``published``: models as they are, on sets of photos; nothing is trained.

A row's folder is as a training's (see :mod:`beenhere.studies.folder`), with no run in it: a model
on one set, whose evaluation lies in ``tests/SET/``.
"""

import hashlib
import re
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import product
from pathlib import Path
from typing import Any

from beenhere.config.evaluation import EvalConfig
from beenhere.config.models import BUILT_IN
from beenhere.config.training import EvaluationData
from beenhere.devices import choose_device
from beenhere.errors import BeenhereError, DataError, TrainingError
from beenhere.evaluation.evaluate import evaluate_tables, evaluation_fingerprint
from beenhere.evaluation.evaluation_results import SavedEvaluation
from beenhere.evaluation.photo_tables import read_tables
from beenhere.files.atomic import holds_something, write_json
from beenhere.models.load import known_name, load_model, read_provenance
from beenhere.models.model import VPRModel
from beenhere.models.published.catalogue import find_published, published_models
from beenhere.photos.catalog import named_set, named_sets, plain
from beenhere.photos.formats import protocols_of
from beenhere.retrieval.extract import milliseconds_for
from beenhere.studies.folder import FORMAT, RowFolder, StudyFolder
from beenhere.wording import as_published, interval, one_line, percent

NAME = "published"
"""Of the study, which needs no file."""

HERE = "here"
"""Stands for all that are on this machine, among names of models and of sets."""

DEFAULTS = EvalConfig(recall_at=[1, 5, 10])

_ABOUT = "Which model finds most on which photos, and at what cost. Nothing was trained."
_CAVEAT = (
    "Published figures were not measured here: each has a protocol of its own (queries, sizes of "
    "photos, what is right), and figures of two protocols cannot be compared."
)


@dataclass(frozen=True)
class MeasuredSet:
    """Photos to measure on, by one protocol.

    Attributes:
        name: letters, digits, hyphens. title: for people. about: the protocol in words.
        data: where the photos are.
        published_as: its name in published figures; empty where there are none.
    """

    name: str
    title: str
    about: str
    data: EvaluationData
    published_as: str = ""


def models_of(wanted: Sequence[str]) -> list[str]:
    """Names and paths of models; :data:`HERE` stands for the built-in models and the published
    ones whose weights are on this machine."""
    here = [*BUILT_IN, *(name for name, one in published_models().items() if one.is_here)]
    found = (each if one == HERE else [known_name(one) or one] for one in wanted for each in [here])
    return list(dict.fromkeys(name for some in found for name in some))


def sets_of(wanted: Sequence[str], data: Path) -> list[MeasuredSet]:
    """Sets, each by all of its protocols that are there.

    Args:
        wanted: names of the catalogue, or folders; :data:`HERE` stands for all sets of the
            catalogue to measure on that are in ``data``.
        data: the folder that sets lie in.

    Raises:
        DataError: one that is not there, or none is; says how to get it.
        ConfigError: neither a folder nor a name.
    """
    here = [one.name for one in named_sets() if one.protocols and holds_something(data / one.name)]
    spelt = [name for one in wanted for name in (here if one == HERE else [one])]
    found = {one.name: one for each in spelt for one in _by_protocol(each, data)}
    if not found:
        raise DataError(
            f"no set to measure on lies in {data}; get one: beenhere data get sf_xs --to {data} "
            "(see 'beenhere data list'), or give --sets FOLDER"
        )
    return list(found.values())


def _by_protocol(wanted: str, data: Path) -> list[MeasuredSet]:
    folder = Path(wanted).expanduser()
    name = plain(folder.resolve().name)
    entry = next((each for each in named_sets() if plain(each.name) == name), None)
    key = _key(wanted)
    if not folder.is_dir():
        entry = named_set(wanted)
        key, folder = entry.name.replace("_", "-"), data / entry.name
        if not holds_something(folder):
            raise DataError(f"{folder} is not there; beenhere data get {entry.name} --to {data}")
    offered, found = protocols_of(folder), []
    for protocol, one in entry.protocols.items() if entry is not None else ():
        tree = EvaluationData(tree=folder, protocol=protocol)
        if not offered and one.split:  # a plain tree for each split
            tree = EvaluationData(tree=folder / one.split)
        if protocol in offered or (not offered and (folder / one.split / "database").is_dir()):
            title = f"{wanted if entry is None else entry.title}, {protocol}"
            found.append(MeasuredSet(f"{key}-{protocol}", title, one.about, tree, one.published_as))
    return found or [MeasuredSet(key, wanted, "", EvaluationData(tree=folder))]


def measure(
    models: Sequence[str],
    sets: Sequence[MeasuredSet],
    config: EvalConfig,
    folder: StudyFolder,
    command: str,
    say: Callable[[str], None],
) -> bool:
    """Evaluate what is not done yet, and go on after what fails.

    Args:
        models: by :func:`models_of`.
        sets: by :func:`sets_of`.
        config: the options of every evaluation.
        folder: of the study; its tables are these models on these sets, whatever they were before.
        command: that does the same again.
        say: is called with each line, as it comes.

    Returns:
        Whether all is done now.
    """
    folder.path.mkdir(parents=True, exist_ok=True)
    write_json(folder.description, _description(models, sets, config, folder, command))
    load = lru_cache(maxsize=1)(partial(load_model, device=choose_device(config.extract.device)))
    done = True
    for number, (model, one) in enumerate(product(models, sets), 1):
        head = f"[{number}/{len(models) * len(sets)}] {model} on {one.title}"
        row = RowFolder(folder.runs / _run(model, one))
        row.path.mkdir(parents=True, exist_ok=True)
        try:
            with row.lock():
                say(f"{head}: {_measure(row, load, model, one, config)}")
        except TrainingError as busy:
            say(f"{head}: {busy}; left to it")
            done = False
        except Exception as problem:
            error = str(problem)
            if not isinstance(problem, BeenhereError):
                traceback.print_exc()
                error = f"{type(problem).__name__}: {one_line(problem, None)}"
            row.update(state="failed", error=error)
            say(f"{head}: FAILED: {error}")
            done = False
    return done


def _measure(
    row: RowFolder,
    load: Callable[[str], VPRModel],
    name: str,
    one: MeasuredSet,
    config: EvalConfig,
) -> str:
    """Evaluate a model on a set, unless that is done; returns what was found, in words."""
    before = row.read() if row.state() == "finished" else {}
    row.update(state="running", error="", facts=_published(name, one))
    tables = read_tables(one.data, row.path / "photos")
    model = load(name)
    photos = {one.name: evaluation_fingerprint(tables)}
    measured: dict[str, Any] = {
        "fingerprint": model.fingerprint(),
        "options": config.model_dump(exclude={"extract"}),
        "tests": photos,
    }
    path = row.path / "tests" / one.name
    known = all(before.get(key) == value for key, value in measured.items())
    provenance = {"model": name} | read_provenance(name)
    if not known:
        evaluate_tables(model, tables, config, path, provenance)
        write_json(row.path / "results.json", {"tests": photos})
        measured["milliseconds_per_photo"] = milliseconds_for(
            model, config.extract, tables.queries.paths
        )
        row.update(**measured)
    cost = row.read()["milliseconds_per_photo"]
    facts = {
        "queries": f"{len(tables.queries):,} in {len(tables.database):,}",
        "dim": model.descriptor_dim,
        "MB": round(sum(one.nbytes for one in model.state_dict().values()) / 1e6, 1),
        "milliseconds per photo": cost and round(cost, 1),
        "fingerprint": model.fingerprint()[:12],
        "authors' file": provenance.get("file", {}).get("checksum"),
    }
    row.update(state="finished", facts=_published(name, one) | facts, provenance=provenance)
    first = SavedEvaluation.read(path).results["recalls"][0]
    found = f"R@{first['at']} {percent(first['percent'])} {interval(first['low'], first['high'])}"
    return f"done already, {found}" if known else found


def _published(name: str, one: MeasuredSet) -> dict[str, Any]:
    entry = find_published(name)
    figures = [each for each in entry.recall if each.set == one.published_as] if entry else []
    words = (f"{as_published(each.r1)}: {each.protocol} ({each.source})" for each in figures)
    return {
        "published R@1": ", ".join(as_published(each.r1) for each in figures) or None,
        "R@1 as published, not measured here": "; ".join(words) or None,
    }


def _description(
    models: Sequence[str],
    sets: Sequence[MeasuredSet],
    config: EvalConfig,
    folder: StudyFolder,
    command: str,
) -> dict[str, Any]:
    """As :class:`beenhere.studies.folder.StudyFolder` reads it."""
    data = folder.path.parent.name
    nothing: dict[str, Any] = {"changes": {}, "published": {}, "shared_with": []}
    return {
        **{"format": FORMAT, "file": "", "files": {}, "name": NAME, "command": command},
        **{"title": "Models as they are", "about": _ABOUT, "caveat": _CAVEAT},
        **{"data": data, "data_title": f"the sets in {data}", "compare": [], "threshold": None},
        "published_queries": {},
        "tests": {one.name: one.title for one in sets},
        **config.model_dump(include={"recall_at", "confidence", "resamples", "seed"}),
        "tables": [
            {
                **{"name": one.name, "title": one.title, "about": one.about},
                **{"source": "", "thresholds": [], "along": ""},
                "rows": [{"name": m, **nothing, "runs": [_run(m, one)]} for m in models],
            }
            for one in sets
        ],
    }


def _run(model: str, one: MeasuredSet) -> str:
    return f"{_key(model)}-{one.name}"


def _key(name: str) -> str:
    """A name for files; two that would be the same get different ends."""
    key = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower()
    return key if key == name else f"{key}-{hashlib.sha256(name.encode()).hexdigest()[:4]}"
