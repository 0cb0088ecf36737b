"""The scripts of examples/ do what their first lines say, against the emulator, as their readers would run them."""

import os
import subprocess
import sys

import pytest
from docs.doc_blocks import ROOT


@pytest.fixture
def run_batch(world):
    """Runs the batch on the world's three stills; returns the finished process."""
    world.provide("")

    def run():
        return subprocess.run(
            [sys.executable, ROOT / "examples" / "batch.py", "stills", "videos"],
            cwd=world.folder,
            env=os.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=50,
        )

    return run


def test_the_batch_makes_a_video_of_each_picture(run_batch, world):
    """One line for each video, and the file is there."""
    done = run_batch()
    assert (0, "") == (done.returncode, done.stderr)
    names = [f"videos/{name}.mp4" for name in ("boat", "cat", "harbour")]
    assert names == sorted(done.stdout.split())
    assert all(world.folder.joinpath(name).stat().st_size for name in names)


def test_the_batch_run_again_pays_for_nothing(run_batch, world):
    """The journal knows the jobs: no task is created, and the videos are written again."""
    first, second = run_batch(), run_batch()
    assert (0, 3) == (second.returncode, len(world.emulator.tasks))
    assert sorted(first.stdout.split()) == sorted(second.stdout.split())


def test_the_batch_reports_a_failure_and_goes_on(run_batch, world):
    """The failed job's picture and the service's reason are on stderr; the others have their videos."""
    world.emulator.fail_next("policy")
    done = run_batch()
    assert 1 == done.returncode
    assert 2 == len(done.stdout.split())
    assert "policy" in done.stderr
