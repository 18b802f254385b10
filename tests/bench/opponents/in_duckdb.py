"""Asks DuckDB the managed insights: in_duckdb.py ROWS QUESTIONS. Prints {"p50": milliseconds, "groups": [[value, count], ..]} for each.

The rows become a table in a file, which DuckDB compresses; it is asked from a warm cache, with as many threads as it likes.
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import duckdb

RUNS = 15


def main():
    rows, questions = sys.argv[1:]
    asked = json.loads(Path(questions).read_text())
    with tempfile.TemporaryDirectory(prefix="muster-duckdb-") as folder:
        with duckdb.connect(str(Path(folder) / "findings.db")) as database:
            load(database, rows, asked["columns"])
        with duckdb.connect(str(Path(folder) / "findings.db"), read_only=True) as database:
            for query in asked["queries"]:
                print(json.dumps(ask(database, query)), flush=True)


def load(database, rows, columns):
    types = {name: kind for name, kind in columns}
    database.execute(
        "CREATE TABLE findings AS SELECT * FROM read_csv(?, columns = ?, delim = '\t', header = false, quote = '', escape = '', nullstr = '')",
        [rows, types],
    )
    database.execute("CHECKPOINT")


def ask(database, query):
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        groups = database.execute(query).fetchall()
        times.append(1e3 * (time.perf_counter() - started))
    return {"p50": statistics.median(times), "groups": groups}


if __name__ == "__main__":
    main()
