"""Captions as the vectors of their words: model, extract (the reader is that of text)."""
