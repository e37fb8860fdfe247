"""The command line: parse, check, one call. Nothing but results goes to standard output."""
