"""Training that makes networks small: prune, share, fine-tune (needs torch, the extra `train`)."""
