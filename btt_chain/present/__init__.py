"""Presentation: one rule for each type, to JSON, text, table cell, argument, and HTML.

    rule(Order).json(order, context)

docs/architecture.md, "Presentation", has the forms, and the steps to add one.
"""

from btt_chain.present.composites import Alternatives, Items, Option, Part, Record
from btt_chain.present.context import Context
from btt_chain.present.rule import Json, Rule, Unfit
from btt_chain.present.rules import record, rule, rule_of

__all__ = [
    "Alternatives",
    "Context",
    "Items",
    "Json",
    "Option",
    "Part",
    "Record",
    "Rule",
    "Unfit",
    "record",
    "rule",
    "rule_of",
]
