"""Rhoma finds the homologs of an RNA in large databases and aligns them.

Rooms, from the ground up; a room imports only lower ones:

* ``errors``, ``manifest``, ``tools``: typed errors, versioned manifests, external programs.
* ``sequences``, ``shuffle``, ``windows``: FASTA reading and validation, null sequences, windows.
* ``encoders``, ``heads``, ``pooling``, ``model``: from a sequence to a unit vector.
* ``store``, ``index``: embedding shards; vector and k-mer indexes in one bundle.
* ``hits``, ``profile``, ``evalue``, ``search``: retrieve, score, expand, calibrate.
* ``msa``: consensus structure, covariance model, alignment formats.
* ``train``, ``evaluate``, ``report``: learning, measuring, showing.
* ``cli``: the typer applications that ``bin/`` and the ``rhoma`` command call.
"""

__version__ = "0.1.0"
