"""Presentation: one rule for each type, to JSON, text, table cell, argument, and HTML.

    rule(Order).json(order, context)

docs/architecture.md, "Presentation", has the forms, and the steps to add one.
"""

from btt_chain.present.composites import Alternatives, Items, Members, Option, Part, Record
from btt_chain.present.context import Context, Site
from btt_chain.present.rule import Json, Rule, Schema, Unfit
from btt_chain.present.rules import members, record, rule, rule_of

__all__ = [
    "Alternatives",
    "Context",
    "Items",
    "Json",
    "Members",
    "Option",
    "Part",
    "Record",
    "Rule",
    "Schema",
    "Site",
    "Unfit",
    "members",
    "record",
    "rule",
    "rule_of",
]
