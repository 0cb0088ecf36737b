"""The shell's completion, as docs/install.md sets it up."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("kling-async")


def test_a_shell_completes_a_command():
    """The installed program answers zsh, which needs no shell to be there."""
    asked = {"_KLING_ASYNC_COMPLETE": "zsh_complete", "COMP_WORDS": "kling-async mode", "COMP_CWORD": "1"}
    done = subprocess.run([PROGRAM], env=os.environ | asked, capture_output=True, text=True, check=False)
    assert ["plain", "models"] == done.stdout.splitlines()[:2]
