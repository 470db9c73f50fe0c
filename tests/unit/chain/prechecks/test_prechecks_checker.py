"""Checks before the import: what is right gets a verdict, what is not gets none."""

from __future__ import annotations

import pytest

from btt_chain.chain.prechecks.checker import Checker, EpochTracker
from btt_chain.chain.prechecks.keys import signature_key
from btt_chain.chain.prechecks.wire import (
    EpochInfo,
    Item,
    Request,
    Rules,
    Start,
)
from btt_chain.consensus.author import manual_claim
from btt_chain.consensus.babe.verify import Reason, Refused
from btt_chain.consensus.importer import Importer
from btt_chain.crypto import sr25519
from btt_chain.crypto.signature import Scheme
from btt_chain.node.blocks.prechecks import Prechecks
from btt_chain.primitives.babe import pre_digest, pre_runtime
from btt_chain.primitives.babe_digests import NextEpochData, NextEpochDescriptor, consensus
from btt_chain.primitives.digest import H256, Digest, DigestItem, Seal
from btt_chain.primitives.era import Mortal
from btt_chain.primitives.header import Header
from btt_chain.scale import DecodeError, u32, u64, u128
from runtime.extensions import MetadataHashMode
from runtime.frame import InvalidBlock
from support.babe_author import PAIRS, SLOT, SLOT_MS, Author, new_client
from support.chain import ALICE, BOB, CHARLIE, DAVE, DevChain, account, address
from support.prechecks import RubbishHelper, SimulatedHelper, offered

# ---- extrinsics


def rules(chain: DevChain) -> Rules:
    return Rules(u32(100), u32(1), chain.client.genesis_hash)


def test_no_signature_of_a_prechecked_block_is_checked_again() -> None:
    chain = DevChain()
    other = chain.another()
    helper = SimulatedHelper(other.runtimes.verdicts.prechecked)
    prechecks = Prechecks(other, Importer(other), helper)
    call = chain.call("Balances", "transfer_keep_alive", dest=address(CHARLIE), value=u128(10**18))
    blocks = []
    for nonce in range(2):
        for pair in (ALICE, BOB, DAVE):
            chain.send(pair, call, nonce=nonce, era=Mortal.at(nonce, 64) if nonce else None,
                       birth=chain.client.block_hash(nonce))  # fmt: skip
        chain.send(CHARLIE, chain.call("System", "remark", remark=bytes(300)), nonce=nonce)
        blocks.append(chain.block(chain.seal()))
    prechecks.offer([offered(*block) for block in blocks])
    assert bool(helper.store)
    for block in blocks:
        other.import_block(*block)
    assert other.runtimes.verdicts.checked == 0
    assert helper.store.used == 8
    assert not helper.store, "verdicts of imported blocks are kept"


def test_a_wrong_signature_gets_no_verdict_and_its_block_is_refused() -> None:
    chain = DevChain()
    call = chain.call("Balances", "transfer_keep_alive", dest=address(CHARLIE), value=u128(10**18))
    chain.send(BOB, call)
    header, body = chain.block(chain.seal())
    place = max(range(len(body)), key=lambda at: len(body[at]))
    forged = list(body)
    forged[place] = body[place].replace(bytes(account(BOB)), bytes(account(ALICE)), 1)
    root = chain.client.runtimes.of(chain.client.state(header.hash()).get).blocks.ordered_root
    changed = Header(
        header.parent_hash, header.number, header.state_root, H256(root(forged)), header.digest
    )
    other = chain.another()
    helper = SimulatedHelper(other.runtimes.verdicts.prechecked)
    Prechecks(other, Importer(other), helper).offer([offered(changed, forged)])
    assert helper.answers[0].blocks[0].signatures == b""
    with pytest.raises(InvalidBlock, match="bad signature"):
        other.import_block(changed, forged)
    assert other.runtimes.verdicts.checked == 1


def test_what_cannot_be_checked_or_decoded_is_left_to_the_import() -> None:
    chain = DevChain()
    call = chain.call("System", "remark", remark=b"")
    good = chain.sign(BOB, call)[2:]
    with_hash = chain.sign(
        BOB, call, mode=MetadataHashMode.Enabled, metadata_hash=bytes(32)
    )[2:]  # fmt: skip
    early = chain.sign(BOB, call, era=Mortal.at(900, 64), birth=bytes(32))[2:]
    header, _ = chain.block(chain.seal())
    body = [b"", b"\x84", good[:50], with_hash, early, good, b"\x45" * 40]
    request = Request(rules(chain), None, [Item(header.encode(), body)])
    (verdicts,) = Checker().check(request).blocks
    assert int(verdicts.number) == 1
    assert len(verdicts.signatures) == 32
    assert verdicts.proofs == b""


def test_a_verdict_is_for_exactly_one_key_message_and_signature() -> None:
    who, message, signature = bytes(32), b"message", bytes(64)
    keys = {
        signature_key(Scheme.SR25519, who, message, signature),
        signature_key(Scheme.ED25519, who, message, signature),
        signature_key(Scheme.SR25519, bytes([1]) + who[1:], message, signature),
        signature_key(Scheme.SR25519, who, b"messagf", signature),
        signature_key(Scheme.SR25519, who, message, signature[1:] + b"\1"),
        signature_key(Scheme.SR25519, who + b"m", b"essage", signature),
        signature_key(Scheme.SR25519, who, signature[:1] + message, signature[:-1]),
    }
    assert len(keys) == 7


def test_a_block_without_its_body_gets_no_verdicts_but_its_hash_counts() -> None:
    chain = DevChain()
    first = chain.block(chain.seal())
    birth = chain.client.block_hash(1)
    chain.send(BOB, chain.call("System", "remark", remark=b""), era=Mortal.at(1, 4), birth=birth)
    second = chain.block(chain.seal())
    items = [Item(first[0].encode(), None), Item(second[0].encode(), second[1])]
    (verdicts,) = Checker().check(Request(rules(chain), None, items)).blocks
    assert int(verdicts.number) == 2
    assert len(verdicts.signatures) == 32


def test_a_header_that_is_none_is_an_error() -> None:
    chain = DevChain()
    with pytest.raises(DecodeError):
        Checker().check(Request(rules(chain), None, [Item(b"no header", [])]))


# ---- headers


@pytest.fixture(scope="module")
def chain() -> tuple[Author, list[Header]]:
    """Blocks of five epochs of twenty slots; the third has none."""
    author = Author()
    slots = [*range(30), 38, *range(61, 84), 99]
    return author, [author.extend(SLOT + n) for n in slots]


def import_with(helper: SimulatedHelper, importer: Importer, author: Author,
                headers: list[Header]) -> None:  # fmt: skip
    for header in headers:
        raw = Header.decode(header.encode())
        importer.import_block(raw, author.body(header), now_ms=(SLOT + 200) * SLOT_MS)


def test_no_seal_or_proof_of_a_prechecked_header_is_checked_again(
    chain: tuple[Author, list[Header]], monkeypatch: pytest.MonkeyPatch
) -> None:
    author, headers = chain
    client = new_client()
    importer = Importer(client)
    helper = SimulatedHelper(client.runtimes.verdicts.prechecked)
    prechecks = Prechecks(client, importer, helper)
    for at in range(0, len(headers), 8):
        prechecks.offer([offered(header, author.body(header)) for header in headers[at : at + 8]])
    checked: list[bytes] = []

    def refuse(public: bytes, message: bytes, signature: bytes) -> bool:
        checked.append(message)
        return False

    monkeypatch.setattr(sr25519, "verify", refuse)
    import_with(helper, importer, author, headers)
    assert client.best() == author.client.best()
    assert checked == []
    assert [work.start is None for work in helper.works] == [False] + [True] * (len(headers) - 1)
    assert helper.store.used == 2 * len(headers)


def test_a_helper_that_starts_in_the_midst_of_an_epoch_follows_from_there(
    chain: tuple[Author, list[Header]],
) -> None:
    author, headers = chain
    for first in (5, 19, 20, 30, 31):
        client = new_client()
        importer = Importer(client)
        helper = SimulatedHelper(client.runtimes.verdicts.prechecked)
        import_with(helper, importer, author, headers[:first])
        prechecks = Prechecks(client, importer, helper)
        prechecks.offer([offered(header, author.body(header)) for header in headers[first:]])
        import_with(helper, importer, author, headers[first:])
        assert helper.store.used == 2 * (len(headers) - first), first


def test_an_unknown_parent_means_no_epoch_and_no_verdict_on_headers(
    chain: tuple[Author, list[Header]],
) -> None:
    author, headers = chain
    client = new_client()
    importer = Importer(client)
    helper = SimulatedHelper(client.runtimes.verdicts.prechecked)
    Prechecks(client, importer, helper).offer(
        [offered(header, author.body(header)) for header in headers[2:]]
    )
    assert not helper.store
    import_with(helper, importer, author, headers)
    assert client.best() == author.client.best()


def test_a_seal_by_another_key_gets_no_verdict_and_is_refused(
    chain: tuple[Author, list[Header]],
) -> None:
    author, headers = chain
    unsealed, seal = headers[0].unsealed()
    assert seal is not None
    claim = pre_digest(unsealed.digest.logs).claim
    key = author.importer.slots(bytes(unsealed.parent_hash), int(claim.slot)).epoch
    assert key is not None
    owner, _ = key.authorities[int(claim.authority_index)]
    thief = next(pair for public, pair in PAIRS.items() if public != owner)
    forged = unsealed.with_log(Seal(seal.engine, thief.sign(unsealed.hash())))
    client = new_client()
    importer = Importer(client)
    helper = SimulatedHelper(client.runtimes.verdicts.prechecked)
    Prechecks(client, importer, helper).offer([offered(forged, author.body(headers[0]))])
    (verdicts,) = helper.answers[0].blocks
    assert verdicts.signatures == b""
    with pytest.raises(Refused) as refused:
        importer.import_block(forged, author.body(headers[0]), now_ms=(SLOT + 200) * SLOT_MS)
    assert refused.value.reason is Reason.BAD_SIGNATURE


def test_rubbish_of_the_right_length_changes_nothing(chain: tuple[Author, list[Header]]) -> None:
    author, headers = chain
    client = new_client()
    importer = Importer(client)
    helper = RubbishHelper(client.runtimes.verdicts.prechecked)
    Prechecks(client, importer, helper).offer(
        [offered(header, author.body(header)) for header in headers]
    )
    assert helper.store
    import_with(helper, importer, author, headers)
    assert client.best() == author.client.best()
    assert helper.store.used == 0


def test_epochs_without_announcement_are_not_known() -> None:
    epoch = EpochInfo(u64(0), u64(SLOT), u64(20), [bytes(32)], bytes(32))
    tracker = EpochTracker(Start(epoch, None))
    late = Header(
        H256(bytes(32)), u32(1), H256(bytes(32)), H256(bytes(32)),
        Digest([pre_runtime(manual_claim(SLOT + 25))]),
    )  # fmt: skip
    assert tracker.follow(late)[0] is None
    no_claim = Header(H256(bytes(32)), u32(1), H256(bytes(32)), H256(bytes(32)), Digest([]))
    assert EpochTracker(Start(epoch, None)).follow(no_claim) == (None, None)


@pytest.mark.parametrize("announces", [True, False])
def test_headers_of_the_last_slots_that_there_are_can_be_followed(*, announces: bool) -> None:
    tracker = EpochTracker(Start(EpochInfo(u64(0), u64(SLOT), u64(20), [], bytes(32)), None))
    announcement = consensus(NextEpochData(NextEpochDescriptor([], bytes(32))))

    def follow(slot: int, *, announces: bool) -> EpochInfo | None:
        logs: list[DigestItem] = [pre_runtime(manual_claim(slot))]
        if announces:
            logs.append(announcement)
        zero = H256(bytes(32))
        epoch, claim = tracker.follow(Header(zero, u32(1), zero, zero, Digest(logs)))
        assert claim is not None
        return epoch

    assert follow(SLOT, announces=True) is not None
    last = follow(u64.MAX, announces=announces)
    assert last is not None
    assert int(last.start) <= u64.MAX < int(last.start) + int(last.length)
    assert follow(u64.MAX, announces=False) == last
