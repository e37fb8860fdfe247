"""Sound files to mono samples, samples to features, features to normalised features; augmentation."""
