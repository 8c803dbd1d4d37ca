"""What a sweep may choose by name, and what each choice must offer. A table a file; imports no other room.

A row names the file that has the choice, and that file is imported when a sweep names it, not before.
"""
