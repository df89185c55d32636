"""Files, each format read and written in one place: FASTA, Stockholm, A3M, AlphaFold 3, BLAST tables, hits."""
