"""The command line on a system without file locks pays for nothing that it could not write."""

from kling_async.jobs import system


def test_a_video_that_could_not_be_written_is_not_made(run, service, photo, monkeypatch):
    """The refusal comes before the create."""
    monkeypatch.setattr(system, "fcntl", None)
    done = run("i2v", str(photo), "--model-name", "kling-v3", "-o", "out.mp4")
    assert 2 == done.exit_code
    assert "a download needs file locks" in done.stderr
    assert [] == list(service.tasks)
