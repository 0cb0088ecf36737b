"""The fixed list of seeds; `make simulate-fixed`. Fresh ones are for `make simulate`."""

import hashlib
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from simulation import regressions, seeds
from simulation.plan import make_plan
from simulation.simulate import simulate

pytestmark = [pytest.mark.simulation, pytest.mark.timeout(600)]

TESTS = Path(__file__).parent.parent

CHUNKS = [
    tuple(seeds.BROAD[start : start + seeds.CHUNK]) for start in range(0, len(seeds.BROAD), seeds.CHUNK)
]


@pytest.mark.parametrize("defect", regressions.DEFECTS, ids=lambda defect: defect.name)
def test_a_defect_that_was_found_stays_mended(defect):
    """The world that showed it holds."""
    assert () == simulate(defect.plan).problems


DIGESTS = """
from simulation.plan import make_plan
from simulation.simulate import simulate
print(*(simulate(make_plan(seed)).digest for seed in range(10)))
"""


@pytest.mark.parametrize("chunk", [*CHUNKS, seeds.ONCE_FAILED], ids=lambda chunk: f"{chunk[:1]}")
def test_no_seed_of_the_list_finds_a_broken_promise(chunk):
    """Nothing lost, nothing twice, no slot leaked, no file half, no id unknown, no secret shown, and everything ends."""
    failed = {seed: result.problems for seed in chunk if (result := simulate(make_plan(seed))).problems}
    assert {} == failed, f"replay with: make simulate SEED={next(iter(failed))}"


def test_the_list_has_ten_thousand_jobs_and_trouble_for_them():
    """The fixed list is not emptied by chance: plans hold this many jobs, troubles and sessions that can die."""
    plans = [make_plan(seed) for seed in seeds.BROAD]
    deadly = Counter(trouble.kind for plan in plans for trouble in plan.troubles)
    assert 10_000 <= sum(plan.jobs for plan in plans)
    assert 7_000 <= sum(len(plan.troubles) for plan in plans)
    assert 900 <= deadly["kill"] + deadly["power"]


@pytest.mark.parametrize("hash_seed", ["0", "4711"])
def test_one_seed_gives_one_history_in_every_process(hash_seed):
    """Ten seeds have the same history to the byte here and in a process with other hashes."""
    here = [simulate(make_plan(seed)).digest for seed in range(10)]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(TESTS)}
    there = subprocess.run(
        [sys.executable, "-c", DIGESTS], env=environment, capture_output=True, text=True, check=True
    ).stdout.split()
    assert here == there


def test_another_seed_gives_another_history():
    """The digest tells histories apart, so that the test above can fail."""
    digests = {simulate(make_plan(seed)).digest for seed in range(10)}
    assert 10 == len(digests)
    assert 32 == len(next(iter(digests))) == 2 * hashlib.blake2b(digest_size=16).digest_size
