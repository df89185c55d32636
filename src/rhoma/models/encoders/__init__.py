"""Encoders: from a nucleotide sequence to one state per nucleotide, behind one protocol."""
