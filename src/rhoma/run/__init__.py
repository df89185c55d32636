"""Whole runs without Nextflow, made of what its tasks call."""
