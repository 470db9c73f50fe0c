"""The commands of the documentation are run, and print what the page says.

Every fenced block of a shell (`SHELLS`) on README and the pages of `docs/` runs from top to bottom
against a development node of the page's own, which makes a block for each transaction. `NOT_RUN`
lists blocks that do not run here and `SKIPPED` single commands, each with the reason; a new block
runs or is added there.

A line of the page must be found in the output, in order; `...` stands for anything, and block
numbers, hashes, keys, new phrases and white space may differ. Of a command without lines only the
success counts. `0x...` in a command is filled with the long hex values that the command before it
printed, and what `VALUES` has is replaced; `> FILE` writes what is printed.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.program import program
from support.instant_node import instant_node

ROOT = Path(__file__).resolve().parents[2]
PROMPT = "$ "

SHELLS = ("sh", "console", "bash", "shell")
PAGES = sorted(
    str(page.relative_to(ROOT))
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))
    if re.search(rf"^```({'|'.join(SHELLS)})$", page.read_text(encoding="utf-8"), re.MULTILINE)
)

LONG = ("docs/useful-work.md", "docs/economy.md")
"""Pages whose commands take more than five seconds."""
OWN_NODE = "the node of this test stands for it"
NETWORK = "starts a network of processes: tests/devnet does"
WORK = "needs providers: tests/devnet/test_a_job_by_command.py runs it"
ASSETS = "needs an asset that was issued: tests/programs/cli/test_asset_commands.py"
DOCTOR = "checks a network: tests/programs/cli/test_doctor_on_a_node.py"
PREMIUM = "needs a stake that is a day old: tests/programs/cli/test_premium_command.py"
RELEASE = "needs the next release: tests/programs/cli/test_upgrade_commands.py"
SKIPPED = {
    "make devnet": NETWORK,
    "make test": "this test is a part of it",
    "pipx install .": "installs the program",
    "btt-chain --help": "test_program.py",
    "btt-chain node --dev --tmp": OWN_NODE,
    "btt-chain node --dev --sealing instant --tmp": OWN_NODE,
    "btt-chain node --dev --sealing interval:100 --tmp &": OWN_NODE,
    "btt-chain node --dev --runtime minimal --tmp": "tests/programs/node/test_minimal_node.py",
    "btt-chain node --chain minimal.json --alice --tmp": NETWORK,
    "btt-chain devnet": NETWORK,
    "btt-chain devnet up --runtime minimal --providers 2": NETWORK,
    "btt-chain doctor": DOCTOR,
    "btt-chain gov refund 0 --from //Alice": "ten minutes of the chain later",
    "btt-chain job submit --model net.btt --from //Alice --wait table.csv": WORK,
    "btt-chain check-block 30 --dev": "needs a stopped node: tests/programs/cli/test_on_a_chain.py",
    "btt-chain asset list": ASSETS,
    "btt-chain exchange book 0": ASSETS,
    "btt-chain vault show 0 --of //Bob": ASSETS,
    "btt-chain premium buy 0 --months 3 --from //Alice": PREMIUM,
    "btt-chain job submit --model out/breast-cancer.btt --from //Alice --wait "
    "out/breast-cancer-test.csv": WORK,
    "btt-chain doctor --base-path /var/lib/btt --chain mainnet": DOCTOR,
    "btt-chain key status --chain testnet --base-path /var/lib/btt "
    "--url ws://127.0.0.1:9944": "needs a validator: tests/devnet/test_devnet_launch.py",
    "btt-chain query rpc signing_status": "needs a validator: tests/unit/rpc/test_rpc_signing.py",
    "btt-chain upgrade try --url ws://127.0.0.1:9944": RELEASE,
    "btt-chain upgrade schedule 101 --in 3d": RELEASE,
    "btt-chain tokenomics audit --at 1000 --json": "needs a thousand blocks",
    "btt-chain tokenomics plot --preset seed-000 --out pictures": "5 s of processor time: "
    "tests/unit/cli/test_tokenomics_commands.py makes the pictures",
    "btt-chain tokenomics schedule --preset seed-000 --csv | head -n 3": "a pipe of the shell",
}
CLI_FORMS = (
    "btt-chain node --dev --tmp",
    "btt-chain devnet",
    "btt-chain account new alice",
    "btt-chain identity add-sub",
    "btt-chain proxy add",
    "btt-chain multisig address",
    "btt-chain key generate",
    "btt-chain key insert --chain testnet --suri",
    "btt-chain key ceremony-entry --chain",
    "btt-chain key generate-node-key --file",
    "btt-chain signing show --chain testnet",
    "btt-chain tx call System.remark_with_event",
    "btt-chain query facts -o facts.json",
    "btt-chain query storage",
    "btt-chain model import net.onnx --prepare",
    "btt-chain provider register --from key.txt",
    "btt-chain work verify 0x4fd3...",
    "btt-chain pos 12.50 --from till.txt",
    "btt-chain pay request.txt --from key.txt",
    "btt-chain merchant register --category 5814 --currency",
    "btt-chain dispute open 17",
    "btt-chain card new -o card.key",
    "btt-chain payfi queue",
    "btt-chain gov status",
    "btt-chain records list --kind consent",
    "btt-chain facility rules",
    "btt-chain facility place offer.pdf",
    "btt-chain points earn claim.json",
    "btt-chain auditor enlist --secret",
    "btt-chain upgrade status",
    "btt-chain network init entries/ --chain",
    "btt-chain build-spec --chain dev",
    "btt-chain export-blocks --dev --output",
    "btt-chain tokenomics release --preset",
    "btt-chain --config btt.toml node",
    'eval "$(btt-chain completion bash)"',
)
"""Blocks of `sh` on docs/cli.md."""
LAUNCH_STEPS = (
    "btt-chain build-spec --chain testnet",
    "btt-chain key ceremony-entry --chain",
    "btt-chain key ceremony-sign bitwave.json",
    "btt-chain network init entries/ --chain",
    "btt-chain network check btt-testnet.json",
    "btt-chain network accept btt-testnet.json",
    "btt-chain node --chain btt-testnet.json",
    "btt-chain doctor --base-path /var/lib/btt",
    "btt-chain node --chain btt-testnet.json",
    "btt-chain validator join --from stash.txt",
    "btt-chain key ceremony-entry --chain",
)
CHECKPOINT = "needs a network: tests/devnet/test_devnet_sync.py makes a checkpoint"
FORMS = "lists forms: tests/unit/cli/test_cli_page.py parses each line"
LAUNCH = "tests/devnet/test_devnet_launch.py types it on four machines; test_cli_page.py parses it"
BENCH = "measures for minutes; the parts have tests in tests/unit/bench"
ATTACKS = "attacks for minutes: tests/hostile/test_short_attacks.py is the short form"
FUZZES = "fuzzes for minutes: tests/fuzz runs the corpus"
UPGRADE = (
    "needs a database or a specification of its own: tests/programs/cli/test_upgrade_commands.py"
)
LISTED = (
    "needs an asset that is traded, and a judged issuer: tests/programs/cli/test_asset_commands.py"
)
ATTESTED = "needs a provider: tests/programs/cli/test_oracle_commands.py"
FEEDERS = "starts a network of processes: tests/devnet/test_devnet_feeders.py"
VAULTS = "needs several vaults and a custodian: tests/programs/cli/test_records_commands.py"
EXPLORER = (
    "tests/programs/explorer/test_explorer_process.py starts it, test_pages.py makes the proof"
)
COVERAGE = "runs the unit tests for three quarters of an hour"
OFFLINE = "needs the database of a stopped node: tests/programs/cli/test_on_a_chain.py"
PROXIED = "a public node: tests/programs/cli/test_node_process.py"
NOT_RUN = {
    "docs/assets.md": {
        "btt-chain asset register": LISTED,
        "btt-chain asset bond": "needs an asset: tests/programs/newcomer/test_trader.py",
        "btt-chain exchange order": LISTED,
        "btt-chain vault create": LISTED,
    },
    "docs/cli.md": dict.fromkeys(CLI_FORMS, FORMS),
    "docs/explorer.md": dict.fromkeys(("btt-chain explorer", "curl -o alice.json"), EXPLORER),
    "docs/fuzzing.md": {"make fuzz": FUZZES},
    "docs/launch.md": {
        **dict.fromkeys(LAUNCH_STEPS, LAUNCH),
        "btt-chain build-spec --chain btt-testnet.json --checkpoint": CHECKPOINT,
    },
    "docs/operating.md": {
        "btt-chain node --dev": OWN_NODE,
        "btt-chain node --chain spec.json": LAUNCH,
        "btt-chain export-blocks": OFFLINE,
        "btt-chain node --chain testnet": PROXIED,
    },
    "docs/oracle.md": {
        "btt-chain oracle attest //Bob": ATTESTED,
        "btt-chain devnet up --feeders": FEEDERS,
    },
    "docs/performance.md": {
        "make bench-setup": BENCH,
        "make bench-compare": BENCH,
        'B=".venv/bin/python': BENCH,
    },
    "docs/records.md": {
        "btt-chain records share --custodian": VAULTS,
        "btt-chain records guardian split": VAULTS,
        "btt-chain records open consent.json": VAULTS,
        "btt-chain records init --vault hospital": VAULTS,
        "btt-chain proxy add SERVER_ACCOUNT": VAULTS,
    },
    "docs/testing.md": {
        "btt-chain devnet up": NETWORK,
        "make hostile": ATTACKS,
        ".venv/bin/pip install --require-hashes -r requirements/coverage.txt": COVERAGE,
    },
    "docs/upgrades.md": {"btt-chain upgrade try --chain": UPGRADE},
    "docs/useful-work.md": {
        "btt-chain job gateway --base-path": WORK,
        "btt-chain work verify": WORK,
    },
}
"""Blocks that do not run here: page, beginning of the first command, reason."""
STARTED: list[subprocess.Popen[str]] = []
"""Programs that go on in the background (`&`)."""
FILES = {
    "pw.txt": "a password of more words",
    "stash.txt": "//Bob\n",
    "key.txt": "//Dave\n",
    "scan.pdf": "a contract",
    "a.txt": "0.40",
    "b.json": '{"btt": {"cny": "0.41"}}',
    "c.json": '{"last": [0.42]}',
    "visit.json": '{"resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": '
    '"Glucose"}, "category": [{"coding": [{"code": "laboratory"}]}]}',
}
"""Files that a reader has, by name."""
ALICE = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
READER = (
    "btt-vault:ibjeceDreMy9xfYXek6lVEp2yqTj1mkfyfYCDeZgzH81"
    "40T1Bk9wAhhMvoqf03fi1X2gutYIM0CKnVWGzuXcmg"
)
"""The public id of a vault."""
VALUES = {
    "ADDRESS": ALICE, "STASH_ADDRESS": ALICE, "/var/lib/btt": "data", "DOCTORS_VAULT": READER,
}  # fmt: skip
"""Replacements of words, or of their beginnings."""


@dataclass
class Command:
    """A command as it is typed, and the lines that the page shows below it."""

    line: int
    typed: str
    shown: list[str] = field(default_factory=list)


def blocks(page: Path) -> Iterator[list[Command]]:
    """The commands of each block of a page, in order."""
    block: list[Command] = []
    kind, continued = "", False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("```"):
            if kind in SHELLS:
                yield block
            kind, block, continued = ("" if kind else line[3:].strip() or "text"), [], False
        elif kind not in SHELLS:
            continue
        elif continued:
            continued = line.endswith("\\")
            block[-1].typed += " " + line.strip().removesuffix("\\").strip()
        elif kind != "console" or line.startswith(PROMPT):
            typed = re.sub(r"\s+# .*$", "", line.removeprefix(PROMPT)).strip()
            continued = typed.endswith("\\")
            if typed:
                block.append(Command(number, typed.removesuffix("\\").strip()))
        elif block:
            block[-1].shown.append(line)


def reasons(name: str, block: list[Command]) -> dict[str, str]:
    """The entries of `NOT_RUN` for a block, with the reason: one, or none if it runs."""
    return {
        beginning: reason
        for beginning, reason in NOT_RUN.get(name, {}).items()
        if f"{block[0].typed} ".startswith(beginning + " ")
    }


def pattern(line: str) -> re.Pattern[str]:
    """The expression that matches the output for which a line of the page stands."""
    if line.startswith("Secret phrase"):
        return re.compile(r"Secret phrase( +[a-z]+){12}")
    if line.startswith("accuracy with floats"):  # training rounds as the processor does
        return re.compile(r"accuracy with floats +9\d\.\d%")
    parts = re.split(r"(\.\.\.|0x[0-9a-f]{40,}|─+|block\s+\d+|\s+)", line.strip())
    made = [re.escape(part) if at % 2 == 0 else _volatile(part) for at, part in enumerate(parts)]
    return re.compile("".join(made))


def _volatile(part: str) -> str:
    """The expression for what differs from run to run."""
    for beginning, expression in (
        ("...", ".*"),
        ("0x", "0x[0-9a-f]+"),
        ("─", "─+"),
        ("block", r"block\s+\d+"),
    ):
        if part.startswith(beginning):
            return expression
    return r"\s+"


def missing(shown: list[str], output: str) -> str | None:
    """The first line of the page that the output has not, in order."""
    rest = iter(line.strip() for line in output.splitlines())
    for line in shown:
        if line.strip() in {"", "..."}:
            continue
        wanted = pattern(line)
        if not any(wanted.fullmatch(found) for found in rest):
            return line
    return None


def run(typed: str, url: str, before: str) -> tuple[int, str]:
    """Run a command in this process; its exit code, and all that it printed."""
    values = iter(re.findall(r"0x[0-9a-f]{64,}", before))
    words = shlex.split(re.sub(r"0x\.\.\.", lambda _: next(values), typed))
    words = [_filled(word, url) for word in words]
    if words[0] == "python":
        script = [sys.executable, str(ROOT / words[1]), *words[2:]]
        done = subprocess.run(script, capture_output=True, text=True, check=False, timeout=120)
        return done.returncode, done.stdout + done.stderr
    assert words[0] == "btt-chain", f"{typed}: run it here, or list it with a reason"
    if words[-1] == "&":
        return _started(words[1:-1], url)
    file = None
    if ">" in words:
        *words, _, file = words
    result = CliRunner().invoke(
        program,
        words[1:],
        input=FILES["key.txt"] if words[-1] == "-" else None,
        prog_name="btt-chain",
        env={"BTT_URL": url, "COLUMNS": "200"},
    )
    if file is not None:
        Path(file).write_text(result.stdout)
    return result.exit_code, result.output


def _started(words: list[str], url: str) -> tuple[int, str]:
    """Start a program that goes on; its first line. `STARTED` is ended with the test."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", *words],
        env=os.environ | {"BTT_URL": url, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    STARTED.append(process)
    assert process.stdout is not None
    line = process.stdout.readline()
    return process.poll() or 0, line


def _filled(word: str, url: str) -> str:
    """A word as a reader types it here."""
    for name, value in {**VALUES, "ws://127.0.0.1:9944": url}.items():
        if word == name or word.startswith(name + "/"):
            return value + word.removeprefix(name)
    return word


@pytest.fixture
def started() -> Iterator[None]:
    """End what the commands of a page have started."""
    yield
    while STARTED:
        process = STARTED.pop()
        process.terminate()
        process.communicate(timeout=60)


@pytest.mark.parametrize(
    "name",
    [pytest.param(page, marks=pytest.mark.full if page in LONG else ()) for page in PAGES],
)
@pytest.mark.usefixtures("started")
def test_the_commands_of_a_page_print_what_it_says(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = [
        command
        for block in blocks(ROOT / name)
        if not reasons(name, block)
        for command in block
        if command.typed not in SKIPPED
    ]
    if not typed:
        return  # each has its reason
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    # Secrets of folders are stretched less: each command of a page opens one.
    monkeypatch.setattr("btt_chain.care.vault.SCRYPT_N", 2)
    monkeypatch.setattr("btt_chain.wallet.keyfile.COST", (1 << 15, 1, 8))
    for file, text in FILES.items():
        Path(file).write_text(text)
    wrong, output = [], ""
    with instant_node(tmp_path / "node") as url:
        for command in typed:
            code, output = run(command.typed, url, output)
            fails = any(line.startswith("error: ") for line in command.shown)
            lacking = missing(command.shown, output)
            if bool(code) != fails or lacking is not None:
                where = f"{name}:{command.line}: {command.typed}"
                wrong.append(f"{where}\nexit code {code}, not printed: {lacking}\n{output}")
    assert not wrong, "\n\n".join(wrong)


def test_what_is_not_run_is_on_a_page() -> None:
    run_here, named = set(), set()
    for name in PAGES:
        for block in blocks(ROOT / name):
            found = reasons(name, block)
            assert len(found) <= 1, f"{name}:{block[0].line} is named twice"
            named |= {(name, beginning) for beginning in found}
            if not found:
                run_here |= {command.typed for command in block}
    assert {(name, each) for name, listed in NOT_RUN.items() for each in listed} == named
    assert SKIPPED.keys() <= run_here


def test_a_line_stands_for_what_differs_from_run_to_run_and_for_nothing_else() -> None:
    shown = ["fee   0.1 BTT", "block   4 0x" + "ab" * 32 + ", extrinsic 1", "...", "who: 5Gr..."]
    printed = ["fee 0.1 BTT", "block  17 0x" + "cd" * 32 + ", extrinsic 1", "x", "who: 5Grwva"]
    assert missing(shown, "\n".join(printed)) is None
    assert missing(shown, "\n".join(["fee 0.2 BTT", *printed[1:]])) == shown[0]
    assert missing(shown, "\n".join([*printed[1:], printed[0]])) == shown[1]
