"""The networks: encoders, heads, whitening; their bundles, graphs and embedders."""
