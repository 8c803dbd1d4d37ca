"""How Ray starts on this machine alone: without what nobody asks there, and with workers that are forked."""
