"""Training of a homology encoder: families in, a model bundle out."""
