"""A create, carried through to a task under every fault; the emulator's ledger is the judge."""

import asyncio
import random

import pytest
from made_pictures import b64, png
from rooms_helpers import client, emulator, request, requests
from virtual_time import wall_clock

from kling_async import (
    AccountError,
    ConcurrencyLimitError,
    ConnectionFailedError,
    ContentPolicyError,
    DuplicateTaskError,
    KlingClient,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    SubmissionUnknownError,
)
from kling_async.jobs.submission import LONE_ATTEMPTS, SETTLE
from kling_async.session.submit import new_external_id

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]


@pytest.fixture
async def service():
    async with emulator() as made:
        yield made


@pytest.fixture
async def kling(service):
    async with client(service) as made:
        yield made


def now():
    return asyncio.get_running_loop().time()


def creates(service):
    """When creates came to the service, in loop time."""
    return [record.time for record in service.requests if record.call == "create"]


DONE = [
    ("reset-after", {}),
    ("reset-during", {}),
    ("reset-during", {"at": 20}),
    *(("error-after", {"code": code}) for code in (5000, 5001, 5002)),
    ("html-after", {}),
    ("html-after", {"http": 200}),
    ("html-after", {"http": 404}),
    ("truncate", {}),
    ("truncate", {"clean": True}),
    ("truncate", {"at": 0}),
    ("wrong-length", {}),
    ("empty", {}),
    ("not-json", {}),
    ("wrong-types", {"field": "data", "value": None}),
    ("wrong-types", {"field": "data.task_id", "value": None}),
    ("wrong-types", {"field": "data.task_id", "value": ""}),
    ("wrong-types", {"field": "data", "value": []}),
    ("wrong-types", {"field": "code", "value": None}),
    ("wrong-types", {"field": "code", "value": True}),
    ("wrong-types", {"field": "code", "value": 9999}),
    ("gzip-bomb", {"megabytes": 16}),
    ("hang", {}),
    ("delay", {"seconds": 40.0}),
    ("delay", {"seconds": 40.0, "before": True}),
    ("late-creation", {"seconds": 10.0}),
    ("late-creation", {"seconds": 29.0}),
    ("duplicate", {}),
]
"""The task is or will be made, and its answer is none."""

WELL = [("lagging", {"seconds": 45.0}), ("drip", {"seconds": 0.01}), ("delay", {"seconds": 20.0})]
"""The task is made and the answer comes."""

NOT_DONE = [
    ("reset-before", {}),
    *(("error-before", {"code": code}) for code in (5000, 5001, 5002)),
    ("html-before", {}),
    ("hang", {"before": True}),
    ("redirect", {}),
    ("redirect", {"http": 302, "location": "/v1/videos/image2video"}),
]
"""Nothing is made, which the client cannot know."""

REFUSED = [
    ("rate-limit", {}),
    ("rate-limit", {"retry_after": 7}),
    ("concurrency", {}),
    ("concurrency", {"retry_after": 90}),
]
"""Nothing is made, and the service says so."""


def named(kinds):
    """Ids for parameters."""
    return [kind + "".join(f"-{value}" for value in details.values()) for kind, details in kinds]


def one_task(service, task, external_id=None):
    """Asserts that the ledger has one task and that it is this one."""
    assert [task.task_id] == [made.task_id for made in service.tasks]
    assert task.external_task_id == service.tasks[0].external_task_id
    assert external_id in {None, task.external_task_id}


@pytest.mark.parametrize(("kind", "details"), DONE, ids=named(DONE))
async def test_a_task_whose_answer_was_lost_is_adopted(service, kling, kind, details):
    """One create, looked up by its external id; never a second one."""
    service.fault("create", kind, **details)
    task = await kling.image2video.create(request())
    one_task(service, task)
    assert 1 == service.counts["create"]
    assert (
        kind == "gzip-bomb" or 1 == service.injected["create", kind]
    )  # its packing may outlast the deadline


@pytest.mark.parametrize(("kind", "details"), WELL, ids=named(WELL))
async def test_a_slow_answer_is_waited_for(service, kling, kind, details):
    """No look-up is needed."""
    service.fault("create", kind, **details)
    one_task(service, await kling.image2video.create(request()))
    assert (1, 0) == (service.counts["create"], service.counts["get"])


@pytest.mark.parametrize(("kind", "details"), NOT_DONE, ids=named(NOT_DONE))
async def test_a_create_that_came_to_nothing_is_sent_again_after_the_settle_time(
    service, kling, kind, details
):
    """Under the same id, and not before the look-ups had their time."""
    service.fault("create", kind, **details)
    one_task(service, await kling.image2video.create(request(external_task_id="mine")), "mine")
    first, second = creates(service)
    assert SETTLE <= second - first < SETTLE + 45


@pytest.mark.parametrize(("kind", "details"), REFUSED, ids=named(REFUSED))
async def test_a_refusal_is_waited_out(service, kling, kind, details):
    """No look-up: nothing is unknown; `Retry-After` is kept to."""
    service.fault("create", kind, **details)
    one_task(service, await kling.image2video.create(request()))
    first, second = creates(service)
    assert details.get("retry_after", 0) <= second - first
    assert 0 == service.counts["get"]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (1100, AccountError),
        (1101, AccountError),
        (1102, AccountError),
        (1304, AccountError),
        (1103, PermissionDeniedError),
    ],
)
async def test_permanent_refusals_come_out_at_once(service, kling, code, error):
    """1100 and its kin are 429 and not tried again."""
    service.fault("create", "account", code=code, times=None)
    begun = now()
    with pytest.raises(error, match=str(code)):
        await kling.image2video.create(request())
    assert now() - begun < 1
    assert ([], 1) == (service.tasks, service.counts["create"])


async def test_a_moderated_request_is_refused(service, kling):
    """1301 is the platform's last word."""
    service.fault("create", "moderation")
    with pytest.raises(ContentPolicyError):
        await kling.image2video.create(request())
    assert ([], 1) == (service.tasks, service.counts["create"])


@pytest.mark.parametrize(
    ("kind", "error"), [("concurrency", ConcurrencyLimitError), ("rate-limit", RateLimitError)]
)
async def test_a_full_account_ends_a_lone_create(service, kling, kind, error):
    """It has no queue to wait in; nothing was made."""
    service.fault("create", kind, times=None, retry_after=5)
    begun = now()
    with pytest.raises(error):
        await kling.image2video.create(request())
    assert [] == service.tasks
    assert 1 < service.counts["create"]
    assert now() - begun <= 300
    if kind == "concurrency":
        assert LONE_ATTEMPTS == service.counts["create"]


LOOKS_FAIL = [
    ("reset-before", {}),
    ("error-before", {"code": 5001}),
    ("html-before", {}),
    ("hang", {"before": True}),
    ("not-json", {}),
]


@pytest.mark.parametrize(("kind", "details"), LOOKS_FAIL, ids=named(LOOKS_FAIL))
@pytest.mark.parametrize("made", [True, False])
async def test_what_cannot_be_learnt_is_said_with_its_id(service, kling, kind, details, made):
    """The create's answer is lost and no look-up is answered: the id is all there is, and no second create."""
    service.fault("create", "reset-after" if made else "reset-before", times=None)
    service.fault("get", kind, times=None, **details)
    service.fault("list", kind, times=None, **details)
    begun = now()
    with pytest.raises(SubmissionUnknownError, match="mine") as caught:
        await kling.image2video.create(request(external_task_id="mine"))
    assert "mine" == caught.value.external_task_id
    assert 1 == service.counts["create"]
    assert now() - begun <= 340


async def test_keys_revoked_between_create_and_look_leave_it_unknown(service, kling):
    """A permanent error of the look-up is no evidence about the create."""
    service.fault("create", "reset-after")
    service.fault("get", "account", code=1002, times=None)
    with pytest.raises(SubmissionUnknownError) as caught:
        await kling.image2video.create(request())
    assert service.tasks[0].external_task_id == caught.value.external_task_id


async def test_nothing_ever_answers(service, kling):
    """Each create is reset before the work: sent again under one id until the time is over."""
    service.fault("create", "reset-before", times=None)
    with pytest.raises(SubmissionUnknownError):
        await kling.image2video.create(request())
    assert [] == service.tasks
    gaps = [second - first for first, second in zip(creates(service), creates(service)[1:], strict=False)]
    assert min(gaps) >= SETTLE


async def test_a_held_back_create_is_sent_once(service):
    """`on_unknown="hold"`: the id is handed back after the settle time."""
    service.fault("create", "reset-before", times=None)
    async with client(service, on_unknown="hold") as kling:
        with pytest.raises(SubmissionUnknownError, match="mine"):
            await kling.image2video.create(request(external_task_id="mine"))
    assert 1 == service.counts["create"]


@pytest.mark.parametrize("lag", [20.0, 60.0, 200.0])
async def test_a_lagging_look_never_loses_an_unknown_create(service, kling, lag):
    """The answer is lost and the task not seen for longer than the settle time: "already exists" is adopted."""
    hide = service.account.hide
    create = service.account.create

    def hidden(*args, **kwargs):
        made = create(*args, **kwargs)
        hide(made, lag)
        return made

    service.account.create = hidden
    service.fault("create", "reset-after")
    one_task(service, await kling.image2video.create(request()))


async def test_somebodys_id_that_exists_is_adopted(service, kling):
    """The caller's own id, used before: a look-up, no failure."""
    first = await kling.image2video.create(request(external_task_id="mine"))
    second = await kling.image2video.create(request(external_task_id="mine"))
    assert first.task_id == second.task_id
    assert 1 == len(service.tasks)


async def test_an_id_that_is_taken_and_cannot_be_seen_is_an_error(service, kling):
    """By another product's task, say; no other id is tried."""
    service.fault(
        "create", "error-before", times=None, code=1201, message="External_task_id mine already exists"
    )
    with pytest.raises(DuplicateTaskError, match="mine"):
        await kling.image2video.create(request(external_task_id="mine"))
    assert [] == service.tasks


async def test_another_tasks_id_is_never_adopted(service, kling):
    """An external id that reads like somebody's task id finds that task; it is not ours, and ours stays unknown."""
    other = await kling.image2video.create(request())
    service.fault("create", "reset-after")
    with pytest.raises(SubmissionUnknownError, match=other.task_id):
        await kling.image2video.create(request(1, external_task_id=other.task_id))
    assert 1 == service.created_count(other.task_id)


async def test_a_server_that_is_not_there_was_not_sent_to(service):
    """A few tries, then an error that says that nothing was sent."""
    keys = {"access_key": service.access_key, "secret_key": service.secret_key}
    async with KlingClient(**keys, base_url="http://127.0.0.1:9", clock=wall_clock) as kling:
        with pytest.raises(ConnectionFailedError) as caught:
            await kling.image2video.create(request())
    assert not caught.value.sent


async def test_a_rate_limit_slows_all_creates_together(service, kling):
    """One 1302 with `Retry-After`: nobody's create comes before its time, and none is lost."""
    service.fault("create", "rate-limit", retry_after=20)
    first = asyncio.create_task(kling.image2video.create(request(0)))
    await asyncio.sleep(1)
    await asyncio.gather(first, *(kling.image2video.create(one) for one in requests(10)[1:]))
    times = [time - creates(service)[0] for time in creates(service)]
    assert (11, 10) == (len(times), len(service.tasks))
    assert min(times[1:]) >= 20


async def test_a_token_refused_for_its_time_is_signed_anew_once(service):
    """A clock that is two hours off costs one more request, for a create as for a look-up, and no error."""
    async with client(service, clock=lambda: service.clock() - 7200) as kling:
        one_task(service, await kling.image2video.create(request()))
        assert 2 == service.counts["create"]
        await kling.image2video.get(service.tasks[0].task_id)
    assert 1 == service.counts["get"]


@pytest.mark.parametrize("picture", ["bytes", "base64"])
async def test_a_picture_survives_a_second_signing(service, picture):
    """The whole body goes out again."""
    data = png()
    async with client(service, clock=lambda: service.clock() - 7200) as kling:
        one_task(service, await kling.image2video.create(image=data if picture == "bytes" else b64(data)))
    assert len(data) == service.tasks[0].body["image"]["bytes"]


@pytest.mark.parametrize("attempts", [4, 5])
async def test_a_lone_look_is_tried_five_times(service, kling, attempts):
    """Transient errors up to the fourth are waited out."""
    task = await kling.image2video.create(request())
    service.fault("get", "error-before", times=attempts, code=5001)
    if attempts < 5:
        assert task.task_id == (await kling.image2video.get(task.task_id)).task_id
    else:
        with pytest.raises(ServerError):
            await kling.image2video.get(task.task_id)
    assert 5 == service.counts["get"]


MIXED = [
    (kind, details) for kind, details in DONE + NOT_DONE + REFUSED if kind not in {"redirect", "gzip-bomb"}
]


@pytest.mark.parametrize("seed", range(8))
async def test_three_faults_in_a_row_make_one_task(service, kling, seed):
    """Whatever comes after what; look-ups fail now and then, too."""
    chance = random.Random(seed)
    for kind, details in chance.sample(MIXED, 3):
        service.fault("create", kind, **details)
    service.fault("get", "error-before", times=None, code=5001, probability=0.2, seed=seed)
    for number in range(4):
        task = await kling.image2video.create(request(external_task_id=f"job-{number}"))
        assert f"job-{number}" == task.external_task_id
    assert 4 == len(service.tasks)
    assert {1} == {service.created_count(f"job-{number}") for number in range(4)}


def test_new_ids_are_never_the_same():
    """And are recognizable as this library's."""
    made = {new_external_id() for _ in range(1000)}
    assert 1000 == len(made)
    assert all(one.startswith("ka-") for one in made)
