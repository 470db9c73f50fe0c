"""A wrong element at any node of any model is refuted by the judgement of the runtime."""

from __future__ import annotations

import pytest

pytest.importorskip("onnx", reason="onnx is not installed: pip install '.[work]'")

from bench import models_errors
from bench.tested_models import TESTED
from btt_chain.work import planted
from btt_chain.work.errors import NotFraud
from btt_chain.work.graph import PROOF_BYTES
from btt_chain.work.planted import planted_errors, refutations
from btt_chain.work.shapes import largest_proof
from unit.work.architectures import ARCHITECTURES


@pytest.mark.parametrize("name", [name for name in TESTED if name not in ARCHITECTURES])
def test_an_error_at_every_node_is_refuted(name: str) -> None:
    model, inputs = TESTED[name]()
    errors = list(planted_errors(model, inputs, 7))

    assert [error.node for error in errors] == list(range(len(model.graph.nodes)))
    for error in errors:
        assert error.reason == ""
        assert error.fault is not None
        if model.graph.nodes[error.node].out.committed:
            assert error.fault.node == error.node
        assert 0 < error.size <= largest_proof(model.graph, error.fault.node) <= PROOF_BYTES


def test_the_report_has_a_line_for_each_model_and_succeeds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert models_errors.main(["mlp", "attention"]) == 0

    heading, mlp, attention, end = capsys.readouterr().out.splitlines()
    assert heading == models_errors.HEADING
    assert mlp.split()[:4] == ["mlp", "3", "3", "3"]
    name, *counts = attention.split()[:4]
    assert name == "attention"
    assert len({*counts}) == 1
    assert end.startswith("0 models")


def test_an_error_that_a_judgement_does_not_see_is_named_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def blind(*_: object) -> None:
        raise NotFraud("as claimed")

    monkeypatch.setattr(planted, "judge", blind)
    assert models_errors.main(["image_net"]) == 1
    assert "  not refuted: stem: as claimed" in capsys.readouterr().out.splitlines()


def test_an_error_that_the_check_overlooks_is_not_refuted(monkeypatch: pytest.MonkeyPatch) -> None:
    model, inputs = TESTED["image_net"]()
    monkeypatch.setattr(planted, "first_fault", lambda *_: None)

    found = refutations(model, inputs, 1)
    assert (found.refuted, found.largest) == (0, 0)
    assert found.passed[0] == "stem: the check finds nothing"


def test_a_name_of_neither_a_model_nor_a_package_is_refused() -> None:
    with pytest.raises(SystemExit, match="resnet-9000 is not a package, nor one of mlp, "):
        models_errors.main(["resnet-9000"])
