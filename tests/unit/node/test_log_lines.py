"""The lines about blocks in the log."""

from __future__ import annotations

from btt_chain.node.engine import log_lines
from genesis.accounts import dev_account

HASH = bytes.fromhex("abcdef0123") + bytes(27)


def test_an_imported_block_is_one_line() -> None:
    said = log_lines.imported(
        123, HASH, author=dev_account("//Alice"), slot=456, transactions=3, milliseconds=12.4,
        is_best=True,
    )  # fmt: skip
    assert said == "imported #123 0xabcdef01… author Alice slot 456 txs 3 12 ms (best)"


def test_a_fork_is_called_one_and_an_unknown_author_is_left_out() -> None:
    said = log_lines.imported(
        7, HASH, author=None, slot=None, transactions=0, milliseconds=1.0, is_best=False
    )
    assert said == "imported #7 0xabcdef01… txs 0 1 ms (fork)"


def test_a_finalized_block_says_how_far_behind_it_is() -> None:
    assert log_lines.finalized(120, HASH, best=123) == "finalized #120 0xabcdef01… lag 3"


def test_an_unknown_account_has_the_ends_of_its_address_and_a_stash_its_owner() -> None:
    assert log_lines.called(dev_account("//Bob//stash")) == "Bob"
    assert len(log_lines.called(bytes(range(32)))) == 11
