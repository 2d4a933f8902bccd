"""What S3 decides, as pure functions."""
