"""CloudWatch Logs: groups, streams and events, with retention that expires and filter patterns.

What works: log groups and streams with tags, retention and deletion protection; PutLogEvents with
all its limits and what it rejects; GetLogEvents in both directions; FilterLogEvents with terms,
JSON and field patterns.

What deliberately differs: storedBytes and the times of a stream are exact at once (AWS updates
them within hours); expired events disappear at the moment they expire (AWS: within 72 hours);
event order within a millisecond is the order of puts.

Not yet, and refused by name: subscription and metric filters, Logs Insights queries, live tail,
exports, data protection, KMS keys, resource policies, deliveries, anomaly detection.
"""

from freehold.services.logs import events, groups, resources, streams, tasks
from freehold.services.logs.service import service

__all__ = ["events", "groups", "resources", "service", "streams", "tasks"]
