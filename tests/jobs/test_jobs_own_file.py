"""Files that others can plant traps for: what is opened is ours, stands at its path, and is locked."""

import errno
import logging
import os

import pytest

from kling_async.jobs import own_file
from kling_async.jobs.own_file import drop, is_at, open_ours, read_at


@pytest.fixture
def path(tmp_path):
    """A path at which nothing stands."""
    return tmp_path / "file"


def test_a_new_file_has_the_mode_that_was_asked_for(path):
    """Less the umask."""
    os.close(open_ours(path, 0o600))
    assert 0o600 == path.stat().st_mode & 0o777


def test_an_existing_file_keeps_its_content(path):
    """Opening is no truncation."""
    path.write_bytes(b"left")
    file = open_ours(path, 0o600)
    assert b"ef" == read_at(file, 1, 2)
    drop(file, path)


def test_a_locked_file_is_not_opened_twice(path):
    """By nobody in this process either, until its owner closes it."""
    first = open_ours(path, 0o600)
    assert open_ours(path, 0o600) is None
    os.close(first)
    second = open_ours(path, 0o600)
    assert second is not None
    os.close(second)


@pytest.mark.parametrize("times", [1, 3, 1000])
def test_a_file_that_is_replaced_while_it_is_opened_is_opened_again(path, monkeypatch, times):
    """Whoever had the lock may have removed the file meanwhile; a name that never rests is an error."""
    left = iter([False] * times)
    monkeypatch.setattr(own_file, "is_at", lambda file, path: next(left, True))
    if times == 1000:
        with pytest.raises(OSError, match="changed each time") as caught:
            open_ours(path, 0o600)
        assert errno.EAGAIN == caught.value.errno
    else:
        os.close(open_ours(path, 0o600))


def test_a_file_of_another_user_is_removed_and_not_written_to(path, monkeypatch):
    """Its content stays whatever its own names are."""
    path.write_bytes(b"theirs")
    before = path.stat().st_ino
    plain = os.fstat
    kept = os.open(path, os.O_RDONLY)

    def of_another(file):
        status = plain(file)
        return os.stat_result((*status[:4], 12345, *status[5:])) if status.st_ino == before else status

    monkeypatch.setattr(own_file.os, "fstat", of_another)
    file = open_ours(path, 0o600)
    monkeypatch.undo()
    assert b"" == read_at(file, 0, 10)
    assert b"theirs" == read_at(kept, 0, 10)
    drop(file, path)
    os.close(kept)


def test_what_has_taken_the_place_of_a_file_is_not_removed(path):
    """A dropped file is removed only if it is still the one at the path."""
    file = open_ours(path, 0o600)
    path.unlink()
    assert not is_at(file, path)
    path.write_bytes(b"another")
    drop(file, path)
    assert b"another" == path.read_bytes()


def test_a_file_that_cannot_be_removed_is_logged_and_closed(path, monkeypatch, caplog):
    """Cleaning up raises nothing over the error that led to it."""
    file = open_ours(path, 0o600)

    def refuse(*_, **__):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(type(path), "unlink", refuse)
    with caplog.at_level(logging.WARNING):
        drop(file, path)
    assert "could not be removed" in caplog.text
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file)
