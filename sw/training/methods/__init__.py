"""Methods of the literature, each a stage named as its paper names it; `about` says whose a recipe is."""
