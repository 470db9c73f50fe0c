"""The state that the parts of a gadget have in common."""

from __future__ import annotations

from typing import NamedTuple

from btt_chain.consensus.finality.authority_sets import AuthoritySets
from btt_chain.consensus.finality.environment import Blocks
from btt_chain.consensus.finality.kept_votes import KeptVotes
from btt_chain.consensus.finality.outbox import Outbox
from btt_chain.consensus.finality.peers import Peers
from btt_chain.consensus.finality.timers import Clock


class Shared(NamedTuple):
    """One object of each kind for all parts of a gadget."""

    blocks: Blocks
    sets: AuthoritySets
    peers: Peers
    votes: KeptVotes
    clock: Clock
    outbox: Outbox
