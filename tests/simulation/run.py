"""Runs worlds by their seeds: `python -m simulation.run SEEDS=1000`, `SEED=17` or `CONTROLS=500`.

With SEEDS it prints figures and each seed that failed; with SEED a readable history, shrunk if it fails; with CONTROLS the table of
how many seeds each broken build needed to be found.
"""

import multiprocessing
import os
import sys
import time
from collections import Counter

from simulation import controls_of_running_jobs  # noqa: F401 - enters its controls
from simulation.controls import CONTROLS
from simulation.plan import make_plan
from simulation.shrink import shrink
from simulation.simulate import simulate


def _one(seed):
    before = time.process_time()
    result = simulate(make_plan(seed))
    return seed, attributes(result), time.process_time() - before


def attributes(result):
    """What the figures need of a result, small enough for a pipe."""
    return result.jobs, result.faults, result.kills, result.hours, result.problems


def sweep(first, count, workers):
    """Runs many seeds and prints the figures; gives the failed ones."""
    begun = time.perf_counter()
    totals, failed, busy = Counter(), [], 0.0
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for done, (seed, (jobs, faults, kills, hours, problems), seconds) in enumerate(
            pool.imap_unordered(_one, range(first, first + count), chunksize=4), 1
        ):
            totals.update(jobs=jobs, faults=faults, kills=kills, hours=hours)
            busy += seconds
            if problems:
                failed.append(seed)
                print(f"seed {seed} fails: {problems[0][0]}: {problems[0][1][:300]}", flush=True)
            if done % 1000 == 0:
                print(f"… {done} seeds, {totals['jobs']} jobs, {len(failed)} failed", flush=True)
    wall = time.perf_counter() - begun
    print(
        f"{count} seeds: {totals['jobs']} jobs, {totals['faults']} faults, {totals['kills']} kills, "
        f"{totals['hours']:.0f} virtual hours, {60 * totals['jobs'] / wall:.0f} jobs a minute "
        f"({totals['jobs'] / busy:.0f} a second of one core), {len(failed)} seeds failed"
    )
    return failed


def replay(seed):
    """Shows one seed's history, and where it fails the shortest one that is found."""
    plan = make_plan(seed)
    result = simulate(plan, keep=True)
    if result.failed:
        kind = result.problems[0][0]

        def still_fails(candidate):
            return kind in {each for each, _ in simulate(candidate).problems}

        plan = shrink(plan, still_fails)
        result = simulate(plan, keep=True)
    print(plan)
    print(*result.lines, sep="\n")
    for kind, sentence in result.problems:
        print(f"FAILS {kind}: {sentence}")
    print(f"digest {result.digest}")
    return result


def seeds_needed(control, most):
    """How many seeds it took to find a broken build: the seed and what was wrong, or None."""
    for seed in range(most):
        plan = make_plan(seed)
        broken = simulate(plan, patch=control.break_it)
        if broken.failed and not simulate(plan).failed:
            return seed, broken.problems[0]
    return None


def _control(argument):
    number, most = argument
    return number, seeds_needed(CONTROLS[number], most)


def controls(most, workers):
    """Prints the table of controls; gives those that were not found."""
    print(f"{'seeds':>6}  {'broken build':36} found by")
    missed = []
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for number, found in pool.imap_unordered(_control, [(each, most) for each in range(len(CONTROLS))]):
            name = CONTROLS[number].name
            if found is None:
                missed.append(name)
                print(f"{'—':>6}  {name:36} not within {most} seeds", flush=True)
            else:
                seed, (kind, sentence) = found
                print(f"{seed + 1:6}  {name:36} {kind}: {sentence[:90]}", flush=True)
    return missed


def main(arguments):
    """The command line, as make passes it on."""
    given = dict(each.split("=", 1) for each in arguments if each.partition("=")[2])
    workers = int(given.get("WORKERS", os.cpu_count() or 1))
    if "SEED" in given:
        return 1 if replay(int(given["SEED"])).failed else 0
    if "CONTROLS" in given:
        return 1 if controls(int(given["CONTROLS"]), workers) else 0
    return 1 if sweep(int(given.get("FROM", 0)), int(given.get("SEEDS", 1000)), workers) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
