"""The simulation's own parts: a loop that finds deadlocks, a host that dies, a disk that loses what was not synced."""

import asyncio
import contextlib
import sqlite3

import attrs
import pytest
from simulation import disk as disks
from simulation import files, sqlite
from simulation.history import History
from simulation.loop import Host, SimLoop, StuckError
from simulation.network import Network
from simulation.plan import Trouble, make_plan
from simulation.shrink import shrink


@pytest.fixture
def loop():
    """A loop on a seed."""
    made = SimLoop(0, History(keep=True), bound=10_000.0)
    yield made
    made.close()


@pytest.fixture
def director(loop):
    """A host in whose context a test's own coroutine runs."""
    host = Host("test")
    host.loop = loop
    return host


def run(loop, host, coroutine_function):
    """Runs a coroutine function of a host to its end."""
    return host.context.copy().run(lambda: loop.run_until_complete(coroutine_function()))


def test_a_wait_for_what_never_comes_raises(loop, director):
    """Nothing left to do while somebody waits is a deadlock, and it is named."""

    async def waits():
        await loop.create_future()

    with pytest.raises(StuckError, match="waits"):
        run(loop, director, waits)


def test_a_loop_without_an_end_raises(loop, director):
    """Virtual time has a bound."""

    async def polls():
        while True:
            await asyncio.sleep(100)

    with pytest.raises(StuckError, match="without an end"):
        run(loop, director, polls)


def test_an_hour_of_sleep_costs_nothing(loop, director):
    """Time is virtual."""

    async def sleeps():
        begun = loop.time()
        await asyncio.sleep(3600)
        return loop.time() - begun

    assert 3600 <= run(loop, director, sleeps) < 3601


def test_a_dead_host_runs_nothing_any_more(loop, director):
    """Not even a `finally` block."""
    victim, ran = Host("victim"), []
    victim.loop = loop

    async def lives():
        try:
            await asyncio.sleep(10)
            ran.append("went on")
        finally:
            ran.append("finally")

    async def kills():
        task = loop.create_task(lives(), context=victim.context.copy())
        await asyncio.sleep(1)
        victim.kill()
        await asyncio.sleep(60)
        return task.done()

    assert run(loop, director, kills) is False
    assert [] == ran


def test_a_connection_carries_bytes_in_order_whatever_the_weather(loop, director):
    """Segments are cut and late, and never out of order."""
    Network(0, loop, {}, lambda _: None)
    received = bytearray()

    class Server(asyncio.Protocol):
        def data_received(self, data):
            received.extend(data)

    async def sends():
        server = await loop.create_server(Server, "127.0.0.1", 0)
        import socket

        sock = socket.socket()
        await loop.sock_connect(sock, server.sockets[0].getsockname())
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=sock)
        for number in range(200):
            transport.write(bytes([number]) * (1 + 37 * number % 900))
        await asyncio.sleep(60)

    run(loop, director, sends)
    assert b"".join(bytes([number]) * (1 + 37 * number % 900) for number in range(200)) == bytes(received)


@pytest.mark.parametrize("kind", ["reset", "cut", "silence"])
def test_a_connection_breaks_where_it_is_to_break(loop, director, kind):
    """After a reset both sides hear of it, and after silence neither does."""
    struck = []
    Network(0, loop, {("segment", 2): Trouble("segment", 2, kind, 0.5)}, struck.append)
    heard = []

    class Side(asyncio.Protocol):
        def data_received(self, data):
            heard.append(data)

        def connection_lost(self, error):
            heard.append(error)

    async def sends():
        import socket

        server = await loop.create_server(Side, "127.0.0.1", 0)
        sock = socket.socket()
        await loop.sock_connect(sock, server.sockets[0].getsockname())
        transport, _ = await loop.create_connection(Side, sock=sock)
        transport.write(b"first")
        await asyncio.sleep(1)
        transport.write(b"second")
        await asyncio.sleep(1)
        transport.write(b"third")
        await asyncio.sleep(60)

    run(loop, director, sends)
    errors = [each for each in heard if isinstance(each, ConnectionResetError)]
    assert 1 == len(struck)
    assert {"reset": 2, "cut": 2, "silence": 0}[kind] == len(errors)
    data = b"".join(each for each in heard if isinstance(each, bytes))
    assert {"reset": b"first", "cut": b"firstsec", "silence": b"first"}[kind] == data


@pytest.fixture
def process(loop, director, tmp_path):
    """A process with a disk of its own, for SQLite."""
    made = disks.Disk(tmp_path, 3, {}, lambda _: None, loop.history)
    director.is_process = True
    director.connections, director.descriptors = [], {}
    director.vfs = disks.DiskVFS(made, director, f"test-{id(made)}")
    yield director, made
    files.let_go(director)


def connect(host, path):
    """A connection as the journal's file opens it."""
    connection = host.context.copy().run(sqlite.connect, path)
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA journal_mode = DELETE")
    return connection


def rows_after_power_loss(host, disk, path, synchronous, count):
    """How many of `count` committed rows are there after the power went."""
    connection = connect(host, path)
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("CREATE TABLE t (x)")
    for number in range(count):
        connection.execute("INSERT INTO t VALUES (?)", (number,))
    host.dead = True
    files.let_go(host)
    disk.power_loss()
    with contextlib.closing(sqlite3.connect(path)) as plain:
        try:
            return plain.execute("SELECT count(*) FROM t").fetchone()[0]
        except sqlite3.Error:
            return 0


def test_what_was_synced_survives_the_power(process, tmp_path):
    """EXTRA: each commit that returned is there."""
    host, disk = process
    assert 50 == rows_after_power_loss(host, disk, tmp_path / "extra.sqlite", "EXTRA", 50)


def test_what_was_not_synced_does_not(process, tmp_path):
    """OFF: the disk of the simulation does lose what may be lost."""
    host, disk = process
    assert 50 > rows_after_power_loss(host, disk, tmp_path / "off.sqlite", "OFF", 50)


def test_a_dead_process_writes_nothing(process, tmp_path):
    """Its connection's last checkpoint is not on the disk, and its lock is free."""
    host, _ = process
    path = tmp_path / "dead.sqlite"
    connection = connect(host, path)
    connection.execute("CREATE TABLE t (x)")
    size = path.stat().st_size
    host.dead = True
    files.let_go(host)
    assert size == path.stat().st_size
    with contextlib.closing(sqlite3.connect(path)) as plain:
        plain.execute("INSERT INTO t VALUES (1)")
        plain.commit()


def test_errors_of_the_disk_are_those_of_sqlite(process, tmp_path):
    """A full disk and a broken constraint are what the standard module makes of them."""
    host, disk = process
    connection = connect(host, tmp_path / "errors.sqlite")
    connection.execute("CREATE TABLE t (x PRIMARY KEY)")
    connection.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("INSERT INTO t VALUES (1)")
    disk.full_until = disk.operations + 1000
    with pytest.raises(sqlite3.OperationalError, match="full"):
        connection.execute("INSERT INTO t VALUES (2)")
    disk.full_until = 0
    connection.execute("INSERT INTO t VALUES (3)")
    assert [(1,), (3,)] == connection.execute("SELECT x FROM t ORDER BY x").fetchall()


def test_a_plan_is_its_seeds_alone():
    """Two plans of one seed are equal, and those of others are not."""
    assert make_plan(5) == make_plan(5)
    assert 50 == len({make_plan(seed) for seed in range(50)})


def test_shrinking_keeps_what_matters():
    """Of forty troubles the two stay that make the plan fail, and one job of many."""
    guilty = {Trouble("segment", 7, "reset"), Trouble("disk", 30, "power")}
    troubles = [Trouble("segment", number, "reset") for number in range(20)]
    troubles += [Trouble("disk", number, "power") for number in range(20, 40)]
    plan = attrs.evolve(make_plan(1), troubles=tuple(troubles), jobs=32)
    shortest = shrink(plan, lambda candidate: guilty <= set(candidate.troubles) and candidate.jobs >= 3)
    assert guilty == set(shortest.troubles)
    assert 3 == shortest.jobs
