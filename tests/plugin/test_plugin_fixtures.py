"""The pytest plugin, as users' own test suites meet it: under each plugin that runs async tests, and under none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from plugin.users_projects import ANYIO_HEAD, PROJECTS

import kling_async.client
import kling_async.emulator.server  # noqa: F401 - loaded here once, and not by each of the users' runs

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
HEAD = f"""
import pytest

URL = "http://127.0.0.1:9/a.png"
{ANYIO_HEAD}
"""


@pytest.fixture
def users_run(pytester, monkeypatch):
    """Run a user's tests by a pytest with these plugins and no others; gives the outcome."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # an installed copy would be a second one
    for name in ("KLING_ACCESS_KEY", "KLING_SECRET_KEY", "KLING_API_KEY", "KLING_BASE_URL"):
        monkeypatch.delenv(name, raising=False)

    def run(body=None, *options, plugins=("anyio.pytest_plugin",)):
        if body is not None:
            pytester.makepyfile(HEAD + body)
        chosen = [word for name in (*plugins, "kling_async.pytest_plugin") for word in ("-p", name)]
        warnings = ("-W", "error", "-W", "ignore:Module already imported")  # by the run that this is within
        return pytester.runpytest_inprocess(*chosen, *options, *warnings)

    return run


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
def test_the_fixtures_work_however_tests_are_run(users_run, pytester, project):
    """A project's whole suite passes, without a warning: anyio, pytest-asyncio in both modes and several scopes, none."""
    project.write(pytester.path)
    run = users_run(None, *project.options, plugins=project.plugins)
    run.assert_outcomes(passed=project.passes)


def test_a_job_of_minutes_takes_no_minutes(users_run, pytester):
    """Set-up, test and tear-down of a job of 120 s; how many milliseconds they take, `benchmarks.plugin` measures."""
    (project,) = [project for project in PROJECTS if project.name == "anyio"]
    project.write(pytester.path)
    run = users_run(None, "-k", "minutes", plugins=project.plugins)
    run.assert_outcomes(passed=5, deselected=project.passes - 5)
    seconds = {}
    for report in run.reprec.getreports("pytest_runtest_logreport"):
        seconds[report.nodeid] = seconds.get(report.nodeid, 0.0) + report.duration
    assert 5 > min(seconds.values())


def test_the_client_alone_brings_the_emulator(users_run):
    """A test that asks for the client only has a service as well, in a Kling client of the real class."""
    run = users_run(
        """
async def test_check(kling_client):
    from kling_async import KlingClient
    assert isinstance(kling_client, KlingClient)
    await kling_client.check_credentials()
"""
    )
    run.assert_outcomes(passed=1)


def test_each_test_has_a_service_of_its_own(users_run):
    """Nothing of one test is left in the next, external ids included."""
    run = users_run(
        """
@pytest.mark.parametrize("turn", [1, 2])
async def test_turn(kling_emulator, kling_client, turn):
    assert [] == kling_emulator.tasks
    await kling_client.image2video.create(image=URL, external_task_id="mine")
    assert 1 == kling_emulator.created_count("mine")
"""
    )
    run.assert_outcomes(passed=2)


def test_a_failing_test_still_closes_both(users_run):
    """No socket is left open behind a failed assertion: the run ends with one failure, and no error or warning."""
    run = users_run(
        """
async def test_fails(kling_emulator, kling_client):
    await kling_client.image2video.create(image=URL)
    raise AssertionError("on purpose")
"""
    )
    run.assert_outcomes(failed=1)
    run.stdout.fnmatch_lines(["*AssertionError: on purpose*"])


WRONG = {
    "a synchronous test": ("def test_it(kling_client): pass", "*kling_client is for async tests*"),
    "a setting that is unknown": (
        "@pytest.mark.kling(capasity=1)\nasync def test_it(kling_emulator): pass",
        "*settings of kling_emulator*'capasity'*",
    ),
    "a setting out of its bounds": (
        "@pytest.mark.kling(capacity=-1)\nasync def test_it(kling_emulator): pass",
        "*settings of kling_emulator: capacity must be*",
    ),
    "a fault that is unknown": (
        '@pytest.mark.kling(faults=[("create", "flood")])\nasync def test_it(kling_emulator): pass',
        "*no fault is called 'flood'; there are*",
    ),
    "a fault that is no pair": (
        '@pytest.mark.kling(faults="create")\nasync def test_it(kling_emulator): pass',
        "*settings of kling_emulator: a fault is (call, kind)*not 'c'*",
    ),
    "a task time that is not a number": (
        '@pytest.mark.kling(task_time="two minutes")\nasync def test_it(kling_emulator): pass',
        "*settings of kling_emulator: a task cannot take 'two minutes' seconds*",
    ),
    "a negative task time": (
        "@pytest.mark.kling(task_time=-1)\nasync def test_it(kling_emulator): pass",
        "*settings of kling_emulator: a task cannot take -1 seconds*",
    ),
    "a parameter that is no dictionary": (
        '@pytest.mark.parametrize("kling_emulator", [5], indirect=True)\nasync def test_it(kling_emulator): pass',
        "*a parameter must be a dictionary*not 5*",
    ),
    "no keyword": (
        "@pytest.mark.kling(2)\nasync def test_it(kling_emulator): pass",
        "*takes keyword arguments only*",
    ),
    "another loop's library": (
        "@pytest.fixture\ndef anyio_backend_name(): return 'trio'\n\nasync def test_it(kling_client): pass",
        "*kling_client runs on asyncio*",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_is_told_in_words(users_run, case):
    """One error, with a line that says what to do, and no traceback of ours."""
    body, line = WRONG[case]
    run = users_run(body)
    run.assert_outcomes(errors=1)
    run.stdout.fnmatch_lines([line])
    run.stdout.no_fnmatch_line("*pytest_plugin.py:*")


def test_a_test_without_a_plugin_is_told_so(users_run, pytester):
    """An async test that nobody runs."""
    pytester.makepyfile("async def test_it(kling_client): pass")
    run = users_run()
    run.stdout.fnmatch_lines(["*kling_client needs @pytest.mark.anyio or @pytest.mark.asyncio*"])


def test_fixtures_and_marker_are_listed_with_their_docs(users_run):
    """`pytest --fixtures` and `--markers` tell a newcomer what there is."""
    run = users_run(None, "--fixtures")
    run.stdout.fnmatch_lines(["kling_emulator*", "*A Kling service on this machine*", "kling_client*"])
    users_run(None, "--markers").stdout.fnmatch_lines(["@pytest.mark.kling(task_time=None, *"])


def loaded_after(statement):
    """The names of the modules that a fresh process has after a statement, and no more than that process."""
    program = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return set(done.stdout.split())


def test_loading_the_plugin_costs_next_to_nothing():
    """It is imported in every pytest run of an environment: nothing but this package's own few modules."""
    added = loaded_after("import pytest, kling_async.pytest_plugin") - loaded_after("import pytest")
    assert {"kling_async", "kling_async._version", "kling_async.pytest_plugin"} == {
        name for name in added if name.startswith("kling_async")
    }
    heavy = {"aiohttp", "attr", "attrs", "cattrs", "jwt", "anyio", "yarl", "asyncio"}
    assert set() == {name.partition(".")[0] for name in added} & heavy


def test_an_unrelated_run_loads_nothing(users_run, pytester):
    """A run that asks for no fixture ends without aiohttp and without the client."""
    pytester.makepyfile("def test_it(): pass")
    pytester.makeconftest(
        "import sys\ndef pytest_unconfigure(): print('loaded', "
        "sorted({'aiohttp', 'kling_async.client', 'kling_async.emulator'} & set(sys.modules)))"
    )
    run = pytester.runpytest_subprocess("-p", "kling_async.pytest_plugin", "-s")
    run.assert_outcomes(passed=1)
    run.stdout.fnmatch_lines(["loaded [[][]]"])
