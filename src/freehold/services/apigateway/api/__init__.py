"""The operations, by the noun they are about."""
