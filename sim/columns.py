"""Headings of the tables of energy."""

COLUMNS = [
    "layer",
    "queue",
    "pointer",
    "sparse-matrix",
    "arithmetic",
    "activation",
    "LNZD",
    "clock",
    "registers",
    "leakage",
    "total nJ",
    "mW",
    "pJ/useful MAC",
    "image nJ",
]
