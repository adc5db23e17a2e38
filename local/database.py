"""One SQLite file for what the services remember: what is committed survives a kill of the process."""

import sqlite3
from pathlib import Path


def open_database(file: Path, *schemas: str) -> sqlite3.Connection:
    """Open or create it with these tables; every statement commits at once unless it stands in a transaction."""
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    for schema in schemas:
        connection.executescript(schema)
    return connection
