"""Captions read by a language model: reader, model, extract."""
