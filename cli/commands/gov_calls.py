"""Sending calls of governance, and search of tracks and referenda on the chain."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from btt_chain.client.errors import DispatchFailed
from btt_chain.crypto.hashing import blake2_256
from btt_chain.primitives.account import AccountId, Id
from cli.common import show
from cli.common.errors import NotFound, Refused, hint
from cli.common.sending import Sender
from cli.common.session import run
from cli.common.trying import failure_of
from cli.common.working import account, view_chain
from runtime.pallets.origins import Decision
from runtime.pallets.preimage.pallet import MAX_INLINE
from runtime.pallets.referenda.api import GovernanceApi, ReferendumView
from runtime.pallets.referenda.tracks import ROOT_TRACK

if TYPE_CHECKING:
    from btt_chain.client.chain import Chain as StateAt
    from btt_chain.client.transactions import Call, Included
    from btt_chain.client.views import ViewClient
    from btt_chain.scale.portable import Plain

BEYOND: Final = re.compile(r"^(BadOrigin|RootNotAllowed|\w+\.InsufficientPermission)\b")
"""Errors of calls that the caller may never make."""


async def track_names(chain: ViewClient) -> dict[int, str]:
    """Return the names of all tracks by their numbers."""
    tracks = await chain.api(GovernanceApi.tracks)
    return {int(view.id): view.name for view in tracks}


def call_of(view: ReferendumView, chain: StateAt) -> str:
    """Return the name of a referendum's call; its hash if the call is not available."""
    if view.call is not None:
        return chain.metadata.decoder.call(view.call).name
    return "-" if view.proposal is None else "0x" + view.proposal.hex()


async def slot_now(chain: StateAt) -> int:
    """Return the time of a chain, in slots since its first block."""
    slots = [await chain.storage(f"Babe.{name}") for name in ("CurrentSlot", "GenesisSlot")]
    current, genesis = (int(str(value)) for value in slots)
    return current - genesis


def track_of(view: ReferendumView, names: dict[int, str]) -> str:
    """Return the name of a referendum's track, or its number."""
    return "-" if view.track is None else names.get(int(view.track), str(int(view.track)))


async def track_number(chain: ViewClient, text: str) -> int:
    """Return the number of a track, given or named. NotFound if there is none."""
    names = await track_names(chain)
    for number, name in names.items():
        if text in (name, str(number)):
            return number
    raise NotFound(f"there is no track {text!r}; {hint(text, list(names.values()))}")


def locked_by(track: int, locks: Plain) -> int:
    """Return the planck that a track locks, by the value of `ConvictionVoting.ClassLocksFor`."""
    for row in locks if isinstance(locks, list) else []:
        if isinstance(row, list) and row[0] == track:
            return int(str(row[1]))
    return 0


def caller_of(track: int) -> Plain:
    """Return the origin of referenda of a track."""
    return {"system": "Root"} if track == ROOT_TRACK else {"Origins": Decision(track).name}


async def check_decision(chain: StateAt, sender: Sender, track: int, call: Call) -> None:
    """Refuse a proposal whose call is beyond what the track may decide, unless forced.

    A call that would fail for another reason gets a note: things may change until the decision.
    """
    failure = await failure_of(chain, caller_of(track), call)
    if failure is None:
        return
    if sender.is_forced or not BEYOND.search(failure):
        show.note(f"note: as things stand, the call would fail when it is decided: {failure}")
        return
    raise Refused(
        f"a decision of this track may not make the call: {failure.rstrip('.')}. Nothing is sent; "
        "choose another track (`btt-chain gov tracks`), or propose it with --force"
    )


async def bounded_call(chain: ViewClient, sender: Sender, raw: bytes) -> Plain:
    """Return the call in the form of a proposal; a long one is noted as a preimage."""
    if len(raw) <= MAX_INLINE:
        return {"Inline": "0x" + raw.hex()}
    try:
        await sender.send(chain, "Preimage", "note_preimage", bytes=raw)
    except DispatchFailed as error:
        if error.name != "Preimage.AlreadyNoted":  # another account noted it: it is available
            raise
    return {"Lookup": {"hash": "0x" + blake2_256(raw).hex(), "len": len(raw)}}


def submit_call(
    pallet: str, call: str, args: dict[str, object], done: str, url: str, timeout: float,
    as_json: bool, options: dict[str, Any],
) -> None:  # fmt: skip
    """Sign and send a call, and print its result."""
    sender = Sender.of(options, as_json)

    async def work() -> Included:
        async with view_chain(url, timeout) as chain:
            return await sender.send(chain, pallet, call, **args)

    report_sent(run(work()), done, as_json=as_json)


def report_sent(sent: Included, done: str, *, as_json: bool) -> None:
    """Print the result of a call."""
    if as_json:
        show.document({"done": done, "block": "0x" + sent.block.hex()})
    else:
        show.good(f"{done}, in block 0x{sent.block.hex()}")


async def class_of_vote(chain: StateAt, who: bytes, index: int) -> int:
    """Return the class in which an account voted on a referendum, also after its end."""
    async for keys, voting in chain.entries("ConvictionVoting.VotingFor", "0x" + who.hex()):
        casting = voting.get("Casting") if isinstance(voting, dict) else None
        votes = casting.get("votes") if isinstance(casting, dict) else None
        for vote in votes if isinstance(votes, list) else []:
            if isinstance(vote, list) and vote[0] == index:
                return int(str(keys[-1]))
    raise NotFound(f"{chain.metadata.address(who)} has no vote on referendum {index}")


def address_of(text: str, prefix: int) -> object:
    """Return the address of an account in the form of calls. Mistyped if there is none."""
    return Id(AccountId(account(text, prefix)))
