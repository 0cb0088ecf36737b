"""`kling-async worker`, `enqueue` and `queue`, as a user runs them: in processes of their own."""

import asyncio
import json
import signal
import sys

import pytest
from made_pictures import png
from workers.workers_helpers import emptied, keys_of, rows, until

from kling_async.emulator import AtOnce, ByClock, Emulator

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("connection")]

WITHOUT_KEYS = {"KLING_ACCESS_KEY": "", "KLING_SECRET_KEY": "", "KLING_API_KEY": ""}


@pytest.fixture
def cli(database, tmp_path):
    """Starts a command; gives its process."""

    async def start(*words, env=None):
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "kling_async.cli", *map(str, words), "--postgres", database),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=env,
            cwd=tmp_path,
        )

    return start


@pytest.fixture
def said(cli):
    """Runs a command to its end; gives its exit code, stdout and stderr."""

    async def run(*words, env=None):
        process = await cli(*words, env=env)
        out, errors = await process.communicate()
        return process.returncode, out.decode(), errors.decode()

    return run


@pytest.fixture
def manifest(tmp_path):
    """A manifest of three rows, two of them alike, with a picture beside it."""
    (tmp_path / "cat.png").write_bytes(png())
    path = tmp_path / "shots.csv"
    path.write_text("image,prompt\ncat.png,one\ncat.png,two\ncat.png,two\n")
    return path


async def test_a_manifest_is_queued_once_and_run_by_a_worker(said, cli, connection, manifest, tmp_path):
    """Queued again, nothing is new; the worker ends on SIGTERM with 0 and has stored every video."""
    async with Emulator(render=False, advance=ByClock(0.3)) as service:
        keys = keys_of(service)
        code, out, errors = await said("enqueue", manifest, "--model-name", "kling-v2-6", env=keys)
        assert (0, 3) == (code, out.count("\tqueued\n")), errors
        code, out, _ = await said("enqueue", manifest, "--model-name", "kling-v2-6", "--json", env=keys)
        assert [False] * 3 == [each["queued"] for each in json.loads(out)["jobs"]]
        worker = await cli("worker", "--slots", 2, "-o", "videos", env=keys)
        await emptied(connection)
        worker.send_signal(signal.SIGTERM)
        _, errors = await worker.communicate()
        assert 0 == worker.returncode, errors
        assert b"SIGTERM: putting the running jobs back" in errors
        assert 3 == len(list((tmp_path / "videos").glob("kling-*.mp4"))) == len(service.tasks)
        code, out, errors = await said("queue", env={**keys, **WITHOUT_KEYS})
        assert (0, "queued 0  running 0  held 0  done 3\n") == (code, out), errors


async def test_what_is_held_is_shown_and_put_back(said, cli, connection, manifest):
    """The reason is the service's; `--requeue` puts the jobs back."""
    async with Emulator(render=False, advance=AtOnce(), fail_when=lambda _body: "too dark") as service:
        keys = keys_of(service)
        await said("enqueue", manifest, "--model-name", "kling-v2-6", env=keys)
        worker = await cli("worker", "--slots", 5, "-o", "videos", env=keys)

        async def are_held():
            return {"failed": 3} == await rows(connection)

        await until(are_held)
        worker.send_signal(signal.SIGINT)
        await worker.communicate()
        _, out, _ = await said("queue", "--json")
        found = json.loads(out)
        assert 3 == found["held"] == len(found["held_jobs"])
        assert all("too dark" in each["reason"] for each in found["held_jobs"])
        code, out, errors = await said("queue", "--requeue")
        assert (0, "put 3 jobs back\n") == (code, errors)
        assert out.startswith("queued 3  running 0  held 0")


async def test_one_bad_row_queues_nothing(said, connection, tmp_path):
    """All that is wrong is told with row and field, before anything is queued."""
    (tmp_path / "shots.csv").write_text(
        "image,prompt,duration\nmissing.png,one,5\nhttps://x.org/a.png,two,7\n"
    )
    code, _, errors = await said("enqueue", "shots.csv", "--model-name", "kling-v2-6")
    assert 2 == code
    assert "row 1, image" in errors
    assert "row 2, duration" in errors
    assert {} == await rows(connection)


async def test_missing_keys_are_told_at_once(said):
    """A worker without keys ends before it takes a job."""
    code, _, errors = await said("worker", "--slots", 1, "-o", "videos", env=WITHOUT_KEYS)
    assert 2 == code
    assert "KLING_ACCESS_KEY" in errors


async def test_a_folder_that_cannot_be_written_is_told_at_once(said, tmp_path):
    """Before a job is taken: nothing is paid for that cannot be stored."""
    (tmp_path / "videos").write_text("a file")
    code, _, errors = await said("worker", "--slots", 1, "-o", "videos")
    assert 2 == code
    assert "videos" in errors


async def test_tables_are_made_by_install(said, connection):
    """Without them every command names the command that makes them."""
    await connection.execute("DROP TABLE pgqueuer CASCADE")
    code, _, errors = await said("queue")
    assert 2 == code
    assert "kling-async queue --install" in errors
    code, out, errors = await said("queue", "--install")
    assert (0, "queued 0  running 0  held 0  done 0\n") == (code, out), errors
