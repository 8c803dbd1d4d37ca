"""Words in time, each read by a language model in the words before it."""
