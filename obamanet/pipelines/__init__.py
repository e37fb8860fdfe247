"""What the program does from end to end: one function each, one stage per line, in data order."""
