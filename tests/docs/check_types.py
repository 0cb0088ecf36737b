"""Has mypy (strict) and pyright judge each block of Python of README.md and docs/, and the examples; `make types`.

Usage: python tests/docs/check_types.py [document …]

A block is judged as it is run, with its hidden set-up (see doc_blocks.py); messages name the document and its line.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from doc_blocks import PYTHON, ROOT, documents, read_blocks

BIN = Path(sys.executable).parent


def extract(paths, folder):
    """Writes each block as a module of its own, at the document's lines; returns the document of each module."""
    origins = {}
    for path in paths:
        for block in read_blocks(path):
            if block.language == PYTHON:  # sessions show errors on purpose
                name = re.sub(r"\W", "_", f"{path.stem}_{block.line}") + ".py"
                folder.joinpath(name).write_text(block.source, encoding="utf-8")
                origins[name] = path
    return origins


def judge(command, folder, origins):
    """Runs a type checker on the modules and prints what it says; returns its exit code."""
    modules = [str(folder / name) for name in origins]
    done = subprocess.run(
        [*command, *modules, "examples"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    for name, path in origins.items():
        said = said.replace(str(folder / name), str(path))
    print(said, end="")
    return done.returncode


def main():
    """The exit code: 0 if both type checkers have nothing to say."""
    paths = [Path(name) for name in sys.argv[1:]] or documents()
    with tempfile.TemporaryDirectory() as name:
        origins = extract(paths, Path(name))
        print(f"{len(origins)} blocks of Python in {len(paths)} documents, and the examples")
        codes = [
            judge([BIN / "mypy", "--strict"], Path(name), origins),
            judge([BIN / "pyright", "--pythonpath", sys.executable], Path(name), origins),
        ]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
