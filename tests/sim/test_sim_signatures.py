"""Signatures in the simulator: real ones with a fixed nonce, of which few are verified."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from btt_chain.consensus.babe.verify import Reason, Refused
from btt_chain.crypto import ed25519, sr25519
from btt_chain.crypto.keypair import KeyPair, Scheme
from btt_chain.primitives.digest import BABE, Seal
from btt_chain.primitives.header import Header
from support.sim.byzantine import sealed
from support.sim.errors import Violation
from support.sim.plays import watched
from support.sim.sharing import CHECKED
from support.sim.steady import SteadyEd25519, SteadySr25519, steady
from support.sim.world import World

MESSAGES = [b"", b"one", b"other", bytes(200)]


@pytest.mark.parametrize("scheme", [Scheme.SR25519, Scheme.ED25519])
@pytest.mark.parametrize("uri", ["//Alice", "//Bob", "//Alice//stash"])
def test_signatures_with_a_fixed_nonce_are_valid_and_always_the_same(
    scheme: Scheme, uri: str
) -> None:
    real = KeyPair.from_uri(uri, scheme)
    pair = steady(real)
    for message in MESSAGES:
        signature = pair.sign(message)
        assert real.verify(message, signature)
        assert signature == type(pair)(scheme, real.public, real.secret, real.seed).sign(message)
        assert not real.verify(message + b"!", signature)
        assert scheme is not Scheme.ED25519 or ed25519.verify_strict(
            real.public, message, signature
        )
    assert len({pair.sign(message) for message in MESSAGES}) == len(MESSAGES)


def test_few_signatures_of_honest_nodes_are_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    seals, verify = [], sr25519.verify

    def count(public: bytes, message: bytes, signature: bytes) -> bool:
        seals.append(signature)
        return verify(public, message, signature)

    monkeypatch.setattr(sr25519, "verify", count)
    world = World(seed=1)
    world.run(3 * CHECKED)
    assert world.witness.signed > 8 * 3 * CHECKED
    assert 0 < len(seals) < 12
    assert 0 < world.engines.verify.checked < 60


def sign_wrongly(monkeypatch: pytest.MonkeyPatch, kind: type[KeyPair]) -> None:
    """Let all pairs of a kind sign other bytes than they are given."""
    sign = kind.sign
    monkeypatch.setattr(kind, "sign", lambda pair, message: sign(pair, message + b"!"))


def test_wrong_seals_of_all_nodes_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    sign_wrongly(monkeypatch, SteadySr25519)
    world = World(seed=1)
    missed: list[str] = []
    # One signature in CHECKED is verified; which ones follows from the genesis block.
    for _ in range(20):
        world.run(CHECKED)
        missed = [why for node in world.nodes for _, why in node.watcher.missed_slots]
        if missed:
            break
    assert any("the seal is not by" in why for why in missed)


def test_wrong_votes_of_all_nodes_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    sign_wrongly(monkeypatch, SteadyEd25519)
    with pytest.raises(Violation, match=r"a vote with a false signature|not signed by its voter"):
        watch(World(seed=1), slots=4)


def watch(world: World, slots: int) -> None:
    """Play some slots under all invariants."""
    with watched(world):
        world.run(slots)


def of_another_block(world: World, header: Header, other: Header) -> Header:
    _, seal = other.unsealed()
    assert seal is not None
    return header.unsealed()[0].with_log(seal)


def of_random_bytes(world: World, header: Header, other: Header) -> Header:
    return header.unsealed()[0].with_log(Seal(BABE, world.rng.randbytes(64)))


def of_another_key(world: World, header: Header, other: Header) -> Header:
    author = next(
        node for node in world.nodes if all(hash != header.hash() for _, hash in node.watcher.own)
    )
    return sealed(author, header.unsealed()[0])


@pytest.mark.parametrize("forge", [of_another_block, of_random_bytes, of_another_key])
def test_forged_seals_are_refused_where_honest_ones_are_shared(
    forge: Callable[[World, Header, Header], Header],
) -> None:
    world = World(seed=2)
    world.run(12)
    client = world.nodes[0].client
    for number in range(2, 8):
        header, other = (
            client.header_of(client.block_hash(at) or b"") for at in (number, number - 1)
        )
        forged = forge(world, header, other)
        assert forged.hash() != header.hash()
        for node in world.nodes:
            with pytest.raises(Refused) as refused:
                node.running.parts.importer.check(forged, world.now)
            assert refused.value.reason is Reason.BAD_SIGNATURE
