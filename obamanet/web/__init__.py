"""The server: jobs over HTTP, a queue of worker processes, and the page."""
