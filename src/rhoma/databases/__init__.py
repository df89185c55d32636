"""Public databases from their servers: Rfam and RNAcentral, checked and made ready for an index."""
