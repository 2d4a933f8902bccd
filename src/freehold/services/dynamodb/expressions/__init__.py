"""Expressions: text to tree (cached), tree and placeholders to functions, functions on items.

parser.py          condition, update, projection text -> nodes.py; a pure function of the text
placeholders.py    #names and :values of one request, and which of them have been used
conditions.py      condition, filter -> item -> bool
updates.py         update -> item -> item
projections.py     projection -> item -> item
key_conditions.py  key condition -> partition and range of sort keys
legacy.py          the parameters that came before expressions, as the same trees
"""
