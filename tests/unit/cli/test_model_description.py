"""Descriptions of models by their owners: typed texts, and refusals before a fee is paid."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from btt_chain.client.amount import Currency
from btt_chain.present import Context
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import u16, u32, u64, u128
from btt_chain.work.package import Package, Picture, Preparation, Scan, Source, Values
from cli.commands.model_description import (
    Stated,
    described,
    description_lines,
    likely_description,
    read_agreement,
    read_claim,
)
from cli.common.errors import Mistyped, Refused
from runtime.pallets.jobs.views import ModelView
from runtime.pallets.models.types import (
    Agreement,
    CheckMode,
    Claim,
    Description,
    LicenceChange,
    Metric,
    Modality,
    Service,
    Use,
)
from support.chain import ALICE
from support.models import SCHEMA

SET = "0x" + SCHEMA.hex()


def package(preparation: Preparation, *outputs: int) -> Package:
    """A package whose model has an output of this shape."""
    graph = SimpleNamespace(made=[SimpleNamespace(dims=outputs)])
    manifest = SimpleNamespace(graph=graph)
    return cast("Package", SimpleNamespace(preparation=preparation, manifest=manifest))


def test_what_is_typed_replaces_what_was_there_and_the_rest_stays(tmp_path: Path) -> None:
    card = tmp_path / "card.md"
    card.write_text("for teaching")
    before = Description(Service.Segmentation, Modality.CT, Use.Education)
    assert described(Stated(), before) == before
    typed = Stated(Service.Classification, card=card, claim=f"roc-auc:94.1%:9:{SET}")
    hash = H256(sha256(b"for teaching").digest())
    claim = Claim(SCHEMA, Metric.RocAuc, u32(941_000), u32(9))
    assert described(typed, before) == Description(
        Service.Classification, Modality.CT, Use.Education, hash, claim
    )


def test_decision_support_is_refused_while_no_model_is_evaluated() -> None:
    with pytest.raises(Refused, match="needs a record of an evaluation with skill"):
        described(Stated(use=Use.DecisionSupport), Description())


def test_a_result_is_measured_as_the_service_is() -> None:
    with pytest.raises(Refused, match="segmentation is measured by dice"):
        described(Stated(Service.Segmentation, claim=f"accuracy:9%:9:{SET}"), Description())


def test_a_set_is_a_file_or_its_hash(tmp_path: Path) -> None:
    cases = tmp_path / "cases.npz"
    cases.write_bytes(b"cases")
    hash = H256(sha256(b"cases").digest())
    wanted = Agreement(u32(992_000), u32(500), hash)
    assert read_agreement(f"99.2%:500:{cases}") == wanted
    assert read_agreement(f"99.2%:500:0x{hash.hex()}") == wanted


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("accuracy:94%:1000", "is not of the form METRIC:SHARE:ITEMS:SET"),
        (f"beauty:94%:1000:{SET}", "expected one of accuracy, roc-auc"),
        (f"accuracy:94:1000:{SET}", "is not a percentage: write 12.5%"),
        (f"accuracy:100.1%:1000:{SET}", "more than 100%"),
        (f"accuracy:94%:0:{SET}", "is not a number of items above zero"),
        (f"accuracy:94%:many:{SET}", "is not a number of items above zero"),
        ("accuracy:94%:10:nowhere.npz", "neither a file nor 0x and 64 hex digits"),
    ],
)
def test_a_wrong_claim_is_named(text: str, why: str) -> None:
    with pytest.raises(Mistyped, match=why):
        read_claim(text)


@pytest.mark.parametrize(
    ("source", "modality"),
    [
        (Values(["a"]), Modality.Table),
        (Values([]), Modality.Other),
        (Picture(), Modality.Other),
        (Scan(None, ["CT"]), Modality.CT),
        (Scan(None, ["CT", "MR"]), Modality.Other),
        (Scan(None, ["NM"]), Modality.Other),
    ],
)
def test_a_package_says_what_its_model_takes(source: Source, modality: Modality) -> None:
    labelled = package(Preparation(source, labels=["no", "yes"]), 2)
    assert likely_description(labelled, None) == Description(modality=modality)


def test_a_package_that_does_not_say_what_its_model_returns_needs_the_option() -> None:
    for dims, labels in (((2,), list[str]()), ((64, 64, 2), ["no", "yes"])):
        unclear = package(Preparation(labels=labels), *dims)
        with pytest.raises(Mistyped, match="give --service, one of classification, seg"):
            likely_description(unclear, None)
        assert likely_description(unclear, Service.Segmentation) == Description()


def test_a_reader_sees_what_the_owner_says_and_what_the_manifest_does() -> None:
    claim = Claim(SCHEMA, Metric.RocAuc, u32(941_000), u32(1_000))
    about = Description(
        Service.Classification, Modality.CT, Use.Research, claim=claim,
        loss=Agreement(u32(992_000), u32(40), SCHEMA),
    )  # fmt: skip
    view = ModelView(
        SCHEMA, AccountId(ALICE.account_id), b"net", u16(0), u64(8), CheckMode.Reexecute, b"",
        u32(0), False, False, u32(17_500_000), u16(2), SCHEMA, u128(5 * 10**17),
        LicenceChange(u128(10**18), u32(100_800)), about,
    )  # fmt: skip
    lines = description_lines(view, Context(currency=Currency("BTT", 18)))
    assert lines == {
        "leaves": "17_500_000 bytes an item",
        "outputs": "2",
        "preparation": SET,
        "licence": "0.5 BTT an item; not charged yet",
        "licence later": "1 BTT from slot 100_800 on",
        "owner says: service": "classification",
        "owner says: modality": "CT",
        "owner says: use": "research",
        "owner says: card": "none",
        "owner says: result": f"roc-auc 94.1 % of 1_000 items, set {SET}",
        "owner says: agreement": f"99.2 % with the float model of 40 items, set {SET}",
    }
