"""Learns `data/weights.json` from the labelled replies, with the standard library alone.

Run it after the cue files change: `python -m tests.domain.triage.weigh`. The result is the same
on every machine. `--leave-out NAME` leaves out one file, to measure on replies never seen.
"""

import json
import random
import sys
from collections import Counter, defaultdict
from math import log

from service.domain.triage import load_rules
from service.domain.triage.cues import scene_of
from service.domain.triage.levels import pain_findings
from service.domain.triage.rules import DATA
from service.domain.triage.weights import HEADS
from service.domain.triage.worry import features_of
from tests.domain.triage.rows import learnt_rows

ROUNDS = 12
COST = {"red": 0.02, "emergency": 0.02, "fine": 0.02}
"""How dear a mistake is beside a large weight; found by leaving out one author's file at a time."""
SEEN = 2
KEPT_FROM = 2
HOURS = {"48h": 48.0, "96h": 96.0, "none": None}
SCORED = {"severe_pain", "worsening", "not_improving"}


def explained_by_score(row):
    """Say whether the number alone makes the row red: its words need not."""
    if row["score"] is None or not set(row["flags"]) <= SCORED:
        return False
    hours = HOURS[row["checkin"]]
    found = pain_findings(row["score"], hours, row["baseline"], row["previous"], bare=False)
    return any(level.value == "urgent" for _, level in found)


def learn(samples, cost, rounds=ROUNDS):
    """Return bias and weights of a linear support vector machine (dual coordinate descent).

    `samples` are (features, is it what is sought). Squared hinge loss; binary features.
    """
    weights = defaultdict(float)
    bias = 0.0
    alphas = [0.0] * len(samples)
    order = list(range(len(samples)))
    shuffle = random.Random(7).shuffle
    damping = 1 / (2 * cost)
    for _ in range(rounds):
        shuffle(order)
        for at in order:
            features, sought = samples[at]
            sign = 1.0 if sought else -1.0
            margin = bias + sum([weights[feature] for feature in features])
            gradient = sign * margin - 1 + damping * alphas[at]
            before = alphas[at]
            alphas[at] = max(0.0, before - gradient / (len(features) + 1 + damping))
            step = (alphas[at] - before) * sign
            if step:
                bias += step
                for feature in features:
                    weights[feature] += step
    return bias, weights


def weigh(rows, rules):
    """Return the document of weights learnt from labelled `rows`."""
    rows = [row for row in rows if not explained_by_score(row)]
    read = [features_of(scene_of(row["text"], rules), row["checkin"] == "96h") for row in rows]
    counts = Counter(feature for features in read for feature in features)
    read = [sorted(f for f in features if counts[f] >= SEEN) for features in read]
    labels = {
        "red": [row["level"] in ("emergency", "urgent") for row in rows],
        "emergency": [row["level"] == "emergency" for row in rows],
        "fine": [row["level"] == "ok" for row in rows],
    }
    learnt = {head: learn(list(zip(read, labels[head], strict=True)), COST[head]) for head in HEADS}
    words = {}
    for feature in sorted(counts):
        triple = [round(100 * learnt[head][1].get(feature, 0.0)) for head in HEADS]
        if max(map(abs, triple)) >= KEPT_FROM:
            words[feature] = triple
    return {
        "version": "1.0.0",
        "bias": [round(100 * learnt[head][0]) for head in HEADS],
        "weights": words,
        "category_weights": _categories(rows, read, labels["red"]),
    }


def _categories(rows, read, red):
    """For each feature how much oftener it stands with a category than with other red replies."""
    having, total, by_flag = Counter(), Counter(), Counter()
    for row, features, is_red in zip(rows, read, red, strict=True):
        if not is_red:
            continue
        plain = [feature for feature in features if feature[0] != "#"]
        total.update(plain)
        for flag in row["flags"]:
            by_flag[flag] += 1
            having.update((flag, feature) for feature in plain)
    reds = sum(red)
    table = defaultdict(dict)
    for (flag, feature), count in sorted(having.items()):
        others = total[feature] - count
        gain = log((count + 0.2) / (by_flag[flag] + 1)) - log(
            (others + 0.2) / (reds - by_flag[flag] + 1)
        )
        if count >= SEEN and gain >= 0.7:
            table[feature][flag] = round(100 * gain)
    return dict(table)


def main() -> None:
    """Learn from every labelled row and write the tables."""
    left_out = sys.argv[2] if sys.argv[1:2] == ["--leave-out"] else ""
    document = weigh(learnt_rows(left_out), load_rules())
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    (DATA / "weights.json").write_text(text.replace("],", "],\n") + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
