"""The list of commands, and the handling of their errors."""

from __future__ import annotations

import errno
import re
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NoReturn, TypeGuard

import click

from btt_chain import __version__
from btt_chain.client.errors import ClientError
from btt_chain.client.names import use_names
from cli.common import show
from cli.common.config import META, Settings
from cli.common.errors import CannotConnect, ExitCode, Mistyped, of_client
from cli.common.options import Group, command_at
from cli.common.streams import open_missing, output_error

_TOO_LONG: Final = "integer string conversion"
"""A part of the message of Python about a number of more than 4300 digits."""

_NO_TEMPORARY_FOLDER: Final = "No usable temporary directory"
"""The beginning of the message of Python where all folders for temporary files are read-only."""

_EXTRA_UNIT: Final = r"(?i)extra arguments? \((?:planck|[mun]?t?BTT)\b"
"""The message about an argument too many, where it is the unit of an amount."""

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
"""A name that a pallet's command may have."""

_PALLET: Final = "btt.pallet"
"""Key of the commands of a pallet in `Context.meta`."""

COMMANDS: Mapping[str, tuple[str, str]] = {
    # name: (module below cli.commands and its attribute, short help)
    "node": ("node:node", "Run a node."),
    "devnet": ("devnet:devnet", "Run validators on this machine and watch them live."),
    "dev": ("dev:dev", "Control a development chain: blocks, time, state."),
    "explorer": ("explorer:explorer", "Show a chain in the browser, from an index of its own."),
    "verify": ("verify:verify", "Verify, without a node, what a node or an explorer said."),
    "doctor": ("doctor:doctor", "Name what stops a node."),
    "account": ("account:account", "Named accounts: keys in a wallet, and addresses."),
    "key": ("key:key", "Make keys, look at them, sign and verify."),
    "signing": ("record:signing", "Show and move the record of what validators signed."),
    "tx": ("tx:tx", "Sign and send transactions."),
    "query": ("query:query", "Ask a node about its chain."),
    "history": ("history:history", "Show the transactions of an account."),
    "stake": ("stake:stake", "Stake money for a term; see and claim rewards."),
    "vesting": ("vesting:vesting", "See what is released when, and unlock it."),
    "validator": ("validator:validator", "Join the validators, watch one, change keys, leave."),
    "model": ("model:model", "Import models and register them."),
    "job": ("job:job", "Have something computed, and get the result."),
    "provider": ("provider_group:provider", "Compute for others, and be paid for it."),
    "work": ("work:work", "Check what others computed; measure this machine."),
    "asset": ("asset:asset", "Register, issue and hold real things in units."),
    "exchange": ("exchange:exchange", "Trade units of assets."),
    "vault": ("vault:vault", "Have units traded by others."),
    "premium": ("premium:premium", "Buy premium services, as a staker."),
    "oracle": ("oracle:oracle", "See prices of BTT; join, leave and manage their feeders."),
    "feeder": ("feeder:feeder", "Feed prices of BTT from files, web addresses and the exchange."),
    "pos": ("pos:pos", "Ask for one payment, and wait until it is final."),
    "pay": ("pay:pay", "Pay an invoice, a payment URI or an EMV code."),
    "merchant": ("merchant:merchant", "Be paid: register, watch, refund, answer, report."),
    "dispute": ("dispute:dispute", "Dispute a payment."),
    "card": ("card:card", "Make cards, and sign and freeze with them."),
    "payfi": ("payfi:payfi", "See how payments settle."),
    "gov": ("gov:gov", "Propose, vote, delegate, elect; see how the chambers stand."),
    "identity": ("identity:identity", "Say who you are, and have it judged."),
    "proxy": ("proxy:proxy", "Let others act for an account, and act for one."),
    "multisig": ("multisig:multisig", "Decide together about an account."),
    "facility": ("facility:facility", "Register hospitals, see which count, issue points."),
    "points": ("points:points", "Collect points for your health, and spend them."),
    "auditor": ("auditor:auditor", "Check the evidence of facilities."),
    "referral": ("referral:referral", "Refer new users, and be paid when they use the chain."),
    "records": ("records:records", "Keep health records encrypted, and decide who reads them."),
    "upgrade": ("upgrade:upgrade", "See, schedule and try the next version of the runtime."),
    "network": ("network:network", "Start a network of several organisations."),
    "build-spec": ("spec:build_spec", "Print the specification of a chain."),
    "purge-chain": ("data:purge_chain", "Delete a chain's database, keep its keys."),
    "export-blocks": ("data:export_blocks", "Write blocks to a file."),
    "import-blocks": ("data:import_blocks", "Read blocks from a file."),
    "check-block": ("data:check_block", "Execute a stored block again and compare."),
    "revert": ("data:revert", "Take back the newest blocks that are not final."),
    "restart-finality": (
        "data:restart_finality",
        "Let other voters go on where a third of them is gone for good.",
    ),
    "tokenomics": ("tokenomics:tokenomics", "Show the token: schedule, supply, audits."),
    "config": ("config:config", "Show the values of options, and where they come from."),
    "completion": ("completion:completion", "Print the completion script of a shell."),
}


class Program(Group):
    """The root: imports a command when it is needed, and turns errors into one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of the table, the usual order of use."""
        return list(COMMANDS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command of the first argument.

        Only a name that is not in the table is looked for among the pallets of the chain.
        """
        name, *rest = args
        is_name = _NAME.fullmatch(name) and not ctx.resilient_parsing
        if is_name and self.get_command(ctx, name) is None:
            try:
                # Imported here: the client takes a third of a second, and other commands less.
                ctx.meta[_PALLET] = import_module("cli.default").pallet_group(name, rest, ctx)
            except CannotConnect as error:
                hint = self._hint(ctx, name).removesuffix("?")
                why = f"a pallet of a chain has commands, too, but {error.format_message()}"
                raise Mistyped(f"no command {name!r}; {hint}; {why}", ctx) from None
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, imported now; that of a pallet if `resolve_command` has it."""
        if cmd_name not in COMMANDS:
            group = ctx.meta.get(_PALLET)
            return group if isinstance(group, Group) and group.name == cmd_name else None
        return command_at(COMMANDS[cmd_name][0])

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list in `--help`, without importing a command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> NoReturn:
        """Run, and exit; an error that a user can cause never ends in a traceback."""
        open_missing()
        code = self._code(args, prog_name, complete_var, **extra)
        error = output_error()
        if error is not None:
            if error.errno != errno.EPIPE:
                show.complain(_system_error(error))
            code = code or ExitCode.REFUSED
        sys.exit(code)

    def _code(
        self, args: Sequence[str] | None, prog_name: str | None, complete_var: str | None,
        **extra: object,
    ) -> int:  # fmt: skip
        """Run, and return the exit code."""
        code: int = ExitCode.DONE
        try:
            try:
                result = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
            except ClientError as error:
                raise of_client(error) from None
            code = result if isinstance(result, int) else ExitCode.DONE
        except click.exceptions.NoArgsIsHelpError as error:
            # A group without a command is not an error: its help shows the commands.
            show.note(error.format_message())
            code = ExitCode.USAGE
        except click.UsageError as error:
            where = error.ctx.command_path if error.ctx else self.name
            show.complain(f"{_usage(error)} (see `{where} --help`)")
            code = ExitCode.USAGE
        except UnicodeEncodeError as error:
            if not _is_typed(error.object, sys.argv[1:] if args is None else args):
                raise
            show.complain("an argument is not UTF-8 text: write other bytes as 0x and hex")
            code = ExitCode.USAGE
        except ValueError as error:
            if _TOO_LONG not in str(error):
                raise
            number = _long_number(sys.argv[1:] if args is None else args)
            show.complain(f"{number} has more than 4300 digits: no number here is that long")
            code = ExitCode.USAGE
        except click.ClickException as error:
            show.complain(error.format_message())
            code = error.exit_code
        except click.Abort as error:
            # From the keyboard, or by the answer no.
            interrupted = isinstance(error.__cause__, KeyboardInterrupt)
            show.complain("interrupted" if interrupted else "aborted")
            code = ExitCode.INTERRUPTED if interrupted else ExitCode.REFUSED
        except OSError as error:
            show.complain(_system_error(error))
            is_missing = isinstance(error, FileNotFoundError) and not _needs_temporary(error)
            code = ExitCode.NOT_FOUND if is_missing else ExitCode.REFUSED
        return code


def _is_choice(param: click.Parameter | None) -> TypeGuard[click.Argument]:
    return isinstance(param, click.Argument) and isinstance(param.type, click.Choice)


def _usage(error: click.UsageError) -> str:
    """Return the words of a mistyped command; a unit behind a space is said to be one."""
    if isinstance(error, click.BadParameter) and _is_choice(error.param):
        # Else it is called by all that it permits, which the message lists again.
        error.param_hint = f"'{str(error.param.name).strip('_').upper()}'"
    words = error.format_message()
    if re.search(_EXTRA_UNIT, words):
        words = f"{words.rstrip('.')}: an amount is one word, such as 1.5BTT"
    return words


def _is_typed(text: str, args: Sequence[str]) -> bool:
    """Return True if a text with bytes that are not UTF-8 came from the command line."""
    bad = {each for each in text if "\ud800" <= each <= "\udfff"}
    return any(bad & set(arg) for arg in args)


def _long_number(args: Sequence[str]) -> str:
    """Return the beginning of the argument with the number that Python does not read."""
    long = next((arg for arg in args if re.search(r"[0-9_]{4300,}", arg)), None)
    return "a number" if long is None else f"{long[:24]}..."


def _needs_temporary(error: OSError) -> bool:
    """Return True if there is no folder for temporary files; `tempfile` calls it a missing file."""
    return (error.strerror or "").startswith(_NO_TEMPORARY_FOLDER)


def _system_error(error: OSError) -> str:
    """Return the words of an error of the system: where there is no file, it is the output."""
    what = error.strerror or str(error)
    if error.filename:
        return f"{error.filename}: {what}"
    if _needs_temporary(error):
        return f"{what}: set TMPDIR to a folder that can be written"
    output_error()
    if error.errno == errno.EBADF:
        return "standard output is closed: the result cannot be written"
    is_of_output = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
    return f"standard output: {what}" if is_of_output else what


def _account_named(name: str) -> bytes | None:
    """Return the account of a name in the wallet; the wallet is imported when a name is typed."""
    from cli.common.wallets import account_named

    return account_named(name)


def _load_settings(ctx: click.Context, _param: click.Parameter, file: Path | None) -> None:
    """Read the configuration file before the command's own options are read."""
    if not ctx.resilient_parsing:
        settings = Settings.load(file)
        settings.check(list(COMMANDS))
        ctx.meta[META] = settings
        use_names(_account_named)
        ctx.call_on_close(lambda: use_names(None))


@click.group(
    cls=Program, name="btt-chain", context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.option(
    "--config",
    envvar="BTT_CONFIG",
    show_envvar=True,
    type=click.Path(dir_okay=False, path_type=Path),
    expose_value=False,
    callback=_load_settings,
    help="A TOML file with values of options; see `btt-chain config --help`.",
)
def program() -> None:
    """BTT Chain: a Substrate-compatible node, its keys, transactions and tools.

    Results are tables for people; with --json, documents for programs. Exit codes: 0 done,
    1 refused or failed, 2 typed wrongly, 3 no connection, 4 not found, 5 undecided.

    Each other pallet of the chain that --url names has commands, too: `btt-chain query pallets`.
    """
