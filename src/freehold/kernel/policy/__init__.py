"""Policies: the JSON documents, their conditions, and the evaluation that IAM documents."""
