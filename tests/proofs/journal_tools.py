"""What the tests of the journal share: a picture that every rule accepts, and a subprocess' environment."""

import os
from pathlib import Path

import kling_async


def environment(**more):
    """A subprocess' environment: the package that this process tests, and none of the machine's own keys."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("KLING_")}
    return {**ours, "PYTHONPATH": str(Path(kling_async.__file__).parents[1]), **more}
