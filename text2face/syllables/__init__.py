"""Words to syllables, by spelling for Spanish and by sound for every language."""
