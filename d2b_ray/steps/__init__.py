"""A unit's whole life: what goes in, one function a kind of unit, what comes back, files and a record.

`table` names the step of every kind; `execute` runs one, the same way in every engine.
"""
