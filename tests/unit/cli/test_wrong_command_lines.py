"""Command lines as newcomers mistype them: each ends with one line that says what is expected.

None of these reaches a node; `tests/programs/cli/test_people_commands.py` has those that do.
"""

from __future__ import annotations

import shlex

import pytest
from click.testing import CliRunner

from cli.program import program

WRONG = [
    ("stake", 2, "tiers"),
    ("stak list", 2, "no command 'stak'"),
    ("stake lst //Alice", 2, "did you mean list?"),
    ("stake list", 2, "Missing argument 'ACCOUNT'"),
    ("stake list //Alice //Bob", 2, "unexpected extra argument"),
    ("stake list //Alice --limit 5", 2, "No such option"),
    ("stake show", 2, "Missing argument 'STAKE'"),
    ("facility apply hospitl --country CN --from //Bob", 2, "value for 'KIND': 'hospitl' is not"),
    ("tx transfer //Bob 1.5 BTT --from //Alice", 2, "an amount is one word, such as 1.5BTT"),
    ("stake show 0", 2, "--of"),
    ("stake show -1 --of //Alice", 2, "-1"),
    ("stake show one --of //Alice", 2, "'one' is not a valid integer"),
    ("stake open", 2, "Missing argument 'AMOUNT'"),
    ("stake open 5BTT --tier x --from //Alice", 2, "'x' is not a valid integer"),
    ("stake open 5BTT --tier -1 --from //Alice", 2, "-1"),
    ("stake open 5BTT --term 3months --from //Alice", 2, "like 90d"),
    ("stake open 5BTT --term -3d --from //Alice", 2, "like 90d"),
    ("stake open -5BTT --tier 0 --from //Alice", 2, "no amount is"),
    ("stake open 5BTT --tier 0 --from /home/me/nokey", 4, "there is no such file"),
    ("stake extend", 2, "Missing argument 'STAKE'"),
    ("stake extend 0 --tier 300 --from //Alice", 2, "300"),
    ("stake unstake", 2, "Missing argument 'STAKE'"),
    ("stake unstake all --from //Alice", 2, "'all' is not a valid integer"),
    ("stake claim 4294967296 --from //Alice", 2, "4294967296"),
    ("stake tiers 5BTT 6BTT", 2, "unexpected extra argument"),
    ("validator", 2, "join"),
    ("validator jon --from //Alice", 2, "did you mean join?"),
    ("validator join //Alice", 2, "unexpected extra argument"),
    ("validator join --bond", 2, "--bond"),
    ("validator join --stash //Alice", 2, "No such option"),
    ("validator leave --yes please --from //Alice", 2, "unexpected extra argument"),
    ("validator status //Alice //Bob", 2, "unexpected extra argument"),
    ("validator rotate --owner //Alice", 2, "No such option"),
    ("validator list //Alice", 2, "unexpected extra argument"),
    ("vesting", 2, "claim"),
    ("vesting list", 2, "no command 'list'"),
    ("vesting show", 2, "Missing argument 'ACCOUNT'"),
    ("vesting show //Alice --months 121", 2, "121"),
    ("vesting show //Alice --months many", 2, "'many' is not a valid integer"),
    ("vesting claim //Alice --from //Alice", 2, "unexpected extra argument"),
    ("history", 2, "Missing argument 'ACCOUNT'"),
    ("history //Alice --limit none", 2, "'none' is not a valid integer"),
    ("history //Alice --limit 100001", 2, "100001"),
    ("history //Alice --blocks -5", 2, "-5"),
    ("history //Alice --since 7moons", 2, "is not a time"),
    ("history //Alice --since d", 2, "is not a time"),
    ("history //Alice --since 2026-13-01", 2, "is not a time"),
    ("history //Alice --since 7d --blocks 9", 2, "one of --blocks and --since"),
    ("history //Alice --csv --json", 2, "one of --csv and --json"),
    ("history //Alice //Bob", 2, "unexpected extra argument"),
    ("histroy //Alice", 2, "did you mean history"),
    ("provider lst", 2, "did you mean list?"),
    ("provider list //Alice", 2, "unexpected extra argument"),
    ("provider list --class 70000", 2, "70000"),
    ("provider list --class image", 2, "'image' is not a valid integer"),
    ("key generate-nodekey", 2, "did you mean generate-node-key"),
    ("key generate-node-key --file x --chain dev", 2, "one of --file and --chain"),
    ("key generate-node-key --base-path x", 2, "which chain?"),
    ("key generate-node-key --chain mainet", 4, "mainet"),
    ("key generate-node-key --json", 2, "the secret is what is printed"),
    ("key inspect-node-key node.key", 2, "unexpected extra argument"),
    ("key inspect-node-key --file /nowhere/node.key", 4, "there is no such file"),
    ("build-spec --chain dev --bootnode 10.0.0.1:30333", 1, "not the address of a node"),
    ("build-spec --chain dev --bootnode /ip4/10.0.0.1/tcp/30333", 1, "/p2p"),
    ("dev mine -1", 2, "'-1' is negative"),
    ("dev head --nosuch", 2, "No such option"),
    ("dev head -x", 2, "No such option"),
    ("dev revert first", 2, "'first' is not a snapshot"),
    ("doctor --url http://[", 2, "is not a URL of a node"),
    ("doctor --url ws://127.0.0.1:99999", 2, "is not a URL of a node"),
    ("dev travel -7d", 2, "'-7d' is negative"),
    ("dev set-balance //Bob -5BTT", 2, "'-5BTT' is negative"),
    ("identity set --from //Bob --display ''", 2, "--display is empty"),
    ("query block --at 5", 2, "No such option"),
    ("query block 1 2", 2, "unexpected extra argument"),
]


@pytest.mark.parametrize(("line", "code", "why"), WRONG)
def test_a_mistyped_command_line_is_answered_with_what_is_expected(
    line: str, code: int, why: str
) -> None:
    result = CliRunner().invoke(program, shlex.split(line), prog_name="btt-chain")
    assert result.exit_code == code, result.output
    assert why in result.stderr
    assert "Traceback" not in result.output
    if result.stderr.startswith("error:"):
        assert result.stderr.count("\n") == 1
