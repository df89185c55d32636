"""The report of a run: merged tables and one self-contained HTML page."""
