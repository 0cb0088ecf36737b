"""Proof 1, the fault matrix: whatever strikes, no job is paid for twice and none that was paid for is lost.

`python -m pytest tests/proofs/test_proof_faults.py -s` prints how many faults were injected; `-m slow` runs the long one.
"""

import asyncio
import random
from collections import Counter

import pytest
from proof_helpers import (
    Told,
    client,
    emulating,
    judge_lost,
    judge_twice,
    lagging,
    most_in_flight,
    requests,
    run_batch,
    unguarded,
)
from proof_matrix import FILE_PAIRS, JOB_PAIRS, MODES, PAIRS, Scenario, run_files, run_jobs

from kling_async.emulator import ByClock

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]

SEEDS = range(1)
LONG_SEEDS = range(1, 7)
OUTAGE = 180.0
"""Virtual seconds."""


def named(pairs):
    """The pairs as a test's parameters."""
    return [pytest.param(call, kind, id=f"{call}-{kind}") for call, kind in pairs]


@pytest.fixture(scope="module")
def tally():
    """Counts what was injected over the module, by call and kind, and the scenarios."""
    return Counter()


async def run_pair(run, call, kind, seeds, folder, tally):
    """Runs all modes and seeds of one pair; the fault must really have struck."""
    before = tally[call, kind]
    for mode in MODES:
        for seed in seeds:
            await run(Scenario(call, kind, mode, seed), folder, tally)
    assert before < tally[call, kind]


@pytest.mark.parametrize(("call", "kind"), named(JOB_PAIRS))
async def test_no_fault_of_a_create_or_a_look_makes_a_job_twice_or_lost(call, kind, tmp_path, tally):
    """Each kind at the first call, at random, in a burst and without end; the ledger judges."""
    await run_pair(run_jobs, call, kind, SEEDS, tmp_path, tally)


@pytest.mark.parametrize(("call", "kind"), named(FILE_PAIRS))
async def test_no_fault_of_a_download_leaves_half_a_file(call, kind, tmp_path, tally):
    """A file is exact or it is not there, and it comes once the trouble is over."""
    await run_pair(run_files, call, kind, SEEDS, tmp_path, tally)


def test_the_matrix_injected_every_fault_into_every_call_that_it_fits(tally):
    """The figures; they count only where the whole matrix ran."""
    if tally["scenarios"] < len(PAIRS) * len(MODES):
        pytest.skip("only a part of the matrix was selected")
    scenarios, faults = tally["scenarios"], sum(tally[pair] for pair in PAIRS)
    print(f"\n{scenarios} scenarios, {len(PAIRS)} pairs, {faults} faults injected")  # noqa: T201 - the proof's figures
    assert [] == [pair for pair in PAIRS if tally[pair] == 0]
    assert 3000 < faults  # an outage is probed by one poll, and so meets few


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("call", "kind"), named(PAIRS))
async def test_the_long_matrix(call, kind, tmp_path):
    """The same with more seeds."""
    tally = Counter()
    await run_pair(run_files if call == "download" else run_jobs, call, kind, LONG_SEEDS, tmp_path, tally)
    print(f"\n{call} {kind}: {tally['scenarios']} scenarios, {tally[call, kind]} injected")  # noqa: T201 - the proof's figures


@pytest.mark.parametrize("journalled", [False, True])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "kind", ["reset-before", "reset-after", "error-before", "error-after", "html-before", "hang"]
)
async def test_an_outage_of_three_minutes_costs_no_job(kind, seed, journalled, tmp_path):
    """All calls fail for 180 s, beginning before, between or after the creates: every job still succeeds."""
    batch = requests()
    async with emulating() as emulator:
        loop, told = asyncio.get_running_loop(), Told()
        begin = (0.0, 3.0, 30.0)[seed]
        loop.call_later(begin, lambda: emulator.fault("any", kind, times=None))
        loop.call_later(begin + OUTAGE, emulator.clear_faults)
        journal = tmp_path / "jobs.sqlite" if journalled else None
        async with client(emulator, journal=journal, max_in_flight=(None, 2, 5)[seed]) as kling:
            await run_batch(kling, batch, told)
        assert ([], 0) == (told.errors, told.cut)
        judge_twice(emulator, len(batch))
        judge_lost(emulator, told.fetched)
        assert len(batch) == len(emulator.tasks)
        assert 0 < emulator.injected.total()


@pytest.mark.parametrize("kind", ["rate-limit", "concurrency"])
@pytest.mark.parametrize("retry_after", [None, 20])
async def test_storms_of_1302_and_1303_fail_no_job(kind, retry_after):
    """Half of all calls are refused for ten minutes, on an account with fewer slots than jobs."""
    batch = requests(24)
    async with emulating(capacity=5) as emulator:
        told = Told()
        emulator.strangers = 2
        emulator.fault("any", kind, times=None, probability=0.5, seed=7, retry_after=retry_after)
        asyncio.get_running_loop().call_later(600, emulator.clear_faults)
        async with client(emulator, submit_timeout=3600) as kling:
            await run_batch(kling, batch, told, patience=3600, bound=7200)
        assert ([], 0) == (told.errors, told.cut)
        judge_twice(emulator, len(batch))
        judge_lost(emulator, told.fetched)
        assert (len(batch), True) == (len(emulator.tasks), most_in_flight(emulator) <= 3)
        assert 10 < emulator.injected.total()


UNCLEAR = (
    "reset-after",
    "reset-during",
    "error-after",
    "html-after",
    "truncate",
    "empty",
    "not-json",
    "duplicate",
)


@pytest.mark.parametrize("kind", UNCLEAR)
@pytest.mark.parametrize("lag", [0.0, 5.0, 25.0])
@pytest.mark.parametrize("guarded", [True, False])
async def test_unclear_creates_end_in_their_own_task_though_look_ups_lag(kind, lag, guarded):
    """The answer is lost and no query finds the task for a while: it is found in the end and not created again.

    Also by a service that would take the same id a second time.
    """
    batch = requests()
    async with emulating() as emulator:
        told = Told()
        lagging(emulator, lag)
        if not guarded:
            unguarded(emulator)
        emulator.fault("create", kind, times=len(batch))
        async with client(emulator) as kling:
            await run_batch(kling, batch, told)
        judge_twice(emulator, len(batch))
        assert ([], 0) == (told.errors, told.cut)
        judge_lost(emulator, told.fetched)


@pytest.mark.parametrize("seconds", [1.0, 10.0, 25.0])
@pytest.mark.parametrize("guarded", [True, False])
async def test_late_creations_are_waited_for(seconds, guarded):
    """504/5002, and the task comes up to 25 s later: nothing is sent a second time before."""
    batch = requests()
    async with emulating() as emulator:
        told = Told()
        if not guarded:
            unguarded(emulator)
        emulator.fault("create", "late-creation", times=len(batch), seconds=seconds)
        async with client(emulator) as kling:
            await run_batch(kling, batch, told)
        judge_twice(emulator, len(batch))
        assert ([], 0) == (told.errors, told.cut)
        judge_lost(emulator, told.fetched)


@pytest.mark.parametrize("seed", range(6))
async def test_many_faults_at_once_leave_no_job_twice_or_lost(seed, tmp_path):
    """Every call can meet any passing fault, a third of them does, for twenty minutes."""
    chance, batch = random.Random(seed), requests(16)
    journal = tmp_path / "jobs.sqlite"
    async with emulating(advance=ByClock(lambda number: 15.0 + 11.0 * (number % 16)), capacity=9) as emulator:
        told = Told()
        for call, kind in JOB_PAIRS:
            if kind not in {"account", "moderation", "amnesia", "redirect", "wrong-types", "gzip-bomb"}:
                emulator.fault(call, kind, times=None, probability=0.03, seed=chance.randrange(2**32))
        asyncio.get_running_loop().call_later(1200, emulator.clear_faults)
        async with client(emulator, journal=journal, max_in_flight=chance.choice((None, 6))) as kling:
            await run_batch(kling, batch, told, patience=3600)
        assert ([], 0) == (told.errors, told.cut)
        judge_twice(emulator, len(batch))
        judge_lost(emulator, told.fetched)
        assert 20 < emulator.injected.total()
