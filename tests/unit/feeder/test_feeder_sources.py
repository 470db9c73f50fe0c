"""Sources are typed in one way, and mistakes are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from btt_chain.feeder.sources import (
    BadSource,
    ExchangeSource,
    FileSource,
    WebSource,
    sources_of,
)

CNY, USD = "BTT/CNY", "BTT/USD"


def test_a_source_without_a_key_is_one_of_all_keys() -> None:
    found = sources_of([CNY, USD], ["https://x.example/{base}/{quote_}#/{quote}/p", "file:a.txt"])
    assert found == {
        CNY: (WebSource("https://x.example/BTT/cny", "/CNY/p"), FileSource(Path("a.txt"), None)),
        USD: (WebSource("https://x.example/BTT/usd", "/USD/p"), FileSource(Path("a.txt"), None)),
    }


def test_a_source_with_a_key_is_one_of_that_key() -> None:
    found = sources_of([CNY, USD], [f"{CNY}=exchange:7", f"{USD}=exchange:8:100"])
    assert found == {CNY: (ExchangeSource(7, 1),), USD: (ExchangeSource(8, 100),)}


def test_an_address_may_have_an_equals_sign() -> None:
    found = sources_of([CNY], ["https://x.example/?pair=BTT/CNY&n=1#/p"])
    assert found[CNY] == (WebSource("https://x.example/?pair=BTT/CNY&n=1", "/p"),)


def test_a_log_line_has_no_path_and_no_key_of_the_user() -> None:
    source = WebSource("https://user:word@x.example:8443/v1?apikey=SECRET", "/p")
    assert str(source) == "https://x.example"
    assert [str(FileSource(Path("a"), "/p")), str(ExchangeSource(3, 2))] == ["file:a", "exchange:3"]


@pytest.mark.parametrize(
    ("keys", "typed", "why"),
    [
        (["BTT"], [], "is not a key"),
        (["BTT/"], [], "is not a key"),
        (["BTT/ABCDEFGHIJKLM"], [], "is not a key"),
        (["BTT/¥"], [], "is not a key"),
        ([CNY], ["ftp://x.example/a"], "is not a source"),
        ([CNY], ["a.txt"], "is not a source"),
        ([CNY], ["file:"], "is not a source"),
        ([CNY], ["https:///path"], "names no host"),
        ([CNY], ["http://[::1"], "names no host"),
        ([CNY], ["http://x.example:65536/"], "names no host"),
        ([CNY], ["exchange:"], "names no asset"),
        ([CNY], ["exchange:" + "9" * 5_000], "names no asset"),
        ([CNY], ["exchange:٣"], "names no asset"),
        ([CNY], ["exchange:1:" + "9" * 5_000], "number of units"),
        ([CNY], ["exchange:4294967296"], "names no asset"),
        ([CNY], ["exchange:1:0"], "number of units"),
        ([CNY], ["exchange:1:x"], "number of units"),
        ([CNY], [f"{USD}=file:a"], "is not one of the keys"),
        ([CNY], ["file:a", "file:a"], "named twice"),
        ([CNY], [f"file:{place}" for place in range(33)], "32 are the most"),
    ],
)
def test_a_mistake_is_named(keys: list[str], typed: list[str], why: str) -> None:
    with pytest.raises(BadSource, match=why):
        sources_of(keys, typed)
