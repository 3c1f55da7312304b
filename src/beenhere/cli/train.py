"""``beenhere train`` and ``distil``: a model from a configuration, or a run that goes on."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from beenhere.cli.output import console, figures_table, leave_interrupted, tell
from beenhere.cli.parameters import Assignments
from beenhere.config import config_yaml
from beenhere.config.shipped import abouts, packaged
from beenhere.config.training import TrainConfig
from beenhere.errors import ConfigError
from beenhere.wording import count

if TYPE_CHECKING:
    from beenhere.evaluation.differences import ConditionDifference
    from beenhere.training.fit import FitResult

FINE_TUNING = "finetune"
"""The configuration of ``--from``."""

NAMED = 3
"""Unreadable photos that are named on the screen; all are in results.json."""


_CONFIG_HELP = "\n".join(
    [
        "a YAML file, the folder of a run, or the name of a configuration that ships:\n",
        *(f"- `{name}`: {about}" for name, about in abouts().items()),
    ]
)


def train(
    config: Annotated[str | None, Parameter(help=_CONFIG_HELP)] = None,
    /,
    *,
    from_: str | None = None,
    set_: Assignments = (),
    out: Path | None = None,
    print_config: bool = False,
) -> None:
    """Train a model from a configuration, or go on with a run.

    Each epoch is validated; the best and the last model are kept in the run's folder. Interrupted
    by Ctrl-C or a kill, `beenhere train RUN` goes on after the last finished epoch as if nothing
    had happened; with `--set fit.epochs=20` it trains longer.

    Args:
        config: a YAML file, the folder of a run, or the name of a configuration that ships.
        from_: fine-tune this model: a name such as `megaloc`, a checkpoint or a run folder. The
            recipe is that of the configuration `finetune`; of another CONFIG, such as the
            `train.yaml` of `beenhere data places`, only data and batch are taken.
        set_: an option, such as `optimizer.lr=1e-4`; may be repeated.
        out: folder of the run [default: runs/CONFIG].
        print_config: print every option with its value and meaning, and train nothing.
    """
    if config is None and from_ is None and not print_config:
        raise ConfigError(
            "nothing to train: give a YAML file, a configuration that ships (such as mixvpr), or "
            "the folder of a run; `beenhere train --print-config` shows every option"
        )
    if from_ is None:
        options, run_dir = _resolve(config, set_, out)
    else:
        options, run_dir = _fine_tuning(config, from_, set_, out)
    if print_config:
        print(config_yaml.explain(options), end="")
        return

    _run(options, run_dir)


def distil(
    *,
    teacher: str,
    photos: str,
    student: str | None = None,
    validation: str | None = None,
    set_: Assignments = (),
    out: Path | None = None,
    print_config: bool = False,
) -> None:
    """Make a small model that sees photos as a bigger one does; no photo needs a label.

    The teacher describes all photos once; the student learns its similarities, with numbers of its
    own. A share of the photos is held out, and each epoch says on how many of them student and
    teacher agree: the first that the student finds is among the teacher's first 5. Interrupted, the
    same command goes on, or `beenhere train RUN`.

    Args:
        teacher: any model: a name such as `megaloc`, a checkpoint, a run folder.
        photos: a folder or a table; positions and places are not looked at.
        student: a YAML file with `model:`, the name of a configuration that ships, or a run or
            checkpoint to start from [default: EfficientNet-Lite0 at 224 px with 512 numbers].
        validation: a folder with `database/` and `queries/`: it chooses the best epoch, and both
            models are measured on it.
        set_: an option, such as `fit.epochs=20`; may be repeated.
        out: folder of the run [default: runs/distil-TEACHER].
        print_config: print every option with its value and meaning, and train nothing.
    """
    from beenhere.training.distil import distil_options

    options = distil_options(teacher, photos, student, validation, set_)
    if print_config:
        print(config_yaml.explain(options), end="")
        return
    _run(options, out or Path("runs") / f"distil-{Path(teacher).name}")


def _run(options: TrainConfig, run_dir: Path) -> None:
    from beenhere.training.fit import fit

    try:
        result = fit(options, run_dir)
    except KeyboardInterrupt:
        leave_interrupted(f"go on with: beenhere train {run_dir}")
    _report(result, options)


def _resolve(
    config: str | None, assignments: Sequence[str], out: Path | None
) -> tuple[TrainConfig, Path]:
    """The options, and the folder of the run."""
    if config is None:
        return config_yaml.load(TrainConfig, None, assignments), Path("runs")
    path = Path(config)
    file = path / "config.yaml"
    if file.is_file():
        if out is not None:
            raise ConfigError(
                f"{path} is a run and goes on in its own folder; to start another one with its "
                f"options: beenhere train {file} --out {out}"
            )
        return config_yaml.load(TrainConfig, file, assignments), path
    if path.is_dir() and config not in abouts():
        raise ConfigError(
            f"{path} is not the folder of a run: it has no config.yaml; give a run, a YAML "
            "file, or the name of a configuration that ships"
        )
    file = path if path.suffix in (".yaml", ".yml") or path.is_file() else packaged(config)
    return config_yaml.load(TrainConfig, file, assignments), out or Path("runs") / file.stem


def _fine_tuning(
    config: str | None, start: str, assignments: Sequence[str], out: Path | None
) -> tuple[TrainConfig, Path]:
    """The recipe ``finetune``, on the photos of another configuration."""
    recipe = config_yaml.read_yaml(packaged(FINE_TUNING))
    name = f"{FINE_TUNING}-{Path(start).name}"
    if config is not None and config != FINE_TUNING:
        path = Path(config)
        if (path / "config.yaml").is_file():
            raise ConfigError(
                f"{path} is a run; to go on with it leave out --from, to fine-tune its model give "
                f"--from {path} and the photos: a train.yaml, or --set data.train=FOLDER"
            )
        file = path if path.suffix in (".yaml", ".yml") or path.is_file() else packaged(config)
        given = config_yaml.read_yaml(file)
        recipe |= {part: given[part] for part in ("data", "batch") if part in given}
        name = f"{file.stem}-{name}"
    where = str(Path(start).absolute()) if Path(start).exists() else start
    recipe["fit"] = {**recipe["fit"], "start": where}
    options = config_yaml.validate(TrainConfig, recipe, f"the configuration {FINE_TUNING}")
    return config_yaml.assign(options, assignments), out or Path("runs") / name


def _report(result: "FitResult", options: TrainConfig) -> None:
    if result.validation:
        tell(f"best       epoch {result.best_epoch}  {_recalls(result.validation)}")
    else:
        tell(f"best       epoch {result.best_epoch}, the last: there are no validation photos")
    if result.beginning and result.best_epoch == 0:
        print("           No epoch made the model better: the best one is that of its beginning.")
    for name, recalls in result.tests.items():
        tell(f"test       {name}  {_recalls(recalls)}")
        if name in result.gains and options.distil is None:
            tell(f"           {_gain(result.gains[name], str(result.baseline))}")
    if result.unreadable:
        tell(f"unreadable {count(len(result.unreadable), 'training photo')}:")
        for path, reason in list(result.unreadable.items())[:NAMED]:
            tell(f"           {path}: {reason}")
        if len(result.unreadable) > NAMED:
            tell(f"           all of them are in {result.run_dir / 'results.json'}")
    tell(f"model      {result.run_dir / 'checkpoints' / 'best'}")
    if options.distil is not None:
        _compare(result, options)
    if result.trained == 0:
        tell(
            f"The run had its {result.epochs} epochs already; train longer with: beenhere train "
            f"{result.run_dir} --set fit.epochs={2 * result.epochs}"
        )


def _compare(result: "FitResult", options: TrainConfig) -> None:
    """Teacher and student, side by side."""
    from beenhere.models import load_model
    from beenhere.training.distil import milliseconds_beside

    student = load_model(result.run_dir)
    teacher, *costs = milliseconds_beside(options, student)
    gains = result.gains.values()
    recalls = [[gain.recall_b for gain in gains], [gain.recall_a for gain in gains]]
    names = "teacher " + str(options.distil and options.distil.teacher), "student"
    rows = [
        (name, *(f"{recall:.1f}" for recall in found), f"{cost:.1f}", f"{model.descriptor_dim:,}")
        for name, model, found, cost in zip(names, (teacher, student), recalls, costs, strict=True)
    ]
    headings = [*(f"R@1 {name}" for name in result.gains), "ms a photo", "numbers"]
    console().print(figures_table([""], headings, rows, edge=True))
    for name, gain in result.gains.items():
        one = gain.comparison
        tell(
            f"{name}: student less teacher {one.difference:+.1f} [{one.low:+.1f}, {one.high:+.1f}] "
            f"points of R@1, {count(one.queries, 'query', 'queries')}"
        )


def _gain(found: "ConditionDifference", baseline: str) -> str:
    """What training brought on a test set, and whether chance would do it."""
    one = found.comparison
    points = f"{one.difference:+.1f} [{one.low:+.1f}, {one.high:+.1f}] points of R@1"
    against = f"{baseline} has R@1 {found.recall_b:.1f}"
    if one.low > 0:
        return f"{against}: training brought {points}"
    if one.high < 0:
        return f"{against}: training cost {points}; keep {baseline}"
    return (
        f"{against}: training brought nothing that {count(one.queries, 'query', 'queries')} can "
        f"tell ({points}); keep {baseline}"
    )


def _recalls(recalls: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.1f}" for name, value in recalls.items())
