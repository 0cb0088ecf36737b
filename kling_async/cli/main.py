"""The entry point `kling-async`.

Promises: without the extra `cli` it says in one line what to install; a terminal or pipe that cannot show a character
gets it escaped instead of an exception; SIGTERM is as good as Ctrl-C.
"""

import sys
from importlib.util import find_spec
from io import TextIOWrapper

from kling_async.cli.signals import code_of_signal, listen

NEEDED = ("click", "rich")
"""What the extra `cli` brings."""


def main() -> None:
    """Runs the command line and exits with the code of its outcome; `--help` lists the codes."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        lacking = " and ".join(missing)
        sys.stderr.write(f'kling-async needs {lacking}: pip install "kling-async[cli]"\n')
        sys.exit(2)
    listen()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a pipe on Windows has a code page
    try:
        from kling_async.cli.group import cli  # noqa: PLC0415 - it imports click, which may be missing

        cli(prog_name="kling-async")
    except KeyboardInterrupt as interruption:  # before any command began
        sys.exit(code_of_signal(interruption))


if __name__ == "__main__":
    main()
