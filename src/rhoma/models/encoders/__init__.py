"""Encoders: from a nucleotide sequence to one state per nucleotide, behind one protocol."""

# those that are trained from scratch and stored whole in a bundle; public ones are in `public`
OWN = ("words", "compact")
