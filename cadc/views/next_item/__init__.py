"""Views of which item a user takes next: the items of a history count by how long ago they were taken."""
