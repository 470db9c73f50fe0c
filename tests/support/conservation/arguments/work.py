"""Arguments for calls about models, providers, jobs and receipts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btt_chain.scale import u8, u16, u32, u64
from btt_chain.work import ids
from runtime.pallets.jobs import types as jobs
from runtime.pallets.jobs.types import ENDED, Check, Tier, Urgency
from runtime.pallets.models import types as models
from runtime.pallets.models.pallet import CLASSES
from runtime.pallets.models.types import CheckMode
from runtime.pallets.providers import types as providers
from runtime.pallets.receipts.types import Valid
from runtime.pallets.tokenomics.types import NO_HASH
from support.conservation.arguments.common import Arguments, of_zeros
from support.conservation.chain import NET
from support.providers import ENDPOINT, provider_info

if TYPE_CHECKING:
    from support.conservation.chooser import Chooser


def one_model(c: Chooser, depth: int) -> dict[str, object]:
    return {"model": ids.model_id(NET)}


def one_job(c: Chooser, depth: int) -> dict[str, object]:
    known = [id for id, job in c.runtime.jobs.store.jobs.items() if job.state not in ENDED]
    return {"job": c.one_of([*known * 3, NO_HASH])}


def one_receipt(c: Chooser, depth: int) -> dict[str, object]:
    return {"receipt": c.one_of([*[id for id, _ in c.runtime.receipts.receipts.items()], NO_HASH])}


CALLS: dict[str, Arguments] = {
    "Models.register": lambda c, _: {
        "manifest": NET, "model_class": u16(0), "name": b"m", "check": CheckMode.Vectors,
        "endpoints": ENDPOINT,
    },
    "Models.retire": one_model,
    "Models.suspend": one_model,
    "Models.resume": one_model,
    "Models.revoke": one_model,
    "Models.set_class": lambda c, _: {"index": u16(0), "model_class": CLASSES[0]},
    "Models.set_params": lambda c, _: {"params": models.Params(c.some())},
    "Models.set_endpoints": lambda c, d: one_model(c, d) | {"endpoints": ENDPOINT},
    "Providers.register": lambda c, _: {"info": provider_info(), "bond": c.amount()},
    "Providers.update": lambda c, _: {"info": provider_info(capacity=2)},
    "Providers.bond_extra": lambda c, _: {"amount": c.amount()},
    "Providers.unbond": lambda c, _: {"amount": c.amount()},
    "Providers.withdraw": lambda c, _: {},
    "Providers.chill": lambda c, _: {},
    "Providers.resume": lambda c, _: {},
    "Providers.set_availability": lambda c, _: {"hours": c.one_of((None, bytes(21)))},
    "Providers.heartbeat": lambda c, _: {},
    "Providers.delegate_score": lambda c, _: {"validator": c.one_of((None, c.who()))},
    "Providers.dismiss_delegator": lambda c, _: {"provider": c.who()},
    "Providers.deregister": lambda c, _: {},
    "Providers.set_params": lambda c, _: {"params": providers.Params(c.some())},
    "Jobs.post": lambda c, d: one_model(c, d) | {
        "items": u32(c.one_of((0, 1, 2, 4_097))), "input_root": NO_HASH,
        # Where the requester looks itself, work is paid without a committee.
        "tier": c.one_of((Tier.Open, Tier.Confidential, Tier.Confidential)),
        "check": c.one_of(list(Check)), "urgency": c.one_of(list(Urgency)),
        "max_price": c.amount(), "data_bytes": u64(c.one_of((0, 1, 2**30))),
        "deadline": u32(c.one_of((0, 5, 100))), "reply_key": bytes(32), "endpoints": ENDPOINT,
    },
    "Jobs.cancel": one_job,
    "Jobs.accept": one_job,
    "Jobs.decline": one_job,
    "Jobs.refuse_payload": one_job,
    "Jobs.add_protocol_set": lambda c, d: one_model(c, d) | {
        "items": u32(1), "input_root": NO_HASH, "data_bytes": u64(0), "deadline": u32(10),
        "endpoints": ENDPOINT,
    },
    "Jobs.remove_protocol_set": lambda c, _: {"index": c.number()},
    "Jobs.set_params": lambda c, _: {"params": jobs.Params(min_price=c.some())},
    "Receipts.submit": lambda c, d: one_job(c, d) | {
        "attempt": u8(0), "item_root": NO_HASH, "output_root": NO_HASH,
        "planted_error_commit": NO_HASH, "started": u32(c.slot()),
        "finished": u32(c.runtime.babe.now()),
    },
    "Receipts.attest_commit": lambda c, d: one_receipt(c, d) | {
        "verifier": c.who(), "commitment": NO_HASH, "signature": bytes(64),
    },
    "Receipts.attest_reveal": lambda c, d: one_receipt(c, d) | {
        "verifier": c.who(), "verdict": Valid(), "digest": NO_HASH, "salt": NO_HASH,
        "pre_output": bytes(32), "proof": bytes(64),
    },
    "Receipts.prove_fraud": of_zeros("Receipts", "prove_fraud"),
    "Receipts.prove_edge": of_zeros("Receipts", "prove_edge"),
    "Receipts.reveal_planted_error": lambda c, d: one_receipt(c, d) | {
        "pre_output": bytes(32), "proof": bytes(64), "item_root": NO_HASH,
        "output_root": NO_HASH, "salt": NO_HASH,
    },
    "Receipts.accept_result": one_receipt,
    "Receipts.challenge_data": lambda c, d: one_receipt(c, d) | {
        "item": u32(0), "tensor": u32(0), "leaf": u32(0),
    },
    "Receipts.answer_data": of_zeros("Receipts", "answer_data"),
    "Receipts.dispute_digest": of_zeros("Receipts", "dispute_digest"),
    "Receipts.expose_voters": of_zeros("Receipts", "expose_voters"),
    "Receipts.join": lambda c, _: {"bond": c.amount()},
    "Receipts.bond_extra": lambda c, _: {"amount": c.amount()},
    "Receipts.leave": lambda c, _: {},
    "Receipts.withdraw": lambda c, _: {},
}  # fmt: skip
