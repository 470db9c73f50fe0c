"""A referendum on a network of four: proposed and voted on by command, done by the chain itself.

The chain is `local` with days of decisions of five seconds, which is one number of its
specification: the runtime is that of every chain.
"""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from btt_chain.crypto.hashing import twox_128
from btt_chain.crypto.keypair import KeyPair
from btt_chain.primitives.account import AccountId, AccountInfo
from btt_chain.scale import codec, u64
from btt_chain.testing import Devnet, DevNode
from btt_chain.testing.plugin import DevnetFactory
from devnet.watched import command, until
from genesis.catalogue import make
from genesis.presets import CHAINS
from runtime import BttRuntime
from runtime.constants import BTT
from runtime.frame import EventRecord
from runtime.frame.event import Event
from runtime.frame.host import Initialization
from runtime.pallets.referenda import events
from runtime.params import RuntimeParams

pytestmark = [pytest.mark.devnet, pytest.mark.full, pytest.mark.timeout(900)]

DAY_MS: Final = 5_000
RUNTIME: Final = BttRuntime(RuntimeParams(u64(1_000)))
EVENTS: Final = "0x" + (twox_128(b"System") + twox_128(b"Events")).hex()
INSTITUTION: Final = "//holder//bitwave"
PAID: Final = {"//Payee//0": 100, "//Payee//1": 200, "//Payee//2": 300}
"""BTT of the grants, for accounts that have none."""
POOL: Final = "0x" + b"btt/grnt".hex()
WATCHED: Final = ("Preimage", "Referenda", "ConvictionVoting", "Scheduler", "Tokenomics")


def test_what_a_referendum_decides_is_done_on_all_nodes(devnet: DevnetFactory) -> None:
    net = devnet(validators=4, slot_ms=1_000, spec=hasty())
    net.wait_for_finality(1)
    first, second, third, fourth = (node.ws for node in net.nodes)
    call = ("Utility.batch_all", json.dumps([spend(who, amount) for who, amount in PAID.items()]))
    by = ("--track", "grants", "--no-deposit", "--from", "//Dave")
    # A proposal waits for its deposit for 14 short days: what can be done before, is.
    command(second, "tx", "transfer", INSTITUTION, "10BTT", "--from", "//Alice")
    command(first, "gov", "delegate", "grants", "//Eve", "10_000BTT", "--from", "//Charlie")
    number = str(command(first, "gov", "propose", *call, *by)["referendum"])
    command(third, "gov", "vote", number, "nay", "20_000BTT", "--from", "//Bob")
    command(fourth, "gov", "vote", number, "aye", "30_000BTT", "--from", "//Eve")
    command(second, "gov", "vote", number, "aye", "2_000_000BTT", "--from", INSTITUTION)
    command(third, "gov", "deposit", number, "--from", "//Dave")

    # No account acts after this.
    until(
        "who was to be paid has the money",
        lambda: are_paid(net),
        found=lambda: command(first, "gov", "show", number),
    )

    stories = [story(node) for node in net.nodes]
    assert stories[1:] == stories[:1] * 3
    names = [name for name, _ in stories[0]]
    for before, after in (
        ("Preimage.Noted", "Referenda.Submitted"),
        ("Referenda.Submitted", "ConvictionVoting.Voted"),
        ("ConvictionVoting.Voted", "Referenda.DecisionDepositPlaced"),
        ("Referenda.DecisionDepositPlaced", "Referenda.DecisionStarted"),
        ("Referenda.DecisionStarted", "Referenda.ConfirmStarted"),
        ("Referenda.ConfirmStarted", "Referenda.Confirmed"),
        ("Referenda.Confirmed", "Referenda.Approved"),
        ("Referenda.Approved", "Scheduler.Dispatched"),
        ("Scheduler.Dispatched", "Tokenomics.PoolReleased"),
    ):
        # The scheduler also dispatches alarms of the referendum, some of them early.
        assert after in names[names.index(before) + 1 :], names
    (confirmed,) = (event for _, event in stories[0] if isinstance(event, events.Confirmed))
    # Charlie's 10,000 went with Eve's 30,000; the two other chambers have no members yet.
    assert int(confirmed.tally.ayes) == 4_900 * 10**9 + 1_050 * 10**9 * 4 // 6
    assert int(confirmed.tally.support) == (4_900 + 1_050) * 10**9
    assert net.check_agreement() > 0


def hasty() -> str:
    """The specification `local` with the one number changed."""
    document = json.loads(make(CHAINS["local"], validators=4, slot_ms=1_000).dumps())
    document["genesis"]["runtimeGenesis"]["config"]["params"]["dayMs"] = DAY_MS
    return json.dumps(document)


def spend(who: str, amount: int) -> dict[str, Any]:
    """A payment of the grants' pool as it is typed within a batch."""
    return {
        "call": "Tokenomics.release_discretionary",
        "args": {"pool": POOL, "amount": f"{amount}BTT", "beneficiary": who},
    }


def free(node: DevNode, who: str) -> int:
    """The planck that an account has in the state of the last final block."""
    key = RUNTIME.system.account.key(AccountId(KeyPair.from_uri(who).account_id))
    head = node.rpc.call("chain_getFinalizedHead")
    raw = node.rpc.call("state_getStorage", "0x" + key.hex(), head)
    if not isinstance(raw, str):
        return 0
    return int(codec(AccountInfo).decode_all(bytes.fromhex(raw[2:])).data.free)


def are_paid(net: Devnet) -> bool:
    """Return True if all payments are final on all nodes."""
    return all(
        free(node, who) == amount * BTT for node in net.nodes for who, amount in PAID.items()
    )


def story(node: DevNode) -> list[tuple[str, Event]]:
    """Return the events of the proposal on a node, in final blocks up to the payment.

    What follows the block in which the deposit lets the decision begin must come from the chain
    itself, in no extrinsic.
    """
    RUNTIME.bind()
    records = codec(list[EventRecord])
    found: list[tuple[str, Event]] = []
    for number in range(1, node.rpc.finalized() + 1):
        raw = node.rpc.call("state_getStorage", EVENTS, node.rpc.block_hash(number))
        assert isinstance(raw, str)
        is_begun = any(name == "Referenda.ConfirmStarted" for name, _ in found)
        for record in records.decode_all(bytes.fromhex(raw[2:])):
            pallet, event = RUNTIME.pallets[record.event.pallet], record.event.event
            name = f"{pallet.name}.{type(event).__name__}"
            if pallet.name not in WATCHED:
                continue
            assert not is_begun or isinstance(record.phase, Initialization), name
            found.append((name, event))
        if any(name == "Tokenomics.PoolReleased" for name, _ in found):
            break
    return found
