"""Each safeguard is taken out by hand, in a copy of the tree, and a test must miss it.

Started by hand: `python -m tests.safeguards [part of a name …]`. Not a part of the suite.
"""
