"""Proof 1 for the rest of the family: 1,000 jobs of images through `kling.endpoint` under the fault matrix.

Every pair of a call and a fault once, the modes in turn; the emulator's ledger judges. The controls beside the zeros are the
cells named "images" of the matrix in test_proof_controls.py.
"""

from collections import Counter

import pytest
from proof_matrix import JOB_PAIRS, MODES, Scenario, run_jobs

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]

PATH = "/v1/images/generations"
JOBS = 14
SCENARIOS = [
    Scenario(call, kind, MODES[number % len(MODES)], number // len(MODES), path=PATH, jobs=JOBS)
    for number, (call, kind) in enumerate(JOB_PAIRS)
]


async def test_a_thousand_jobs_of_another_endpoint_are_made_once_and_fetched(tmp_path):
    """0 lost, 0 twice, by the ledger; and every fault of the matrix has struck."""
    tally = Counter()
    for number, scenario in enumerate(SCENARIOS):
        before = tally[scenario.call, scenario.kind]
        folder = tmp_path / str(number)
        folder.mkdir()
        await run_jobs(scenario, folder, tally)
        assert before < tally[scenario.call, scenario.kind], scenario
    jobs, tasks, fetched = tally["jobs"], tally["tasks"], tally["fetched"]
    faults = sum(tally[pair] for pair in JOB_PAIRS)
    print(f"\n{jobs} jobs of {PATH}, {len(SCENARIOS)} scenarios, {faults} faults: 0 lost, 0 twice")  # noqa: T201 - the proof's figures
    assert jobs >= 1000
    assert 0.9 * jobs < tasks <= jobs
    assert 0.9 * tasks < fetched <= tasks
