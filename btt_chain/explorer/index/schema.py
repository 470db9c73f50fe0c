"""The tables of the index, and every statement that is sent to them.

Blocks of the best chain only are in the index, so a height names a block. Amounts are 16 bytes, big
endian: they sort right and are never floats. Bodies and events are stored once a block, compressed,
as they were on the wire; the other tables find places in them. Lists are paged by keys, never by
OFFSET. Statements are constants; nothing that a user types becomes a part of one.
"""

from __future__ import annotations

from typing import Final

LAYOUT: Final = 1
"""Version of the tables. Another version in a file is refused."""

SCHEMA: Final = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB) STRICT, WITHOUT ROWID;
CREATE TABLE spec(version INTEGER PRIMARY KEY, first INTEGER NOT NULL, metadata BLOB NOT NULL)
    STRICT;
CREATE TABLE block(
    height INTEGER PRIMARY KEY, hash BLOB NOT NULL, parent BLOB NOT NULL, author INTEGER,
    slot INTEGER, ms INTEGER NOT NULL, spec INTEGER NOT NULL, extrinsics INTEGER NOT NULL,
    signed INTEGER NOT NULL, events INTEGER NOT NULL, event_count INTEGER NOT NULL,
    bytes INTEGER NOT NULL, fees BLOB NOT NULL, issuance BLOB NOT NULL, justified INTEGER NOT NULL,
    final INTEGER NOT NULL, complaint TEXT) STRICT;
CREATE INDEX block_hash ON block(hash);
CREATE INDEX block_open ON block(height) WHERE final = 0;
CREATE TABLE body(
    height INTEGER PRIMARY KEY, header BLOB NOT NULL, extrinsics BLOB NOT NULL,
    events BLOB NOT NULL) STRICT;
CREATE TABLE extrinsic(
    height INTEGER, i INTEGER, hash INTEGER NOT NULL, signer INTEGER, nonce INTEGER,
    pallet INTEGER NOT NULL, call INTEGER NOT NULL, ok INTEGER, fee BLOB, tip BLOB,
    PRIMARY KEY(height, i)) STRICT, WITHOUT ROWID;
CREATE INDEX extrinsic_hash ON extrinsic(hash);
CREATE INDEX extrinsic_signed ON extrinsic(height, i) WHERE signer IS NOT NULL;
CREATE TABLE occurrence(
    kind INTEGER, pallet INTEGER, item INTEGER, height INTEGER, count INTEGER NOT NULL,
    PRIMARY KEY(kind, pallet, item, height)) STRICT, WITHOUT ROWID;
CREATE INDEX occurrence_height ON occurrence(height);
CREATE TABLE account(
    id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, since INTEGER NOT NULL,
    total BLOB NOT NULL, free BLOB NOT NULL, reserved BLOB NOT NULL, frozen BLOB NOT NULL) STRICT;
CREATE INDEX account_total ON account(total, id);
CREATE INDEX account_since ON account(since);
CREATE TABLE touch(
    account INTEGER, height INTEGER, i INTEGER, role INTEGER NOT NULL,
    PRIMARY KEY(account, height, i)) STRICT, WITHOUT ROWID;
CREATE TABLE pending(
    height INTEGER, account INTEGER, PRIMARY KEY(height, account)) STRICT, WITHOUT ROWID;
CREATE TABLE audit(
    id INTEGER PRIMARY KEY, height INTEGER NOT NULL, ms INTEGER NOT NULL, report TEXT NOT NULL)
    STRICT;
"""

CALL: Final = 0
EVENT: Final = 1
"""Kinds of `occurrence`."""

# ---- writing

PUT_META: Final = "INSERT OR REPLACE INTO meta VALUES(?, ?)"
PUT_SPEC: Final = "INSERT OR IGNORE INTO spec VALUES(?, ?, ?)"
PUT_BLOCK: Final = "INSERT INTO block VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
PUT_BODY: Final = "INSERT INTO body VALUES(?, ?, ?, ?)"
PUT_EXTRINSIC: Final = "INSERT INTO extrinsic VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
PUT_OCCURRENCE: Final = "INSERT INTO occurrence VALUES(?, ?, ?, ?, ?)"
PUT_ACCOUNT: Final = "INSERT INTO account VALUES(?, ?, ?, ?, ?, ?, ?)"
PUT_TOUCH: Final = "INSERT INTO touch VALUES(?, ?, ?, ?)"
PUT_PENDING: Final = "INSERT INTO pending VALUES(?, ?)"
SETTLE: Final = "DELETE FROM pending WHERE height <= ?"
PUT_AUDIT: Final = "INSERT INTO audit(height, ms, report) VALUES(?, ?, ?)"
SET_BALANCE: Final = "UPDATE account SET total = ?, free = ?, reserved = ?, frozen = ? WHERE id = ?"
SET_FINAL: Final = "UPDATE block SET final = 1 WHERE final = 0 AND height <= ?"
LAST_ACCOUNT: Final = "SELECT max(id) FROM account"
DROPS: Final = (
    "DELETE FROM block WHERE height > ?",
    "DELETE FROM body WHERE height > ?",
    "DELETE FROM extrinsic WHERE height > ?",
    "DELETE FROM occurrence WHERE height > ?",
    (
        "DELETE FROM touch WHERE account IN (SELECT account FROM pending WHERE height > ?1)"
        " AND height > ?1"
    ),
    "DELETE FROM pending WHERE height > ?",
    "DELETE FROM account WHERE since > ?",
    "DELETE FROM spec WHERE first > ?",
)
"""Accounts and versions first seen in a dropped block go with it: numbers are given again."""
CLEARS: Final = tuple(
    f"DELETE FROM {table}"  # noqa: S608 - names of the schema
    for table in (
        "meta", "spec", "block", "body", "extrinsic", "occurrence", "account", "touch", "pending",
        "audit",
    )
)  # fmt: skip
TOUCHED: Final = (
    "SELECT DISTINCT a.id, a.key FROM pending p CROSS JOIN account a ON a.id = p.account"
    " WHERE p.height <= ? ORDER BY a.id"
)

PRUNE: Final = "DELETE FROM body WHERE height < ?"
TIMES: Final = "SELECT height, ms FROM block WHERE height >= ? ORDER BY height LIMIT 1000"

# ---- reading

META: Final = "SELECT value FROM meta WHERE key = ?"
SPECS: Final = "SELECT version, first FROM spec ORDER BY first DESC"
SPEC_OF: Final = "SELECT spec FROM block WHERE height = ?"
SPEC_METADATA: Final = "SELECT metadata FROM spec WHERE version = ?"
TIP: Final = "SELECT max(height) FROM block"
FIRST: Final = "SELECT min(height) FROM block"
LAST_FINAL: Final = (
    "SELECT height, hash FROM block WHERE height = coalesce("
    "(SELECT min(height) FROM block WHERE final = 0) - 1, (SELECT max(height) FROM block))"
)
OPEN: Final = "SELECT height, hash FROM block WHERE final = 0 ORDER BY height"
_BLOCK = (
    "SELECT b.height, b.hash, b.parent, a.key, b.slot, b.ms, b.spec, b.extrinsics, b.signed,"
    " b.events, b.event_count, b.bytes, b.fees, b.issuance, b.justified, b.final, b.complaint"
    " FROM block b LEFT JOIN account a ON a.id = b.author "
)
BLOCK: Final = _BLOCK + "WHERE b.height = ?"
BLOCK_BY_HASH: Final = _BLOCK + "WHERE b.hash = ?"
BLOCKS_BELOW: Final = _BLOCK + "WHERE b.height < ? ORDER BY b.height DESC LIMIT ?"
BLOCKS_ABOVE: Final = _BLOCK + "WHERE b.height > ? ORDER BY b.height LIMIT ?"
AUTHORED: Final = (
    "SELECT a.key, count(*), max(b.height) FROM block b JOIN account a ON a.id = b.author"
    " WHERE b.height > ? GROUP BY b.author ORDER BY 2 DESC, 3 DESC LIMIT 1000"
)
BODY: Final = "SELECT header, extrinsics, events FROM body WHERE height = ?"
_EXTRINSIC = (
    "SELECT x.height, x.i, x.hash, a.key, x.nonce, x.pallet, x.call, x.ok, x.fee, x.tip"
    " FROM extrinsic x LEFT JOIN account a ON a.id = x.signer "
)
EXTRINSICS_OF: Final = _EXTRINSIC + "WHERE x.height = ? AND x.i >= ? ORDER BY x.i LIMIT ?"
EXTRINSIC: Final = _EXTRINSIC + "WHERE x.height = ? AND x.i = ?"
EXTRINSICS_BY_HASH: Final = _EXTRINSIC + "WHERE x.hash = ? LIMIT 16"
EXTRINSICS_BELOW: Final = (
    _EXTRINSIC + "WHERE (x.height, x.i) < (?, ?) ORDER BY x.height DESC, x.i DESC LIMIT ?"
)
EXTRINSICS_ABOVE: Final = (
    _EXTRINSIC + "WHERE (x.height, x.i) > (?, ?) ORDER BY x.height, x.i LIMIT ?"
)
SIGNED_BELOW: Final = (
    "SELECT x.height, x.i, x.hash, a.key, x.nonce, x.pallet, x.call, x.ok, x.fee, x.tip"
    " FROM extrinsic x INDEXED BY extrinsic_signed JOIN account a ON a.id = x.signer"
    " WHERE x.signer IS NOT NULL AND (x.height, x.i) < (?, ?)"
    " ORDER BY x.height DESC, x.i DESC LIMIT ?"
)
OCCURRENCES_BELOW: Final = (
    "SELECT height, count FROM occurrence WHERE kind = ? AND pallet = ? AND item = ?"
    " AND height < ? ORDER BY height DESC LIMIT ?"
)
EXTRINSICS_OF_CALL: Final = (
    _EXTRINSIC + "WHERE x.height = ? AND x.pallet = ? AND x.call = ? AND x.i < ?"
    " ORDER BY x.i DESC LIMIT ?"
)
ACCOUNT: Final = "SELECT id, key, total, free, reserved, frozen FROM account WHERE key = ?"
ACCOUNTS_BELOW: Final = (
    "SELECT id, key, total, free, reserved, frozen FROM account WHERE (total, id) < (?, ?)"
    " ORDER BY total DESC, id DESC LIMIT ?"
)
ACCOUNT_COUNT: Final = "SELECT count(*) FROM account"
BALANCES_AFTER: Final = (
    "SELECT id, key, total, free, reserved, frozen FROM account WHERE id > ? ORDER BY id LIMIT ?"
)
TOUCHES_BELOW: Final = (
    "SELECT height, i, role FROM touch WHERE account = ? AND (height, i) < (?, ?)"
    " ORDER BY height DESC, i DESC LIMIT ?"
)
TOUCHES_ABOVE: Final = (
    "SELECT height, i, role FROM touch WHERE account = ? AND (height, i) > (?, ?)"
    " ORDER BY height, i LIMIT ?"
)
AUDITS: Final = "SELECT height, ms, report FROM audit ORDER BY id DESC LIMIT ?"

QUERIES: Final = {
    name: text
    for name, text in dict(globals()).items()
    if isinstance(text, str) and name.isupper() and not name.startswith("_") and name != "SCHEMA"
}
"""Every statement by its name, for the test of their plans."""
