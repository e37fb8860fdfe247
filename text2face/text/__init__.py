"""Written text to sentences of plain words that a voice can say."""
