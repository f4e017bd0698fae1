"""Commands for those who keep the course: build the notebooks, render the tables."""
