"""Measures how many findings a second PostgreSQL takes: into_postgres.py ROWS. Prints {"rate": .., "rows": ..}.

A cluster of its own in a temporary folder, on a unix socket. Eight connections send batches of 500 rows as arrays, each batch
one INSERT .. ON CONFLICT DO UPDATE and one durable commit. The first tenth of the rows warms up and is not counted.
"""

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg

BIN = Path("/usr/lib/postgresql/15/bin")
CONNECTIONS = 8
BATCH = 500
WARM_UP = 0.1

# What a careful operator sets for this load on two cores and more memory than findings. Every commit waits for the disk.
SETTINGS = """
listen_addresses = ''
max_connections = 20
shared_buffers = 2GB
wal_buffers = 64MB
max_wal_size = 16GB
checkpoint_timeout = 30min
wal_compression = lz4
default_toast_compression = lz4
fsync = on
full_page_writes = on
synchronous_commit = on
jit = off
"""

# The columns are what the product's queries name; the indexes are what a filter, a page of the newest and an insight need.
COLUMNS = ["key", "account", "updated", "product", "severity", "state", "workflow", "compliance", "resource", "resource_type", "type", "generator", "document"]
SCHEMA = """
CREATE TABLE findings (
    key uuid PRIMARY KEY,
    account text NOT NULL,
    updated timestamptz NOT NULL,
    product text NOT NULL,
    severity text NOT NULL,
    state text NOT NULL,
    workflow text NOT NULL,
    compliance text NOT NULL,
    resource text NOT NULL,
    resource_type text NOT NULL,
    type text NOT NULL,
    generator text NOT NULL,
    document jsonb NOT NULL
);
CREATE INDEX ON findings (updated);
CREATE INDEX ON findings (account, updated);
CREATE INDEX ON findings (severity, updated);
CREATE INDEX ON findings (resource);
CREATE INDEX ON findings (resource_type, type);
"""
UPSERT = f"""
INSERT INTO findings ({", ".join(COLUMNS)})
SELECT key::uuid, account, to_timestamp(updated / 1000.0), {", ".join(COLUMNS[3:-1])}, document::jsonb
FROM unnest(%s::text[], %s::text[], %s::int8[], {", ".join(["%s::text[]"] * (len(COLUMNS) - 3))}) AS row ({", ".join(COLUMNS)})
ON CONFLICT (key) DO UPDATE
SET ({", ".join(COLUMNS[1:])}) = ROW ({", ".join("excluded." + name for name in COLUMNS[1:])})
WHERE findings.updated < excluded.updated
"""


def main():
    rows = read(sys.argv[1])
    folder = Path(tempfile.mkdtemp(prefix="muster-postgres-"))
    server = None
    try:
        server = start(folder)
        print(json.dumps({"rate": measure(folder, rows), "rows": len(rows)}), flush=True)
    finally:
        if server is not None:
            server.terminate()
            server.wait(60)
        shutil.rmtree(folder)


def read(path):
    with open(path, encoding="utf-8") as file:
        return [line.rstrip("\n").split("\t") for line in file]


def start(folder):
    """Makes a cluster and starts it. PostgreSQL does not run as root."""
    user = {}
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        os.chown(folder, account.pw_uid, account.pw_gid)
        user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    data = folder / "data"
    initdb = [BIN / "initdb", "--pgdata", data, "--username", "bench", "--auth", "trust", "--encoding", "UTF8", "--no-locale"]
    subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd=folder, **user)
    with open(data / "postgresql.conf", "a", encoding="utf-8") as file:
        file.write(SETTINGS + f"unix_socket_directories = '{folder}'\n")
    log = open(folder / "log", "w", encoding="utf-8")
    server = subprocess.Popen([BIN / "postgres", "-D", data], stdout=log, stderr=log, cwd=folder, **user)
    deadline = time.monotonic() + 60
    while subprocess.run([BIN / "pg_isready", "--quiet", "--host", folder], check=False).returncode != 0:
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("PostgreSQL does not start: " + (folder / "log").read_text())
        time.sleep(0.05)
    return server


def connect(folder):
    return psycopg.connect(host=str(folder), user="bench", dbname="postgres", autocommit=True)


def measure(folder, rows):
    with connect(folder) as first:
        first.execute(SCHEMA)
    batches = [columns(rows[start : start + BATCH]) for start in range(0, len(rows), BATCH)]
    warm_up = max(1, int(len(batches) * WARM_UP))
    connections = [connect(folder) for _ in range(CONNECTIONS)]
    with ThreadPoolExecutor(CONNECTIONS) as threads:

        def send(batches):
            shares = [batches[number::CONNECTIONS] for number in range(CONNECTIONS)]
            return sum(threads.map(upsert, connections, shares))

        send(batches[:warm_up])
        started = time.monotonic()
        sent = send(batches[warm_up:])
        elapsed = time.monotonic() - started
    stored = connections[0].execute("SELECT count(*) FROM findings").fetchone()[0]
    if stored != len(rows):
        raise RuntimeError(f"{len(rows)} findings were sent and {stored} are stored")
    for connection in connections:
        connection.close()
    return sent / elapsed


def columns(rows):
    values = [list(column) for column in zip(*rows)]
    values[COLUMNS.index("updated")] = [int(value) for value in values[COLUMNS.index("updated")]]
    return values


def upsert(connection, batches):
    for batch in batches:
        connection.execute(UPSERT, batch, binary=True)
    return sum(len(batch[0]) for batch in batches)


if __name__ == "__main__":
    main()
