"""A journal of version 1, which was never released, as the code of its time made it."""

import sqlite3
from contextlib import closing

SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE jobs (
    key TEXT PRIMARY KEY,
    endpoint TEXT NOT NULL,
    state TEXT NOT NULL,
    request TEXT NOT NULL,
    sent_at REAL,
    task_id TEXT,
    task TEXT,
    error TEXT,
    file TEXT,
    digest TEXT
) STRICT;
CREATE INDEX jobs_by_state ON jobs (state);
CREATE INDEX jobs_by_task ON jobs (task_id);
"""


def write(path):
    """Writes one with a job that runs, and closes it as a process that ended well did."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(SCHEMA)
        db.execute("INSERT INTO meta VALUES ('owner', 'https://api.klingai.com abc'), ('salt', '00ff')")
        db.execute(
            "INSERT INTO jobs (key, endpoint, state, request, sent_at, task_id)"
            " VALUES ('ka-1', '/v1/videos/image2video', 'running', '{\"prompt\": \"dusk\"}', 1700000000.5, '86')"
        )
        db.execute("PRAGMA user_version = 1")
