"""HTTP in, HTTP out: server, routing, identity, dispatch."""
