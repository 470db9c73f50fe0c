"""RPCs of GossipSub as peers send them: their length, what they may contain, and its price."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from libp2p.abc import INetStream
from libp2p.pubsub.pb import rpc_pb2

from p2p.errors import WireError
from p2p.host.reports import MAX_IDS

if TYPE_CHECKING:
    from libp2p.pubsub.pb.rpc_pb2 import RPC, ControlMessage

CONTROL_ENTRIES: Final = 32
HAVES: Final = 2_048
"""Maximum number of announced ids of one entry that are read."""
WANTS: Final = 256
"""Maximum number of wanted messages of one RPC that are answered."""
ENTRY_US: Final = 40
"""Charge for a subscription or an entry of a control message, which the library handles later."""
ID_US: Final = 3
"""Charge for a message id in an entry."""
ID_BYTES: Final = 20
MAX_BACKOFF: Final = 3_600


def price_of(rpc: RPC, control: ControlMessage | None) -> int:
    """Return the microseconds that the library will take for an RPC's control and subscriptions."""
    price = ENTRY_US * len(rpc.subscriptions)
    if control is None:
        return price
    entries = len(control.ihave) + len(control.iwant) + len(control.graft) + len(control.prune)
    entries += len(control.idontwant)
    ids = sum(len(have.messageIDs) for have in control.ihave)
    ids += sum(len(want.messageIDs) for want in control.iwant)
    ids += sum(len(unwanted.messageIDs) for unwanted in control.idontwant)
    return price + ENTRY_US * entries + ID_US * ids


def bounded_control(control: ControlMessage, topics: Mapping[str, str]) -> ControlMessage:
    """Return the part of a peer's control message that 1.1 defines, for our topics, bounded, and
    the ids that it does not want.

    The library stores any topic it receives, and answers any number of ids. Raises WireError for
    messages that no honest node sends.
    """
    entries = len(control.ihave) + len(control.iwant) + len(control.graft) + len(control.prune)
    entries += len(control.idontwant)
    if entries > CONTROL_ENTRIES:
        raise WireError(f"{entries} control entries")
    wanted = [message_id for want in control.iwant for message_id in want.messageIDs]
    haves = [have for have in control.ihave if have.topicID in topics]
    ids = [*wanted, *(message_id for have in haves for message_id in have.messageIDs)]
    if any(len(message_id) != ID_BYTES for message_id in ids):
        raise WireError("a message id that is none")
    named = (one for entry in control.idontwant for one in entry.messageIDs)
    unwanted = [one for one in named if len(one) == ID_BYTES]
    return rpc_pb2.ControlMessage(
        # Long lists may be honest after a busy time: they are cut, not penalized.
        ihave=[
            rpc_pb2.ControlIHave(topicID=have.topicID, messageIDs=have.messageIDs[:HAVES])
            for have in haves
        ],
        # Without ids there is none: the library answers ten a second of a peer.
        iwant=[rpc_pb2.ControlIWant(messageIDs=list(dict.fromkeys(wanted))[:WANTS])]
        if wanted
        else [],
        idontwant=[rpc_pb2.ControlIDontWant(messageIDs=unwanted[:MAX_IDS])] if unwanted else [],
        graft=[graft for graft in control.graft if graft.topicID in topics],
        # Without the peers it names: discovery is separate, and verifies addresses before use.
        prune=[
            rpc_pb2.ControlPrune(topicID=prune.topicID, backoff=min(prune.backoff, MAX_BACKOFF))
            for prune in control.prune
            if prune.topicID in topics
        ],
    )


async def read_rpc(stream: INetStream, buffer: bytearray, bound: int) -> bytes | None:
    """Read one length-prefixed RPC; None at the end of the stream. Raises WireError.

    Reads in large pieces: the library's reads of one byte cost a packet each.
    """
    while True:
        length = shift = 0
        for index, byte in enumerate(buffer[:5]):
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte & 0x80:
                continue
            if length > bound:
                raise WireError(f"an RPC of {length} bytes")
            if not length:
                raise WireError("an empty RPC")
            start = index + 1
            if len(buffer) >= start + length:
                data = bytes(buffer[start : start + length])
                del buffer[: start + length]
                return data
            break
        else:
            if len(buffer) >= 5:
                raise WireError("an RPC without a length")
        piece = await stream.read(1 << 16)
        if not piece:
            return None
        buffer += piece
