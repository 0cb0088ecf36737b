"""Which pages a round reads: within the reference's bounds, few, and where our tasks are, whatever the list's order."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_async.polling.pages import LARGEST_PAGE, LAST_PAGE, Order, Shown, order_of, window
from kling_async.polling.plan import FEW, IDLE_GAP, LIST_FAILURES, LONGEST_PAUSE, Plan

ORDERS = ["newest", "oldest", "random", "unknown"]


class Account:
    """A list of tasks, some of which are ours; the moment of a task's creation is its number."""

    def __init__(self, order, older, ours, newer=0, seed=1):
        self.order = order
        self.ours = {older + number for number in range(ours)}
        self.tasks = list(range(older + ours + newer))
        self.shuffled = random.Random(seed)

    def listed(self):
        """The tasks in the account's order."""
        if self.order == "newest":
            return self.tasks[::-1]
        if self.order == "random":
            return sorted(self.tasks, key=lambda task: hash((task, 5)) % 1_000_003)
        return self.tasks

    def page(self, ask, missing):
        """What a page shows; its tasks are no longer missing."""
        rows = self.listed()[(ask.number - 1) * ask.size : ask.number * ask.size]
        places = [place for place, task in enumerate(rows) if task in self.ours]
        missing -= set(rows)
        created = () if self.order == "unknown" else tuple(map(float, rows[:: max(1, len(rows) // 15)]))
        if rows and created:
            created = (*created, float(rows[-1]))
        return Shown(ask, len(rows), len(places), *((places[0], places[-1]) if places else (-1, -1)), created)

    def round(self, plan, now=0.0, *, known=True):
        """Lets a plan read pages; gives what it asked for and what it did not find."""
        missing, asks = set(self.ours), []
        ask = plan.begin(len(missing), now)
        while ask is not None:
            assert 1 <= ask.number <= LAST_PAGE
            assert 1 <= ask.size <= LARGEST_PAGE
            asks.append(ask)
            assert len(asks) <= 1100, "it goes round in circles"
            page = self.page(ask, missing)
            created = [float(task) if known else math.nan for task in sorted(missing)]
            ask = plan.go_on(page, created, 0.1)
        plan.end(now)
        return asks, missing


@pytest.mark.parametrize("order", ["newest", "oldest"])
@pytest.mark.parametrize("ours", [4, 40, 400])
def test_one_page_a_round_shows_ours_in_an_account_with_a_history(order, ours):
    """Once it is known where they stand: twenty thousand older tasks matter to the first round alone."""
    account, plan = Account(order, 20_000, ours), Plan()
    first, _ = account.round(plan)
    assert len(first) <= 16
    for number in range(1, 10):
        asks, missing = account.round(plan, float(number))
        assert (1, set()) == (len(asks), missing)
        assert asks[0].size <= min(LARGEST_PAGE, ours + ours // 4 + 30)
    assert order in plan.order.value


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_tasks_behind_those_of_others_are_found(order):
    """Strangers created two thousand newer ones: the round goes on while ours can stand behind."""
    account, plan = Account(order, 3000, 300, newer=2000), Plan()
    for number in range(4):
        asks, missing = account.round(plan, float(number))
    assert set() == missing
    assert len(asks) <= 6


def test_a_growing_list_is_followed_at_its_end():
    """Fifty new tasks of ours in each round, while as many end."""
    account, plan = Account("oldest", 9_990, 200), Plan()
    account.round(plan)
    for number in range(1, 40):
        newest = account.tasks[-1]
        account.tasks += range(newest + 1, newest + 51)
        account.ours = set(account.tasks[-200:])
        asks, missing = account.round(plan, float(number))
        assert len(asks) <= 3
        assert len(missing) <= 6


def test_a_list_that_loses_its_oldest_tasks_is_followed():
    """Results are purged after thirty days, and the list may move up by that."""
    account, plan = Account("oldest", 10_000, 100), Plan()
    account.round(plan)
    for number in range(1, 20):
        del account.tasks[:97]
        asks, missing = account.round(plan, float(number))
        assert len(asks) <= 2
        assert set() == missing


@pytest.mark.parametrize("known", [True, False])
def test_a_list_without_order_is_left_alone_soon(known):
    """One page that shows a handful of ours, then a pause that doubles up to ten minutes."""
    account, plan, now, asked = Account("random", 20_000, 300), Plan(), 0.0, 0
    while now < 3600.0:
        asks, _ = account.round(plan, now, known=known)
        asked += len(asks)
        assert now < plan.list_from <= now + LONGEST_PAUSE
        now = plan.list_from
    assert asked <= 12
    assert Order.NONE is plan.order


@settings(derandomize=True, max_examples=150, deadline=None)
@given(
    st.sampled_from(ORDERS),
    st.integers(0, 3000),
    st.integers(1, 700),
    st.integers(0, 1500),
    st.booleans(),
)
def test_a_round_ends_and_stays_within_bounds(order, older, ours, newer, known):
    """Whatever the account: pages that exist in the reference, and not many; ordered lists show nearly all of ours."""
    account, plan = Account(order, older, ours, newer), Plan()
    for number in range(3):
        asks, missing = account.round(plan, float(number), known=known)
        assert len(asks) <= 8 + 2 * (older + ours + newer) // LARGEST_PAGE
    if known and order in {"newest", "oldest"} and plan.list_from < 3.0:
        assert len(missing) <= 1 + LARGEST_PAGE / 100


@settings(derandomize=True, max_examples=300)
@given(st.integers(0, 499_000), st.integers(1, 500))
def test_a_window_holds_its_rows(low, count):
    """The page holds them all, or at least the first of them, if no page of any size holds all."""
    ask = window(low, low + count)
    assert (ask.number - 1) * ask.size <= low < ask.number * ask.size
    sizes = range(count, LARGEST_PAGE + 1)
    if any(low // size == (low + count - 1) // size and low // size < LAST_PAGE for size in sizes):
        assert low + count <= ask.number * ask.size


@pytest.mark.parametrize(
    ("created", "order"),
    [
        ((), Order.UNKNOWN),
        ((5.0,), Order.UNKNOWN),
        ((5.0, 5.0, 5.0, 5.0), Order.UNKNOWN),
        ((1.0, 2.0, 3.0, 4.0), Order.OLDEST),
        ((9.0, 7.0, 7.0, 3.0, 1.0), Order.NEWEST),
        ((9.0, 1.0, 8.0, 2.0, 7.0), Order.NONE),
        ((9.0, 8.0, 7.0, 7.5, 6.0, 5.0, 4.0, 3.0, 2.0), Order.NEWEST),
    ],
)
def test_the_order_is_read_off_moments_of_creation(created, order):
    """Four of them tell it; one that stands wrong among many does not matter."""
    assert order is order_of(created)


def test_a_round_a_second_unless_nothing_can_end():
    """While no task is ripe, every five seconds; at once when one is, and when somebody asks."""
    plan = Plan()
    plan.begin(100, 10.0)
    assert 11.0 == plan.round_at(100, -math.inf)
    assert 13.0 == plan.round_at(100, 13.0)
    assert 10.0 + IDLE_GAP == plan.round_at(100, 60.0)
    plan.want(10.2)
    assert 11.0 == plan.round_at(100, 60.0)
    plan.begin(100, 11.0)
    assert 11.0 + IDLE_GAP == plan.round_at(100, 60.0)


def test_a_thrifty_pace_waits_longer_for_fewer():
    """Two seconds for many, five for a handful; a task whose kind is not known is not expected to end at once."""
    plan = Plan("thrifty")
    gaps = [plan.gap(waiting) for waiting in (1000, 300, 30, 4)]
    assert sorted(gaps) == gaps
    assert 2.0 <= gaps[0] <= gaps[-1] <= 5.0
    assert plan.young > Plan("prompt").young == 0.0


def test_few_are_not_worth_a_page():
    """Nor are many of whom few are due."""
    plan = Plan()
    assert not plan.pays(FEW, 1000)
    assert not plan.pays(4, 1000)
    assert plan.pays(100, 1000)


def test_a_list_that_fails_alone_is_found_out_by_a_single_poll():
    """After three rounds that failed a single one is made; if that works and the list fails again, it is left alone."""
    plan = Plan()
    for number in range(LIST_FAILURES):
        assert not plan.probes
        plan.fail(float(number), number + 0.5, list_alone=False)
    assert plan.probes
    plan.single_worked()
    assert not plan.probes
    plan.fail(10.0, 10.5, list_alone=False)
    assert plan.list_from >= 40.0


def test_an_error_of_the_list_alone_is_probed_at_once():
    """A route that does not exist says nothing about single polls."""
    plan = Plan()
    plan.fail(0.0, 0.1, list_alone=True)
    assert plan.probes
