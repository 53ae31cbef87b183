"""Looking inside a model: what asks the trainer's process, and the panels that show answers.

looks        LookDesk: sends questions, keeps answers, lets training have its time
panel        LookPanel: a panel that asks and draws
page         InsidePage: the topics
side_look    SideLook: a second question of a panel
side_body    SideBody: a body with a side that gives way
gradients/   spectrum, map of losses by states, history
health/      health strips, findings with remedies
playing/     the layer step by step, forward and back
attention/   alignment, one query, products, rollout, heads off, weights by hand
cells/       text coloured by a unit; units for a pattern
gates/       gates over time, time constants, the path of the state
surgery/     units held at a value
predictions/ guesses under every token, layers, beams
embedding/   the map of symbols
measuring/   all measures of the task beside their floors
"""
