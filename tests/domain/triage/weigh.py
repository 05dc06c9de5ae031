"""Makes `data/weights.json` from the labelled replies that are not held back.

Run it after the cue files change: `python -m tests.domain.triage.weigh`.
"""

import json

from service.domain.triage import load_rules
from service.domain.triage.cues import scene_of
from service.domain.triage.rules import DATA
from service.domain.triage.worry import weigh
from tests.domain.triage.rows import fresh_rows, held_back, labelled_rows


def main() -> None:
    """Weigh words for red replies and for emergencies, and write both tables."""
    rules = load_rules()
    rows = [row for row in labelled_rows() if not held_back(row)] + fresh_rows()
    laid = [(scene_of(row["text"], rules), row["level"]) for row in rows]
    document = {
        "version": "1.0.0",
        "weights": weigh((scene, level in ("emergency", "urgent")) for scene, level in laid),
        "emergency_weights": weigh((scene, level == "emergency") for scene, level in laid),
    }
    text = json.dumps(document, ensure_ascii=False, indent=0) + "\n"
    (DATA / "weights.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
