"""Builds of the library with one promise broken each, for a judge that finds nothing to be worth something.

Each control is a function that replaces something through `patch(object, name, value)`. They know the library's insides, which is
why they stand in one place.
"""

import os

import attrs
from simulation.sqlite import SimCursor

from kling_async.errors import (
    APIError,
    ConnectionFailedError,
    JournalError,
    MalformedResponseError,
)
from kling_async.jobs import job, journal_lock, submission
from kling_async.jobs.job import JobLife, Step
from kling_async.jobs.journal import JournalRecord
from kling_async.jobs.journal_file import JournalFile
from kling_async.jobs.submission import Submission
from kling_async.polling import reader
from kling_async.schema.task import read_task
from kling_async.session import submit
from kling_async.session.create_result import Accepted, NotSent, Refused


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
    async def look_up(self, reason):
        self.doubt_since = None

    patch(Submission, "look_up", look_up)


@control("never a new id to get past an error")
def new_id_on_retry(patch):
    whole, whole_look_up = Submission.run, Submission.look_up

    async def run(self, upload, before_send, *, lone):
        self.upload, self.before_send = upload, before_send
        return await whole(self, upload, before_send, lone=lone)

    async def look_up(self, reason):
        if not hasattr(self, "upload"):
            return await whole_look_up(self, reason)
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
        task, _ = await whole(self, upload, self.before_send, lone=False)
        return task

    patch(Submission, "run", run)
    patch(Submission, "look_up", look_up)


@control("a create is looked up for the settle time before it is sent again")
def settle_time_zero(patch):
    patch(submission, "SETTLE", 0.0)


@control("'already exists' is a look-up, not a failure")
def duplicate_is_a_refusal(patch):
    async def confirmed(self, refusal):
        raise refusal

    patch(Submission, "_confirmed", confirmed)


@control("an unknown 5xx has an unknown outcome")
def unknown_5xx_is_a_refusal(patch):
    whole = submit.classify

    def classify(error):
        if isinstance(error, APIError | MalformedResponseError) and (error.http_status or 0) >= 500:
            return Refused(error) if isinstance(error, APIError) else NotSent(error)
        return whole(error)

    patch(submit, "classify", classify)


@control("a reset after the first byte has an unknown outcome")
def reset_means_not_sent(patch):
    whole = submit.classify

    def classify(error):
        return NotSent(error) if isinstance(error, ConnectionFailedError) else whole(error)

    patch(submit, "classify", classify)


# Answers that lie


@control("an answer about another task is no answer")
def another_task_believed(patch):
    async def find(self, reason):
        task = await self._tools.find(self._external_id, 300.0)
        return attrs.evolve(task, external_task_id=self._external_id)

    patch(Submission, "_find", find)
    patch(reader, "_task", lambda envelope, asked: read_task(envelope.data))


@control("a create that is answered with another id is in doubt")
def another_id_is_a_failure(patch):
    whole = submit._accepted

    def accepted(task, external_id):
        result = whole(task, external_id)
        if isinstance(result, Accepted):
            return result
        raise result.error

    patch(submit, "_accepted", accepted)


# The journal


@control("the intent is on the disk before the first byte leaves")
def journal_written_after_the_send(patch):
    sending, accepted = JournalRecord.sending, JournalRecord.accepted

    async def not_yet(self, key):
        pass

    async def now(self, key, task):
        await sending(self, key)
        await accepted(self, key, task)

    patch(JournalRecord, "sending", not_yet)
    patch(JournalRecord, "accepted", now)


@control("a write that was awaited is on the disk")
def synchronous_off(patch):
    _with_another_pragma(patch, "PRAGMA synchronous = OFF")


def _with_another_pragma(patch, *others):
    whole = SimCursor.execute

    def execute(self, statement, values=()):
        for other in others:
            if statement.startswith(other.rpartition("=")[0]):
                statement = other
        return whole(self, statement, values)

    patch(SimCursor, "execute", execute)


@control("the key of a job comes from its request")
def key_from_the_order_of_calls_only(patch):
    whole = JournalRecord._derived_key
    patch(JournalRecord, "_derived_key", lambda self, fingerprint: whole(self, "any"))


@control("the same script meets its own jobs")
def salt_anew_in_each_process(patch):
    whole = JournalRecord._derived_key

    def derived(self, fingerprint):
        salt = vars(self).setdefault("salt_of_this_process", os.urandom(8).hex())
        return whole(self, f"{salt} {fingerprint}")

    patch(JournalRecord, "_derived_key", derived)


@control("a create in doubt stays in doubt in the journal")
def doubt_recorded_as_refusal(patch):
    whole = JobLife._note_failure

    async def note_failure(self, error):
        await whole(self, error)
        await self._tools.recorder.not_accepted(self.external_task_id, error)

    patch(JobLife, "_note_failure", note_failure)


@control("after a kill a create in doubt is looked up first")
def no_doubt_after_a_kill(patch):
    whole = job.next_step

    def next_step(entry, known):
        step = whole(entry, known)
        return Step.SEND if step is Step.LOOK_UP and known.doubt_since is None else step

    patch(job, "next_step", next_step)


@control("after a kill the settle time counts from the journal's opening")
def settle_time_over_after_a_kill(patch):
    patch(JournalRecord, "opened_at", property(lambda self: 0.0))


@control("one process has the journal")
def journal_without_a_lock(patch):
    patch(journal_lock, "_lock", lambda file: None)
    _with_another_pragma(patch, "PRAGMA locking_mode = NORMAL")


@control("a journal that is damaged is never a fresh start")
def damaged_journal_begins_anew(patch):
    whole = JournalFile.open

    def opened(self):
        try:
            return whole(self)
        except JournalError as error:
            if "damaged" not in str(error):
                raise
        for path in (self._path, self._side("-journal"), self._lock.path):
            path.unlink(missing_ok=True)
        return whole(self)

    patch(JournalFile, "open", opened)
