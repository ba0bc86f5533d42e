"""NLU data that is written reads back as it was."""

import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from manent.authoring.nlu import nlu_to_json, nlu_to_yaml
from manent.core.training_data import EntityMention, Example, NluData, Where
from manent.project.reading import read_nlu

WORDS = st.text(
    st.characters(exclude_categories=("C", "Z"), exclude_characters="[]\ufeff\x85\u2028\u2029"), min_size=1, max_size=8
)
NAMES = st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True)


@st.composite
def examples(draw: st.DrawFn) -> Example:
    """An example of a few words, of which one may be an entity."""
    words = draw(st.lists(WORDS, min_size=1, max_size=4))
    text = " ".join(words)
    entities: tuple[EntityMention, ...] = ()
    if draw(st.booleans()):
        label = st.none() | NAMES
        value = draw(st.just(words[0]) | NAMES)
        entities = (
            EntityMention(
                start=0, end=len(words[0]), entity=draw(NAMES), value=value, role=draw(label), group=draw(label)
            ),
        )
    return Example(text=text, intent=draw(NAMES), entities=entities)


@given(st.lists(examples(), min_size=1, max_size=5))
def test_what_is_written_reads_back(found: list[Example]) -> None:
    """As YAML and as JSON: every text, intent and entity, in the order of the intents."""
    written = NluData(examples=tuple(found))
    for name, content in (("nlu.yml", nlu_to_yaml(written)), ("nlu.json", nlu_to_json(written))):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, name).write_text(content, encoding="utf-8")
            read = read_nlu(Path(folder), [Path(name)]).examples

        key = repr
        assert sorted((replace(each, where=Where()) for each in read), key=key) == sorted(found, key=key)
