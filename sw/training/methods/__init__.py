"""Methods of the literature, one file each, named as their papers name them; `about` says whose a recipe is."""
