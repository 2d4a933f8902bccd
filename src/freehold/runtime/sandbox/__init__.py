"""Confinement: one file for each technology of isolation.

`zygote.py` runs by itself, under any Python from 3.9, as the parent of execution environments; `linux.py`
beside it holds the system calls. `cgroups.py` is the node's side: limits, freezing, accounts.
"""
