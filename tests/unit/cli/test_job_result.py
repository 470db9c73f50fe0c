"""The outputs of a job as a table."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from btt_chain.compute.requester.folder import Folder, Record
from btt_chain.primitives.account import AccountId
from btt_chain.primitives.digest import H256
from btt_chain.scale import i16, u16, u32
from btt_chain.work.model import scale_bits
from btt_chain.work.tensors import Kind, Tensor
from cli.commands.job_result import print_result
from runtime.pallets.jobs.types import JobState, Tier
from runtime.pallets.jobs.views import JobView


def record_of(*dims: int) -> Record:
    output = Tensor(Kind.I8, [u32(size) for size in dims], i16(0), u16(256))
    return Record(
        secret=bytes(32), requester=AccountId(bytes(32)), model=H256(bytes(32)), tier=Tier.Open,
        items=u32(1), inputs=[output], outputs=[output], output_scales=[u32(scale_bits(1.0))],
        places=[u16(0)], names=["=a"], labels=["no", "yes"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("dims", "header"), [((2,), ["no", "yes"]), ((1, 3, 2), ["0", "1", "2", "3", "4", "5"])]
)
def test_a_table_of_outputs_has_a_name_for_each_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    dims: tuple[int, ...], header: list[str],
) -> None:  # fmt: skip
    count = int(np.prod(dims))
    monkeypatch.setattr(Folder, "result", lambda _self, _record: bytes(range(count)))
    folder = Folder(tmp_path, bytes(32))

    job = SimpleNamespace(id=bytes(32), state=JobState.Finalized, receipt=None)
    print_result(folder, record_of(*dims), cast("JobView", job), True, tmp_path / "out.csv")

    shown = json.loads(capsys.readouterr().out)["outputs"][0]
    rows = list(csv.reader((tmp_path / "out.csv").read_text().splitlines()))
    assert rows[0] == ["item", *header]
    assert [len(row) for row in rows] == [count + 1] * 2
    assert shown.get("label") == ("yes" if len(dims) == 1 else None)
