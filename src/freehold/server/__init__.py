"""The HTTP server: connections and bytes on one side, requests and responses on the other."""
