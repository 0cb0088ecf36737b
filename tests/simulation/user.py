"""The user: scripts as people write them, and what they were told.

Each script is what one process runs. Together they ask for each of the user's jobs at most once per process, and the last
process, in good weather, asks for all of them again: by the journal where there is one, else by the ids that were told.
"""

import asyncio
import contextlib
import random

import attrs
from simulation import seams
from simulation.told import Wish, nothing_was_created

from kling_async.errors import (
    DownloadError,
    JournalError,
    KlingError,
    TaskNotFoundError,
    TaskTimeoutError,
)


class User:
    """One process' script with all that it needs.

    Args:
        world: The world.
        host: The process.
        good: Whether the weather is good, so that everything must come to its end.
    """

    def __init__(self, world, host, *, good):
        self.world, self.host, self.good = world, host, good
        self.plan, self.told = world.plan, world.told
        self.chance = random.Random(f"{world.plan.seed}/user/{host.name}")
        self.rivals = random.Random(f"{world.plan.seed}/rivals/{host.name}")
        self.before = None
        """The task whose video was downloaded last."""

        self.kling = None
        self.refused = None
        self.closed_at = None
        self.running = []
        self.patience = 7200.0 if good else self.plan.patience

    # Events from outside

    def cancel_one(self):
        """Cancels something that runs."""
        running = [task for task in self.running if not task.done()]
        if running:
            self.world.history.note(self.host.name, "the user cancels")
            self.chance.choice(running).cancel()

    def close_now(self):
        """Closes the client while it works."""
        if self.kling is not None:
            self.world.history.note(self.host.name, "the user closes the client")
            self.closed_at = self.world.loop.time()
            self.world.loop.create_task(self.kling.aclose(), context=self.host.context.copy())

    # Scripts

    async def run(self, script):
        """Runs one script to its end, or to the user's cancellation."""
        options = {"max_in_flight": self.plan.limit, "static_key": self.plan.static_key}
        if not self.good:
            options |= {"submit_timeout": self.plan.submit_timeout, "on_unknown": self.plan.on_unknown}
        if self.plan.journal:
            options["journal"] = self.world.folder / "jobs.sqlite"
        self.kling = seams.make_client(self.host, self.world.emulator, **options)
        try:
            async with self.kling:
                task = asyncio.ensure_future(getattr(self, script)())
                self.running.append(task)
                with contextlib.suppress(asyncio.CancelledError):
                    await self._told_of_cancellation(task)
                await self._slots_come_free()
        except JournalError as error:
            self.told.shown(error)
            self.refused = self.told.journal_refused = error
            self.world.history.note(self.host.name, f"JournalError: {error}")

    async def _told_of_cancellation(self, task):
        try:
            await task
        except asyncio.CancelledError as error:
            self.told.shown(error)

    async def _slots_come_free(self):
        """In good weather every slot is free once every task has ended."""
        if self.good:
            loop = self.world.loop
            until = loop.time() + 1500.0
            while self.slots != (0, 0) and loop.time() < until:
                await asyncio.sleep(5.0)
            self.world.slots_at_end = self.slots

    @property
    def slots(self):
        """The numbers of slots held and of jobs that wait for one."""
        return self.kling.slots.held, self.kling.slots.waiting

    async def batch(self):
        await self._many(self.world.wishes)

    async def part(self):
        """Another script: some of the jobs."""
        await self._many([wish for wish in self.world.wishes if self.chance.random() < 0.6])

    async def shuffled(self):
        """Another script: all jobs, in another order."""
        await self._many(self.chance.sample(self.world.wishes, len(self.world.wishes)))

    async def _many(self, wishes):
        requests = [self.world.request(wish) for wish in wishes]
        async with self.kling.image2video.generate_many(requests, timeout=self.patience) as outcomes:
            async for outcome in outcomes:
                await self._take(wishes[outcome.index], outcome)

    async def all(self):
        wishes = self.world.wishes
        requests = [self.world.request(wish) for wish in wishes]
        outcomes = await self.kling.image2video.generate_all(requests, timeout=self.patience)
        for wish, outcome in zip(wishes, outcomes, strict=True):
            await self._take(wish, outcome)

    async def _take(self, wish, outcome):
        if outcome.error is not None:
            self.told.failed(wish, outcome.error)
            return
        task = outcome.unwrap()
        self.told.succeeded(wish, task)
        await self._download(wish, task)

    async def singles(self):
        await self._singly(self.world.wishes)

    async def two(self):
        """Two callers at once: a stream and single jobs."""
        half = len(self.world.wishes) // 2
        stream = asyncio.ensure_future(self._many(self.world.wishes[:half]))
        self.running.append(stream)
        try:
            await self._singly(self.world.wishes[half:])
            await self._told_of_cancellation(stream)
        finally:
            if not stream.done():
                stream.cancel()
                await asyncio.gather(stream, return_exceptions=True)

    async def _singly(self, wishes):
        tasks = []
        try:
            for wish in wishes:
                tasks.append(asyncio.ensure_future(self._single(wish)))
                self.running.append(tasks[-1])
                if self.chance.random() < 0.3:
                    await asyncio.sleep(self.chance.random() * 2)
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            if not task.cancelled() and task.exception() is not None:
                raise task.exception()

    async def _single(self, wish):
        request = self.world.request(wish)
        again = self.chance.random() < 0.5
        try:
            try:
                task = await self._generate(wish, request, self.patience)
            except TaskTimeoutError as error:
                self.told.failed(wish, error)
                if not again:
                    if self.chance.random() < 0.7:
                        await self._wait(wish, error.task_id)
                    return
                task = await self._generate(wish, request, 7200.0)
        except asyncio.CancelledError as error:
            self.told.shown(error)
            raise
        except Exception as error:
            self.told.failed(wish, error)
            return
        self.told.succeeded(wish, task)
        await self._download(wish, task)

    async def _generate(self, wish, request, timeout):
        return await self.kling.image2video.generate(
            request, timeout=timeout, on_update=lambda task: self.told.seen(wish, task)
        )

    async def _wait(self, wish, task_id):
        try:
            task = await self.kling.image2video.wait_for_task(task_id, timeout=7200.0)
        except Exception as error:
            self.told.failed(wish, error)
            return
        self.told.succeeded(wish, task)
        await self._download(wish, task)

    async def resume(self):
        """Goes on without the script."""
        async with self.kling.image2video.resume(timeout=self.patience) as outcomes:
            async for outcome in outcomes:
                wish = Wish(-1 - outcome.index, str(outcome.request.request.get("prompt")), "?", None, 0)
                await self._take(wish, outcome)

    async def _download(self, wish, task):
        path = self.world.folder / f"{task.external_task_id or task.task_id}.mp4"
        try:
            await self.kling.download(task.videos[0], path)
        except Exception as error:
            self.told.shown(error)
            self.world.history.note("user", f"job {wish.index}: {type(error).__name__}: {str(error)[:300]}")
            if not isinstance(error, DownloadError | KlingError | OSError):
                self.told.foreign.append(error)
            self.told.files.pop(str(path), None)
            if self.good:
                self.world.undelivered.append((wish, error))
        else:
            self.told.files[str(path)] = task.task_id
        before, self.before = self.before, task
        if before is not None and before.task_id != task.task_id and self.rivals.random() < 0.15:
            await self._both(before, task)

    async def _both(self, *tasks):
        """Two videos to one path at once, of which at most one can come to be there."""
        path = self.world.folder / f"both-{'-'.join(task.task_id for task in tasks)}.mp4"
        moments = await asyncio.gather(*(self._one_of_both(task, path) for task in tasks))
        done = [task for task, times in zip(tasks, moments, strict=True) if times]
        self.told.files.pop(str(path), None)
        if len(done) == 1:
            self.told.files[str(path)] = done[0].task_id
        elif done and max(times[0] for times in moments) < min(times[-1] for times in moments):
            self.world.both_wrote.append(path.name)

    async def _one_of_both(self, task, path):
        """The moments at which bytes came; none if it is not there."""
        times = []
        try:
            await self.kling.download(
                task.videos[0], path, on_progress=lambda *_: times.append(self.world.loop.time())
            )
        except Exception as error:
            self.told.shown(error)
            if not isinstance(error, KlingError | OSError):
                self.told.foreign.append(error)
            return []
        return times

    # The end, in good weather

    async def finish(self):
        """Everything that was asked for comes to its end."""
        if self.plan.journal:
            await self.resume()
            await self.batch()
            return
        await asyncio.sleep(120.0)  # late creations have come by now
        for wish in self.world.wishes:
            if wish.index in self.told.open:
                await self._go_on(wish, self.told.open[wish.index])
            elif self._may_ask_again(wish):
                await self._single(wish)

    async def _go_on(self, wish, known):
        try:
            await self.kling.image2video.get(known)
        except TaskNotFoundError:
            request = attrs.evolve(self.world.request(wish), external_task_id=known)
            self.world.history.note("user", f"job {wish.index} is asked for again as {known}")
            try:
                task = await self.kling.image2video.generate(request, timeout=7200.0)
            except Exception as error:
                self.told.failed(wish, error)
                return
            self.told.succeeded(wish, task)
            await self._download(wish, task)
        except Exception as error:
            self.told.failed(wish, error)
        else:
            await self._wait(wish, known)

    def _may_ask_again(self, wish):
        """Whether all that was said of the wish is that nothing was created."""
        said = [what for each, what in self.told.outcomes if each.index == wish.index]
        return all(isinstance(what, Exception) and nothing_was_created(what) for what in said) and bool(said)
