from __future__ import annotations

import tempfile
from importlib import util
from importlib.machinery import ModuleSpec
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from btt_chain.node.service.config import ValidatorConfig
from btt_chain.rpc.access import DEFAULT_ORIGINS
from cli import main
from cli.commands.node_program import node_config
from cli.common.options import Group, command_at
from cli.program import COMMANDS, Program, program
from support.commands import every_command

HOME = Path(main.__file__).resolve().parent.parent


def run(*args: str) -> Result:
    return CliRunner().invoke(program, list(args), prog_name="btt-chain")


@pytest.mark.parametrize("words", [words for words, _ in every_command()], ids=" ".join)
def test_every_command_explains_itself(words: tuple[str, ...]) -> None:
    result = run(*words, "--help")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: {' '.join(('btt-chain', *words))} ")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_they_say_themselves(name: str) -> None:
    command = program.get_command(click.Context(program), name)
    assert command is not None
    assert command.name == name
    assert command.help


def test_the_version_is_printed() -> None:
    assert run("--version").stdout.startswith("btt-chain 0.")


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["qqq"], "no command 'qqq'; known are node, devnet"),
        (["nod"], "no command 'nod'; did you mean node"),
        (["query", "blocc"], "no command 'blocc'; did you mean block?"),
        (["tx", "transfer", "--from", "//Alice", "//Bob", "-1BTT"], "'-1BTT' is negative"),
        (["tx", "transfer", "--frm", "//Alice"], "'--frm'"),
        (["tx", "submit", "nofile"], "'nofile' is neither hex nor a file"),
        (["key", "nonsense"], "see `btt-chain key --help`"),
        (["key", "generate", "--words", "13"], "'13' is not one of"),
        (["node"], "which chain? Give --dev, or --chain"),
        (["node", "--dev", "--chain", "local"], "leave out either --dev or --chain"),
        (["node", "--dev", "--tmp", "-d", "x"], "leave out either --tmp or --base-path"),
        (["node", "--dev", "--sealing", "often"], "neither instant, manual nor interval:MS"),
        (["node", "--dev", "--sealing", "interval:0"], "neither instant, manual nor interval:MS"),
        (["node", "--dev", "--pruning", "some"], "neither a number of blocks nor archive"),
        (
            ["node", "--dev", "--blocks-pruning", "some"],
            "neither a number of blocks nor archive nor archive-canonical",
        ),
        (["node", "--dev", "--log", "loud"], "'loud' is not a filter"),
        (["node", "--chain", "local", "--force-authoring"], "add --validator"),
        (["node", "--chain", "local", "--password", "x"], "add --validator"),
        (["node", "--chain", "local", "--bootnodes", "10.0.0.1:30333"], "expected a multiaddress"),
        (["node", "--chain", "local", "--node-key", "12"], "expected 32 bytes, 64 hex digits"),
        (["node", "--dev", "--validater"], "--validator"),
        (["node", "--alice"], "which chain? Give --dev, or --chain"),
        (["node", "--dev", "--ws-port=1"], "use --rpc-port"),
        (["node", "--dev", "--state-pruning", "5"], "use --pruning"),
        (
            ["node", "--dev", "--tmp", "--rpc-external", "--rpc-methods", "unsafe"],
            "say --unsafe-rpc-external",
        ),
        (["tx", "transfer", "//Bob", "1BTT"], "Missing option '--from'"),
        (
            ["tx", "transfer", "//Bob", "1BTT", "--from", "//Alice", "--immortal", "--mortal", "8"],
            "leave out either --mortal or --immortal",
        ),
        (
            ["tx", "transfer", "//Bob", "1BTT", "--from", "//Alice", "--patience", "nan"],
            "'nan' is not a number of seconds",
        ),
        (
            ["upgrade", "schedule", "101", "--in", "3d", "--tip", "1BTT"],
            "--tip is for sending: add --sudo and --from",
        ),
        (["query", "account", "//Alice", "--timeout", "inf"], "'inf' is not a number of seconds"),
        (["query", "account", "//Alice", "--url", "nowhere"], "is not a URL of a node"),
        (["tokenomics", "schedule", "--preset", "dev", "--csv", "--json"], "not both"),
    ],
)
def test_what_is_typed_wrongly_is_said_in_one_line(args: list[str], why: str) -> None:
    result = run(*args)
    assert result.exit_code == 2
    assert why in result.stderr
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_a_node_that_is_not_there_is_exit_code_three() -> None:
    result = run("query", "account", "//Alice", "--url", "ws://127.0.0.1:1")
    assert result.exit_code == 3
    assert "nothing listens there; is the node running?" in result.stderr


@pytest.mark.parametrize(
    "args",
    [
        ["build-spec", "--chain", "nowhere"],
        ["tokenomics", "schedule", "--preset", "nowhere"],
        ["purge-chain", "--dev", "-y", "-d", "nowhere"],
        ["import-blocks", "nowhere.bin", "--dev"],
    ],
)
def test_what_does_not_exist_is_exit_code_four(
    args: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*args)
    assert result.exit_code == 4
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("words", ["node --dev", "devnet up"])
def test_a_machine_without_a_folder_for_temporary_files_names_tmpdir(
    words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/proc/nowhere"])
    result = run(*words.split(), "--tmp")
    assert (result.exit_code, "set TMPDIR to a folder" in result.stderr) == (1, True)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_completion_script(shell: str) -> None:
    result = run("completion", shell)
    assert result.exit_code == 0
    assert "_BTT_CHAIN_COMPLETE" in result.stdout


def test_ours_are_the_packages_that_are_found() -> None:
    assert main.shadowed(HOME) is None


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = util.find_spec

    def find(name: str) -> ModuleSpec | None:
        return None if name == "p2p" else real(name)

    monkeypatch.setattr(util, "find_spec", find)
    assert "'p2p' is missing" in (main.shadowed(HOME) or "")


def test_interruption_is_no_traceback() -> None:
    @click.command()
    def wait() -> None:
        raise KeyboardInterrupt

    class Waiting(Program):
        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
            return wait

    result = CliRunner().invoke(Waiting("btt-chain"), ["wait"], prog_name="btt-chain")
    assert result.exit_code == 130
    assert "interrupted" in result.stderr


@pytest.mark.parametrize("words", [(), ("key",), ("query",)])
def test_a_group_alone_explains_itself_on_standard_error(words: tuple[str, ...]) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("Usage: btt-chain")


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (("node", "--chain", ""), 2, "which chain?"),
        (("node", "--chain", "nope"), 4, "nope is neither a file nor one of the chains dev"),
        (("check-block", "1", "--chain", "nope"), 4, "nope is neither a file nor"),
        (("node", "--dev", "--tmp", "--rpc-cors", "foo"), 2, "--rpc-cors: 'foo' is not an origin"),
    ],
)
def test_a_wrong_flag_is_named_before_anything_starts(
    words: tuple[str, ...], code: int, why: str
) -> None:
    result = run(*words)
    assert result.exit_code == code
    assert why in result.stderr


@pytest.mark.parametrize(
    ("validator", "methods", "said"),
    [
        (None, "auto", 1),
        (ValidatorConfig(("//Alice",)), "auto", 1),
        (ValidatorConfig(), "auto", 2),
        (ValidatorConfig(), "unsafe", 2),
    ],
)
def test_a_validator_that_answers_outsiders_is_warned(
    validator: ValidatorConfig | None,
    methods: str,
    said: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rpc = {
        "rpc_methods": methods, "rpc_external": True, "unsafe_rpc_external": True,
        "rpc_cors": None, "rpc_port": 0, "rpc_max_connections": 1,
        "trusted_proxies": (), "rpc_hosts": (),
    }  # fmt: skip
    node_config("local", Path("nowhere"), rpc, validator=validator)
    text = capsys.readouterr().err
    assert text.count("warning: ") == said
    assert ("change its keys" in text) == (methods == "unsafe")


@pytest.mark.parametrize(
    ("flag", "given", "pages"),
    [(True, None, ()), (False, None, DEFAULT_ORIGINS), (True, "https://a.b", ("https://a.b",))],
)
def test_no_web_page_may_call_a_validator_unless_it_is_named(
    *, flag: bool, given: str | None, pages: tuple[str, ...]
) -> None:
    rpc = {
        "rpc_methods": "auto", "rpc_external": False, "unsafe_rpc_external": False,
        "rpc_cors": given, "rpc_port": 0, "rpc_max_connections": 1,
        "trusted_proxies": (), "rpc_hosts": (), "validator": flag,
    }  # fmt: skip
    assert node_config("local", Path("nowhere"), rpc).rpc.origins == pages


def test_a_chain_without_validators_is_not_run(tmp_path: Path) -> None:
    file = tmp_path / "blocks.bin"
    file.write_bytes(b"")
    done = run("import-blocks", str(file), "--chain", "testnet", "-d", str(tmp_path / "base"))
    assert done.exit_code == 1
    assert "BTT Testnet cannot run: placeholders without a key stand for" in done.stderr
    assert done.stderr.splitlines()[-1].endswith("with build-spec --holders")


@pytest.mark.parametrize(
    ("group", "parts"),
    [
        (
            "facility:facility",
            (
                "facility_audits:audits", "facility_issuing:issuing", "facility_members:members",
                "facility_months:months",
            ),
        ),
        ("points:points", ("points_vouchers:vouchers",)),
    ],
)  # fmt: skip
def test_a_group_has_all_commands_of_its_parts(group: str, parts: tuple[str, ...]) -> None:
    whole = command_at(group)
    assert isinstance(whole, Group)
    for place in parts:
        part = command_at(place)
        assert isinstance(part, Group)
        assert part.commands
        assert {name: whole.commands[name] for name in part.commands} == part.commands


def test_what_a_group_names_in_another_module_is_a_command() -> None:
    group = Group("group")
    group.add_parts({"key:key": ["nothing"], "key:Final": ["wrong"], "data:revert": ["single"]})
    assert [*group.commands] == ["nothing", "wrong", "single"]
    with pytest.raises(KeyError):
        _ = group.commands["nothing"]
    for name in ("wrong", "single"):
        with pytest.raises(TypeError, match="is not a"):
            _ = group.commands[name]
