"""The gate for blocks of the lottery: what it lets in, what it refuses, which head wins."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pytest

from btt_chain.chain.client import BelowFinalized, UnknownBlock
from btt_chain.consensus.author import Pace, manual_claim
from btt_chain.consensus.babe.verify import Reason, Refused
from btt_chain.consensus.babe.worker import Forbidden
from btt_chain.consensus.importer import Importer
from btt_chain.primitives.babe import Primary, pre_digest, pre_runtime
from btt_chain.primitives.digest import Digest
from btt_chain.primitives.header import Header
from runtime.frame import InvalidBlock
from support.babe_author import SLOT, SLOT_MS, Author, Nothing, new_client


@pytest.fixture
def author() -> Author:
    return Author()


def take(importer: Importer, author: Author, header: Header, now_slot: int | None = None) -> bytes:
    slot = int(pre_digest(header.digest.logs).claim.slot) if now_slot is None else now_slot
    return importer.import_block(header, author.body(header), now_ms=slot * SLOT_MS).ref.hash


def test_a_chain_over_several_epochs_is_taken_in_by_another_node(author: Author) -> None:
    headers = [author.extend(SLOT + n) for n in range(45)]  # epochs of 20 slots
    other = Importer(new_client())
    for header in headers:
        take(other, author, header)
    assert other.client.best() == author.client.best()
    assert other.client.best().number == 45


def test_epochs_without_a_block_are_skipped_alike(author: Author) -> None:
    slots = [SLOT, SLOT + 1, SLOT + 95, SLOT + 96, SLOT + 400]
    headers = [author.extend(slot) for slot in slots]
    other = Importer(new_client())
    for header in headers:
        take(other, author, header)
    assert other.client.best() == author.client.best()


def test_a_slot_of_an_epoch_that_is_over_is_refused(author: Author) -> None:
    best = [author.extend(SLOT + n) for n in range(25)][-1]  # in the second epoch of 20 slots
    late = Header(
        best.hash(),
        best.number + 1,
        best.state_root,
        best.extrinsics_root,
        Digest([pre_runtime(manual_claim(SLOT + 3))]),
    )
    with pytest.raises(Refused) as refused:
        author.importer.import_block(late, [], now_ms=(SLOT + 30) * SLOT_MS)
    assert refused.value.reason is Reason.SLOT_NOT_AFTER_PARENT


def test_nothing_is_made_while_the_head_is_in_an_epoch_to_come(author: Author) -> None:
    for n in (*range(19), 20):
        author.extend(SLOT + n)
    # The head came early, from a clock ahead of ours: this slot belongs to the epoch before.
    assert author.worker.work(SLOT + 19, Nothing, lambda: Pace.EARLY) is None


def test_a_block_of_the_slot_after_next_is_early(author: Author) -> None:
    header = author.extend(SLOT + 2)
    other = Importer(new_client())
    with pytest.raises(Refused) as refused:
        take(other, author, header, SLOT)
    assert refused.value.reason is Reason.SLOT_IN_FUTURE
    take(other, author, header, SLOT + 1)


def test_a_header_that_was_touched_is_refused(author: Author) -> None:
    header = author.extend(SLOT)
    raw = bytearray(header.encode())
    other = Importer(new_client())
    for at in range(32, len(raw), 7):
        raw[at] ^= 1
        try:
            touched = Header.decode(bytes(raw))
        except ValueError:
            pass
        else:
            with pytest.raises((Refused, InvalidBlock, UnknownBlock)):
                other.import_block(touched, author.body(header), now_ms=SLOT * SLOT_MS)
        raw[at] ^= 1
    assert other.client.best().number == 0


def test_another_body_under_the_same_header_is_refused(author: Author) -> None:
    header = author.extend(SLOT)
    other = Importer(new_client())
    with pytest.raises(InvalidBlock, match="extrinsics root"):
        other.import_block(header, [*author.body(header), b"\x04"], now_ms=SLOT * SLOT_MS)


def test_what_the_runtime_writes_into_the_digest_must_be_there(author: Author) -> None:
    header = author.extend(SLOT)
    unsealed, _ = header.unsealed()
    logs = list(unsealed.digest.logs)
    bare = Header(
        header.parent_hash,
        header.number,
        header.state_root,
        header.extrinsics_root,
        Digest(logs[:1]),
    )
    with pytest.raises(InvalidBlock, match="digest"):
        author.client.execute(bare, author.body(header))


def test_a_second_block_of_one_slot_is_imported_and_reported(author: Author) -> None:
    first = author.extend(SLOT)
    second_author = Author()
    again = second_author.extend(SLOT)  # the seal is random, so the hash is another one
    assert again.hash() != first.hash()
    other = Importer(new_client())
    take(other, author, first)
    found = other.import_block(again, second_author.body(again), now_ms=SLOT * SLOT_MS)
    assert found.equivocation is not None
    assert found.equivocation.first_header == first
    assert found.equivocation.second_header == again
    assert len(other.client.hashes_at(1)) == 2


def test_a_second_block_that_is_no_good_is_reported_with_the_next_one(author: Author) -> None:
    first, second_author = author.extend(SLOT), Author()
    again = second_author.extend(SLOT)
    other = Importer(new_client())
    take(other, author, first)
    with pytest.raises(InvalidBlock):
        other.import_block(again, [], now_ms=SLOT * SLOT_MS)
    following = author.extend(SLOT + 1)
    body = author.body(following)
    found = other.import_block(following, body, now_ms=(SLOT + 1) * SLOT_MS)
    assert found.equivocation is not None
    assert found.equivocation.second_header == again


def test_a_known_block_is_passed_over(author: Author) -> None:
    header = author.extend(SLOT)
    found = author.importer.import_block(header, author.body(header), now_ms=0)
    assert found.ref.number == 1
    assert found.verified is None


def test_no_block_leaves_without_its_seal(author: Author) -> None:
    author.pen.dry = True
    made = author.worker.work(SLOT, Nothing, lambda: Pace.EARLY)
    assert made == Forbidden(SLOT)
    assert author.client.best().number == 0


def kinds(author: Author) -> Iterator[tuple[int, bool]]:
    """Slots from SLOT on, and whether a block of it would be primary."""
    for slot in range(SLOT, SLOT + 2_000):
        yield slot, author.make(slot).primary


def test_primary_blocks_outweigh_length() -> None:
    first = Author()
    primary = next(slot for slot, won in kinds(first) if won)
    secondary = list(islice((slot for slot, won in kinds(first) if not won), 50))
    lone = first.extend(primary)

    rival, slots = Author(), iter(secondary)
    longer = [rival.extend(next(slots))]
    while len(longer) < 2:
        slot = next(slots)
        made = rival.make(slot)
        if not isinstance(pre_digest(made.made.header.digest.logs), Primary):
            longer.append(rival.extend(slot))
    for order in ((lone, *longer), (*longer, lone)):
        judge = Importer(new_client())
        for header in order:
            take(judge, first if header is lone else rival, header)
        assert judge.client.best().hash == lone.hash()


def test_of_equals_the_first_stays() -> None:
    one, other = Author(), Author()
    left, right = one.extend(SLOT), other.extend(SLOT)
    judge = Importer(new_client())
    take(judge, one, left)
    take(judge, other, right)
    assert judge.client.best().hash == left.hash()


def test_a_block_below_finality_is_left_behind() -> None:
    one, other = Author(), Author()
    left, right = one.extend(SLOT), other.extend(SLOT)
    judge = Importer(new_client())
    take(judge, one, left)
    judge.client.finalize(left.hash())
    with pytest.raises(BelowFinalized):
        take(judge, other, right)
