"""Pictures as SVG text: pure functions of numbers, readable without colour.

Each has a `<title>` and a `<desc>` with its numbers, and stands above a table of the same numbers.
Colours and the theme come from the style sheet; sides differ by pattern.
"""
