"""The basis of a vote is on the disk before the vote is signed."""

from __future__ import annotations

from collections.abc import Mapping

from btt_chain.consensus.finality import records
from support.sim.world import World


def test_the_round_before_is_saved_before_a_vote_of_the_next_one_is_signed() -> None:
    world = World(seed=1, validators=1, observers=1)
    world.run(2)
    node = world.nodes[0]
    order: list[tuple[str, int]] = []
    gadget, store, vault = node.running.parts.gadget, node.client.store, node.vault
    signer = gadget._environment._signer
    assert vault is not None
    write = store.aux_put

    def aux_put(changes: Mapping[bytes, bytes | None], *, sync: bool = False) -> None:
        write(changes, sync=sync)
        saved = records.read_round(store.aux_get)
        if sync and saved is not None:
            order.append(("on disk", int(saved.number)))

    vars(store)["aux_put"] = aux_put
    cast = signer.sign

    def sign(set_id: int, number: int, message: object, who: object) -> object:
        order.append(("vote", number))
        return cast(set_id, number, message, who)  # type: ignore[arg-type]

    vars(signer)["sign"] = sign
    world.run(6)
    votes = [at for at, (what, _) in enumerate(order) if what == "vote"]
    assert len(votes) > 4
    for at in votes:
        what, number = order[at - 1]
        assert (what, number) == ("on disk", order[at][1] - 1)
