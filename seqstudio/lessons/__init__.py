"""The lectures' claims as data plus the check that gives the verdict. No Qt."""
