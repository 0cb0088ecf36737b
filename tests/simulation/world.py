"""One world: a service, a network, a disk, and a user's processes one after the other, all in one loop on one seed."""

import asyncio
import os
import random
from pathlib import Path

import attrs
from simulation import disk as disks
from simulation import files, judge, seams
from simulation.history import History
from simulation.loop import Host, SimLoop
from simulation.network import Network
from simulation.told import Told, Wish, picture
from simulation.user import User

from kling_async import Image2VideoRequest
from kling_async.emulator import ByClock
from kling_async.errors import KlingError


class Process(Host):
    """A process of the user's."""

    def __init__(self, world, name):
        super().__init__(name, world.offset)
        self.is_process = True
        self.loop = world.loop
        self.connections, self.descriptors = [], {}
        self.vfs = disks.DiskVFS(world.disk, self, f"sim-{os.getpid()}-{world.serial()}")
        self.last_words = "kill"
        self.at_death.append(lambda: world.network.host_died(self))


class World:
    """Everything that one run needs.

    Args:
        plan: What is to happen.
        folder: For its files.
        keep: Whether the history is kept for reading.
    """

    def __init__(self, plan, folder, *, keep=False):
        self.plan, self.folder = plan, Path(folder)
        self.history = History(keep=keep, folder=str(folder))
        self.loop = SimLoop(plan.seed, self.history)
        self.struck = 0
        self.kills = 0
        self.offset = plan.skew
        by_place = {(each.place, each.number): each for each in plan.troubles}
        self.network = Network(plan.seed, self.loop, by_place, self.strike)
        self.network.kill = self._killed_in_send
        on_disk = {each.number: each for each in plan.troubles if each.place == "disk"}
        self.disk = disks.Disk(folder, plan.seed, on_disk, self.strike, self.history)
        self.told = Told(self.history)
        self.director, self.service = Host("director"), Host("service")
        self.director.loop = self.service.loop = self.loop
        self.emulator = None
        self.wishes = list(_wishes(plan))
        self.all_wishes = list(self.wishes)
        self.undelivered = []
        self.half_files, self.broken_files, self.both_wrote = [], [], []
        self.calm = False
        self.longest_close = 0.0
        """Seconds from a client's `aclose` to the end of the script that used it."""

        self.damaged = False
        """Whether the journal's files were tampered with."""

        self._seconds = []
        self.edited = set()
        """Prompts of jobs whose picture was edited."""

        self.stranger = None
        """The id of a task that is somebody else's."""

        self.slots_at_end = None
        self.left_running = []
        self.was_cancelled = False
        self.secrets = {}
        self.most_allowed = plan.limit if self._is_peaceful() else None
        self._serial = 0
        self._processes = []

    def _is_peaceful(self):
        """Whether there is one process that does not end early, so that its limit holds for the account."""
        disturbing = {"kill", "power", "close", "second"}
        return len(self.plan.scripts) == 1 and disturbing.isdisjoint(each.kind for each in self.plan.troubles)

    def serial(self):
        """A number that no other has."""
        self._serial += 1
        return self._serial

    def strike(self, trouble):
        """A trouble strikes."""
        self.struck += 1
        self.history.note("trouble", str(trouble))

    def _killed_in_send(self, host):
        if host.is_process and not host.dead:
            host.kill()

    # What the user has

    def request(self, wish):
        """The wish as a request, made anew."""
        path = self.folder / f"picture-{wish.index}.png"
        image = {"url": "https://pictures.example/a.png", "bytes": picture(wish.shade), "file": path}[
            wish.kind
        ]
        return Image2VideoRequest(image=image, prompt=wish.prompt, external_task_id=wish.own_id)

    def _edit(self, index):
        """The user edits a picture: from now on it is another job."""
        wish = self.wishes[int(index)]
        if wish.kind != "file" or wish.own_id is not None:
            return
        edited = attrs.evolve(wish, shade=wish.shade + 100)
        self.wishes[int(index)] = edited
        self.all_wishes.append(edited)
        self.edited.add(wish.prompt)
        path = self.folder / f"picture-{wish.index}.png"
        self.director.context.copy().run(path.write_bytes, picture(edited.shade))  # it survives what comes
        self.history.note("user", f"edits the picture of job {wish.index}")

    # Its course

    async def run(self):
        """From the service's start to the last session's end."""
        for wish in self.wishes:
            if wish.kind == "file":
                (self.folder / f"picture-{wish.index}.png").write_bytes(picture(wish.shade))
        await self._in(self.service, self._start_service())
        for number, script in enumerate(self.plan.scripts):
            await self._session(number, script)
            if self.told.journal_refused is not None:
                break
        self._good_weather()
        await asyncio.sleep(60.0)  # nothing is late any more
        self.told.journal_refused = None  # the disk may have been full
        await self._session(len(self.plan.scripts), "finish", good=True)
        await self._in(self.service, self.emulator.__aexit__(None, None, None))

    async def _in(self, host, coroutine):
        return await self.loop.create_task(coroutine, context=host.context.copy())

    async def _start_service(self):
        durations = random.Random(f"{self.plan.seed}/durations")
        longest = self.plan.longest
        self.emulator = seams.make_emulator(
            self.service,
            advance=ByClock(lambda _: 1.0 + durations.random() * longest),
            capacity=self.plan.capacity,
            list_order=self.plan.list_order,
            repeated_ids=self.plan.repeated,
        )
        await self.emulator.__aenter__()
        self.stranger = seams.make_stranger(self.emulator)
        for number, each in enumerate(self.plan.troubles):
            if each.place in {"create", "get", "list", "download"} and each.kind != "lie":
                self.emulator.fault(
                    each.place, each.kind, after=int(each.number), seed=number, **dict(each.details)
                )
        lies = {(each.place, int(each.number)): each for each in self.plan.troubles if each.kind == "lie"}
        seams.let_it_lie(self.emulator, lies, self)
        names = ("secret_key", "api_key")
        self.secrets = {name: getattr(self.emulator, name) for name in names}

    def _good_weather(self):
        self.calm = self.network.calm = self.disk.calm = True
        self.struck += sum(self.emulator.injected.values())
        self.emulator.clear_faults()
        self.emulator.strangers = 0
        self.history.note("world", "good weather from now on")

    async def _session(self, number, script, *, good=False):
        """One process, to its end or death, and what it leaves."""
        host = Process(self, f"app{number}")
        self._processes.append(host)
        over = asyncio.Event()
        host.at_death.append(lambda: self.loop.call_soon(over.set, context=self.director.context))
        user = User(self, host, good=good)
        self._damage(number)
        self.history.note(host.name, f"begins: {script}")
        task = self.loop.create_task(user.run(script), context=host.context.copy())
        task.add_done_callback(lambda _: over.set(), context=self.director.context)
        if not good:
            self._arm(number, host, user)
        await over.wait()
        await asyncio.sleep(0)
        if user.closed_at is not None and not host.dead:
            self.longest_close = max(self.longest_close, self.loop.time() - user.closed_at)
        await self._seconds_end()
        if host.dead:
            self.kills += 1
            await self._bury(host)
        else:
            await self._after_end(host, task)
        self.half_files += judge.half_files(self)
        self.broken_files += judge.broken_files(self)

    def _arm(self, number, host, user):
        for each in self.plan.troubles:
            if each.session != number:
                continue
            if each.place == "time":
                self.loop.outside(each.number, host, self._happen, each, host, user)
            elif each.place == "iteration":
                at = self.loop.iterations + 1 + int(each.number)
                self.loop.at_iteration[at] = lambda each=each: host.dead or self._happen(each, host, user)

    def _damage(self, number):
        """What befalls the journal's files while no process has them."""
        for each in self.plan.troubles:
            path = self.folder / "jobs.sqlite"
            if each.place != "between" or each.number != number or not path.exists():
                continue
            self.strike(each)
            self.damaged = True
            if each.kind == "lose-side-files":
                for suffix in ("-journal", ".lock"):
                    path.with_name(path.name + suffix).unlink(missing_ok=True)
                continue
            content = bytearray(path.read_bytes())
            at = int(each.amount * len(content))
            if each.kind == "cut-main":
                del content[at:]
            elif content:
                content[at] ^= 1 << self.plan.seed % 8
            path.write_bytes(content)

    def _second(self):
        """The user starts another process on the same journal, perhaps while the first one runs."""
        host = Process(self, f"second{len(self._seconds)}")
        self._processes.append(host)
        user = User(self, host, good=False)
        self.history.note(host.name, "begins: batch")
        self._seconds.append(
            (host, user, self.loop.create_task(user.run("batch"), context=host.context.copy()))
        )

    async def _seconds_end(self):
        for host, user, task in self._seconds:
            if not task.done():
                await asyncio.wait([task])
            if not host.dead:
                await self._after_end(host, task)
            else:
                self._release(host)
            if user.refused is not None:
                self.told.journal_refused = None  # it was in use, and that is what it was told
        self._seconds.clear()

    def _happen(self, trouble, host, user):
        """A trouble whose time has come."""
        if host.over:
            return
        self.strike(trouble)
        if trouble.kind in {"kill", "power"}:
            host.last_words = trouble.kind
            host.kill()
        elif trouble.kind == "cancel":
            self.was_cancelled = True
            user.cancel_one()
        elif trouble.kind == "close":
            self.was_cancelled = True
            user.close_now()
        elif trouble.kind == "strangers":
            self.emulator.strangers = int(trouble.amount)
            leave = random.Random(f"{self.plan.seed}/strangers").uniform(1, 120)
            self.loop.outside(leave, self.director, setattr, self.emulator, "strangers", 0)
        elif trouble.kind == "step":
            self.offset += trouble.amount
            host.offset = self.offset
        elif trouble.kind == "second":
            self.director.context.copy().run(self._second)
        elif trouble.kind == "edit":
            self._edit(trouble.amount)

    def _release(self, host):
        """What the system does when a process is gone."""
        files.let_go(host)

    async def _bury(self, host):
        self._release(host)
        if host.last_words == "power":
            self.disk.power_loss()
        else:
            self.disk.process_died()
        gap = random.Random(f"{self.plan.seed}/gap/{host.name}")
        await asyncio.sleep(gap.choice([0.01, 0.5, 5.0, 40.0]) * (0.5 + gap.random()))

    async def _after_end(self, host, task):
        host.over = True
        if task.cancelled():
            self.told.foreign.append(AssertionError("the script itself was cancelled"))
        elif task.exception() is not None:
            error = task.exception()
            self.told.shown(error)
            self.history.note(host.name, f"ends with {type(error).__name__}: {error}")
            if not self.was_cancelled or not isinstance(error, KlingError):
                self.told.foreign.append(error)
        for _ in range(20):
            await asyncio.sleep(0.05)
        self.left_running += sorted(
            each.get_name() + " " + each.get_coro().__qualname__ for each in host.tasks if not each.done()
        )
        self.history.note(host.name, "has ended")
        host.kill()
        self._release(host)


def _wishes(plan):
    draw = random.Random(f"{plan.seed}/wishes")
    for index in range(plan.jobs):
        kind = draw.choice(["url", "url", "bytes", "file"])
        own_id = f"own-{index}" if draw.random() < 0.2 else None
        prompt = f"shot {index}"
        if index and draw.random() < 0.15 and kind == "url" and own_id is None:
            prompt = "the same shot"
        yield Wish(index, prompt, kind, own_id, index)
