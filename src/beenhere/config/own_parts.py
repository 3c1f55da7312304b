"""Classes of a person's own that options name as ``module:Class``: import, arguments, permission.

A module is imported when its class is built, and never before somebody named it: options that a
person gives name it themselves, a checkpoint that was received does not (:func:`check_named`).
"""

import inspect
import os
import sys
import typing
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from inspect import Parameter
from typing import Any, TypeVar

from pydantic import ConfigDict, create_model

from beenhere.config import config_yaml
from beenhere.config.options import Options, OwnPart
from beenhere.errors import BeenhereError, ConfigError, ModelError
from beenhere.wording import did_you_mean, one_line

T = TypeVar("T")

_named: set[str] = set()


def name_parts(modules: Collection[str]) -> None:
    """Let checkpoints that this process loads use classes of some modules."""
    _named.update(modules)


def check_named(part: Options, modules: Collection[str], where: str) -> None:
    """Refuse a part of a checkpoint whose module nobody named.

    Args:
        part: options of any part; those of beenhere itself are never refused.
        modules: named for this checkpoint alone.
        where: the checkpoint lies.

    Raises:
        ModelError: says which module, and how to name it.
    """
    if isinstance(part, OwnPart) and part.module not in {*modules, *_named}:
        raise ModelError(
            f"{where} is a model with {part.name}, which is code outside of beenhere and not in "
            f"the checkpoint; if you trust the module {part.module}, name it: --parts "
            f"{part.module}, or in Python load_model(folder, parts=[{part.module!r}])"
        )


def build_own(part: OwnPart, option: str, base: type[T], **offered: Any) -> T:
    """Import a class and build it.

    Args:
        part: its name and its keyword arguments. They are held against the class's own signature
            and, as far as pydantic knows them, against its type hints.
        option: that names it, for errors, such as ``"model.aggregator"``.
        base: that the class has to derive from.
        offered: more keyword arguments; the class gets those that it has parameters for.

    Raises:
        ConfigError: no such module or class, one that cannot be imported, one of another kind than
            ``base``, or wrong arguments.
        ModelError: the class raises another error.
    """
    what = f"{option} {part.name}"
    made = _class(part, what, base)
    known = _parameters(made)
    arguments = _checked(made, known, part.model_extra or {}, offered, what)
    given = {name: value for name, value in offered.items() if name in known}
    with own_code(what):
        built: T = made(**given, **arguments)
    return built


def call_own(part: OwnPart, option: str) -> Any:
    """Import a function, or a class, and call it without arguments.

    Raises:
        ConfigError: no such module or function, or one that cannot be imported.
        ModelError: it raises another error.
    """
    what = f"{option} {part.name}"
    made = _import(part, what)
    with own_code(what):
        return made()


@contextmanager
def own_code(what: str) -> Iterator[None]:
    """Errors of code that is not ours become a ModelError of one line that says whose they are."""
    try:
        yield
    except BeenhereError:
        raise
    except Exception as error:
        kind, text = type(error).__name__, one_line(error)
        raise ModelError(f"{what}: {kind}: {text} (--debug shows where)") from error


def source_of(part: Any) -> str:
    """The source of a part, by which changed code is told from old; empty if there is none to read.

    That of its class, of its layers' classes and of those that they derive from, as far as they
    are of its own package; without blank lines and lines of comments alone.

    Args:
        part: a ``torch.nn.Module``.
    """
    package = type(part).__module__.partition(".")[0]
    return _source({kind for layer in part.modules() for kind in type(layer).__mro__}, package)


def source_of_class(part: OwnPart, option: str) -> str:
    """:func:`source_of` of a part that is not built: without its layers' classes.

    Raises:
        ConfigError: no such module or class, or one that cannot be imported.
    """
    made = _class(part, f"{option} {part.name}", object)
    return _source(set(made.__mro__), made.__module__.partition(".")[0])


def _source(kinds: set[type], package: str) -> str:
    own = [kind for kind in kinds if kind.__module__.partition(".")[0] == package]
    text = ""
    for kind in sorted(own, key=lambda kind: (kind.__module__, kind.__qualname__)):
        with suppress(OSError, TypeError):  # typed into an interpreter, say
            text += inspect.getsource(kind)
    lines = (line.rstrip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.lstrip().startswith("#"))


def _class(part: OwnPart, what: str, base: type) -> type[Any]:
    made = _import(part, what)
    if not isinstance(made, type) or not issubclass(made, base):
        package = base.__module__.partition(".")[0]
        raise ConfigError(f"{what} is no class that derives from {package}'s {base.__name__}")
    return made


def _import(part: OwnPart, what: str) -> Any:
    folder = os.getcwd()  # noqa: PTH109 - sys.path holds texts
    if folder not in sys.path:
        sys.path.append(folder)  # behind all else: a file here takes no other module's place
    try:
        module = import_module(part.module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{part.module}.".startswith(f"{error.name}."):
            raise ConfigError(f"{what} cannot be imported: {one_line(error)}") from error
        raise ConfigError(
            f"{what}: there is no module {error.name} in {folder} or installed; run in the folder "
            "of its file, or add that to PYTHONPATH"
        ) from error
    except (Exception, SystemExit) as error:
        kind = type(error).__name__
        raise ConfigError(f"{what} cannot be imported: {kind}: {one_line(error)}") from error
    name = part.name.partition(":")[2]
    if not hasattr(module, name):
        near = did_you_mean(name, [key for key, value in vars(module).items() if callable(value)])
        where = getattr(module, "__file__", part.module)
        raise ConfigError(f"{what}: {where} has no {name}{near and f'; {near.rstrip()}'}")
    return getattr(module, name)


def _parameters(made: type[Any]) -> dict[str, Parameter]:
    try:
        return dict(inspect.signature(made).parameters)
    except ValueError:  # of a class that is not written in Python
        return {}


class _Arguments(Options):
    """Keyword arguments of a class of a person's own."""

    model_config = ConfigDict(
        validate_default=False, arbitrary_types_allowed=True, protected_namespaces=()
    )


def _checked(
    made: type[Any],
    known: dict[str, Parameter],
    given: dict[str, Any],
    offered: dict[str, Any],
    what: str,
) -> dict[str, Any]:
    """The arguments as the class's type hints say; ``3`` for a float is 3.0."""
    try:
        hints = typing.get_type_hints(made.__init__)
    except Exception:  # names that exist for type checkers alone, say
        hints = {}
    fields: dict[str, Any] = {}
    for name, one in known.items():
        if one.kind in (Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL) or name in offered:
            continue
        hint = hints.get(name, float if isinstance(one.default, float) else Any)
        fields[name] = (hint, ... if one.default is Parameter.empty else one.default)
    takes_all = not known or any(one.kind is Parameter.VAR_KEYWORD for one in known.values())
    rest = {name: value for name, value in given.items() if takes_all and name not in fields}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a parameter may have the name of a method of pydantic's
        model = create_model("_Own", __base__=_Arguments, **fields)
    options = config_yaml.validate(
        model, {name: value for name, value in given.items() if name not in rest}, what
    )
    return rest | {name: getattr(options, name) for name in options.model_fields_set}
