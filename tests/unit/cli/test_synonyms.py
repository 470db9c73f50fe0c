"""Words that people type for commands with another name: the suggestion is the right command."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from cli.common.synonyms import WORDS
from cli.program import program

TYPED = [
    ("send", "tx transfer"), ("transfer", "tx transfer"), ("balance", "query account"),
    ("unstake", "stake unstake"), ("nominate", "stake open"), ("rewards", "stake claim"),
    ("claim", "vesting claim"), ("wallet", "account"), ("new-account", "account new"),
    ("keygen", "account new"), ("import", "account import"), ("backup", "account export"),
    ("blocks", "query block"), ("events", "query block"), ("peers", "doctor"),
    ("health", "doctor"), ("logs", "devnet logs"), ("snapshot", "dev snapshot"),
    ("travel", "dev travel"), ("mine", "dev mine"), ("trace", "tx trace"),
    ("buy", "exchange order"),
    ("sell", "exchange order"), ("swap", "exchange order"), ("trade", "exchange order"),
    ("prices", "oracle prices"), ("governance", "gov"), ("referendum", "gov status"),
    ("vote", "gov vote"), ("validate", "validator"), ("rotate-keys", "validator rotate"),
    ("node-key", "key inspect-node-key"), ("miner", "provider run"), ("inference", "job submit"),
    ("hospital", "facility"), ("invoice", "pos"), ("genesis", "build-spec"),
    ("transactions", "history"), ("sign-tx", "tx sign"), ("decode", "tx info"),
    ("supply", "tokenomics supply"), ("localnet", "devnet"), ("Send", "tx transfer"),
    ("validators", "validator list"), ("jobs", "job list"), ("rotate", "validator rotate"),
    ("help", "--help"), ("version", "--version"), ("tx help", "tx --help"),
    ("devnet start", "devnet up"), ("devnet stop", "devnet down"), ("job run", "job submit"),
    ("provider start", "provider run"), ("stake add", "stake open"),
    ("dev mint", "dev set-balance"),
    ("query tx", "tx info"), ("gov list", "gov status"), ("key new", "key generate"),
]  # fmt: skip


@pytest.mark.parametrize(("word", "command"), TYPED)
def test_a_word_that_people_type_names_the_command(word: str, command: str) -> None:
    result = CliRunner().invoke(program, word.split(), prog_name="btt-chain")
    assert result.exit_code == 2
    assert f"`btt-chain {command}`" in result.stderr


def test_each_suggestion_is_a_command() -> None:
    for word, commands in WORDS.items():
        for line in commands:
            command: click.Command | None = program
            for part in line.split():
                if part.startswith("--") or not isinstance(command, click.Group):
                    break
                command = command.get_command(click.Context(command), part)
                assert command is not None, (word, line)
