"""The published models that are known by name: what each is, its licence, where its weights lie.

Each family is a file in ``families/``, which a person can read and mend.
"""

import os
import shlex
from difflib import get_close_matches
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from beenhere.config.models import ModelConfig
from beenhere.errors import ConfigError
from beenhere.photos.catalog.named_sets import plain
from beenhere.wording import one_line

FAMILIES = (
    *("megaloc", "salad", "boq-r50", "boq-dinov2", "eigenplaces", "cosplace", "mixvpr"),
    *("cliquemining", "image", "fol", "supervlad", "qaa", "dino-mix", "convap", "netvlad"),
    *("patch-netvlad", "selavpr++", "edtformer", "sage", "anyloc", "cricavpr"),
)
"""Names of the families, those that people use most first."""


class _Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Facts):
    """Where the authors' file lies: at an address, at Google Drive, or at the Hugging Face hub.

    Attributes:
        url: its address; or
        drive: its id at Google Drive; or
        hub: ``owner/repository``; or
        by_hand: a page where a person finds it.
        name: of the file; of an address its end.
    """

    url: str | None = None
    drive: str | None = None
    hub: str | None = None
    by_hand: str | None = None
    name: str = ""

    @model_validator(mode="before")
    @classmethod
    def _name_of_url(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {"name": str(values.get("url", "")).rpartition("/")[2]} | values

    @model_validator(mode="after")
    def _one(self) -> "Source":
        ways = (self.url, self.drive, self.hub, self.by_hand)
        if sum(each is not None for each in ways) != 1 or not self.name:
            raise ValueError("give one of url, drive, hub, by_hand, and the file's name")
        return self

    @property
    def page(self) -> str:
        """An address that a browser opens to get the file."""
        if self.hub is not None:
            return f"https://huggingface.co/{self.hub}/resolve/main/{self.name}"
        drive = f"https://drive.google.com/file/d/{self.drive}/view"
        return self.url or self.by_hand or drive


class Recall(_Facts):
    """A figure that somebody published; two protocols cannot be compared.

    Attributes:
        variant: the model.
        set: that it was measured on.
        r1: R@1 in percent.
        protocol: which queries, and what is right.
        source: who says so.
    """

    variant: str
    set: str
    r1: float
    protocol: str = ""
    source: str


class _Variant(_Facts):
    dim: int
    megabytes: int
    source: Source
    mirror: str | None = None
    model: dict[str, Any] = {}
    bytes: int | None = None


class Family(_Facts):
    """Models of one paper.

    Attributes:
        name: of its file.
        title: as the paper has it.
        about: what it is, and when a person would take it.
        paper: authors, title, venue, year.
        page: of its code.
        code_licence: of the authors' code, which is not used here.
        weights_licence: of the weights.
        terms: what the terms of the training photos may mean for who uses the weights.
        ask: whether a person has to have seen the licence before the weights are fetched.
        trained_on: which photos.
        input: how the authors feed it, and what we do.
        layout: which converter reads their files; None where it is not offered.
        model: options that all variants share.
        variants: by the names that people type.
        recall: published figures.
        why_not: why it is not offered.
    """

    name: str
    title: str
    about: str
    paper: str
    page: str
    code_licence: str
    weights_licence: str
    terms: str = ""
    ask: bool = False
    trained_on: str = ""
    input: str = ""
    layout: str | None = None
    model: dict[str, Any] = {}
    variants: dict[str, _Variant] = {}
    recall: tuple[Recall, ...] = ()
    why_not: str | None = None


class PublishedModel(_Facts):
    """One model that can be named wherever a model is taken.

    Attributes:
        name: as people type it, such as ``"eigenplaces-r50-2048"``.
        family: what it shares with others.
        layout: which converter reads its file.
        config: architecture and preprocessing.
        dim: numbers of a descriptor.
        megabytes: of its weights in float32; an authors' file may hold more.
        source: where its file lies.
        mirror: another address of the same weights, for a person.
        bytes: of the file, where known.
    """

    name: str
    family: Family
    layout: str
    config: ModelConfig
    dim: int
    megabytes: int
    source: Source
    mirror: str | None = None
    bytes: int | None = Field(None, ge=0)

    @property
    def folder(self) -> Path:
        """Of its checkpoint on this machine, there or not."""
        return cache_folder() / self.name

    @property
    def is_here(self) -> bool:
        """Whether its weights are on this machine."""
        return (self.folder / "model.yaml").is_file()

    @property
    def how_by_hand(self) -> str:
        """What a person does to get the weights with a browser."""
        return (
            f"get {self.source.page} with a browser and type: beenhere model import "
            f"{shlex.quote(self.source.name)} --as {self.name}"
        )

    @property
    def recall(self) -> list[Recall]:
        """What was published of this one."""
        return [each for each in self.family.recall if each.variant == self.name]


def cache_folder() -> Path:
    """Where models lie: ``models`` of ``$BEENHERE_CACHE``, else of ``~/.cache/beenhere``."""
    own = os.environ.get("BEENHERE_CACHE")
    base = Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "beenhere"
    return base.expanduser() / "models"


@cache
def families() -> tuple[Family, ...]:
    """Every family, also those that are not offered."""
    return tuple(_read(name) for name in FAMILIES)


@cache
def published_models() -> dict[str, PublishedModel]:
    """Every model that is offered, by name, in the order of :data:`FAMILIES`."""
    found = {}
    for family in families():
        for name, variant in family.variants.items():
            assert family.layout is not None
            found[name] = PublishedModel(
                name=name,
                family=family,
                layout=family.layout,
                config=ModelConfig.model_validate(_merged(family.model, variant.model)),
                dim=variant.dim,
                megabytes=variant.megabytes,
                source=variant.source,
                mirror=variant.mirror,
                bytes=variant.bytes,
            )
    return found


def published_model(name: str) -> PublishedModel:
    """One model by its name, in any case, with or without the dashes.

    Raises:
        ConfigError: no such model, a family of several, or one that is not offered; says which
            there are, or why.
    """
    found = find_published(name)
    if found is not None:
        return found
    family = next((each for each in families() if plain(name) == plain(each.name)), None)
    if family is not None and family.variants:
        raise ConfigError(f"{name} is a family; take one of {', '.join(family.variants)}")
    if family is not None:
        raise ConfigError(f"{family.title} is not offered: {one_line(family.why_not or '', None)}")
    names = {*FAMILIES, *published_models()}
    near = get_close_matches(name.lower(), sorted(names), n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "see 'beenhere model list'"
    raise ConfigError(f"no published model is called {name!r}; {hint}")


def refuse_misspelt(text: str) -> None:
    """Say of a text that is no path what name it is nearly: of a family, or misspelt.

    Raises:
        ConfigError: as :func:`published_model`.
    """
    spelt = [plain(name) for name in (*FAMILIES, *published_models())]
    if get_close_matches(plain(text), spelt, n=1, cutoff=0.8):
        published_model(text)


def find_published(name: str) -> PublishedModel | None:
    """One model by its name, or None."""
    spelt = {plain(known): known for known in published_models()}
    return published_models().get(spelt.get(plain(name), ""))


def _merged(common: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    both = {**common, **own}
    for key in common.keys() & own.keys():
        if isinstance(common[key], dict) and isinstance(own[key], dict):
            both[key] = _merged(common[key], own[key])
    return both


def _read(name: str) -> Family:
    file = resources.files("beenhere.models.published") / "families" / f"{name}.yaml"
    try:
        return Family(name=name, **yaml.safe_load(file.read_text(encoding="utf-8")))
    except (ValidationError, yaml.YAMLError, TypeError) as error:
        raise ConfigError(f"{file}: {one_line(error, None)}") from error
