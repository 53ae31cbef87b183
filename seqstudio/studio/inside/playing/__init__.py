"""What the BPTT player is made of.

playhead   Playhead: where the play is, forward or backward. No Qt
scene      the formula of one step, line by line, with its vectors. No Qt
listing    code and formulas that belong to the lines. No Qt
ink        symbols with subscripts, painted
film       Film: the row of time steps
stage      Stage: the lines of the scene
controls   Controls: first, back, play, on, last, speed, phase
"""
