"""Sending calls of governance, and search of tracks and referenda on the chain."""

from __future__ import annotations

import re
from typing import Final

from btt_chain.client.chain import Chain
from btt_chain.client.errors import DispatchFailed
from btt_chain.client.transactions import Call
from btt_chain.client.views import ViewClient
from btt_chain.crypto.hashing import blake2_256
from btt_chain.scale.portable import Plain
from cli.common import show
from cli.common.errors import NotFound, Refused, hint
from cli.common.sending import Sender
from cli.common.trying import failure_of
from runtime.pallets.origins import Decision
from runtime.pallets.preimage.pallet import MAX_INLINE
from runtime.pallets.referenda.api import GovernanceApi
from runtime.pallets.referenda.tracks import ROOT_TRACK

BEYOND: Final = re.compile(r"^(BadOrigin|RootNotAllowed|\w+\.InsufficientPermission)\b")
"""Errors of calls that the caller may never make."""


async def track_names(chain: ViewClient) -> dict[int, str]:
    """Return the names of all tracks by their numbers."""
    tracks = await chain.api(GovernanceApi.tracks)
    return {int(view.id): view.name for view in tracks}


async def track_number(chain: ViewClient, text: str) -> int:
    """Return the number of a track, given or named. NotFound if there is none."""
    names = await track_names(chain)
    for number, name in names.items():
        if text in (name, str(number)):
            return number
    raise NotFound(f"there is no track {text!r}; {hint(text, list(names.values()))}")


def caller_of(track: int) -> Plain:
    """Return the origin of referenda of a track."""
    return {"system": "Root"} if track == ROOT_TRACK else {"Origins": Decision(track).name}


async def check_decision(chain: Chain, sender: Sender, track: int, call: Call) -> None:
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


async def class_of_vote(chain: Chain, who: bytes, index: int) -> int:
    """Return the class in which an account voted on a referendum, also after its end."""
    async for keys, voting in chain.entries("ConvictionVoting.VotingFor", "0x" + who.hex()):
        casting = voting.get("Casting") if isinstance(voting, dict) else None
        votes = casting.get("votes") if isinstance(casting, dict) else None
        for vote in votes if isinstance(votes, list) else []:
            if isinstance(vote, list) and vote[0] == index:
                return int(str(keys[-1]))
    raise NotFound(f"{chain.metadata.address(who)} has no vote on referendum {index}")
