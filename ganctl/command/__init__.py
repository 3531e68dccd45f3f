"""One file a command: the bookkeeping around the work."""
