"""From a failing plan to the shortest one that still fails in the same way."""

import attrs


def shrink(plan, still_fails, *, budget=250):
    """Leaves out troubles, sessions and jobs for as long as the plan still fails.

    Args:
        plan: One that fails.
        still_fails: Whether another one does, in the same way.
        budget: At most so many worlds are tried.

    Returns:
        The shortest plan found.
    """
    left = [budget]

    def fails(candidate):
        if left[0] <= 0:
            return False
        left[0] -= 1
        return still_fails(candidate)

    changed = True
    while changed and left[0] > 0:
        changed = False
        for reduced in (_fewer_troubles, _fewer_sessions, _fewer_jobs, _plainer):
            plan, shorter = reduced(plan, fails)
            changed = changed or shorter
    return plan


def _fewer_troubles(plan, fails):
    """Drops halves, then quarters, then single troubles."""
    shorter = False
    size = max(1, len(plan.troubles) // 2)
    while plan.troubles and size >= 1:
        start = 0
        while start < len(plan.troubles):
            kept = plan.troubles[:start] + plan.troubles[start + size :]
            candidate = attrs.evolve(plan, troubles=kept)
            if fails(candidate):
                plan, shorter = candidate, True
            else:
                start += size
        if size == 1:
            break
        size //= 2
    return plan, shorter


def _fewer_sessions(plan, fails):
    for number in range(len(plan.scripts) - 1, -1, -1):
        if len(plan.scripts) == 1:
            break
        scripts = plan.scripts[:number] + plan.scripts[number + 1 :]
        troubles = tuple(
            attrs.evolve(each, session=each.session - (each.session > number))
            for each in plan.troubles
            if each.session != number or each.place not in {"time", "iteration"}
        )
        candidate = attrs.evolve(plan, scripts=scripts, troubles=troubles)
        if fails(candidate):
            return candidate, True
    return plan, False


def _fewer_jobs(plan, fails):
    for jobs in (1, 2, 3, plan.jobs // 2, plan.jobs - 1):
        if 0 < jobs < plan.jobs:
            candidate = attrs.evolve(plan, jobs=jobs)
            if fails(candidate):
                return candidate, True
    return plan, False


def _plainer(plan, fails):
    """The settings that a reader need not think about."""
    plain = {
        "skew": 0.0,
        "capacity": None,
        "limit": None,
        "patience": 3600.0,
        "longest": 3.0,
        "list_order": "newest",
        "submit_timeout": 300.0,
        "on_unknown": "resend",
        "static_key": True,
    }
    for name, value in plain.items():
        if getattr(plan, name) != value:
            candidate = attrs.evolve(plan, **{name: value})
            if fails(candidate):
                return candidate, True
    return plan, False
