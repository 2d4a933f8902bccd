"""One package for each AWS service, named as botocore names it."""
