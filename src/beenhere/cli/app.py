"""The command line: which commands there are, and how an error reaches a person."""

import os
import re
import sys
from typing import NoReturn

from cyclopts import App, CycloptsError

from beenhere import __version__
from beenhere.errors import BeenhereError
from beenhere.wording import one_line

BAD_INPUT, OUR_FAILURE, INTERRUPTED = 2, 1, 130

app = App(
    name="beenhere",
    help="Visual place recognition: train a model, prove how good it is, find the photos "
    "of the same place. Start with `beenhere demo`.",
    version=__version__,
    version_flags=["--version"],
    suppress_keyboard_interrupt=False,  # main says that it was one
    help_format="markdown",
)
# A text is imported when its command runs: torch takes seconds, `--help` must not.
app.command(
    "beenhere.cli.demo:demo",
    name="demo",
    help="See it work: render a city, train on it, measure, and draw what was found.",
)
app.command(
    "beenhere.cli.train:train",
    name="train",
    help="Train a model from a configuration, or go on with a run.",
)
app.command(
    "beenhere.cli.eval:evaluate",
    name="eval",
    help="Recall@N of a model on a database and queries, or on one folder of photos.",
)
app.command(
    "beenhere.cli.compare:compare",
    name="compare",
    help="The queries that one model gets right and another wrong, counted and drawn.",
)

study = App(
    name="study", help="Tables of trainings that differ in one thing, with their statistics."
)
study.command("beenhere.cli.study:run", name="run", help="Train and test what a study still lacks.")
study.command("beenhere.cli.study:status", name="status", help="How far each row of a study is.")
study.command("beenhere.cli.study:report", name="report", help="Write the report of a study.")
app.command(study)

index = App(name="index", help="Saved indexes: photos that can be searched, and where they are.")
index.command(
    "beenhere.cli.index:build", name="build", help="Make an index of photos with a model."
)
index.command("beenhere.cli.index:add", name="add", help="Add photos to an index.")
index.command("beenhere.cli.index:remove", name="remove", help="Take photos out of an index.")
index.command("beenhere.cli.index_info:info", name="info", help="What an index holds.")
index.command("beenhere.cli.index:check", name="check", help="See that no file is damaged.")
index.command(
    "beenhere.cli.index:compact", name="compact", help="Give back the space of removed photos."
)
index.command("beenhere.cli.index:train", name="train", help="Change how an index is searched.")
app.command(index)

app.command(
    "beenhere.cli.locate:locate",
    name="locate",
    help="Where photos were taken, by an index: position, radius, probability, or unknown.",
)

app.command(
    "beenhere.cli.calibrate:calibrate",
    name="calibrate",
    help="Fit how sure an index's answers are, on photos of which the place is known.",
)

data = App(name="data", help="Photo sets: get them, check them, make them of your own photos.")
data.command(
    "beenhere.cli.data_list:list_sets",
    name="list",
    help="The published sets known by name.",
)
data.command("beenhere.cli.data_get:get", name="get", help="Download a published set.")
data.command(
    "beenhere.cli.data_import:import_set",
    name="import",
    help="Check a published set that you got by hand, and lay it out.",
)
data.command("beenhere.cli.data:show", name="show", help="What a folder or table of photos holds.")
data.command(
    "beenhere.cli.data_check:check",
    name="check",
    help="Find what is wrong with photos and would change a score.",
)
data.command(
    "beenhere.cli.data_check:leave_out",
    name="leave-out",
    help="Tables of sets without the photos on a fix list.",
)
data.command(
    "beenhere.cli.data_places:places",
    name="places",
    help="Make a training set of your own photos.",
)
data.command(
    "beenhere.cli.data_views:views",
    name="views",
    help="Cut panoramas into views, each with its heading.",
)
data.command(
    "beenhere.cli.data_track:track",
    name="track",
    help="Positions for photos or video frames, by time, from GPS tracks.",
)
data.command(
    "beenhere.cli.data_convert:convert",
    name="convert",
    help="Write a set in another layout, or as shards.",
)
data.command("beenhere.cli.data:city", name="city", help="Render the synthetic demo city.")
app.command(data)


def main() -> NoReturn:
    """Run one command; exit 0 when it did its work, 2 for bad input, 1 for a failure of ours."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    if len(arguments) < len(sys.argv) - 1:
        app(arguments)
        sys.exit(0)
    try:
        app(arguments, exit_on_error=False, print_error=False)
    except BeenhereError as error:
        _say(str(error))
        sys.exit(error.exit_code)
    except CycloptsError as error:
        command = " ".join(("beenhere", *(error.command_chain or ())))
        _say(f"{_one_line(error)} Try '{command} --help'.")
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        _say("interrupted")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has gone (`| head`); Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _say(
            f"{where}{(error.strerror or str(error)).lower()}; give a file or folder that is usable"
        )
        sys.exit(BAD_INPUT)
    except Exception as error:
        kind, text = type(error).__name__, one_line(error, None)
        _say(f"{kind}: {text} (a fault of beenhere; add --debug to see where)")
        sys.exit(OUR_FAILURE)
    sys.exit(0)


def _one_line(error: CycloptsError) -> str:
    from pydantic import ValidationError

    if not isinstance(error.__cause__, ValidationError):
        return one_line(error, None)
    first = error.__cause__.errors()[0]  # an option's value that its model refuses
    message = first["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if first["type"] != "value_error" or not isinstance(first["input"], dict):
        return f"{_flag(*first['loc'])} is {first['input']!r}: {message}."
    # Of several options that do not go together the message has the names, as in a file.
    group, given = first["loc"], first["input"]
    flags = re.sub(r"\w+", lambda n: _flag(*group, n[0]) if n[0] in given else n[0], message)
    return f"{flags}."


def _flag(*names: int | str) -> str:
    return "--" + ".".join(map(str, names)).replace("_", "-")


def _say(text: str) -> None:
    print(f"beenhere: {text}", file=sys.stderr)
