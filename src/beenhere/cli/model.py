"""``beenhere model``: models by name: which there are, what each is, how to have it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from beenhere.cli.output import agreed, console, leave_interrupted, tell, wrapped
from beenhere.config.models import BUILT_IN, DEFAULT_MODEL
from beenhere.errors import ConfigError
from beenhere.wording import file_size

if TYPE_CHECKING:
    from rich.table import Table

    from beenhere.config.models import ModelConfig
    from beenhere.models.published.catalogue import Family, PublishedModel, Recall

SHOWN_SETS = {"Pitts": "Pitts30k", "MSLS": "MSLS val"}
"""Sets whose published figures stand in the list, as most papers have them, by their headings."""

_TEXT = 100
"""Columns of running text at most."""


def list_models(family: str | None = None, /) -> None:
    """The models known by name: how long a descriptor, of which licence, how good, whether here.

    Every name goes wherever a model is taken: `--model megaloc`, `beenhere eval megaloc`.

    Args:
        family: list each of its models, such as `cosplace`; without one, a line for each family.
    """
    from beenhere.models.published.catalogue import families

    offered = [each for each in families() if each.variants]
    out = console()
    width = min(out.width, _TEXT)
    if family is not None:
        one = _family(family)
        if one is None:
            raise ConfigError(f"no family is called {family!r}; see 'beenhere model list'")
        tell(*wrapped(f"{one.title}: {' '.join(one.about.split())}", width), "")
        rows = [_row([model]) for model in _models_of(one)]
    else:
        rows = [_built_in_row(), *(_row(_models_of(each)) for each in offered)]
    out.print(_table(rows))
    legend = {
        "licence": "of the authors' code/of the weights; none: they state none",
        "here": "yes; fetch: at its first use, or by beenhere model get NAME; asks: that shows its "
        "licence first, and asks; by hand: beenhere model info NAME says how",
        "numbers": "of a descriptor",
        ", ".join(
            SHOWN_SETS
        ): f"R@1 in percent on {' and '.join(SHOWN_SETS.values())}, as the authors published it, "
        "each by a protocol of its own (beenhere model info NAME); none was measured here; ?: not "
        "known here",
    }
    if family is None:
        several = [each.name for each in offered if len(each.variants) > 1]
        others = [each.title for each in families() if not each.variants]
        legend["(n)"] = f"a family of n models: beenhere model list {' | '.join(several)}"
        legend["not offered"] = f"{', '.join(others)}; beenhere model info NAME says why"
    tell("", *_listed(legend, width))


def info(name: str, /) -> None:
    """All that is known of a model: what it is, its licence, its figures, how to have it.

    Args:
        name: of a model or a family, such as `megaloc`; or a checkpoint or run folder.
    """
    from beenhere.models.published.catalogue import find_published, published_model

    width = min(console().width, _TEXT)
    model, family = find_published(name), _family(name)
    if family is not None and model is None:
        tell(*_about_family(family, width))
    elif model is not None:
        tell(*_about(model, width))
    else:
        if name not in BUILT_IN and not Path(name).exists():
            published_model(name)  # says which there are
        tell(*_about_saved(name, width))


def get(name: str, /, *, mirror: str | None = None, accept_licence: bool = False) -> None:
    """Fetch a published model's weights, once for this machine.

    Its licence is shown first. Interrupted, the same command goes on where it was. A model is
    there whole or not there; its file's SHA-256 is kept, and compared when it comes again.

    Args:
        name: of the model, such as `megaloc`; see `beenhere model list`.
        mirror: fetch from this address instead: of another hub, for models of the hub, else of a
            folder that holds the file.
        accept_licence: agree to a licence that has to be seen first, without being asked.
    """
    from beenhere.models.published.catalogue import published_model
    from beenhere.models.published.store import get_published

    model = published_model(name)
    tell(*_licence(model.family))
    new = not model.is_here
    if new and model.family.ask and not accept_licence:
        agreed(
            "Press Enter if you may use it under these terms, Ctrl-C to leave. ",
            f"{model.name} has terms that have to be seen first (above); to agree, add "
            "--accept-licence",
        )
    try:
        get_published(model, accept=True, mirror=mirror)
    except KeyboardInterrupt:
        leave_interrupted("the same command goes on where it was")
    tell(f"{model.folder}: {'ready' if new else 'is there already'}")
    tell(f"Use it: beenhere index build photos --model {model.name}")


def import_file(file: Path, /, *, as_: str) -> None:
    """Take a published model's weights from a file that you got by hand.

    The file is read as tensors alone; code in it is never run. It has to be that model's, to the
    last name and shape, and stays as it is.

    Args:
        file: as its authors publish it: `.safetensors`, `.pth`, `.ckpt` or `.mat`.
        as_: the model's name, such as `megaloc`; see `beenhere model list`.
    """
    from beenhere.models.published.catalogue import published_model
    from beenhere.models.published.store import take

    model = published_model(as_)
    tell(*_licence(model.family))
    folder = take(model, file, source=f"a file, {file.name}")
    tell(f"{folder}: ready; {file} is as it was")
    tell(f"Use it: beenhere index build photos --model {model.name}")


def export(model: str, folder: Path, /) -> None:
    """Write a model as a checkpoint folder, which any machine loads by its path.

    Args:
        model: a name, such as `megaloc`, a checkpoint or a run folder.
        folder: to write; it gets the weights and a description with where they came from.
    """
    from beenhere.models import load_model, read_provenance, save_checkpoint

    loaded = load_model(model)
    save_checkpoint(loaded, folder, {"exported_from": model, **read_provenance(model)})
    size = sum(file.stat().st_size for file in folder.iterdir())
    tell(f"{folder}: {model}, {loaded.descriptor_dim:,} numbers a photo, {file_size(size)}")


def _models_of(family: "Family") -> "list[PublishedModel]":
    from beenhere.models.published.catalogue import published_models

    return [published_models()[name] for name in family.variants]


def _family(name: str) -> "Family | None":
    from beenhere.models.published.catalogue import families
    from beenhere.photos.catalog.named_sets import plain

    found = [each for each in families() if plain(name) in (plain(each.name), plain(each.title))]
    return found[0] if found else None


def _table(rows: list[list[str]]) -> "Table":
    """It fits a terminal of 80 columns."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("model", "network", "licence", "here"):
        table.add_column(heading, no_wrap=True)
    for heading in ("numbers", *SHOWN_SETS):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _row(models: "list[PublishedModel]") -> list[str]:
    """A line of the table for models of one family."""
    family, dims = models[0].family, sorted({model.dim for model in models})
    names = [model.name for model in models]
    networks = list(dict.fromkeys(_network(model.config) for model in models))
    if len(networks) > 1:
        networks = list(dict.fromkeys(_kind(network) for network in networks))
    return [
        names[0] if len(names) == 1 else f"{family.name} ({len(names)})",
        ", ".join(networks),
        "/".join(_short(text) for text in (family.code_licence, family.weights_licence)),
        _here(models),
        f"{dims[0]:,}" if len(dims) == 1 else f"{dims[0]:,}-{dims[-1]:,}",
        *(_figure(models, shown) for shown in SHOWN_SETS.values()),
    ]


def _built_in_row() -> list[str]:
    return [DEFAULT_MODEL, "EfficientNet", "Apache", "yes", "6,328", "?", "?"]


def _figure(models: "list[PublishedModel]", shown: str) -> str:
    """The highest R@1 on a set that the authors say of one of these; what they say comes first."""
    said = [next((each.r1 for each in m.recall if each.set == shown), 0.0) for m in models]
    return f"{max(said):.1f}" if any(said) else "?"


def _kind(network: str) -> str:
    """Such as ``"ResNets"`` of several."""
    kind = network.partition("-")[0]
    return kind if kind == "VGG" else f"{kind}s"


def _short(licence: str) -> str:
    """As a column of 80 holds it."""
    return licence.partition(" ")[0].replace("Apache-2.0", "Apache")


def _here(models: "list[PublishedModel]") -> str:
    here = sum(model.is_here for model in models)
    if here:
        return "yes" if here == len(models) else f"{here} of {len(models)}"
    if models[0].source.by_hand is not None:
        return "by hand"
    return "asks" if models[0].family.ask else "fetch"


_NETWORKS = {
    "vit_base_patch14_dinov2": "DINOv2 ViT-B",
    "vit_base_patch14_reg4_dinov2": "DINOv2 ViT-B",
    "vit_large_patch14_dinov2": "DINOv2 ViT-L",
    "vgg16": "VGG-16",
}


def _network(config: "ModelConfig") -> str:
    """The backbone as people call it."""
    name = config.backbone.name.partition(".")[0]
    return _NETWORKS.get(name, name.replace("resnet", "ResNet-"))


def _size(config: "ModelConfig") -> str:
    """What a photo is made before the network sees it."""
    options = config.preprocessing
    if options.image_size is None:
        return "as they are"
    height, width = options.image_size
    return f"{min(height, width)} px" if options.keep_aspect else f"{height} x {width}"


def _licence(family: "Family") -> list[str]:
    """What a person has to have seen before the weights are fetched."""
    width = min(console().width, _TEXT)
    title = wrapped(f"{family.title}: {' '.join(family.about.split())}", width)
    return [*title, *_listed(_terms(family), width)]


def _terms(family: "Family") -> dict[str, str]:
    return {
        "code": f"{family.code_licence} (the authors'; beenhere has its own)",
        "weights": family.weights_licence,
        "trained on": family.trained_on,
        "terms": family.terms,
    }


def _listed(facts: dict[str, str], width: int) -> list[str]:
    lines: list[str] = []
    for what, text in facts.items():
        if text:
            lines += wrapped(" ".join(text.split()), width, first=f"  {what:<11} ", indent=14)
    return lines


def _about_family(family: "Family", width: int) -> list[str]:
    lines = [f"{family.title}", *wrapped(" ".join(family.about.split()), width), ""]
    lines += _listed({"paper": family.paper, "page": family.page}, width)
    lines += _listed(_terms(family), width)
    if family.why_not is not None:
        return [*lines, "", "Not offered", *wrapped(" ".join(family.why_not.split()), width)]
    names = ", ".join(family.variants)
    lines += _listed({"input": family.input, "models": names}, width)
    return [*lines, *_figures(family.recall, width, of=True)]


def _figures(recalls: "Sequence[Recall]", width: int, of: bool = False) -> list[str]:
    """Published figures, a line or more for each.

    Args:
        of: say of which model.
    """
    lines = ["", "Published R@1, each by its own protocol; none was measured here"]
    for each in recalls:
        text = f"{each.variant}: " if of else ""
        text += f"{each.protocol} ({each.source})" if each.protocol else f"({each.source})"
        lines += wrapped(text, width, first=f"  {each.set:<16}{each.r1:5.1f}  ", indent=25)
    return lines if recalls else []


def _about(model: "PublishedModel", width: int) -> list[str]:
    family = model.family
    lines = [f"{family.title} ({model.name})", *wrapped(" ".join(family.about.split()), width), ""]
    lines += _listed(
        {
            "dim": f"{model.dim:,} numbers a photo",
            "size": f"about {file_size(1_000_000 * model.megabytes)}",
            "backbone": model.config.backbone.name,
            "input": family.input,
            "here as": f"{_size(model.config)}, {model.config.preprocessing.interpolation}",
            "paper": family.paper,
            "page": family.page,
        },
        width,
    )
    lines += _listed(_terms(family), width)
    lines += [*_figures(model.recall, width), "", "How to have it"]
    if model.is_here:
        from beenhere.models.checkpoint import checkpoint_provenance

        file = checkpoint_provenance(model.folder).get("file", {})
        return [*lines, f"  It is here: {model.folder}", f"  of {file.get('checksum', '?')}"]
    if model.source.by_hand is None:
        accept = " --accept-licence" if family.ask else ""
        lines.append(f"  beenhere model get {model.name}{accept}")
    lines += wrapped(f"By hand: {model.how_by_hand}", width, first="  ", indent=2)
    if model.mirror is not None:
        lines.append(f"  Also at {model.mirror}")
    return lines


def _about_saved(name: str, width: int) -> Iterator[str]:
    from beenhere.models import load_model, read_provenance

    model = load_model(name)
    weights = sum(parameter.numel() for parameter in model.parameters())
    provenance = read_provenance(name)
    yield name
    yield from _listed(
        {
            "dim": f"{model.descriptor_dim:,} numbers a photo",
            "parameters": f"{weights:,}",
            "fingerprint": model.fingerprint(),
            "source": str(provenance.get("source", "")),
            "created": str(provenance.get("created", "")),
        },
        width,
    )
