"""Features that lie ready and are read as they are, each with its own clock: one module a modality.

Each has `files` (what it is read from), `width` (its columns) and `read` (rows and clock of a run).
"""
