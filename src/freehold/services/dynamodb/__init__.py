"""DynamoDB: tables, items, queries, batches and transactions, with secondary indexes and time to
live.

What works: all data types with their limits; every expression and the parameters that came before
them; conditional writes, batches, transactions with idempotency tokens; global and local secondary
indexes, made and removed online; consumed capacity as AWS counts it; TTL; tags; deletion
protection; CloudFormation's AWS::DynamoDB::Table. parity.toml lists what is refused: streams,
PartiQL, backups, global tables.

What deliberately differs:

* All reads are consistent, also of global secondary indexes (whose entries are written with the
  item). Asking for a consistent read of one is refused nevertheless, and what is consumed is
  counted as asked.
* Transactions never conflict: TransactionConflictException and TransactionInProgressException do
  not happen, because the store runs one after the other.
* Provisioned throughput is recorded and reported; nothing throttles.
* An arithmetic result of more than 38 digits is an error.

Items are stored as the JSON they arrived in, with numbers and binaries in canonical form; see
store.py.
"""

from __future__ import annotations

from freehold.services.dynamodb import resources, tasks
from freehold.services.dynamodb.api import batches, items, queries, settings, tables, transactions
from freehold.services.dynamodb.service import service

__all__ = [
    "batches",
    "items",
    "queries",
    "resources",
    "service",
    "settings",
    "tables",
    "tasks",
    "transactions",
]
