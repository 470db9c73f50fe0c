"""SQLite files of programs: versions, transactions, permissions, and disks that are full."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from btt_chain.store import FACTS, Layout, Reader, Store, StoreError, TooSlow, snapshot

LAYOUT = Layout(2, FACTS + "CREATE TABLE words (word TEXT NOT NULL UNIQUE);")


def words(store: Store) -> list[str]:
    return [word for (word,) in store.rows("SELECT word FROM words ORDER BY rowid")]


def add(store: Store, word: str) -> None:
    store.execute("INSERT INTO words VALUES (?)", (word,))


def add_and_fail(store: Store) -> None:
    with store.transaction():
        add(store, "one")
        raise ZeroDivisionError


def test_a_new_file_has_its_tables_and_its_first_facts(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "a.db"
    with Store(path, LAYOUT, {"owner": b"\1"}) as store:
        assert store.fact("owner") == b"\1"
        assert store.fact("other") is None
        assert words(store) == []
        assert store.row("SELECT word FROM words") is None
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (2,)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_file_keeps_its_content_and_its_first_facts(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Store(path, LAYOUT, {"owner": b"\1"}) as store:
        add(store, "one")
        store.set_fact("seen", b"\5")
        store.set_fact("seen", b"\6")
    with Store(path, LAYOUT, {"owner": b"\2"}) as store:
        assert (store.fact("owner"), store.fact("seen")) == (b"\1", b"\6")
        assert words(store) == ["one"]


@pytest.mark.parametrize("content", [b"no database" * 100, b"SQLite format 3\0" + b"x" * 4_000])
def test_another_file_is_refused_and_stays_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"a\.db: file is not a database"):
        Store(path, LAYOUT)
    assert path.read_bytes() == content


def test_a_file_of_another_program_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "photos.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE photos (id INTEGER)")
    content = path.read_bytes()
    with pytest.raises(StoreError, match=r"photos\.db: it has the tables of another program"):
        Store(path, LAYOUT)
    assert path.read_bytes() == content


def test_another_version_is_refused_with_its_remedy(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    Store(path, LAYOUT).close()
    newer = replace(LAYOUT, version=3, remedy=": delete it")
    with pytest.raises(StoreError, match=r"version 2, this program writes 3: delete it$"):
        Store(path, newer)


def test_a_path_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="unable to open database file"):
        Store(tmp_path, LAYOUT)


def test_a_private_file_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "own" / "a.db"
    with Store(path, replace(LAYOUT, owner_only=True)) as store:
        add(store, "one")
        files = [*path.parent.iterdir()]
        assert len(files) == 3  # with the log of SQLite and its index
        assert all(file.stat().st_mode & 0o077 == 0 for file in (path.parent, *files))


def test_a_failed_transaction_changes_nothing_and_the_next_one_works(tmp_path: Path) -> None:
    with Store(tmp_path / "a.db", LAYOUT) as store:
        with pytest.raises(ZeroDivisionError):
            add_and_fail(store)
        with store.transaction():
            add(store, "two")
        assert words(store) == ["two"]


def test_a_broken_rule_of_a_table_is_a_mistake_of_the_program(tmp_path: Path) -> None:
    with Store(tmp_path / "a.db", LAYOUT) as store:
        add(store, "one")
        with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"), store.transaction():
            store.execute_many("INSERT INTO words VALUES (?)", [("two",), ("one",)])
        with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
            add(store, "one")
        with pytest.raises(sqlite3.ProgrammingError):
            store.rows("SELECT ?, ?", (1,))
        assert words(store) == ["one"]


def test_a_file_without_a_table_is_the_error_of_the_store(tmp_path: Path) -> None:
    with (
        Store(tmp_path / "a.db", LAYOUT) as store,
        pytest.raises(StoreError, match=r"a\.db: no such table"),
    ):
        store.rows("SELECT 1 FROM missing")


def test_a_reader_changes_nothing_and_its_queries_end_in_time(tmp_path: Path) -> None:
    path = tmp_path / "a ?#%.db"
    with pytest.raises(StoreError, match="unable to open"):
        Reader(path, 1.0)
    with Store(path, LAYOUT) as store, Reader(path, 0.05) as reader:
        add(store, "one")
        assert [word for (word,) in reader.rows("SELECT word FROM words")] == ["one"]
        with pytest.raises(StoreError, match="readonly"):
            reader.rows("DELETE FROM words")
        count = (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
        )
        with pytest.raises(TooSlow):
            reader.row(count)
        assert reader.row("SELECT count(*) FROM words") is not None


def test_a_full_disk_ends_the_transaction_and_the_store_goes_on(tmp_path: Path) -> None:
    with Store(tmp_path / "a.db", LAYOUT) as store:
        add(store, "one")
        ((pages,),) = store.rows("PRAGMA page_count")
        store.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match="database or disk is full"), store.transaction():
            add(store, "x" * 100_000)
        store.execute("PRAGMA max_page_count = 1000")
        with store.transaction():
            add(store, "two")
        assert words(store) == ["one", "two"]


def test_a_locked_file_is_the_error_of_the_store(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    impatient = replace(LAYOUT, pragmas=("busy_timeout = 0",))
    with Store(path, LAYOUT) as first, Store(path, impatient) as second:
        with first.transaction():
            add(first, "one")
            with pytest.raises(StoreError, match="database is locked"), second.transaction():
                raise AssertionError("unreachable")
        with second.transaction():
            add(second, "two")
        assert words(first) == ["one", "two"]


def test_a_snapshot_has_what_is_still_in_the_log(tmp_path: Path) -> None:
    with Store(tmp_path / "a.db", LAYOUT) as store:
        add(store, "one")
        (tmp_path / "b.db").write_bytes(snapshot(tmp_path / "a.db"))
    with Store(tmp_path / "b.db", LAYOUT) as copy:
        assert words(copy) == ["one"]
