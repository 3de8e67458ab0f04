"""One command a file: its options are the parameters of a function, which calls the pipeline and prints.

`--help` imports these files: what takes long to import waits inside the functions.
"""
