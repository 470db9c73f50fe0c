"""Commands that send calls: preview, confirmation, dry run and wait."""

from __future__ import annotations

from collections.abc import Iterator

import click

from support.commands import every_command

SENDING = {
    "asset register", "asset issue", "asset transfer", "asset distribute", "asset claim",
    "asset bond", "asset appoint", "asset verify", "asset vote", "asset trade",
    "exchange order", "exchange cancel", "vault create", "vault deposit", "vault withdraw",
    "stake open", "stake extend", "stake claim", "stake unstake", "vesting claim",
    "validator join", "validator rotate", "validator leave",
    "model register", "model describe", "model licence", "job submit", "job cancel",
    "provider register", "provider leave",
    "gov propose", "gov deposit", "gov refund", "gov vote", "gov unvote", "gov delegate",
    "gov undelegate", "gov unlock", "gov stand", "gov leave", "gov elect", "gov unelect",
    "gov object", "gov withdraw-objection", "gov unlock-objections", "premium buy",
    "oracle join", "oracle leave", "oracle withdraw", "oracle attest", "pay",
    "merchant register", "merchant configure", "merchant charge", "merchant capture",
    "merchant void", "merchant refund", "merchant answer", "dispute open", "dispute withdraw",
    "card register", "card freeze", "card activate", "card drop", "merchant bond", "merchant close",
    "identity set", "identity request", "identity judge",
    "identity appoint", "identity clear", "identity cancel", "identity add-sub",
    "identity rename-sub", "identity remove-sub", "identity agree", "identity leave",
    "proxy add", "proxy remove", "proxy announce", "proxy execute", "proxy reject",
    "proxy withdraw", "multisig propose", "multisig approve", "multisig execute",
    "multisig cancel", "facility apply", "facility update", "facility leave",
    "facility confirm", "facility refuse", "facility suspend", "facility subscribe",
    "facility keys", "facility close", "facility appeal", "points redeem",
    "facility place", "facility contribute", "facility attest", "facility top-up",
    "auditor enlist", "auditor retire", "auditor report", "auditor settle", "referral refer",
    "referral accept", "referral claim", "referral withdraw", "referral attest", "records register",
    "records demand", "records consent revoke", "records report double",
    "records report omission", "records report unanswered", "tx transfer", "tx call",
    "upgrade schedule", "work verify",
}  # fmt: skip
DAEMONS = {"provider run", "job gateway", "feeder", "records serve"}
"""They run until they are stopped, and send by themselves."""
NOT_SENDING = {
    "tx sign", "export-blocks", "key ceremony-entry", "key ceremony-sign", "pos",
    "merchant statement", "work usefulness",
}  # fmt: skip


def all_commands() -> Iterator[tuple[str, click.Command]]:
    for words, command in every_command():
        if not isinstance(command, click.Group):
            yield " ".join(words), command


def test_every_command_that_signs_takes_the_same_options() -> None:
    signing = {}
    for name, command in all_commands():
        options = {option for param in command.params for option in param.opts}
        if "--from" in options:
            signing[name] = options
    assert set(signing) == SENDING | DAEMONS | NOT_SENDING
    for name in SENDING:
        assert {
            "--tip", "--nonce", "--mortal", "--wait", "--dry-run", "--force", "--yes", "--json",
            "--proxy-for",
        } <= signing[name], name  # fmt: skip
