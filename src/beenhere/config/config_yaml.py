"""Options from YAML files and ``a.b=c`` assignments, and back to YAML with every meaning.

An unknown name is an error that names the nearest one.
"""

import copy
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from beenhere.config.options import OWN, Options, OwnPart
from beenhere.errors import ConfigError
from beenhere.files.bounded_yaml import dump_yaml, load_yaml
from beenhere.files.regular import read_regular
from beenhere.wording import did_you_mean, one_line

O = TypeVar("O", bound=Options)  # noqa: E741

_SHOWN = 100
"""Characters of a name or value in a message; a file may hold longer ones."""

_CHOICES = ("loss", "miner", "aggregator", "schedule", "features")
"""Groups whose ``name`` decides which options they have."""


def load(kind: type[O], path: Path | None = None, assignments: Iterable[str] = ()) -> O:
    """Options of one kind: its defaults, then the YAML file, then the assignments in order.

    Args:
        kind: such as :class:`beenhere.config.training.TrainConfig`.
        path: a YAML file with any of its options, or None.
        assignments: texts ``"a.b=c"``; ``c`` is read as YAML. Assigning a ``name`` (``loss.name``,
            or ``loss`` itself) forgets the options of the one that was chosen before.

    Raises:
        ConfigError: an unreadable file, an unknown option, or a value out of range.
    """
    source = str(path) if path is not None else "options"
    values = read_yaml(path) if path is not None else {}
    assigned = copy.deepcopy(values)
    for text in assignments:
        _assign(assigned, text)
    try:
        return validate(kind, assigned, source)
    except ConfigError:
        validate(kind, values, source)  # where the file is at fault, this says so
        return validate(kind, assigned, "--set")


def assign(options: O, assignments: Iterable[str]) -> O:
    """The options with some of them assigned, as :func:`load` does it.

    Raises:
        ConfigError: an unknown option, or a value out of range.
    """
    values = plain(options)
    for text in assignments:
        _assign(values, text)
    return validate(type(options), values)


def change(values: dict[str, Any], changes: Mapping[str, Any]) -> None:
    """Set some options in a mapping of them, which is changed itself.

    Args:
        values: options by name, groups within groups, as a YAML file holds them.
        changes: new values by dotted name (``optimizer.lr``). A mapping changes what it names of
            a group; one for a choice (of the loss, say) replaces it as a whole.

    Raises:
        ConfigError: a dotted name that leads through a value, not a group.
    """
    for name, value in changes.items():
        if isinstance(value, Mapping) and name.split(".")[-1] not in _CHOICES:
            change(values, {f"{name}.{inner}": part for inner, part in value.items()})
        else:
            _change_one(values, name.split("."), value, name)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping that a YAML file holds.

    Raises:
        ConfigError: no such file, not YAML, or not a mapping.
    """
    try:
        values = load_yaml(read_regular(path).decode())
    except OSError as error:
        reason = error.strerror or one_line(error)
        raise ConfigError(f"{path}: cannot be read ({reason}); expected a YAML file") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: cannot be read (not UTF-8); expected a YAML file") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not YAML: {one_line(error)}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: holds a {type(values).__name__}; expected options by name")
    return values


def validate(kind: type[O], values: dict[str, Any], source: str = "options") -> O:
    """Options from a mapping; ``source`` says in errors where they came from.

    Raises:
        ConfigError: the first thing wrong, in one line.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{source}: {_explain(kind, error.errors()[0])}") from error


def plain(options: Options) -> dict[str, Any]:
    """The options as a mapping of YAML's own types, every default spelt out."""
    return options.model_dump(mode="json")


def write(options: Options, path: Path) -> None:
    """Write the resolved options as YAML."""
    path.write_text(dump_yaml(plain(options), allow_unicode=False), encoding="utf-8")


def explain(options: Options) -> str:
    """YAML with each option's meaning as a comment: a file to start from.

    Where there is a choice, such as of the loss, those not chosen follow as comments.
    """
    return "\n".join(_explained(options, 0)) + "\n"


def _assign(values: dict[str, Any], text: str) -> None:
    name, equals, value = text.partition("=")
    keys = name.strip().split(".")
    if not equals or not all(keys):
        raise ConfigError(f"--set {text!r}: expected NAME=VALUE, such as optimizer.lr=1e-4")
    try:
        assigned = _yaml_value(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {text!r}: the value is not YAML") from error
    _change_one(values, keys, assigned, f"--set {text!r}")


def _change_one(values: dict[str, Any], keys: list[str], value: Any, what: str) -> None:
    group = values
    for depth, key in enumerate(keys[:-1]):
        inner = group.get(key)
        if isinstance(inner, str):
            inner = {"name": inner}
        elif inner is None:
            inner = {}
        elif not isinstance(inner, dict):
            raise ConfigError(f"{what}: {'.'.join(keys[: depth + 1])} is not a group")
        if key in _CHOICES and keys[depth + 1 :] == ["name"]:
            inner = {}
        group[key] = inner
        group = inner
    if keys[-1] == "preset":
        # A file with every option spelt out holds the values of the preset chosen before.
        for other in [key for key in group if key != "name"]:
            del group[other]
    group[keys[-1]] = value


def _yaml_value(text: str) -> Any:
    value = load_yaml(text)
    if isinstance(value, str):
        try:
            return float(value)  # YAML 1.1 reads 1e-4 as a text
        except ValueError:
            return value
    return value


def _explain(kind: type[BaseModel], error: ErrorDetails) -> str:
    path = list(error["loc"])
    shown = [str(part) for part in path if part != OWN]
    name = one_line(".".join(part for part in shown if not part.startswith("function-")), _SHOWN)
    if error["type"] == "extra_forbidden":
        siblings = _siblings(kind, path[:-1])
        return f"{name!r} is not an option; {_hint(str(path[-1])[:_SHOWN], siblings)}"
    if error["type"] == "union_tag_invalid":
        context = error.get("ctx", {})
        got, choices = str(context.get("tag", ""))[:_SHOWN], str(context.get("expected_tags", ""))
        names = [choice.strip().strip("'") for choice in choices.split(",")]
        return f"{name} is {got!r}; {_hint(got, names)}"
    if error["type"] == "missing":
        return f"{name!r} is missing"
    message = error["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if not name:
        return message
    # A message on several options of a group names them itself.
    group = error["type"] == "value_error" and isinstance(error["input"], dict)
    if group:
        return f"{name}: {message}"
    return f"{name} is {one_line(repr(error['input']), _SHOWN)}: {message}"


def _hint(got: str, choices: list[str]) -> str:
    return did_you_mean(got, choices).rstrip() or f"expected one of {', '.join(choices)}"


def _siblings(kind: type[BaseModel], path: list[int | str]) -> list[str]:
    """Names of the options in the group at ``path``."""
    models: list[type[BaseModel]] = [kind]
    for part in path:
        fields = [model.model_fields.get(str(part)) for model in models]
        inner = [m for field in fields if field for m in _models_of(field.annotation)]
        tagged = [m for m in models if _tag(m) == part]
        models = inner or tagged or models
    return sorted({name for model in models for name in model.model_fields})


def _models_of(annotation: Any) -> list[type[BaseModel]]:
    """The groups that an option's type names, in its unions too."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models_of(part)]


def _tag(model: type[BaseModel]) -> str | None:
    field = model.model_fields.get("name")
    return None if field is None or field.is_required() else field.default


def _about(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().partition("\n")[0]


def _explained(options: BaseModel, depth: int) -> list[str]:
    indent = "  " * depth
    lines = []
    dumped = options.model_dump(mode="json")
    for name, field in type(options).model_fields.items():
        value = getattr(options, name)
        if isinstance(value, BaseModel):
            models = _models_of(field.annotation)
            choices = [model for model in models if _tag(model)]
            shown = [str(_tag(model)) for model in choices] + [OWN] * (OwnPart in models)
            names = f" [{' | '.join(shown)}]" if len(shown) > 1 else ""
            lines += [f"{indent}{name}:  # {_about(type(value))}{names}"]
            lines += _explained(value, depth + 1)
            for other in choices:
                if not isinstance(value, other):
                    lines += [f"{indent}  # or  # {_about(other)}"]
                    lines += [f"{indent}  # {line}" for line in _explained(other(), 0)]
            continue
        note = f"  # {field.description}" if field.description else ""
        lines.append(f"{indent}{name}: {_in_one_line(dumped[name])}{note}")
    lines += [f"{indent}{key}: {_in_one_line(dumped[key])}" for key in options.model_extra or ()]
    return lines


def _in_one_line(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=1000).strip()
    return text.removesuffix("...").strip()
