"""Training of a person: preparing footage, the sound-to-keypoints predictor, the sketch-to-face renderer."""
