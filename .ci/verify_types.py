"""Prints how many of the public types of the installed wheel are known to pyright; fails below the floor.

Usage: python .ci/verify_types.py dist/kling_async-….whl

The wheel is installed into an environment of its own with all extras, so that what is judged is what users get: the
marker `py.typed` and the stub `__init__.pyi` have to be in it.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

FLOOR = 100.0
"""Percent of the public symbols."""

BIN = Path(sys.executable).parent
SHOWN = 40
"""Reasons that are printed at most; a type is also unknown because of the types that it uses."""


def install(wheel: Path, where: Path) -> Path:
    """Makes an environment with the wheel and all extras; returns its folder of programs."""
    python = where / "bin" / "python"
    subprocess.run([BIN / "uv", "venv", "--quiet", "--python", sys.executable, where], check=True)
    wanted = f"{wheel.resolve()}[all]"
    subprocess.run([BIN / "uv", "pip", "install", "--quiet", "--python", python, wanted], check=True)
    return python.parent


def report(programs: Path, folder: str) -> dict[str, Any]:
    """Runs pyright outside of the checkout; with --verifytypes it takes the first Python of the path, nothing else."""
    command = [str(BIN / "pyright"), "--verifytypes", "kling_async", "--ignoreexternal", "--outputjson"]
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    found: dict[str, Any] = json.loads(done.stdout)
    if not found["typeCompleteness"]["symbols"]:
        sys.exit(f"pyright found no public symbols: {found['generalDiagnostics']}")
    return found


def main() -> int:
    """The exit code: 0 at the floor or above it."""
    with tempfile.TemporaryDirectory() as folder:
        found: dict[str, Any] = report(install(Path(sys.argv[1]), Path(folder, "venv")), folder)[
            "typeCompleteness"
        ]
    unknown = [symbol for symbol in found["symbols"] if symbol["isExported"] and not symbol["isTypeKnown"]]
    reasons = [f"{symbol['name']}: {line['message']}" for symbol in unknown for line in symbol["diagnostics"]]
    for reason in sorted(reasons, key=lambda reason: "partially unknown" in reason)[
        :SHOWN
    ]:  # causes come first
        print(" ".join(reason.split()))
    percent = 100 * found["completenessScore"]
    print(f"{percent:.2f} % of the public types are known, {len(unknown)} are not; the floor is {FLOOR:g} %")
    return int(percent < FLOOR)


if __name__ == "__main__":
    sys.exit(main())
