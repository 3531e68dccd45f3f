"""From the words of a command line to a checked configuration and a folder. Imports no torch."""
