"""Builds of the library with one promise broken each: slots, waits, ids, downloads and secrets."""

import contextlib
import os

import aiohttp
from simulation.controls import control

from kling_async.errors import (
    APIError,
    ConcurrencyLimitError,
    ConnectionFailedError,
    MalformedResponseError,
    TaskTimeoutError,
)
from kling_async.jobs import own_file, partial
from kling_async.jobs.job import JobLife
from kling_async.jobs.known import KnownJobs
from kling_async.jobs.observed import Observers
from kling_async.jobs.orphans import Orphans
from kling_async.jobs.partial import PartialFile
from kling_async.jobs.slots import Slot, Slots
from kling_async.jobs.stream import JobStream
from kling_async.jobs.transfer import Transfer
from kling_async.polling import singles
from kling_async.polling.singles import Singles
from kling_async.polling.watch import Watch
from kling_async.session import calls, http, retry
from kling_async.session.calls import Calls

# Slots


@control("a slot is held until a terminal state was seen")
def slot_freed_at_creates_return(patch):
    whole = JobLife._accepted

    async def accepted(self, task, *, adopted):
        await whole(self, task, adopted=adopted)
        for slot in reversed(self._slots):
            slot.release()

    patch(JobLife, "_accepted", accepted)


@control("a job whose caller has left keeps its slot until its task has ended")
def slot_freed_with_its_caller(patch):
    patch(Orphans, "keep", lambda self, life: life.let_go())


@control("no slot is lost")
def slot_leaked_on_failure(patch):
    whole = Slots.give_back
    count = [0]

    def give_back(self, slot):
        count[0] += 1
        if count[0] % 7:
            whole(self, slot)

    patch(Slots, "give_back", give_back)


@control("1303 never fails a job by itself")
def full_account_fails_the_job(patch):
    async def refused(self, asked_wait=0.0):
        raise ConcurrencyLimitError(1303, "the account is full", http_status=429, request_id=None)

    patch(Slot, "refused", refused)


# Waiting


@control("transient read errors never end a wait")
def poll_ended_by_one_502(patch):
    whole = Singles._failed

    def failed(self, watch, error, now):
        if isinstance(error, MalformedResponseError):
            watch.refuse(error)
        whole(self, watch, error, now)

    patch(Singles, "_failed", failed)


@control("a code that is not known ends no wait")
def unknown_code_ends_the_wait(patch):
    whole = singles.verdict_on_poll

    def verdict(error):
        found = whole(error)
        known = not isinstance(error, APIError) or 1000 <= error.code < 6000
        return found if known else retry.PollVerdict.PERMANENT

    patch(singles, "verdict_on_poll", verdict)


@control("every request has a deadline")
def no_deadline_for_requests(patch):
    patch(http, "_timeout", lambda total: aiohttp.ClientTimeout(total=None))


@control("each job has its outcome")
def an_outcome_is_lost(patch):
    whole = JobStream.__anext__
    count = [0]

    async def following(self):
        outcome = await whole(self)
        count[0] += 1
        return await whole(self) if count[0] % 40 == 0 else outcome

    patch(JobStream, "__anext__", following)


# Ids


@control("a timeout forgets nothing")
def timeout_tells_no_id(patch):
    def expire(self, now):
        self.end(TaskTimeoutError("the time was over", task=None, task_id=""))

    patch(Watch, "expire", expire)


@control("who leaves is told the ids")
def cancellation_tells_no_id(patch):
    patch(Observers, "abandoned", lambda *_: None)


@control("the same request object has one job")
def same_object_asked_again_is_another_job(patch):
    patch(KnownJobs, "id_of", lambda self, request: None)


# Downloads


@control("nothing stands under the final name before it is whole")
def part_renamed_before_complete(patch):
    async def run(self):
        with contextlib.suppress(ConnectionFailedError):
            await self._attempt()

    patch(Transfer, "run", run)


@control("a result is written beside its target")
def written_in_place(patch):
    beside = partial._beside
    patch(
        partial,
        "_beside",
        lambda target, suffix: target if suffix[-5:] == ".part" else beside(target, suffix),
    )
    patch(PartialFile, "_check_target", lambda self: None)


@control("a result is on the disk before it is renamed")
def no_fsync_before_the_rename(patch):
    patch(PartialFile, "finish", lambda self: partial.rename(self._path, self.target))


@control("a result that was renamed stays so")
def folder_not_synced_after_the_rename(patch):
    def finish(self):
        os.fsync(self._file)
        partial.rename(self._path, self.target)

    patch(PartialFile, "finish", finish)


@control("one download at a time writes to a target")
def target_not_locked(patch):
    patch(own_file, "_locked", lambda file: True)
    patch(PartialFile, "_check_target", lambda self: None)


@control("a download that is over leaves nothing beside its target")
def partial_file_left(patch):
    def discard(self):
        for file in (self._file, self._lock):
            if file is not None:
                os.close(file)
        self._file = self._lock = None

    patch(PartialFile, "discard", discard)


# Secrets


@control("no token in any text")
def token_in_a_log_record(patch):
    whole = Calls.create

    async def create(self, path, upload):
        try:
            return await whole(self, path, upload)
        except MalformedResponseError as error:
            calls.logger.info("failed with %s: %s", str.__str__(self._signer.bearer()), error)
            raise

    patch(Calls, "create", create)
