"""The command line: which commands there are, and how an error reaches a person."""

import os
import re
import sys
from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING, Literal, NoReturn, get_args, get_origin

from cyclopts import (
    App,
    Argument,
    CoercionError,
    CycloptsError,
    Group,
    MissingArgumentError,
    Parameter,
    RepeatArgumentError,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
    ValidationError,
)

from beenhere import __version__
from beenhere.cli.output import INTERRUPTED, PlainStream, say
from beenhere.cli.parameters import OPTION_OF, as_typed
from beenhere.errors import BeenhereError, ConfigError
from beenhere.wording import did_you_mean, one_line

if TYPE_CHECKING:
    import pydantic

BAD_INPUT, OUR_FAILURE = 2, 1

_KINDS: dict[object, str] = {int: "a whole number", float: "a number", bool: "true or false"}
_order = count()  # the help lists commands as they are added, not by the alphabet


def _group(parent: App, name: str, line: str) -> App:
    group = App(name=name, help=line, sort_key=next(_order))
    parent.command(group)
    return group


def _add(parent: App, *commands: tuple[str, str, str]) -> None:
    """Commands by name, function in this folder, and the line that lists show.

    A command is imported when it runs: torch takes seconds, ``--help`` must not.
    """
    for name, function, line in commands:
        parent.command(f"beenhere.cli.{function}", name=name, help=line, sort_key=next(_order))


app = App(
    name="beenhere",
    help="Visual place recognition: train a model, prove how good it is, find the photos "
    "of the same place. Start with `beenhere demo`.",
    version=__version__,
    version_flags=["--version"],
    suppress_keyboard_interrupt=False,  # main says that it was one
    help_format="markdown",
    group_parameters=Group("Options", sort_key=1),
    default_parameter=Parameter(negative_bool=(), negative_iterable=(), show_default=as_typed),
)
_add(
    app,
    ("demo", "demo:demo", "See it work: render a city, train on it, measure, and draw matches."),
    ("train", "train:train", "Train a model from a configuration, or go on with a run."),
    ("distil", "train:distil", "Make a small model from a big one, on photos without labels."),
    ("eval", "eval:evaluate", "Recall@N of a model on a database and queries, or on one folder."),
    ("compare", "compare:compare", "The queries that one model gets right and another wrong."),
)
_add(
    _group(app, "model", "Models by name: published ones, what they are, how to have them."),
    ("list", "model:list_models", "The models known by name."),
    ("info", "model:info", "All that is known of a model."),
    ("get", "model:get", "Fetch a published model's weights."),
    ("import", "model:import_file", "Take a published model's weights from a file."),
    ("export", "model:export", "Write a model as a folder that any machine loads."),
)
_add(
    _group(app, "study", "Tables of trainings that differ in one thing, with their statistics."),
    ("run", "study:run", "Train and test what a study still lacks."),
    ("status", "study:status", "How far each row of a study is."),
    ("report", "study:report", "Write the report of a study."),
)
_add(
    _group(app, "index", "Saved indexes: photos that can be searched, and where they are."),
    ("build", "index:build", "Make an index of photos with a model."),
    ("add", "index:add", "Add photos to an index."),
    ("remove", "index:remove", "Take photos out of an index."),
    ("info", "index:info", "Photos, model, search and size of an index."),
    ("check", "index:check", "See that no file of an index is damaged."),
    ("compact", "index:compact", "Give back the space of removed photos."),
    ("train", "index:train", "Change how an index is searched."),
    ("pairs", "pairs:pairs", "Pairs of photos that look alike, for hloc and COLMAP."),
    ("export", "pairs:export", "Write the descriptors of an index for hloc."),
)
_add(
    app,
    ("search", "search:search", "The photos of an index that look most like others."),
    ("locate", "locate:locate", "Where photos were taken: position, radius, probability."),
    ("tag", "tag:tag", "Write positions that were found into photos, or take them out."),
    ("serve", "serve:serve", "A page and an API that say where photos were taken."),
    ("calibrate", "calibrate:calibrate", "Fit how sure an index's answers are."),
)
_add(
    _group(app, "data", "Photo sets: get them, check them, make them of your own photos."),
    ("show", "data:show", "Photos, positions and dates in a folder or table."),
    ("check", "data:check", "Find what is wrong with photos and would change a score."),
    ("leave-out", "data:leave_out", "Tables of sets without the photos on a fix list."),
    ("list", "data_sets:list_sets", "The published sets known by name."),
    ("get", "data_sets:get", "Download a published set."),
    ("import", "data_sets:import_set", "Check a published set that you got by hand."),
    ("places", "data_make:places", "Make a training set of your own photos."),
    ("views", "data_make:views", "Cut panoramas into views, each with its heading."),
    ("track", "data_make:track", "Positions for photos or video frames, from GPS tracks."),
    ("convert", "data_make:convert", "Write a set in another layout, or as shards."),
    ("city", "data_make:city", "Render the synthetic demo city."),
)


def main() -> NoReturn:
    """Run one command; exit 0 when it did its work, 2 for bad input, 1 for a failure of ours."""
    for name in ("stdout", "stderr"):
        if (inner := getattr(sys, name)) is not None:  # closed by who called
            setattr(sys, name, PlainStream(inner))
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    if len(arguments) < len(sys.argv) - 1:
        app(arguments)
        sys.exit(0)
    try:
        _refuse_empty(arguments)
        _show_docstring(arguments)
        app(arguments, exit_on_error=False, print_error=False)
        sys.stdout.flush()  # here, where it is no error that nobody reads it
    except BeenhereError as error:
        say(str(error))
        sys.exit(error.exit_code)
    except CycloptsError as error:
        command = " ".join(("beenhere", *(error.command_chain or ())))
        said = _explained(error).rstrip(" ;.")
        say(f"{said}{'' if said.endswith('?') else '.'} Try '{command} --help'.")
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        say("interrupted")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has gone (`| head`); Python would complain once more at exit.
        for stream in (sys.stdout, sys.stderr):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        sys.exit(0)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        reason = (error.strerror or str(error)).lower()
        say(f"{where}{reason}; give a file or folder that is usable")
        sys.exit(BAD_INPUT)
    except Exception as error:
        kind, text = type(error).__name__, one_line(error, None)
        say(f"{kind}: {text} (a fault of beenhere; add --debug to see where)")
        sys.exit(OUR_FAILURE)
    sys.exit(0)


def _refuse_empty(arguments: Sequence[str]) -> None:
    """An empty name would be the current folder; it is a variable of a script that was not set."""
    for argument in arguments:
        option, _, value = (
            argument.partition("=") if argument.startswith("-") else ("", "", argument)
        )
        if not value.strip() and (not option or "=" in argument):
            what = f"{option} is" if option else "an argument is"
            raise ConfigError(f"{what} empty; give a name, or leave it out")


def _show_docstring(arguments: Sequence[str]) -> None:
    """Let the page of a command say all that its function does; lists have a line of it."""
    names = [each for each in arguments if each not in app.help_flags]
    command = app.parse_commands(names)[1][-1]
    if command.default_command is not None:
        command.help = command.default_command.__doc__


def _explained(error: CycloptsError) -> str:
    """One line: what was got, and what was expected."""
    import pydantic

    if isinstance(error.__cause__, pydantic.ValidationError):
        return _refused(error.__cause__)
    argument = error.argument
    if isinstance(error, UnknownCommandError) and error.app and error.unused_tokens:
        name, names = error.unused_tokens[0], [each for each in error.app if each[0] != "-"]
        hint = did_you_mean(name, names)
        return f"there is no command {name!r}; {hint}there are {', '.join(names)}"
    if isinstance(error, UnknownOptionError):
        given = (error.token.keyword or error.token.value).partition("=")[0]
        options = [name for each in error.argument_collection for name in each.names]
        return f"there is no option {given}; {did_you_mean(given, options)}"
    if isinstance(error, UnusedCliTokensError):
        return f"there is no place for {' '.join(error.unused_tokens or [])!r}"
    if isinstance(error, RepeatArgumentError):
        return f"{error.token.keyword} is given more than once"
    if type(error) is MissingArgumentError and argument is not None:
        return _missing(error, argument)
    if isinstance(error, CoercionError) and error.token is not None and error.msg is None:
        name = error.token.keyword or (argument.name if argument is not None else "an argument")
        return f"{name} is {error.token.value!r}; {_expected(error)}"
    if isinstance(error, ValidationError) and argument is not None and argument.tokens:
        name, bound = argument.tokens[0].keyword or argument.name, error.exception_message
        for sign, words in (("Must be >= ", "or more"), ("Must be <= ", "or less")):
            if bound.startswith(sign):
                bound = f"expected {bound.removeprefix(sign).rstrip('.')} {words}"
        return f"{name} is {argument.tokens[0].value}; {_begin_small(bound)}"
    return one_line(error, None)


def _missing(error: MissingArgumentError, argument: Argument) -> str:
    assert error.app is not None
    # Docstrings are read for help and errors alone: it takes its time.
    known = error.app.assemble_argument_collection(parse_docstring=True)
    meaning = next((a.parameter.help or "" for a in known if a.name == argument.name), "")
    meaning = one_line(f": {meaning}".replace("`", ""), None) if meaning else ""
    given = error.keyword or next((t.keyword for t in argument.tokens if t.keyword), None)
    if given is not None:
        values = argument.token_count()[0]
        return f"{given} takes {f'{values} values' if values > 1 else 'a value'}{meaning}"
    for other in error.unused_tokens or []:
        if hint := did_you_mean(other, [argument.name]):
            return f"{argument.name} is missing, and there is no option {other}; {hint}"
    return f"{argument.name} is missing{meaning}"


def _expected(error: CoercionError) -> str:
    assert error.token is not None
    if get_origin(error.target_type) is not Literal:
        return f"expected {_KINDS.get(error.target_type, error.target_type)}"
    choices = [str(choice) for choice in get_args(error.target_type)]
    hint = did_you_mean(error.token.value, choices)
    return f"{hint}expected one of {', '.join(choices)}"


def _refused(error: "pydantic.ValidationError") -> str:
    """An option's value that its model refuses."""
    first = error.errors()[0]
    message = _begin_small(first["msg"].removeprefix("Value error, "))
    if first["type"] != "value_error" or not isinstance(first["input"], dict):
        return f"{_flag(*first['loc'])} is {first['input']!r}: {message}"
    # Of several options that do not go together the message has the names, as in a file.
    group, given = first["loc"], first["input"]
    return re.sub(r"\w+", lambda n: _flag(*group, n[0]) if n[0] in given else n[0], message)


def _flag(*path: int | str) -> str:
    """The option that a path in the options leads to; a number in it is one of several values."""
    names = (OPTION_OF.get(name, name) for name in path if isinstance(name, str))
    return "--" + ".".join(names).replace("_", "-")


def _begin_small(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
