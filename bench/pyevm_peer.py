"""The py-evm peer: imports blocks of transfers on request. Runs under .bench/py-evm/bin/python.

    pyevm_peer.py TRANSFERS BLOCKS

Makes the blocks on one chain, then imports each on another for a line on standard input, and
answers with the seconds it took. Signatures are recovered by coincurve, as py-evm advises.
"""

from __future__ import annotations

import json
import os
import sys
import time
from importlib.metadata import version

os.environ["ECC_BACKEND_CLASS"] = "eth_keys.backends.CoinCurveECCBackend"

from eth import constants  # installed for the peer only
from eth.chains.base import MiningChain
from eth.consensus.noproof import NoProofConsensus
from eth.db.atomic import AtomicDB
from eth.vm.forks.berlin import BerlinVM
from eth_keys import keys
from eth_utils import to_wei

SENDERS = 200
RECEIVERS = 1_000
GAS = 21_000


def chain_of(state: dict[bytes, dict[str, object]], gas_limit: int) -> MiningChain:
    """Return a chain in memory whose blocks need no proof of work."""
    vm = BerlinVM.configure(consensus_class=NoProofConsensus)
    kind = MiningChain.configure(
        __name__="BenchChain", vm_configuration=((constants.GENESIS_BLOCK_NUMBER, vm),)
    )
    params = {
        "difficulty": 1,
        "gas_limit": gas_limit,
        "timestamp": 1,
        "coinbase": constants.ZERO_ADDRESS,
        "extra_data": constants.ZERO_HASH32[:32],
        "nonce": constants.GENESIS_NONCE,
    }
    return kind.from_genesis(AtomicDB(), params, state)


def main() -> None:
    """Make the blocks, then import one per line of standard input."""
    count, blocks = int(sys.argv[1]), int(sys.argv[2])
    senders = [keys.PrivateKey(number.to_bytes(32, "big")) for number in range(1, SENDERS + 1)]
    receivers = [number.to_bytes(20, "big") for number in range(10**6, 10**6 + RECEIVERS)]
    account = {"balance": to_wei(10**6, "ether"), "nonce": 0, "code": b"", "storage": {}}
    state = {key.public_key.to_canonical_address(): dict(account) for key in senders}
    state |= {address: dict(account) for address in receivers}
    gas_limit = max(30_000_000, 2 * GAS * count)
    author, reader = chain_of(state, gas_limit), chain_of(state, gas_limit)
    nonces = [0] * SENDERS
    made = []
    turn = 0
    for _ in range(blocks):
        transactions = []
        for _ in range(count):
            place = turn % SENDERS
            unsigned = author.create_unsigned_transaction(
                nonce=nonces[place],
                gas_price=1,
                gas=GAS,
                to=receivers[turn * 7 % RECEIVERS],
                value=1,
                data=b"",
            )
            transactions.append(unsigned.as_signed_transaction(senders[place]))
            nonces[place] += 1
            turn += 1
        made.append(author.mine_all(transactions, gas_limit=gas_limit)[0].imported_block)
    # Through bytes, so that nothing the author computed is remembered by the block.
    vm_class = reader.get_vm_class_for_block_number(1)
    import rlp

    encoded = [rlp.encode(block) for block in made]
    print(json.dumps({"version": version("py-evm")}), flush=True)
    for raw in encoded:
        if not sys.stdin.readline():
            return
        wall, cpu = time.perf_counter(), time.process_time()
        block = rlp.decode(raw, vm_class.get_block_class())
        imported = reader.import_block(block).imported_block
        spent = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        if len(imported.transactions) != count:
            raise SystemExit("py-evm left transfers out")
        print(json.dumps(spent), flush=True)


if __name__ == "__main__":
    main()
