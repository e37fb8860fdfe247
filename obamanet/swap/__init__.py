"""Face swap: faces extracted from pictures and videos, one network for two faces, and the swap of one for the other."""
