"""Panels: live views of the run in sight, each a `Panel` on a `Session`.

base           Panel: header, redraw when seen, picture, empty state; explanation: Explanation
chart          Chart: a plot with marks of the panel's own
lines          run_lines: which runs are drawn and how each looks
curves         CurvesPanel: training and validation loss, floor, runs beside
norms          NormsPanel: gradient norm before and after clipping, clip to drag
horizon        HorizonPanel: gradient against distance from the loss
through_time   ThroughTimePanel: gradient at every time step of a window
runs           RunsPanel: table of runs; run_rows reads, keeps and paints its lines
samples        SamplesPanel: what the model writes; bars, writing: its parts
"""
