"""Running a trainer: process or thread, the run store. No Qt."""
