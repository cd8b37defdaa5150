"""Free times at which the client most likely comes, or a trainer's best week."""
