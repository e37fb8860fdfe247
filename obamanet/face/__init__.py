"""Face detection, landmarks, identity and tracking."""
