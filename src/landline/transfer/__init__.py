"""Files: from here to there, whole, verified, on disk."""
