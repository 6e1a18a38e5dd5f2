"""One small face over sqlite3 and psycopg: the statements are the same, `?` becomes `%s`, and each write is one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from mlsbom.errors import NetworkError, UsageError

FORM: Final = "1"
Row = tuple[Any, ...]
_SCHEMA: Final = Path(__file__).resolve().parent / "schema.sql"


class Database:
    """An open database. `write()` is a transaction that other writers wait for; nothing of it stays if it fails."""

    def __init__(self, url: str, *, readonly: bool = False) -> None:
        self.url = url
        self.postgres = url.startswith(("postgresql://", "postgres://"))
        if not self.postgres and not url.startswith("sqlite:///"):
            raise UsageError(f"no database URL: {url}", remedy="sqlite:///FILE or postgresql://USER@HOST/NAME")
        self._connection: Any = self._open_postgres() if self.postgres else self._open_sqlite(readonly)
        self._prepare(readonly)

    def _open_sqlite(self, readonly: bool) -> sqlite3.Connection:
        path = self.url.removeprefix("sqlite:///")
        if readonly and not Path(path).exists():
            raise UsageError(f"{path}: there is no such store", remedy="make one with: mlsbom fleet ingest DIR --db " + self.url)
        try:
            connection = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA cache_size=-65536")
        except sqlite3.Error as e:
            raise UsageError(f"{path}: cannot be opened as a store: {e}") from e
        return connection

    def _open_postgres(self) -> Any:
        try:
            import psycopg
        except ImportError as e:
            raise UsageError("a PostgreSQL store needs psycopg", remedy="pip install 'mlsbom[postgres]'") from e
        try:
            return psycopg.connect(self.url, autocommit=True)
        except psycopg.Error as e:
            raise NetworkError(f"the database does not answer: {str(e).strip().splitlines()[0]}") from e

    def _prepare(self, readonly: bool) -> None:
        if readonly:
            return
        text = _SCHEMA.read_text("utf-8")
        with self.write(lock=False):
            for statement in text.split(";"):
                body = "\n".join(line for line in statement.splitlines() if not line.startswith("--")).strip()
                if body:
                    self.run(body.replace(" BLOB", " BYTEA") if self.postgres else body)
            self.run("INSERT INTO meta VALUES ('form', ?) ON CONFLICT (key) DO NOTHING", (FORM,))
        form = self.one("SELECT value FROM meta WHERE key = 'form'")
        if form is None or form[0] != FORM:
            raise UsageError(
                f"{self.url}: is a store of form {form[0] if form else '?'}, this version reads form {FORM}",
                remedy="make it anew from the documents",
            )

    def run(self, statement: str, parameters: Sequence[Any] = ()) -> Any:
        """Run one statement; the cursor."""
        with self._errors():
            return self._connection.execute(statement.replace("?", "%s") if self.postgres else statement, parameters)

    def many(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        """Insert rows."""
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
        return [tuple(r) for r in self.run(statement, parameters).fetchall()]

    def one(self, statement: str, parameters: Sequence[Any] = ()) -> Row | None:
        """The first row of a query, or None."""
        row = self.run(statement, parameters).fetchone()
        return tuple(row) if row is not None else None

    @contextmanager
    def write(self, lock: bool = True) -> Iterator[None]:
        """A transaction; with `lock`, the only writer meanwhile."""
        self.run("BEGIN" if self.postgres else "BEGIN IMMEDIATE")
        try:
            if lock and self.postgres:
                self.run("LOCK TABLE target IN SHARE ROW EXCLUSIVE MODE")
            yield
        except BaseException:
            self.run("ROLLBACK")
            raise
        self.run("COMMIT")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Errors of the database as one line of ours: a full disk, a lost connection, a locked file."""
        kinds: tuple[type[BaseException], ...] = (sqlite3.Error,)
        if self.postgres:
            import psycopg

            kinds = (psycopg.Error,)
        try:
            yield
        except kinds as e:
            raise NetworkError(
                f"the store failed: {str(e).strip().splitlines()[0] if str(e).strip() else type(e).__name__}; nothing of this step was kept",
                remedy="mend it and run the same command again: it goes on where it stopped",
            ) from e

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
