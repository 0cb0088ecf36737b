"""A connection of the module `sqlite3` by way of apsw, which takes a VFS: errors and names are the standard module's.

The library's handlers see what they expect; SQLite's own writes go through the process' `DiskVFS`.
"""

import contextlib
import os
import sqlite3

import apsw
from simulation.loop import HOST


def _translated(error):
    kind = sqlite3.OperationalError
    if isinstance(error, apsw.ConstraintError | apsw.MismatchError):
        kind = sqlite3.IntegrityError
    elif isinstance(error, apsw.NotADBError | apsw.CorruptError):
        kind = sqlite3.DatabaseError
    elif isinstance(error, apsw.MisuseError | apsw.ConnectionClosedError | apsw.CursorClosedError):
        kind = sqlite3.ProgrammingError
    translated = kind(str(error))
    translated.sqlite_errorcode = getattr(error, "extendedresult", 1)
    translated.sqlite_errorname = type(error).__name__
    return translated


class SimCursor:
    """A cursor with the standard module's names."""

    def __init__(self, connection):
        self.connection = connection
        self._cursor = connection.raw.cursor()
        self.rowcount = -1
        self.lastrowid = None

    def execute(self, statement, values=()):
        return self._run(lambda: self._cursor.execute(statement, _plain(values)))

    def executemany(self, statement, rows):
        return self._run(lambda: self._cursor.executemany(statement, [_plain(row) for row in rows]))

    def executescript(self, script):
        return self._run(lambda: self._cursor.execute(script))

    def _run(self, call):
        try:
            call()
            # apsw steps on demand: a write is done when its first step is
        except apsw.Error as error:
            raise _translated(error) from None
        self.rowcount = self.connection.raw.changes()
        self.lastrowid = self.connection.raw.last_insert_rowid()
        return self

    def fetchone(self):
        try:
            return next(self._cursor, None)
        except apsw.Error as error:
            raise _translated(error) from None

    def fetchall(self):
        try:
            return list(self._cursor)
        except apsw.Error as error:
            raise _translated(error) from None

    def fetchmany(self, size=1):
        return [row for row in (self.fetchone() for _ in range(size)) if row is not None]

    def __iter__(self):
        return iter(self.fetchall())

    def close(self):
        self._cursor.close()


def _plain(values):
    if isinstance(values, dict):
        return {name: _value(value) for name, value in values.items()}
    return tuple(_value(value) for value in values)


def _value(value):
    return str(value) if isinstance(value, str) else value  # apsw wants exact types for enumerations


class SimConnection:
    """A connection with the standard module's names."""

    def __init__(self, path, vfs, flags):
        try:
            self.raw = apsw.Connection(path, flags=flags, vfs=vfs)
        except apsw.Error as error:
            raise _translated(error) from None
        self.isolation_level = None
        self.row_factory = None

    def cursor(self):
        return SimCursor(self)

    def execute(self, statement, values=()):
        return self.cursor().execute(statement, values)

    def executemany(self, statement, rows):
        return self.cursor().executemany(statement, rows)

    def executescript(self, script):
        return self.cursor().executescript(script)

    @property
    def in_transaction(self):
        return self.raw.in_transaction

    @property
    def total_changes(self):
        return self.raw.total_changes()

    def commit(self):
        if self.in_transaction:
            self.execute("COMMIT")

    def rollback(self):
        if self.in_transaction:
            self.execute("ROLLBACK")

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            try:
                self.commit()
            except sqlite3.Error:
                self.rollback()
                raise
        else:
            self.rollback()
        return False

    def close(self):
        """As SQLite has it: a checkpoint that fails while closing is nobody's error."""
        with contextlib.suppress(apsw.Error):
            self.raw.close(True)


def connect(path):
    """Opens a file of the world's folder by the process' own VFS."""
    host = HOST.get()
    if host.dead:
        raise sqlite3.OperationalError("a dead process opens nothing")
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    connection = SimConnection(os.fspath(path), host.vfs.name, flags)
    connection.raw.set_busy_timeout(0)
    host.connections.append(connection)
    return connection
