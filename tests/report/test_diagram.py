from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

from tof_hf.report.diagram import stage_diagram
from tof_hf.report.page import make_report
from tof_hf.report.reading import Run


@pytest.fixture
def peers(written):
    """A teacher, and two students of it and of one another."""
    written.systems = {"tsl": ["ner", "distillation"], "unitrans": ["ner", "ner-tuned_ner", "distillation_tr"]}
    written.tags = {name: written.tags["ner"] for name in ("ner", "tuned_ner", "distillation", "distillation_tr")}
    folder = written.write()
    lineage = json.loads((folder / "lineage.json").read_text())
    for history in lineage["systems"].values():
        history["pseudo_labels"] = []
    soft = {"file": "f", "sentences": 3, "words": 9, "agreed_share": None}
    one = soft | {"teachers": ["ner"], "voters": [], "used_by": ["distillation"]}
    two = soft | {"teachers": ["ner-tuned_ner"], "voters": ["ner", "ner-tuned_ner"], "used_by": ["distillation_tr"]}
    lineage["systems"]["tsl"]["soft_labels"], lineage["systems"]["unitrans"]["soft_labels"] = [one], [two]
    (folder / "lineage.json").write_text(json.dumps(lineage))
    return folder


def test_an_arrow_leads_from_each_teacher_to_its_student(peers):
    paths = ET.fromstring(stage_diagram(Run.read(peers)).svg).iter("{http://www.w3.org/2000/svg}path")
    arrows = [path.get("d") for path in paths if path.get("stroke-dasharray") == "4 3"]
    assert len(arrows) == 3  # ner to both students, tuned_ner to one
    assert all(float(number) >= 0 for arrow in arrows for number in arrow.replace("C", " ").split()[1:3])


def test_rounds_are_shown_where_a_system_has_them(peers, written, parsed):
    assert "1 round" not in parsed(make_report(peers).html).text
    written.systems = {"tof": ["mlm", "mlm-ner", "mlm-ner-ner1"]}
    assert "1 round" in parsed(make_report(written.write()).html).text
