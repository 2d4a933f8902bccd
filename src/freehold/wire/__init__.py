"""Bytes to values and back, from botocore's service models; no I/O, no state.

`model.load_model("dynamodb")` gives a service's operations; each has a parser, a validator and a
serialiser, compiled into closures when the operation is first used.
"""
