"""Builds of the library with one promise broken each, for a judge that finds nothing to be worth something.

Each control is a function that replaces something through `patch(object, name, value)`. They know the library's insides, which is
why they stand in one place: `TARGETS` names what they break.
"""

import contextlib
import os
import types

import attrs
from kling_async.waiting import poller, watch
from simulation.sqlite import SimCursor

from kling_async.errors import (
    APIError,
    ConnectionFailedError,
    MalformedResponseError,
    ServerError,
    SubmissionUnknownError,
    TaskTimeoutError,
)
from kling_async.jobs import batch, download, job, journal, limiter, recorded
from kling_async.session import calls as calls_module
from kling_async.session import http, outcome, submit

TARGETS = types.SimpleNamespace(
    Submission=submit._Submission,
    Journal=journal.Journal,
    Job=job.Job,
    Minders=job.Minders,
    SlotLimiter=limiter.SlotLimiter,
    Poller=poller.Poller,
    Transfer=download._Transfer,
    Downloader=download.Downloader,
    Calls=calls_module.Calls,
    Watch=watch.Watch,
    JobStream=batch.JobStream,
)


@attrs.frozen
class Control:
    """One broken promise."""

    name: str
    promise: str
    break_it: object


CONTROLS = []


def control(promise):
    """Enters a function among the controls."""

    def entered(function):
        CONTROLS.append(Control(function.__name__.replace("_", " "), promise, function))
        return function

    return entered


# A create has four outcomes


@control("what has no clear outcome is looked up before it is sent again")
def no_look_up_before_resending(patch):
    async def look_up(self, reason, settle):
        return None

    patch(TARGETS.Submission, "look_up", look_up)


@control("never a new id to get past an error")
def new_id_on_retry(patch):
    whole = TARGETS.Submission.run

    async def run(self, upload, before_send, *, as_job):
        self.upload, self.before_send = upload, before_send
        return await whole(self, upload, before_send, as_job=as_job)

    async def look_up(self, reason, settle):
        old = self._external_id.encode()
        self._external_id = submit.new_external_id()
        new = self._external_id.encode()
        pieces = tuple(
            each.replace(old, new) if isinstance(each, bytes) else each for each in self.upload.pieces
        )
        sizes = tuple(
            len(each) if isinstance(each, bytes) else size
            for each, size in zip(pieces, self.upload.sizes, strict=True)
        )
        upload = attrs.evolve(self.upload, pieces=pieces, sizes=sizes)
        return await whole(self, upload, self.before_send, as_job=True)

    patch(TARGETS.Submission, "run", run)
    patch(TARGETS.Submission, "look_up", look_up)


@control("a create is looked up for the settle time before it is sent again")
def settle_time_zero(patch):
    patch(submit, "SETTLE", 0.0)


@control("'already exists' is a look-up, not a failure")
def duplicate_is_a_refusal(patch):
    async def adopt(self, duplicate):
        raise duplicate

    patch(TARGETS.Submission, "_adopt", adopt)


@control("an unknown 5xx has an unknown outcome")
def unknown_5xx_is_a_refusal(patch):
    whole = outcome.outcome_of_error

    def outcome_of_error(error):
        if isinstance(error, APIError | MalformedResponseError) and (error.http_status or 0) >= 500:
            return outcome.NotSent(error)
        return whole(error)

    patch(submit, "outcome_of_error", outcome_of_error)


@control("a reset after the first byte has an unknown outcome")
def reset_means_not_sent(patch):
    whole = outcome.outcome_of_error

    def outcome_of_error(error):
        return outcome.NotSent(error) if isinstance(error, ConnectionFailedError) else whole(error)

    patch(submit, "outcome_of_error", outcome_of_error)


@control("what is found is adopted only if it is ours")
def adoption_not_checked(patch):
    async def find(self, reason):
        task = await self._terms.find(self._external_id, 300.0)
        return attrs.evolve(task, external_task_id=self._external_id)

    patch(TARGETS.Submission, "_find", find)


# The journal


@control("the intent is on the disk before the first byte leaves")
def journal_written_after_the_send(patch):
    sending, accepted = TARGETS.Journal.sending, TARGETS.Journal.accepted

    async def not_yet(self, key):
        pass

    async def now(self, key, task):
        await sending(self, key)
        await accepted(self, key, task)

    patch(TARGETS.Journal, "sending", not_yet)
    patch(TARGETS.Journal, "accepted", now)


@control("a write that was awaited is on the disk")
def synchronous_off(patch):
    whole = SimCursor.execute

    def execute(self, statement, values=()):
        if statement.replace(" ", "").upper().startswith("PRAGMASYNCHRONOUS="):
            statement = "PRAGMA synchronous = OFF"
        return whole(self, statement, values)

    patch(SimCursor, "execute", execute)


@control("the key of a job comes from its request")
def key_derived_from_call_order_only(patch):
    def derived(self, fingerprint):
        return whole(self, "any")

    whole = TARGETS.Journal._derived_key
    patch(TARGETS.Journal, "_derived_key", derived)


@control("the same script meets its own jobs")
def salt_anew_in_each_process(patch):
    whole = TARGETS.Journal.open

    async def opened(self):
        fresh = self._salt is None
        await whole(self)
        if fresh:
            self._salt = os.urandom(8).hex()

    patch(TARGETS.Journal, "open", opened)


@control("a create in doubt stays in doubt in the journal")
def doubt_recorded_as_refusal(patch):
    async def create_recorded(journal, entry, submit, look):
        try:
            return await whole(journal, entry, submit, look)
        except SubmissionUnknownError as error:
            await journal.not_accepted(entry.key, error)
            raise

    from kling_async import endpoint

    whole = recorded.create_recorded
    patch(endpoint, "create_recorded", create_recorded)


@control("after a kill a create in doubt is looked up first")
def no_doubt_after_a_kill(patch):
    patch(TARGETS.Journal, "doubtful_for", lambda self, entry: None)


# Slots


@control("a slot is held until a terminal state was seen")
def slot_freed_at_creates_return(patch):
    whole = TARGETS.Job.created

    async def created(self, create):
        task = await whole(self, create)
        self._slots[-1].release()
        return task

    patch(TARGETS.Job, "created", created)


@control("a job whose caller has left keeps its slot until its task has ended")
def slot_freed_with_its_caller(patch):
    def mind(self, task_id, slots):
        for slot in reversed(slots):
            slot.release()

    patch(TARGETS.Minders, "mind", mind)


@control("no slot is lost")
def slot_leaked_on_failure(patch):
    whole = TARGETS.SlotLimiter.give_back
    count = [0]

    def give_back(self, slot):
        count[0] += 1
        if count[0] % 7:
            whole(self, slot)

    patch(TARGETS.SlotLimiter, "give_back", give_back)


@control("1303 never fails a job by itself")
def full_account_fails_the_job(patch):
    async def created(self, create):
        task = await create()
        self._task_id = task.task_id
        self._progress.on_accepted()
        return task

    patch(TARGETS.Job, "created", created)


# Waiting


@control("transient read errors never end a wait")
def poll_ended_by_one_502(patch):
    whole = TARGETS.Poller._failed

    def failed(self, watches, error):
        watches = list(watches)
        if isinstance(error, MalformedResponseError | ServerError):
            for watch in watches:
                watch.end(error)
        whole(self, watches, error)

    patch(TARGETS.Poller, "_failed", failed)


@control("every request has a deadline")
def no_deadline_for_requests(patch):
    import aiohttp

    patch(http, "_timeout", lambda total: aiohttp.ClientTimeout(total=None))


# Downloads


@control("nothing stands under the final name before it is whole")
def part_renamed_before_complete(patch):
    async def run(self):
        with contextlib.suppress(ConnectionFailedError):
            await self._attempt()

    patch(TARGETS.Transfer, "run", run)


@control("a result is written beside its target")
def written_in_place(patch):
    whole = download.Path

    class Careless(type(whole())):
        def with_name(self, name):
            return self if name.endswith(".part") else super().with_name(name)

    patch(download, "Path", Careless)


@control("a result is on the disk before it is renamed")
def no_fsync_before_the_rename(patch):
    def finish(file, part, target):
        file.flush()
        part.replace(target)

    patch(download, "_finish", finish)


@control("a timeout forgets nothing")
def timeout_tells_no_id(patch):
    def expire(self, now):
        self.end(TaskTimeoutError("the time was over", task=None, task_id=""))

    patch(TARGETS.Watch, "expire", expire)


@control("each job has its outcome")
def an_outcome_is_lost(patch):
    whole = TARGETS.JobStream.__anext__
    count = [0]

    async def following(self):
        outcome = await whole(self)
        count[0] += 1
        return await whole(self) if count[0] % 40 == 0 else outcome

    patch(TARGETS.JobStream, "__anext__", following)


# Secrets


@control("no token in any text")
def token_in_a_log_record(patch):
    whole = TARGETS.Calls.create

    async def create(self, path, upload):
        try:
            return await whole(self, path, upload)
        except MalformedResponseError as error:
            calls_module.logger.info("failed with %s: %s", str.__str__(self._signer.bearer()), error)
            raise

    patch(TARGETS.Calls, "create", create)
