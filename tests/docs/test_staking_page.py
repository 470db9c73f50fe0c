"""The tables of docs/staking.md are what the election, the lottery and the quorum make of bonds."""

from __future__ import annotations

from pathlib import Path

from runtime.pallets.authorities.candidates import even_count
from support.block_lottery import GROUPS, WAYS, computed, epoch_of, shares_of

PAGE = Path(__file__).parents[2] / "docs" / "staking.md"
SEATS = 100


def tolerated(validators: int) -> int:
    """Return the number of validators that may be absent."""
    return (validators - 1) // 3


def in_page(rows: list[str]) -> None:
    """Check that the page has these rows one after the other; print them."""
    table = "\n".join(rows)
    print(table)
    assert table in PAGE.read_text(encoding="utf-8")


def test_the_table_of_shares_is_that_of_the_lottery() -> None:
    rows = []
    for name, (parts, group) in GROUPS.items():
        wanted = sum(parts[:group]) / sum(parts)
        made = [
            sum(computed(epoch_of(shares_of(parts), chance=chance, is_compensated=way))[:group])
            for chance, way in WAYS
        ]
        rows.append(f"| {name} | {' | '.join(f'{100 * part:.1f} %' for part in (wanted, *made))} |")
    in_page(rows)


def test_the_table_of_heads_is_that_of_the_quorum() -> None:
    in_page(
        [
            f"| {size} | {tolerated(size)} | {size - tolerated(size)} | {tolerated(size) + 1} |"
            for size in (4, 7, 10, 16, 32, 64, 100)
        ]
    )


def test_the_table_of_places_is_that_of_even_elections() -> None:
    rows, large = [], 10**6
    notes = {
        34: "stops finality, by heads",
        67: "has two thirds of the heads, and finalizes nothing: the others have more than a third "
        "of the weight",
    }
    for places in (10, 20, 34, 67):
        # The smallest bond that leaves the set even: a planck less, and none of them is elected.
        small = -(-large * (SEATS - places) // (4 * SEATS - places))
        bonds = [large] * (SEATS - places) + [small] * places
        assert even_count(bonds, SEATS) == SEATS
        assert even_count([min(bond, large) - (bond == small) for bond in bonds], SEATS) < SEATS
        share = small * places / sum(bonds)
        made = computed(epoch_of(shares_of(bonds)))
        note = f" {notes[places]}" if places in notes else ""
        part = sum(made[-places:])
        rows.append(f"| {100 * share:.1f} % | {places} | {100 * part:.1f} % |{note} |")
        assert (places > tolerated(SEATS)) == (places in notes)
        assert share < 1 / 3
    in_page(rows)


def test_the_table_of_prices_is_that_of_the_smallest_bonds() -> None:
    sets = (
        ((4, 10_000),), ((16, 10_000),), ((2, 35_000), (14, 10_000)), ((100, 10_000),),
        ((66, 50_000), (34, 11_500)), ((100, 50_000),),
    )  # fmt: skip
    rows = []
    for groups in sets:
        bonds = [bond for count, bond in groups for _ in range(count)]
        assert even_count(bonds, SEATS) == len(bonds)  # a set that is elected
        heads = tolerated(len(bonds)) + 1
        name = " and ".join(f"{count} x {bond:,}" for count, bond in groups)
        rows.append(f"| {name} BTT | {heads} | {sum(bonds[-heads:]):,} BTT |")
    in_page(rows)
