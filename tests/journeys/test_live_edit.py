"""A person edits the model while it trains, and gets a run going again that failed."""

from __future__ import annotations

import dataclasses

from seqstudio.blocks.editing import set_param
from seqstudio.document.edits import Disconnect
from seqstudio.document.graph import Wire
from seqstudio.document.project import load_project
from seqstudio.runtime.archive import open_run
from seqstudio.studio.session import Notice
from seqstudio.studio.widgets import Button


def test_an_edit_is_applied_to_the_run_that_goes_on_and_undone_again(open_person, tiny) -> None:
    person = open_person(tiny("char-lstm"))
    session, window = person.session, person.window
    assert not window.edit_strip.isVisible()
    person.play()
    person.until_step(3)
    session.document.apply(set_param(session.project.graph, "lstm", "hidden", 24))
    assert window.edit_strip.isVisible()
    person.click(window.edit_strip.apply)
    person.until(lambda: len(session.history.edits) == 1, "the edit in force")
    first = session.history.edits[0]
    assert first.kept == ("Embedding",)
    assert "LSTM" in first.fresh
    assert first.step >= 3
    assert not window.edit_strip.isVisible()
    person.until_step(first.step + 3)
    assert (session.history.run, session.state) == ("lstm-1", "running")
    assert session.history.facts.parameters == first.parameters
    told = [each for each in person.heard if isinstance(each, Notice)]
    assert told[-1].what == f"The edit is in force from step {first.step + 1:,}"
    assert told[-1].why.startswith("Kept: Embedding. Starts fresh: LSTM")
    session.document.undo()
    assert window.edit_strip.isVisible()
    person.menu("Apply the edit to the run")
    person.until(lambda: len(session.history.edits) == 2, "the undone edit in force")
    person.until_step(session.history.edits[1].step + 2)
    session.stop()
    person.until_state("stopped")
    folder = session.runs_home / "lstm-1"
    assert load_project(folder / "project.seq").graph.blocks["lstm"].params["hidden"] == 16
    stored = open_run(folder)
    assert [each.step for each in stored.edits] == [each.step for each in session.history.edits]
    assert stored.curves.steps.tolist() == list(range(1, stored.step + 1))


def test_a_broken_graph_and_other_data_are_refused_in_words(open_person, tiny) -> None:
    person = open_person(tiny("char-lstm"))
    session = person.session
    person.play()
    person.until_step(2)
    session.document.apply(Disconnect(Wire("embedding", "out", "lstm", "in")))
    session.apply_edit()
    refused = next(each for each in reversed(person.heard) if isinstance(each, Notice))
    assert refused.what.startswith("The edit was not applied: ")
    session.document.undo()
    seeded = dataclasses.replace(
        session.project, training=session.project.training.with_value("seed", 5)
    )
    heard = len(person.heard)
    session.document.reset(seeded)
    session.apply_edit()
    person.until(lambda: len(person.heard) > heard, "an answer")
    assert person.heard[-1].what == "The edit was not applied: Seed has changed"
    assert person.heard[-1].level == "warn"
    step = session.history.step
    person.until_step(step + 2)
    assert session.state == "running"
    assert session.history.edits == []


def test_a_run_that_exploded_goes_on_after_a_press_of_a_button(open_person, tiny) -> None:
    project = tiny("char-rnn", optimizer="sgd", learning_rate=0.1, clip=0.0, window=40, warmup=0,
                   schedule="constant")  # fmt: skip
    rnn = project.graph.blocks["rnn"]
    for name, value in (("nonlinearity", "relu"), ("init", "scaled"), ("radius", 1.6)):
        rnn = rnn.with_param(name, value)
    person = open_person(project.with_graph(project.graph.with_block(rnn)))
    session, window = person.session, person.window
    person.play()
    person.until(lambda: session.state == "failed", "the explosion")
    assert window.banner.isVisible()
    assert "numbers are not finite" in window.error_text
    buttons = {each.text(): each for each in window.banner.findChildren(Button)}
    assert "Begin again, half the rate" in buttons
    person.click(buttons["Begin again, clip at 1"])
    person.until(lambda: session.state == "running", "the new run")
    person.until_step(5)
    assert session.project.training.clip == 1.0
    assert session.history.run == "rnn-2"
    assert not window.banner.isVisible()
