"""Frames and captions read together: reader, model with its adapters, extract."""
