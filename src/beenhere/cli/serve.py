"""``beenhere serve``: indexes on a page and over HTTP."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from beenhere.cli.parameters import show_last
from beenhere.config.serve import ServeConfig
from beenhere.devices import quiet_threads
from beenhere.errors import ConfigError

show_last(
    ServeConfig,
    but=("host", "port", "token_file", "workers", "tiles", "tiles_url", "attribution", "write"),
)


def serve(
    *indexes: Path,
    config: Annotated[ServeConfig, Parameter(name="*")] = ServeConfig(),
) -> None:
    """Answer where photos were taken: on a page for people, over HTTP for programs.

    The page needs no internet, and no photo leaves this machine. Other machines are served by
    `--host 0.0.0.0 --token-file FILE`. What is written to an index is seen within a second. Ctrl-C
    or SIGTERM lets running requests end.

    Args:
        indexes: folders of indexes; see `beenhere index build`.
        config: where to listen, what to take.
    """
    if not indexes:
        raise ConfigError("no index is named; give the folder of one, such as photos.index")
    missing = [name for name in ("fastapi", "uvicorn", "multipart") if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"serve needs {', '.join(missing)}, not installed; pip install 'beenhere[serve]'"
        )
    quiet_threads()
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")  # a fork cannot use a GPU in use
    from beenhere.serve.server import serve as serve_indexes

    serve_indexes(indexes, config)
