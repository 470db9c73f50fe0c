"""`model`, `job` and `work` on files and on a small chain, without a provider."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

pytest.importorskip("onnx", reason="onnx is not installed: pip install '.[work]'")

import onnx
from onnx import TensorProto, helper, numpy_helper

from btt_chain.compute.requester.folder import Folder
from btt_chain.scale import u32
from btt_chain.work.onnx_import import loads
from btt_chain.work.package import Package, load, save
from btt_chain.work.shapes import VECTORS_FROM
from cli.commands.model import mode_of
from cli.program import program
from runtime.pallets.models.types import CheckMode
from support.running import running

ALICE = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
SOMEWHERE = "/ip4/127.0.0.1/tcp/4711/p2p/12D3KooWNoname"
NO_ID = "0x" + "00" * 32


def run(*args: str) -> Result:
    return CliRunner().invoke(program, list(args), prog_name="btt-chain")


def document(*args: str) -> Any:
    result = run(*args, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def dense_net() -> bytes:
    """Two outputs of three inputs, between QuantizeLinear and DequantizeLinear."""
    constants: dict[str, object] = {
        "s": np.float32(0.1), "z": np.int8(0), "sw": np.float32(0.02),
        "w": np.array([[50, -30, 20], [-10, 60, 40]], np.int8),
    }  # fmt: skip
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "s", "z"], ["xr"]),
        helper.make_node("DequantizeLinear", ["w", "sw", "z"], ["wr"]),
        helper.make_node("Gemm", ["xr", "wr"], ["g"], "classes", transB=1),
        helper.make_node("QuantizeLinear", ["g", "s", "z"], ["gq"]),
        helper.make_node("DequantizeLinear", ["gq", "s", "z"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 2])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    model.ir_version = 9
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


PREPARE = {"source": "values", "columns": ["a", "b", "c"], "labels": ["no", "yes"]}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a package and inputs for it."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "net.onnx").write_bytes(dense_net())
    (folder / "net.json").write_text(json.dumps(PREPARE))
    (folder / "in.csv").write_text("patient,a,b,c\nJane,1,2,3\nJohn,4,5,6\n")
    sent = run(
        "model", "import", str(folder / "net.onnx"), "--prepare", str(folder / "net.json"),
        "-o", str(folder / "net.btt"),
    )  # fmt: skip
    assert sent.exit_code == 0, sent.stderr
    return folder


# ---- models


def test_an_import_says_what_the_model_is(files: Path) -> None:
    found = document("model", "show", str(files / "net.btt"))

    assert found["inputs"] == [{"kind": "I8", "shape": [3]}]
    assert found["committedBytes"] == 5
    assert (found["macs"], found["nodes"]) == (6, 1)
    assert found["preparation"] == PREPARE
    shown = run("model", "show", str(files / "net.btt"))
    assert "3 of I8" in shown.stdout
    assert "labels: no, yes" in shown.stdout


def test_an_import_reports_each_node() -> None:
    seen: list[tuple[int, int]] = []
    loads(dense_net(), lambda done, of: seen.append((done, of)))
    assert seen == [(done, 6) for done in range(1, 7)]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("net.onnx", b"no model", "net.onnx: no valid ONNX model"),
        ("net.json", b'{"labels": ["one"]}', "net.json: 1 labels for 2 outputs"),
        ("net.json", b"{", "net.json: the preparation is not JSON"),
        ("net.json", b"\xff", "net.json: the preparation is not JSON: byte 0 is not UTF-8 text"),
    ],
)
def test_what_cannot_be_imported_is_refused(
    tmp_path: Path, name: str, content: bytes, why: str
) -> None:
    (tmp_path / "net.onnx").write_bytes(dense_net())
    (tmp_path / "net.json").write_text(json.dumps(PREPARE))
    (tmp_path / name).write_bytes(content)

    result = run(
        "model", "import", str(tmp_path / "net.onnx"), "--prepare", str(tmp_path / "net.json"),
        "-o", str(tmp_path / "out.btt"),
    )  # fmt: skip

    assert result.exit_code == 1
    assert why in result.stderr
    assert not (tmp_path / "out.btt").exists()


def test_a_package_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(dense_net())
    out = tmp_path / "nowhere" / "net.btt"

    result = run("model", "import", str(tmp_path / "net.onnx"), "-o", str(out))

    assert result.exit_code == 1
    assert f"{out} cannot be written: No such file" in result.stderr


def test_what_is_no_package_is_said(files: Path) -> None:
    result = run("model", "show", str(files / "net.json"))

    assert result.exit_code == 1
    assert "this is not a package of a model" in result.stderr
    assert run("model", "show", "nonsense").exit_code == 2


def test_a_model_needs_an_address_that_serves_it(url: str, files: Path, tmp_path: Path) -> None:
    result = run(
        "model", "register", str(files / "net.btt"), "--name", "net", "--from", "//Alice",
        "--base-path", str(tmp_path), "--url", url,
    )  # fmt: skip

    assert result.exit_code == 2
    assert "start `btt-chain job gateway`" in result.stderr


@pytest.fixture(scope="module")
def registered(url: str, files: Path) -> str:
    """The id of the model, on the chain."""
    found = document(
        "model", "register", str(files / "net.btt"), "--name", "net", "--from", "//Alice",
        "--endpoint", SOMEWHERE, "--url", url,
    )  # fmt: skip
    return str(found["model"])


def test_a_registered_model_is_listed(url: str, registered: str) -> None:
    models = document("model", "list", "--url", url)
    shown = run("model", "show", registered, "--url", url)

    assert [model["id"] for model in models] == [registered]
    assert models[0]["name"] == "net"
    assert models[0]["endpoints"] == [SOMEWHERE]
    assert models[0]["owner"] == ALICE
    assert models[0]["check"] == "reexecute"
    assert SOMEWHERE in shown.stdout
    (beginning,) = re.findall(r"0x[0-9a-f]+", run("model", "list", "--url", url).stdout)
    assert document("model", "show", beginning, "--url", url)["id"] == registered


@pytest.mark.parametrize(
    ("check", "macs", "mode"),
    [
        ("auto", VECTORS_FROM - 1, CheckMode.Reexecute),
        ("auto", VECTORS_FROM, CheckMode.Vectors),
        ("vectors", 1, CheckMode.Vectors),
        ("reexecute", VECTORS_FROM, CheckMode.Reexecute),
    ],
)
def test_a_large_model_is_checked_by_vectors_unless_reported_otherwise(
    check: str, macs: int, mode: CheckMode
) -> None:
    assert mode_of(check, macs) is mode
    reported = " ".join(run("model", "register", "--help").stdout.split())
    assert f"{VECTORS_FROM // 10**6} million MACs" in reported


def test_a_registered_model_says_what_its_owner_states(url: str, registered: str) -> None:
    view = document("model", "show", registered, "--url", url)
    about = view["description"]
    assert (about["service"], about["modality"], about["use"]) == (
        "classification", "Table", "research",
    )  # fmt: skip
    assert (view["committed"], view["outputs"], view["licence"]) == (5, 2, "0")
    listed = run("model", "list", "--url", url).stdout
    assert "owner says" in listed
    assert "classification" in listed


def test_an_owner_describes_a_model_anew_and_changes_the_licence(url: str, registered: str) -> None:
    where = ("--from", "//Alice", "--url", url)
    told = run("model", "describe", registered[:12], "--use", "education", *where)
    assert told.exit_code == 0, told.stderr
    later = run("model", "licence", registered, "0.5BTT", *where)
    assert later.exit_code == 0, later.stderr
    assert "the fee is 0.5 BTT an item" in later.stdout + later.stderr
    view = document("model", "show", registered, "--url", url)
    assert view["description"]["use"] == "education"
    assert (view["licence"], view["nextLicence"]["licence"]) == ("0", str(5 * 10**17))
    refused = run("model", "describe", registered, "--use", "decision-support", *where)
    assert refused.exit_code == 1
    assert "needs a record of an evaluation with skill" in refused.stderr
    assert run("model", "describe", registered, *where).exit_code == 2


def test_a_package_whose_preparation_was_swapped_is_refused(
    url: str, files: Path, handed: Path, registered: str, tmp_path: Path
) -> None:
    whole = load(files / "net.btt")
    swapped = replace(whole.preparation, offset=[u32(0x3F80_0000)])
    save(Package(whole.model, swapped), tmp_path / "swapped.btt")
    words = (str(files / "in.csv"), "--model", str(tmp_path / "swapped.btt"), "--url", url)
    base = ("--base-path", str(handed))
    for command in (
        ("job", "quote", *words),
        ("job", "submit", *words, *base, "--from", "//Alice", "--detach"),
        ("job", "offer", *words, *base),
    ):
        result = run(*command)
        assert result.exit_code == 1
        assert "preparation swapped after registration: the package prepares" in result.stderr
    assert document("model", "show", str(files / "net.btt"))["model"] == registered


def test_a_call_that_fails_is_explained(url: str, files: Path, registered: str) -> None:
    result = run(
        "model", "register", str(files / "net.btt"), "--name", "net", "--from", "//Alice",
        "--endpoint", SOMEWHERE, "--url", url,
    )  # fmt: skip

    assert result.exit_code == 1
    assert "Models.AlreadyRegistered: The model is registered already" in result.stderr


# ---- jobs


def submit(url: str, files: Path, base: Path, *more: str) -> Result:
    return run(
        "job", "submit", str(files / "in.csv"), "--model", str(files / "net.btt"),
        "--from", "//Alice", "--base-path", str(base), "--url", url, *more,
    )  # fmt: skip


def genesis_of(url: str) -> bytes:
    found = document("query", "block", "0", "--url", url)
    return bytes.fromhex(found["hash"][2:])


@pytest.fixture
def handed(url: str, files: Path, registered: str, tmp_path: Path) -> Iterator[Path]:
    """A base path whose gateway runs (by its lock)."""
    folder = Folder(tmp_path, genesis_of(url))
    folder.store_endpoints("/ip4/127.0.0.1/tcp/4711", [SOMEWHERE])
    with folder.lock():
        yield tmp_path


def test_a_quote_is_what_a_job_holds_and_posts_nothing(url: str, files: Path, handed: Path) -> None:
    where = ("--model", str(files / "net.btt"), "--url", url)
    kind = ("--tier", "confidential", "--urgency", "urgent")
    quoted = document("job", "quote", str(files / "in.csv"), *where, *kind)
    parts = [int(quoted[name]) for name in ("work", "checking", "deposit")]
    assert int(quoted["total"]) == sum(parts) > 0
    assert "on hold" in run("job", "quote", str(files / "in.csv"), *where).stdout
    before = document("job", "list", "--account", "//Alice", "--all", "--url", url)
    sent = submit(url, files, handed, "--detach", "--json", *kind)
    found = document("job", "status", json.loads(sent.stdout)["job"], "--url", url)
    assert [found[name] for name in ("price", "verification", "deposit")] == list(map(str, parts))
    after = document("job", "list", "--account", "//Alice", "--all", "--url", url)
    assert len(after) == len(before) + 1


def test_a_job_is_posted_shown_and_cancelled(url: str, files: Path, handed: Path) -> None:
    sent = submit(url, files, handed, "--detach", "--json")
    assert sent.exit_code == 0, sent.stderr
    job = json.loads(sent.stdout)["job"]
    assert "1 columns that the model does not take stay here" in sent.stderr
    assert f"job {job}\n" in sent.stderr
    assert "Jane" not in sent.stderr + sent.stdout
    folder = Folder(handed, genesis_of(url))
    record = folder.record_of(bytes.fromhex(job[2:]))
    assert record is not None
    assert folder.items(record) == bytes([10, 20, 30, 40, 50, 60])

    found = document("job", "status", job, "--url", url)
    assert (found["state"], found["items"], found["requester"]) == ("posted", 2, ALICE)
    assert found["endpoints"] == [SOMEWHERE]
    assert int(found["price"]) > 0
    assert "posted: waiting for a beacon" in run("job", "status", job, "--url", url).stdout
    for whose in ((), ("--account", "//Alice")):
        listed = document("job", "list", "--base-path", str(handed), "--url", url, *whose)
        assert job in [row["id"] for row in listed]
    early = run("job", "list", "--base-path", str(handed), "--url", url)
    (shown,) = [word for word in early.stdout.split() if word.startswith(job[:6])]
    assert len(shown) < len(job)
    assert document("job", "status", shown, "--url", url)["id"] == job

    done = run("job", "cancel", shown, "--from", "//Alice", "--url", url)
    assert done.exit_code == 0, done.stderr
    assert document("job", "status", job, "--url", url)["state"] == "refunded"
    again = run("job", "cancel", job, "--from", "//Alice", "--url", url)
    assert again.exit_code == 1
    lost = run("job", "result", shown, "--base-path", str(handed), "--url", url)
    assert lost.exit_code == 1
    assert "there is no result: refunded: your money is back (Cancelled)" in lost.stderr


def test_a_result_is_printed_with_what_was_checked(url: str, files: Path, handed: Path) -> None:
    sent = submit(url, files, handed, "--detach", "--json")
    job = json.loads(sent.stdout)["job"]
    folder = Folder(handed, genesis_of(url))
    record = folder.record_of(bytes.fromhex(job[2:]))
    assert record is not None
    folder.keep_result(record, np.array([[5, -5], [-10, 10]], np.int8).tobytes())
    where = ("--base-path", str(handed), "--url", url)

    found = document("job", "result", job, *where, "-o", str(handed / "out.npy"))
    shown = run("job", "result", job, *where, "-o", str(handed / "out.csv"))

    assert [row["label"] for row in found["outputs"]] == ["no", "yes"]
    assert found["outputs"][0]["values"] == pytest.approx([0.5, -0.5])
    assert found["outputs"][0]["item"] == "in.csv line 2"
    assert np.load(handed / "out.npy").ravel().tolist() == pytest.approx([0.5, -0.5, -1, 1])
    assert (handed / "out.csv").read_text().startswith("item,no,yes\nin.csv line 2,0.5")
    assert "there is no receipt yet" in shown.stdout
    wrong = run("job", "result", job, *where, "-o", "out.txt")
    assert wrong.exit_code == 2


def test_inputs_are_offered_to_the_chain_as_governance_takes_them(
    url: str, files: Path, handed: Path
) -> None:
    words = ("job", "offer", str(files / "in.csv"), "--model", str(files / "net.btt"),
             "--base-path", str(handed), "--url", url)  # fmt: skip
    reported = document(*words)
    assert (reported["items"], reported["data_bytes"]) == ("2", "6")
    name = f"payload/{reported['input_root'][2:]}"
    served = dict(Folder(handed, genesis_of(url)).shared())
    assert served[name].read_bytes() == bytes([1, 0, 10, 20, 30, 40, 50, 60])
    call = json.dumps({"call": "Jobs.add_protocol_set", "args": reported})
    sent = run("tx", "call", "Sudo.sudo", call, "--from", "//Alice", "--url", url)
    assert sent.exit_code == 0, sent.stderr
    assert "ProtocolSetAdded" in sent.stdout
    shown = run(*words)
    assert "gov propose Jobs.add_protocol_set --track params" in shown.stderr


def test_blocks_without_finished_jobs_have_no_usefulness(
    url: str, files: Path, handed: Path
) -> None:
    sent = submit(url, files, handed, "--detach", "--json")
    job = json.loads(sent.stdout)["job"]
    done = run("job", "cancel", job, "--from", "//Alice", "--wait", "final", "--url", url)
    assert done.exit_code == 0, done.stderr
    every = document("work", "usefulness", "--days", "1", "--url", url)
    nothing = {"jobs": 0, "items": 0} | dict.fromkeys(
        ("finalized", "lost", "checked", "leaves"), "0"
    )
    assert every.pop("from") == 1
    assert every.pop("to") > 1
    assert every == {"usefulness": None, "macs": "0", "paid": nothing, "own": nothing}
    shown = run("work", "usefulness", "--from", "1", "--to", "2", "--url", url)
    assert "nothing was computed" in shown.stdout
    assert "MACs that verifiers checked" in shown.stdout


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--from", "1", "--days", "1"), "give one of --from and --days"),
        (("--to", "1_000_000"), "--to: block 1000000 is not final yet"),
        (("--from", "2", "--to", "1"), "no final block lies between 2 and 1"),
    ],
)
def test_a_range_without_final_blocks_is_refused(
    url: str, words: tuple[str, ...], why: str
) -> None:
    result = run("work", "usefulness", *words, "--url", url)
    assert result.exit_code == 2
    assert why in result.stderr


@pytest.mark.usefixtures("registered")
def test_without_a_gateway_nothing_is_offered(url: str, files: Path, tmp_path: Path) -> None:
    result = run(
        "job", "offer", str(files / "in.csv"), "--model", str(files / "net.btt"),
        "--base-path", str(tmp_path), "--url", url,
    )  # fmt: skip
    assert result.exit_code == 1
    assert "no gateway ever ran here" in result.stderr


def test_what_costs_more_than_is_allowed_is_not_posted(url: str, files: Path, handed: Path) -> None:
    result = submit(url, files, handed, "--detach", "--max-price", "1planck")

    assert result.exit_code == 1
    assert "Jobs.PriceAboveMax" in result.stderr
    assert Folder(handed, genesis_of(url)).records() == []


def test_a_model_that_is_not_registered_takes_no_jobs(
    url: str, files: Path, handed: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "net.onnx").write_bytes(dense_net().replace(b"classes", b"clauses"))
    made = run(
        "model", "import", str(other / "net.onnx"), "--prepare", str(files / "net.json"),
        "-o", str(other / "net.btt"),
    )  # fmt: skip
    assert made.exit_code == 0, made.stderr

    result = run(
        "job", "submit", str(files / "in.csv"), "--model", str(other / "net.btt"), "--detach",
        "--from", "//Alice", "--base-path", str(handed), "--url", url,
    )  # fmt: skip

    assert result.exit_code == 4
    assert "is not registered, or it may not be used now" in result.stderr


@pytest.mark.parametrize(
    ("more", "code", "why"),
    [
        (("--detach", "--wait"), 2, "--wait or --detach, not both"),
        (("--detach", "--keep-private"), 2, "add --tier confidential"),
        (("--detach", "--max-price", "5"), 2, "--max-price: '5' has no unit"),
    ],
)
def test_a_job_that_is_typed_wrongly_is_not_posted(
    url: str, files: Path, handed: Path, more: tuple[str, ...], code: int, why: str
) -> None:
    result = submit(url, files, handed, *more)

    assert result.exit_code == code
    assert why in result.stderr


def test_without_a_gateway_nothing_is_handed_over(
    url: str, files: Path, registered: str, tmp_path: Path
) -> None:
    result = submit(url, files, tmp_path, "--detach")

    assert result.exit_code == 1
    assert "no gateway runs: start `btt-chain job gateway`" in result.stderr


def test_bad_inputs_are_refused_before_anything_is_posted(
    url: str, files: Path, tmp_path: Path
) -> None:
    (tmp_path / "in.csv").write_text("a,b\n1,2\n")

    result = run(
        "job", "submit", str(tmp_path / "in.csv"), "--model", str(files / "net.btt"),
        "--from", "//Alice", "--url", url,
    )  # fmt: skip

    assert result.exit_code == 1
    assert "in.csv: has no column 'c'" in result.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("job", "status"), ("job", "watch"), ("job", "result"), ("work", "verify"),
        ("model", "show"),
    ],
)  # fmt: skip
def test_what_the_chain_does_not_know_is_not_found(
    url: str, tmp_path: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BTT_GATEWAY", str(tmp_path))

    missing = run(*command, NO_ID, "--url", url)
    beginning = run(*command, NO_ID[:14], "--url", url)
    mistyped = run(*command, "0x12", "--url", url)

    codes = missing.exit_code, beginning.exit_code, mistyped.exit_code
    assert codes == (4, 4, 2), missing.stderr + beginning.stderr


def test_a_node_that_is_away_is_no_connection(files: Path, tmp_path: Path) -> None:
    nowhere = "ws://127.0.0.1:1"
    for command in (
        ("job", "list"), ("job", "status", NO_ID), ("model", "list"),
        ("job", "watch", NO_ID),
        ("job", "submit", str(files / "in.csv"), "--model", str(files / "net.btt"),
         "--from", "//Alice"),
        ("work", "verify", NO_ID),
    ):  # fmt: skip
        assert run(*command, "--url", nowhere).exit_code == 3, command


def test_a_job_that_is_waited_for_is_served_until_it_is_over(
    url: str, files: Path, registered: str, tmp_path: Path
) -> None:
    with running(
        tmp_path / "log", "job", "submit", str(files / "in.csv"), "--model",
        str(files / "net.btt"), "--wait", "--from", "//Alice", "--base-path", str(tmp_path),
        "--url", url,
    ) as waiting:  # fmt: skip
        waiting.wait_for("posted: waiting")
        jobs = document("job", "list", "--base-path", str(tmp_path), "--url", url)
        assert "/p2p/" in jobs[0]["endpoints"][0], waiting.text()
        done = run("job", "cancel", jobs[0]["id"], "--from", "//Alice", "--url", url)
        assert done.exit_code == 0, done.stderr
        assert waiting.code() == 1
    assert "refunded: your money is back (Cancelled)" in waiting.text()
    folder = Folder(tmp_path, genesis_of(url))
    assert [record.over for record in folder.records()] == [True]
    folder.lock().close()  # no gateway runs any more


def test_a_gateway_serves_until_it_is_stopped(url: str, files: Path, tmp_path: Path) -> None:
    words = ("job", "gateway", "--base-path", str(tmp_path), "--url", url)
    with running(tmp_path / "log", *words) as serving:
        serving.wait_for("serving at /ip4/127.0.0.1/tcp/")
        again = run(*words)
        assert serving.stop(signal.SIGINT) == 130
    assert again.exit_code == 1
    assert "is locked by process" in again.stderr


def test_the_bench_prints_ratios() -> None:
    found = document("work", "bench", "--quick", "--rounds", "1")

    assert [row["net"] for row in found] == ["ResNet w8 16x16", "Transformer d64 S16"]
    assert all(row["proofBytes"] <= 24 * 1024 for row in found)


def test_the_bench_measures_an_engine_beside_numpy() -> None:
    name = "btt_chain.work.engines:Processor"
    found = document("work", "bench", "--quick", "--rounds", "1", "--engine", name)

    assert all(row["engineGmacs"] > row["engineGmacsCommitted"] > 0 for row in found)
    assert all(row["numpyElapsedMs"] > 0 for row in found)
    lines = run("work", "bench", "--quick", "--rounds", "1", "--engine", name).stdout.splitlines()
    assert lines[0].split()[-3:] == ["ms", "GMAC/s", "+commit"]
    refused = run("work", "bench", "--engine", "no.such:Engine")
    assert refused.exit_code == 1
    assert "there is no module 'no.such'" in refused.stderr
