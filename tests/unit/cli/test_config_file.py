from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from cli.common.config import META, Settings, variable
from cli.common.options import Group
from cli.program import program

Configured = Callable[[str], list[str]]


@pytest.fixture
def configured(tmp_path: Path) -> Configured:
    def write(text: str) -> list[str]:
        (tmp_path / "btt.toml").write_text(text)
        return ["--config", str(tmp_path / "btt.toml")]

    return write


def run(*args: str, **env: str) -> Result:
    return CliRunner().invoke(program, list(args), prog_name="btt-chain", env=env)


def shown(*args: str, **env: str) -> dict[str, tuple[str, str, str]]:
    result = run(*args, "--json", **env)
    assert result.exit_code == 0, result.stderr
    return {
        row["option"]: (row["command"], row["value"], row["source"])
        for row in json.loads(result.stdout)
    }


@click.group(cls=Group)
def tool() -> None:
    """Print options."""


@tool.command()
@click.option("--tip", default="0", envvar="BTT_TIP")
@click.option("--log", "filters", default="info")
@click.option("--count", type=int, default=1)
@click.option("--name", multiple=True)
@click.option("--fast", is_flag=True)
@click.option("--here/--not-here", default=True)
@click.option("--alice", "keys", flag_value="alice", multiple=True)
@click.option("--bob", "keys", flag_value="bob", multiple=True)
def echo(**options: object) -> None:
    """Print options."""
    click.echo(json.dumps(options))


def echoed(tables: dict[str, object], *args: str, **env: str) -> dict[str, object]:
    settings = Settings({"tool": {"echo": tables}}, "btt.toml", env)
    runner = CliRunner()

    program = Group("program", commands={"tool": tool}, callback=lambda: None)
    context = program.make_context("program", ["tool", "echo", *args])
    context.meta[META] = settings
    with runner.isolation(env=env) as (out, _, _):
        with context:
            program.invoke(context)
        found: dict[str, object] = json.loads(out.getvalue())
    return found


def test_keys_of_the_file_are_the_names_of_options() -> None:
    found = echoed({
        "tip": "1BTT", "log": "debug", "count": 3, "name": ["a", "b"], "fast": True,
        "not-here": True, "alice": True, "bob": True,
    })  # fmt: skip
    assert found == {
        "tip": "1BTT", "filters": "debug", "count": 3, "name": ["a", "b"], "fast": True,
        "here": False, "keys": ["alice", "bob"],
    }  # fmt: skip


def test_what_is_typed_goes_before_a_variable_and_that_before_the_file() -> None:
    tables: dict[str, object] = {"count": 3}
    assert echoed(tables)["count"] == 3
    assert echoed(tables, BTT_TOOL_ECHO_COUNT="4")["count"] == 4
    assert echoed(tables, "--count", "5", BTT_TOOL_ECHO_COUNT="4")["count"] == 5


def test_variables_set_flags_and_lists() -> None:
    found = echoed({}, BTT_TOOL_ECHO_FAST="yes", BTT_TOOL_ECHO_NAME="a b", BTT_TOOL_ECHO_HERE="0")
    assert (found["fast"], found["name"], found["here"]) == (True, ["a", "b"], False)


def test_the_name_of_a_variable_is_the_command_and_the_option() -> None:
    assert variable(["tx", "transfer"], "tip") == "BTT_TX_TRANSFER_TIP"
    assert variable(["build-spec"], "slot-ms") == "BTT_BUILD_SPEC_SLOT_MS"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[nod]\n", "btt.toml: no command 'nod'; did you mean node"),
        ("[query]\n[query.accountx]\n", "[query]: no command 'accountx'; did you mean account"),
        ("[query.account]\nurll = 'x'", "[query.account]: no option 'urll'; did you mean url?"),
        ("[query.account]\njson = 'yes'", "json: expected true or false, not 'yes'"),
        ("[query.account]\ntimeout = 'soon'", "[query.account]: timeout: 'soon' is not"),
        ("[query.account]\ntimeout = -1", "timeout: -1.0 is not in the range"),
        ("[query.account]\nurl = ['a']", "url: expected text or a number"),
        ("[query]\naccount = 1", "[query]: no option 'account'"),
        ("query = 1", "'query' belongs into the table of a command"),
        ("at = 1", "'at' belongs into the table of a command"),
        ("[", "is not TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(
    configured: Configured, text: str, why: str
) -> None:
    result = run(*configured(text), "query", "account", "//Alice")
    assert result.exit_code == 2
    assert why in result.stderr
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1


def test_a_wrong_variable_is_named() -> None:
    result = run("query", "account", "//Alice", BTT_QUERY_ACCOUNT_TIMEOUT="soon")
    assert result.exit_code == 2
    assert "BTT_QUERY_ACCOUNT_TIMEOUT: timeout: 'soon' is not" in result.stderr


def test_a_file_that_is_missing_is_exit_code_four(tmp_path: Path) -> None:
    assert run("--config", str(tmp_path / "x.toml"), "query", "account", "//A").exit_code == 4
    assert run("query", "account", "//A", BTT_CONFIG=str(tmp_path / "x.toml")).exit_code == 4


def test_a_shared_key_holds_for_all_commands_and_one_of_a_command_goes_before(
    configured: Configured,
) -> None:
    config = configured('url = "ws://127.0.0.1:1"\n[query.account]\nurl = "ws://127.0.0.1:2"')
    assert "127.0.0.1:1" in run(*config, "query", "block").stderr
    assert "127.0.0.1:2" in run(*config, "query", "account", "//Alice").stderr
    assert "127.0.0.1:3" in run(*config, "query", "block", BTT_URL="ws://127.0.0.1:3").stderr


def test_the_source_of_each_value_is_shown(configured: Configured) -> None:
    config = configured("timeout = 5\n[node]\nrpc-port = 1\nno-private-ip = true\nalice = true")
    file = config[1]
    rows = shown(*config, "config", "show", BTT_NODE_LOG="debug", BTT_URL="ws://a")
    assert rows == {
        "timeout": ("all commands", "5", file),
        "url": ("all commands", "ws://a", "BTT_URL"),
        "rpc-port": ("node", "1", f"{file} [node]"),
        "no-private-ip": ("node", "true", f"{file} [node]"),
        "alice": ("node", "true", f"{file} [node]"),
        "log": ("node", "debug", "BTT_NODE_LOG"),
    }


def test_all_options_of_a_command_are_shown_with_their_defaults() -> None:
    rows = shown("config", "show", "query", "account", BTT_QUERY_ACCOUNT_TIMEOUT="7")
    assert rows["timeout"] == ("query account", "7", "BTT_QUERY_ACCOUNT_TIMEOUT")
    assert rows["url"] == ("query account", "ws://127.0.0.1:9944", "default")
    result = run("config", "show", "query", "accountx")
    assert result.exit_code == 2
    assert "did you mean query account" in result.stderr


def test_secrets_are_not_shown(configured: Configured) -> None:
    config = configured('[tx.transfer]\nfrom = "//Alice//qqq"\npassword = "xyzzy"')
    result = run(*config, "config", "show", BTT_KEYSTORE_PASSWORD="plugh")
    assert "(hidden)" in result.stdout
    for secret in ("qqq", "xyzzy", "plugh"):
        assert secret not in result.stdout


def test_a_variable_of_no_option_is_named_with_similar_ones() -> None:
    result = run("config", "show", BTT_NODE_RPC_PRT="1")
    assert "BTT_NODE_RPC_PRT is the variable of no option; did you mean BTT_NODE_RPC_PORT" in (
        result.stderr
    )


def test_the_file_reaches_commands_as_if_typed(configured: Configured) -> None:
    result = run(*configured('[node]\ndev = true\nchain = "local"'), "node")
    assert result.exit_code == 2
    assert "leave out either --dev or --chain" in result.stderr


def test_a_typed_password_file_goes_before_a_password_of_the_file(
    configured: Configured, tmp_path: Path
) -> None:
    (tmp_path / "word").write_text("typed")
    config = configured('[key.insert]\npassword = "set"\n[key.status]\npassword = "set"')
    there = ["--dev", "--base-path", str(tmp_path)]
    word = ["--password-filename", str(tmp_path / "word")]
    inserted = run(*config, "key", "insert", *there, "--suri", "//Alice", *word)
    assert inserted.exit_code == 0, inserted.stderr
    assert "MISSING" not in run("key", "status", *there, "--password", "typed").stdout
    assert "MISSING" in run(*config, "key", "status", *there).stdout


def test_a_confirmation_cannot_be_set_for_good(tmp_path: Path) -> None:
    file = tmp_path / "btt.toml"
    file.write_text("[node]\ni-know-this-key-never-signed = true\n")
    result = run("--config", str(file), "config", "show")
    assert result.exit_code == 2
    assert "no option 'i-know-this-key-never-signed'" in result.stderr
