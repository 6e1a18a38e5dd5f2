"""One small face over sqlite3 and psycopg: the statements are the same, `?` becomes `%s`, and each write is one transaction."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from mlsbom.errors import MlsbomError, NetworkError, UsageError

FORM: Final = "1"
MANY: Final = 500
"""Values of one IN list."""
Row = tuple[Any, ...]
_SCHEMA: Final = Path(__file__).resolve().parent / "schema.sql"
_LOCK: Final = 0x6D6C7362
"""The number of our advisory lock in PostgreSQL: `mlsb`."""


class Database:
    """An open database. `write()` is a transaction that other writers wait for; nothing of it stays if it fails.

    Raises UsageError for what is no store, NetworkError (exit code 3) where the store fails: a full disk, a lost connection, a locked file.
    """

    def __init__(self, url: str, *, readonly: bool = False) -> None:
        self.url = url
        self.postgres = url.startswith(("postgresql://", "postgres://"))
        if not self.postgres and not url.startswith("sqlite:///"):
            raise UsageError(f"no database URL: {shown(url)}", remedy="sqlite:///FILE or postgresql://USER@HOST/NAME")
        self._connection: Any = self._open_postgres(readonly) if self.postgres else self._open_sqlite(readonly)
        try:
            self._prepare(readonly)
        except MlsbomError:
            self.close()
            raise

    def _open_sqlite(self, readonly: bool) -> sqlite3.Connection:
        path = Path(self.url.removeprefix("sqlite:///"))
        if readonly and not path.is_file():
            raise UsageError(f"{path}: there is no such store", remedy="make one with: mlsbom fleet ingest DIR --db " + self.url)
        address = path.absolute().as_uri() + ("?mode=ro" if readonly else "")
        try:
            connection = sqlite3.connect(address, uri=True, timeout=60, isolation_level=None, check_same_thread=False)
            if not readonly:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA cache_size=-65536")
        except sqlite3.Error as e:
            raise UsageError(f"{path}: cannot be opened as a store: {e}") from e
        return connection

    def _open_postgres(self, readonly: bool) -> Any:
        try:
            import psycopg
        except ImportError as e:
            raise UsageError("a PostgreSQL store needs psycopg", remedy="pip install 'mlsbom[postgres]'") from e
        try:
            connection = psycopg.connect(self.url, autocommit=True, connect_timeout=20)
            if readonly:
                connection.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
        except psycopg.Error as e:
            raise NetworkError(f"the database does not answer: {_line(e)}", remedy="is it up, and is the URL right?") from e
        return connection

    def _prepare(self, readonly: bool) -> None:
        form = self._form()
        if form is None and readonly:
            raise UsageError(f"{shown(self.url)}: is no store", remedy="make one with: mlsbom fleet ingest DIR --db " + shown(self.url))
        if form is None:
            with self.write(lock=False):
                if self.postgres:
                    self.run("SELECT pg_advisory_xact_lock(?)", (_LOCK,))
                lines = [line for line in _SCHEMA.read_text("utf-8").splitlines() if not line.startswith("--")]
                for statement in filter(str.strip, "\n".join(lines).split(";")):
                    self.run(statement.replace(" BLOB", " BYTEA") if self.postgres else statement)
                self.run("INSERT INTO meta VALUES ('form', ?) ON CONFLICT (key) DO NOTHING", (FORM,))
            form = self._form()
        if form != FORM:
            why = f"is a store of form {form}, this version reads form {FORM}"
            raise UsageError(f"{shown(self.url)}: {why}", remedy="make it anew from the documents")

    def _form(self) -> str | None:
        """The form of the store; None where there is none yet."""
        table = "SELECT 1 WHERE to_regclass('meta') IS NOT NULL"
        if not self.one(table if self.postgres else "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'meta'"):
            return None
        row = self.one("SELECT value FROM meta WHERE key = 'form'")
        return str(row[0]) if row else None

    def run(self, statement: str, parameters: Sequence[Any] = ()) -> Any:
        """Run one statement; the cursor."""
        with self._errors():
            return self._connection.execute(statement.replace("?", "%s") if self.postgres else statement, parameters)

    def many(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        """Insert rows. Table and columns are names of the schema."""
        names = ", ".join(columns)
        with self._errors():
            if self.postgres:
                with self._connection.cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)
            else:
                self._connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})", rows)  # noqa: S608 - names are ours

    def all(self, statement: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""
        cursor = self.run(statement, parameters)
        with self._errors():
            return [tuple(r) for r in cursor.fetchall()]

    def each(self, statement: str, values: Sequence[Any]) -> list[Row]:
        """All rows of a query with `IN (...)`, for any number of values."""
        found: list[Row] = []
        for at in range(0, len(values), MANY):
            part = values[at : at + MANY]
            found += self.all(statement.replace("(...)", "(" + ",".join("?" * len(part)) + ")"), part)
        return found

    def one(self, statement: str, parameters: Sequence[Any] = ()) -> Row | None:
        """The first row of a query, or None."""
        row = self.run(statement, parameters).fetchone()
        return tuple(row) if row is not None else None

    @contextmanager
    def write(self, lock: bool = True) -> Iterator[None]:
        """A transaction; with `lock`, the only writer meanwhile."""
        self.run("BEGIN" if self.postgres else "BEGIN IMMEDIATE")
        whole = False
        try:
            if lock and self.postgres:
                self.run("LOCK TABLE target IN SHARE ROW EXCLUSIVE MODE")
            yield
            self.run("COMMIT")
            whole = True
        finally:
            if not whole:
                with contextlib.suppress(MlsbomError):  # the connection may be what was lost; the server then rolls back by itself
                    self.run("ROLLBACK")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Errors of the database as one line of ours."""
        kinds: tuple[type[BaseException], ...] = (sqlite3.Error,)
        if self.postgres:
            import psycopg

            kinds = (psycopg.Error,)
        try:
            yield
        except kinds as e:
            raise NetworkError(
                f"the store failed: {_line(e)}; nothing of this step was kept",
                remedy="mend it and run the same command again: it goes on where it stopped",
            ) from e

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def shown(url: str) -> str:
    """A URL without its password."""
    return re.sub(r"(//[^:/@]*):[^@]*@", r"\1:***@", url)


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
