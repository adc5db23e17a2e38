"""The SQLite file: databases, containers and items. What `write` has committed survives a kill."""

import base64
import contextlib
import json
import secrets
import sqlite3
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from local.cosmos.partition_key import STRING_MARK, Range, parse_path, physical_ranges

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS databases (rid TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS containers (
    number INTEGER PRIMARY KEY AUTOINCREMENT, database_rid TEXT NOT NULL, rid TEXT NOT NULL,
    ranges INTEGER NOT NULL, splits INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS offers (rid TEXT PRIMARY KEY, resource TEXT NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS items (
    n INTEGER PRIMARY KEY, container INTEGER NOT NULL, pk TEXT NOT NULL, id TEXT NOT NULL, epk TEXT NOT NULL,
    lsn INTEGER NOT NULL, ts INTEGER NOT NULL, ttl INTEGER, expires INTEGER, etag TEXT NOT NULL, body BLOB NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS items_by_id ON items (container, pk, id);
CREATE INDEX IF NOT EXISTS items_by_key ON items (container, epk, n);
CREATE INDEX IF NOT EXISTS items_by_lsn ON items (container, lsn, n);
CREATE INDEX IF NOT EXISTS items_by_expiry ON items (expires) WHERE expires IS NOT NULL;
CREATE TABLE IF NOT EXISTS unique_values (
    container INTEGER NOT NULL, pk TEXT NOT NULL, rule INTEGER NOT NULL, value TEXT NOT NULL, n INTEGER NOT NULL,
    PRIMARY KEY (container, pk, rule, value)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS unique_values_by_item ON unique_values (n);
"""

# An item's number is container * 2**44 + lsn * 128 + place in its batch: a container's items lie together in the
# file in the order of their creation, and no number is ever used twice.
CONTAINER_SHIFT = 44
LSN_SHIFT = 7
ITEM_COLUMNS = "n, pk, id, epk, lsn, ts, ttl, expires, etag, body"
INSERT = f"INSERT INTO items (container, {ITEM_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?)"
HOLDS = " AND instr(body, ?)"
# How many overwritten versions are remembered (in memory) for reads from a stale replica.
HISTORY_MAX = 5_000
PAGE_BYTES = 4096
CACHE_SIZE = -65_536  # in kilobytes, as SQLite has it
# The log is copied back into the file when it has this many pages.
LOG_PAGES = 2000
# Grows with every change of the tables; a file of another version is refused rather than misread.
FILE_VERSION = 4


@dataclass(slots=True)
class Item:
    """One stored item, as its row."""

    n: int
    pk: str
    id: str
    epk: str
    lsn: int
    ts: int
    ttl: int | None
    expires: int | None
    etag: str
    body: bytes


@dataclass
class Database:
    rid: str
    body: dict[str, Any]
    containers: dict[str, "Container"] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return str(self.body["id"])


@dataclass
class Container:
    """A container with what its definition means, worked out once."""

    number: int
    database: Database
    rid: str
    # How many physical partitions it had at first, and how often each has been halved since.
    first_ranges: int
    splits: int
    body: dict[str, Any]

    def __post_init__(self) -> None:
        definition = self.body["partitionKey"]
        self.kind: str = definition.get("kind", "Hash")
        self.version: int = definition.get("version", 1)
        self.is_system_key: bool = bool(definition.get("systemKey"))
        self.paths = [parse_path(path) for path in definition["paths"]]
        self.default_ttl: int | None = self.body.get("defaultTtl")
        policy = self.body.get("uniqueKeyPolicy") or {}
        self.unique_keys = [[parse_path(path) for path in key["paths"]] for key in policy.get("uniqueKeys", [])]
        self.ranges: list[Range] = physical_ranges(self.first_ranges, self.splits, self.kind, self.version)
        self.is_indexed: bool = self.body["indexingPolicy"]["indexingMode"] != "none"
        self.rid_bytes = rid_bytes(self.rid)
        self.link = f"dbs/{self.database.id}/colls/{self.id}"
        self.self_link = f"dbs/{self.database.rid}/colls/{self.rid}/"

    @property
    def id(self) -> str:
        return str(self.body["id"])

    def range_of(self, epk: str) -> Range:
        return next(part for part in reversed(self.ranges) if part.low <= epk)

    def item_rid(self, n: int) -> str:
        return rid_text(self.rid_bytes + (n & ((1 << CONTAINER_SHIFT) - 1)).to_bytes(8, "big"))

    def item_number(self, rid: str) -> int | None:
        """The number of the item with this rid, or None when it is no rid of this container."""
        raw = rid_bytes(rid)
        if len(raw) != 16 or raw[:8] != self.rid_bytes:
            return None
        return (self.number << CONTAINER_SHIFT) | int.from_bytes(raw[8:], "big")


def rid_text(raw: bytes) -> str:
    return base64.b64encode(raw).decode().replace("/", "-")


def rid_bytes(rid: str) -> bytes:
    try:
        return base64.b64decode(rid.replace("-", "/"), validate=True)
    except ValueError:
        return b""


@dataclass
class Overwritten:
    """What an item was before the write with this lsn; body None means that the write created it."""

    lsn: int
    container: int
    before: Item | None
    pk: str
    id: str


class Transaction:
    """The one write under way. Everything in it shares one lsn and becomes visible together."""

    def __init__(self, store: "Store", lsn: int, now: float) -> None:
        self.sql = store.writer
        self.lsn = lsn
        self.now = now
        self.overwritten: list[Overwritten] = []
        # Whether an item stored in here holds this lsn; a later deletion could have taken it away again.
        self.has_stored = False
        self._places = 0

    def next_number(self, container: Container) -> int:
        place = self._places
        self._places += 1
        return (container.number << CONTAINER_SHIFT) | (self.lsn << LSN_SHIFT) | place

    def find(self, container: Container, pk: str, item_id: str) -> Item | None:
        """The live item; an expired one is removed on the way, so that its id is free at once."""
        item = _find(self.sql, container, pk, item_id)
        if item is not None and item.expires is not None and item.expires <= self.now:
            self._remove(item)
            return None
        return item

    def insert(self, container: Container, item: Item) -> bool:
        """Store a new item; False if a live one has its id."""
        values = (container.number, item.n, item.pk, item.id, item.epk, item.lsn, item.ts, item.ttl, item.expires,
                  item.etag, item.body)  # fmt: skip
        try:
            self.sql.execute(INSERT, values)
        except sqlite3.IntegrityError:
            if self.find(container, item.pk, item.id) is not None:
                return False
            self.sql.execute(INSERT, values)
        self.has_stored = True
        self.overwritten.append(Overwritten(self.lsn, container.number, None, item.pk, item.id))
        return True

    def update(self, container: Container, before: Item, item: Item) -> None:
        self.sql.execute(
            "UPDATE items SET id=?, lsn=?, ts=?, ttl=?, expires=?, etag=?, body=? WHERE n=?",
            (item.id, item.lsn, item.ts, item.ttl, item.expires, item.etag, item.body, before.n),
        )
        self.has_stored = True
        self.overwritten.append(Overwritten(self.lsn, container.number, before, before.pk, before.id))
        if item.id != before.id:
            self.overwritten.append(Overwritten(self.lsn, container.number, None, item.pk, item.id))

    def delete(self, container: Container, item: Item) -> None:
        self._remove(item)
        self.has_stored = False
        self.overwritten.append(Overwritten(self.lsn, container.number, item, item.pk, item.id))

    def _remove(self, item: Item) -> None:
        self.sql.execute("DELETE FROM items WHERE n=?", (item.n,))
        self.sql.execute("DELETE FROM unique_values WHERE n=?", (item.n,))

    def take_unique_values(self, container: Container, pk: str, n: int, values: list[str]) -> bool:
        """Give these values to item `n` and free its old ones; False if another live item holds one of them."""
        self.sql.execute("DELETE FROM unique_values WHERE n=?", (n,))
        for rule, value in enumerate(values):
            row = self.sql.execute(
                "SELECT i.n, i.expires FROM unique_values u JOIN items i ON i.n = u.n"
                " WHERE u.container=? AND u.pk=? AND u.rule=? AND u.value=?",
                (container.number, pk, rule, value),
            ).fetchone()
            if row is not None and (row[1] is None or row[1] > self.now):
                return False
            if row is not None:
                self.sql.execute("DELETE FROM items WHERE n=?", (row[0],))
                self.sql.execute("DELETE FROM unique_values WHERE n=?", (row[0],))
            self.sql.execute(
                "INSERT INTO unique_values (container, pk, rule, value, n) VALUES (?,?,?,?,?)",
                (container.number, pk, rule, value, n),
            )
        return True

    def delete_partition(self, container: Container, pk: str) -> None:
        rows = self.sql.execute(
            f"SELECT {ITEM_COLUMNS} FROM items WHERE container=? AND pk=?", (container.number, pk)
        ).fetchall()
        for row in rows:
            self.delete(container, Item(*row))


def _find(sql: sqlite3.Connection, container: Container, pk: str, item_id: str) -> Item | None:
    row = sql.execute(
        f"SELECT {ITEM_COLUMNS} FROM items WHERE container=? AND pk=? AND id=?", (container.number, pk, item_id)
    ).fetchone()
    return None if row is None else Item(*row)


class Store:
    """Owns the file. All writes happen on one connection, one after another; long reads have their own."""

    def __init__(self, path: str | Path, ranges: int = 1) -> None:
        self.path = str(path)
        self.default_ranges = ranges
        self.writer = self.connect()
        self._check_version()
        self.writer.executescript(SCHEMA)
        self._grow_log()
        row = self.writer.execute("SELECT value FROM meta WHERE name='lsn'").fetchone()
        if row is None:
            self.writer.execute("INSERT INTO meta VALUES ('lsn', 0)")
        self.lsn: int = row[0] if row else 0
        # The lsn of each container's last write, by its number.
        self.container_lsns: dict[int, int] = {}
        self.history: deque[Overwritten] = deque(maxlen=HISTORY_MAX)
        self.databases: dict[str, Database] = {}
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._load()

    def connect(self) -> sqlite3.Connection:
        """A new connection, which the caller closes."""
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=30)
        connection.execute("PRAGMA journal_mode=WAL")
        # FULL syncs the log at every commit, so that an acknowledged write also survives a loss of power.
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA cache_size={CACHE_SIZE}")
        connection.execute(f"PRAGMA wal_autocheckpoint={LOG_PAGES}")
        return connection

    def _check_version(self) -> None:
        tables = self.writer.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        version = self.writer.execute("PRAGMA user_version").fetchone()[0]
        if tables and version != FILE_VERSION:
            raise ValueError(f"{self.path} is of another version of this endpoint ({version}, not {FILE_VERSION})")
        self.writer.execute(f"PRAGMA user_version = {FILE_VERSION}")

    def _grow_log(self) -> None:
        """Give the write-ahead log its full length at once: to sync what is overwritten is much faster than growth.

        With hardly any cache a transaction's pages go to the log before it ends; that it is undone changes no data.
        """
        self.writer.execute("PRAGMA cache_size=10")
        self.writer.execute("BEGIN IMMEDIATE")
        self.writer.execute("CREATE TABLE filling (body BLOB)")
        self.writer.execute("INSERT INTO filling VALUES (zeroblob(?))", (LOG_PAGES * PAGE_BYTES,))
        self.writer.execute("ROLLBACK")
        self.writer.execute(f"PRAGMA cache_size={CACHE_SIZE}")

    def reader(self) -> sqlite3.Connection:
        """A connection of the calling thread's own, for reads that must not hold up the others."""
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self.connect()
            self._readers.append(connection)
        return connection

    def close(self) -> None:
        for connection in [*self._readers, self.writer]:
            connection.close()

    def _load(self) -> None:
        by_rid = {}
        for rid, body in self.writer.execute("SELECT rid, body FROM databases"):
            database = Database(rid, json.loads(body))
            by_rid[rid] = self.databases[database.id] = database
        rows = self.writer.execute("SELECT number, database_rid, rid, ranges, splits, body FROM containers").fetchall()
        for number, database_rid, rid, ranges, splits, body in rows:
            database = by_rid[database_rid]
            container = Container(number, database, rid, ranges, splits, json.loads(body))
            database.containers[container.id] = container
            newest = self.writer.execute("SELECT max(lsn) FROM items WHERE container=?", (number,)).fetchone()[0]
            self.container_lsns[number] = newest or 0
            self.lsn = max(self.lsn, newest or 0)

    @contextlib.contextmanager
    def write(self, now: float) -> Iterator[Transaction]:
        """One atomic write with one lsn: committed and on disk when the block ends, undone if it raises."""
        self.writer.execute("BEGIN IMMEDIATE")
        transaction = Transaction(self, self.lsn + 1, now)
        try:
            yield transaction
            # An item that was written keeps the lsn itself, which spares most writes a page of the log.
            if not transaction.has_stored:
                self.writer.execute("UPDATE meta SET value=? WHERE name='lsn'", (transaction.lsn,))
            self.writer.execute("COMMIT")
        except BaseException:
            self.writer.execute("ROLLBACK")
            raise
        self.lsn = transaction.lsn
        self.history.extend(transaction.overwritten)
        self.container_lsns.update((change.container, change.lsn) for change in transaction.overwritten)

    def find(self, container: Container, pk: str, item_id: str, now: float) -> Item | None:
        item = _find(self.writer, container, pk, item_id)
        if item is not None and item.expires is not None and item.expires <= now:
            return None
        return item

    def find_by_number(self, n: int) -> Item | None:
        row = self.writer.execute(f"SELECT {ITEM_COLUMNS} FROM items WHERE n=?", (n,)).fetchone()
        return None if row is None else Item(*row)

    def purge(self, now: float) -> None:
        """Remove what has expired. Nobody can see it any more; this only gives the space back."""
        with self.write(now) as transaction:
            rows = transaction.sql.execute(
                f"SELECT {ITEM_COLUMNS} FROM items WHERE expires <= ? LIMIT 5000", (now,)
            ).fetchall()
            for row in rows:
                transaction._remove(Item(*row))

    # -- databases and containers ------------------------------------------------------------------------------

    def new_rid(self, parent: bytes = b"") -> str:
        # The highest bit of the fifth byte tells a container from a user in a real rid.
        tail = secrets.token_bytes(4)
        return rid_text(parent + (bytes([tail[0] | 0x80]) + tail[1:] if parent else tail))

    def save_database(self, database: Database) -> None:
        with self.write(0) as transaction:
            transaction.sql.execute(
                "INSERT OR REPLACE INTO databases VALUES (?,?)", (database.rid, json.dumps(database.body))
            )
        self.databases[database.id] = database

    def drop_database(self, database: Database) -> None:
        for container in list(database.containers.values()):
            self.drop_container(container)
        with self.write(0) as transaction:
            transaction.sql.execute("DELETE FROM databases WHERE rid=?", (database.rid,))
            transaction.sql.execute("DELETE FROM offers WHERE resource=?", (f"dbs/{database.rid}/",))
        del self.databases[database.id]

    def add_container(self, database: Database, rid: str, ranges: int, body: dict[str, Any]) -> Container:
        with self.write(0) as transaction:
            number = transaction.sql.execute(
                "INSERT INTO containers (database_rid, rid, ranges, splits, body) VALUES (?,?,?,0,?)",
                (database.rid, rid, ranges, json.dumps(body)),
            ).lastrowid
        container = Container(number or 0, database, rid, ranges, 0, body)
        database.containers[container.id] = container
        self.container_lsns[container.number] = self.lsn
        return container

    def replace_container(self, container: Container, body: dict[str, Any]) -> Container:
        """Keep the container under a new definition; its items' expiry follows the new default at once."""
        changed = replace(container, body=body)
        with self.write(0) as transaction:
            transaction.sql.execute("UPDATE containers SET body=? WHERE number=?", (json.dumps(body), changed.number))
            if changed.default_ttl != container.default_ttl:
                transaction.sql.execute(
                    "UPDATE items SET expires = CASE WHEN ?1 IS NULL THEN NULL"
                    " WHEN coalesce(ttl, ?1) = -1 THEN NULL ELSE ts + coalesce(ttl, ?1) END WHERE container=?2",
                    (changed.default_ttl, changed.number),
                )
        container.database.containers[changed.id] = changed
        return changed

    def split_container(self, container: Container) -> Container:
        """Halve each of the container's physical partitions; the halves have new numbers."""
        changed = replace(container, splits=container.splits + 1)
        with self.write(0) as transaction:
            transaction.sql.execute("UPDATE containers SET splits=? WHERE number=?", (changed.splits, changed.number))
        container.database.containers[changed.id] = changed
        return changed

    def drop_container(self, container: Container) -> None:
        with self.write(0) as transaction:
            for table in ("items", "unique_values"):
                transaction.sql.execute(f"DELETE FROM {table} WHERE container=?", (container.number,))
            transaction.sql.execute("DELETE FROM containers WHERE number=?", (container.number,))
            transaction.sql.execute("DELETE FROM offers WHERE resource=?", (container.self_link,))
        del container.database.containers[container.id]

    def save_offer(self, offer: dict[str, Any]) -> None:
        with self.write(0) as transaction:
            transaction.sql.execute(
                "INSERT OR REPLACE INTO offers VALUES (?,?,?)",
                (offer["_rid"], offer["resource"], json.dumps(offer)),
            )

    def offers(self) -> list[dict[str, Any]]:
        return [json.loads(body) for (body,) in self.writer.execute("SELECT body FROM offers")]

    # -- reads in order ----------------------------------------------------------------------------------------

    def scan(
        self,
        sql: sqlite3.Connection,
        container: Container,
        where: "Where",
        now: float,
        after: int = 0,
        texts: tuple[bytes, ...] = (),
    ) -> Iterator[tuple[int, bytes]]:
        """Number and body of every live item in this place, in the order of creation, beyond number `after`.

        Items without all of these texts in their bodies are left out.
        """
        condition, values = where.sql(container)
        first = max(after + 1, container.number << CONTAINER_SHIFT)
        last = ((container.number + 1) << CONTAINER_SHIFT) - 1
        cursor = sql.execute(
            f"SELECT n, body FROM items WHERE {condition} AND n BETWEEN ? AND ?"
            f" AND (expires IS NULL OR expires > ?){HOLDS * len(texts)} ORDER BY n",
            (*values, first, last, now, *texts),
        )
        return _rows(cursor)

    def scan_keys(
        self,
        sql: sqlite3.Connection,
        container: Container,
        where: "Where",
        now: float,
        first: str,
        texts: tuple[bytes, ...] = (),
    ) -> Iterator[tuple[int, bytes]]:
        """The same of those items whose key is a string from `first` on, in the order of their keys."""
        cursor = sql.execute(
            "SELECT n, body FROM items INDEXED BY items_by_id WHERE container=? AND pk >= ? AND pk < '['"
            f" AND epk >= ? AND epk < ? AND (expires IS NULL OR expires > ?){HOLDS * len(texts)} ORDER BY pk, n",
            (container.number, STRING_MARK + first, where.low, where.high, now, *texts),
        )
        return _rows(cursor)

    def changes(self, container: Container, where: "Where", now: float, after: int, since: float) -> Iterator[Item]:
        """The newest version of every live item changed after lsn `after`, at `since` or later, oldest change first."""
        condition, values = where.sql(container)
        cursor = self.writer.execute(
            f"SELECT {ITEM_COLUMNS} FROM items WHERE {condition} AND container=? AND lsn > ? AND ts >= ?"
            " AND (expires IS NULL OR expires > ?) ORDER BY lsn, n",
            (*values, container.number, after, since, now),
        )
        while rows := cursor.fetchmany(200):
            for row in rows:
                yield Item(*row)


def _rows(cursor: sqlite3.Cursor) -> Iterator[tuple[int, bytes]]:
    while rows := cursor.fetchmany(200):
        yield from rows


@dataclass(frozen=True)
class Where:
    """Which part of a container: one logical partition, or all effective keys from `low` to below `high`."""

    pk: str | None = None
    epk: str | None = None
    low: str = ""
    high: str = "FF"
    # Of the keys that are strings only these, or those from the first to the last one.
    among: tuple[str, ...] | None = None
    between: tuple[str, str] | None = None

    @property
    def is_everything(self) -> bool:
        return (self.pk, self.low, self.high, self.among, self.between) == (None, "", "FF", None, None)

    def sql(self, container: Container) -> tuple[str, tuple[Any, ...]]:
        if self.pk is not None:
            return "container=? AND epk=? AND pk=?", (container.number, self.epk, self.pk)
        if self.is_everything:
            return "1", ()
        if self.among is not None or self.between is not None:
            return self._keys_sql(container)
        # The unary plus keeps SQLite from reading by key order, which would need a sort of the whole range.
        if any(part.low == self.low and part.high == self.high for part in container.ranges):
            return "+epk >= ? AND +epk < ?", (self.low, self.high)
        return "container=? AND epk >= ? AND epk < ?", (container.number, self.low, self.high)

    def _keys_sql(self, container: Container) -> tuple[str, tuple[Any, ...]]:
        keys = [STRING_MARK + key for key in self.among or self.between or ()]
        wanted = "BETWEEN ? AND ?" if self.among is None else f"IN ({', '.join('?' * len(keys))})"
        # The numbers alone are gathered and put in order; the items are then read one after the other.
        numbers = f"SELECT n FROM items INDEXED BY items_by_id WHERE container=? AND pk {wanted}"
        return f"n IN ({numbers}) AND epk >= ? AND epk < ?", (container.number, *keys, self.low, self.high)

    def covers(self, pk: str, epk: str) -> bool:
        return pk == self.pk if self.pk is not None else self.low <= epk < self.high
