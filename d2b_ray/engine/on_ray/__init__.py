"""The Ray engine: the only folder that imports ray. Decides nothing: what runs where, `schedule` says."""
