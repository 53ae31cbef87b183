"""Tasks that draw their own examples, one file a family.

`base` says what a task is; the other files hold the families: `memory`, `words`, `tagging`,
`masked`, `pictures`, `series`, `notes`. A new task is a class with `draw`, `line` and `floor`, a
function that opens it as a `Dataset`, and one line in `KINDS` of `seqstudio.data.sources`.
"""
