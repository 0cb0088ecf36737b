"""A system without file locks, such as Windows: what cannot work there is refused in one sentence, before anything is sent."""

import subprocess
import sys

import pytest

from kling_async import ConfigurationError, Image2VideoRequest, JournalError
from kling_async.jobs import system

IMPORTS = """
import sys
sys.modules["fcntl"] = None  # an import of it fails, as on Windows
import kling_async
[getattr(kling_async, name) for name in kling_async.__all__]
import kling_async.jobs.journal, kling_async.cli.main, kling_async.emulator.server, kling_async.jobs.system
assert kling_async.jobs.system.lacking("it")
"""


@pytest.fixture
def no_locks(monkeypatch):
    """The module that has the locks is not there."""
    monkeypatch.setattr(system, "fcntl", None)


@pytest.mark.anyio
@pytest.mark.usefixtures("no_locks")
async def test_a_journal_is_refused(script, path):
    """The sentence says what to use instead; no file is left, nothing is sent."""
    with pytest.raises(JournalError, match=r"cannot be opened: a journal needs file locks.* WSL"):
        async with script():
            pass
    assert not path.parent.joinpath("jobs.sqlite.lock").exists()


@pytest.mark.anyio
@pytest.mark.usefixtures("no_locks")
async def test_a_download_is_refused_and_the_task_stays(script, emulator, picture, tmp_path):
    """Requests and waits work without locks; the result's URL can be fetched by other means."""
    async with script(journal=None) as kling:
        task = await kling.image2video.generate(Image2VideoRequest(image=picture, model_name="kling-v3"))
        with pytest.raises(ConfigurationError, match="a download needs file locks"):
            await kling.download(task, tmp_path / "out.mp4")
    assert task.videos[0].url.startswith(emulator.url)
    assert [picture.name] == [each.name for each in tmp_path.iterdir()]


def test_every_module_is_imported_without_locks():
    """The module of the locks is asked for in one place, which can do without."""
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr)
