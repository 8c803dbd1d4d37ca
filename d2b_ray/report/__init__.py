"""Store -> tables, figures, one page. Reads summaries and records only, never an array of a fit.

- `gather.gather`: the tables, the overview and the page of all that is in a store
- `figures.correlation_histogram`: the figure of one fit; `tables.voxel_table`, `tables.band_table`: its rows

Nothing is imported here: the tables of a fit need no matplotlib.
"""
