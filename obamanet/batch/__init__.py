"""Many videos from one list: made by several processes or a cluster, kept count of, and gone on with after a stop."""
