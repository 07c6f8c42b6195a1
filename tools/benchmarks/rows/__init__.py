"""The rows of the table; every module here is imported by the harness."""
