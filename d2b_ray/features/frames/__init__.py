"""Frames seen by an image model: readers, pictures, extract."""
