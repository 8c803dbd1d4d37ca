"""The modalities of this package, a file each: the options of a feature block, then a row of the table.

Every file has the same parts in the same order. How features are made is in `features`; which
modalities there are, in `catalog.modalities`. Nothing imports these files but by their rows.
"""
