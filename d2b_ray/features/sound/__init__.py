"""Sound heard by an audio model: reader, model, extract."""
