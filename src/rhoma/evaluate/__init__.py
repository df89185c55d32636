"""The benchmark: leak-proof splits, databases, methods under test, figures and the report."""
