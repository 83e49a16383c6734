"""Makes average-precision.json of this folder: what COCO's evaluation says of made-up detections.

    python3 test/golden/make_average_precision.py

Needs numpy and pycocotools; the file kept here was made with pycocotools 2.0.11. The test reads only the JSON, so this
runs again only when a case is added. Scores of some cases are rounded, so that there are equal ones; boxes never are, as
equal overlaps are another matter.

License: Apache-2.0, as the rest of trisparse.
"""

import contextlib
import io
import json
from pathlib import Path

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

HERE = Path(__file__).parent
AREA = 1e9


def box_of(rng, size):
    left, top = rng.uniform(0, size, 2)
    width, height = rng.uniform(4, 20, 2)
    return [float(round(v, 3)) for v in (left, top, left + width, top + height)]


def moved(rng, box, amount):
    return [float(round(v + rng.normal() * amount, 3)) for v in box]


def case(seed, images, classes, most, decimals):
    """Truths; detections near them, of the wrong class now and then, twice now and then; others anywhere."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(images):
        truths = [
            {"label": int(rng.integers(classes)), "box": box_of(rng, 40)} for _ in range(int(rng.integers(0, most + 1)))
        ]
        detections = []
        for truth in truths:
            for _ in range(int(rng.integers(0, 3))):
                label = truth["label"] if rng.random() < 0.8 else int(rng.integers(classes))
                box = moved(rng, truth["box"], rng.choice([0.3, 1, 2.5]))
                if box[2] - box[0] < 1 or box[3] - box[1] < 1:
                    continue
                detections.append({"label": label, "score": float(round(rng.random(), decimals)), "box": box})
        for _ in range(int(rng.integers(0, 4))):
            score = float(round(rng.random() * 0.7, decimals))
            detections.append({"label": int(rng.integers(classes)), "score": score, "box": box_of(rng, 40)})
        made.append({"truths": truths, "detections": detections})
    return made


def judged(images, classes):
    """AP at 0.5 and at 0.5:0.95, by cocoeval.py."""

    def xywh(box):
        left, top, right, bottom = box
        return [left, top, right - left, bottom - top]

    truths, detections = [], []
    for i, image in enumerate(images):
        for truth in image["truths"]:
            truths.append(
                {
                    "id": len(truths) + 1,
                    "image_id": i + 1,
                    "category_id": truth["label"] + 1,
                    "bbox": xywh(truth["box"]),
                    "area": 1.0,
                    "iscrowd": 0,
                }
            )
        for one in image["detections"]:
            detections.append(
                {
                    "image_id": i + 1,
                    "category_id": one["label"] + 1,
                    "bbox": xywh(one["box"]),
                    "score": one["score"],
                }
            )
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "info": {},
            "images": [{"id": i + 1} for i in range(len(images))],
            "categories": [{"id": c + 1} for c in range(classes)],
            "annotations": truths,
        }
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(detections), "bbox")
        evaluation.params.areaRng = [[0, AREA]]
        evaluation.params.areaRngLbl = ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"]  # overlaps, recalls, classes, areas, most detections
    precision = precision[:, :, :, 0, -1]
    there = precision[0, 0] > -1
    return {"ap50": float(precision[0][:, there].mean()), "ap": float(precision[:, :, there].mean())}


def main():
    cases = []
    for seed, (images, classes, most, decimals) in enumerate(
        [(1, 1, 3, 6), (8, 2, 4, 6), (30, 3, 4, 6), (30, 3, 4, 1), (60, 10, 5, 2), (20, 1, 6, 1)]
    ):
        made = case(seed, images, classes, most, decimals)
        cases.append({"images": made, **judged(made, classes)})
    with open(HERE / "average-precision.json", "w") as file:
        file.write('{\n"about":"boxes are left, top, right, bottom; ap50 and ap by pycocotools",\n"cases":[\n')
        file.write(",\n".join(json.dumps(one, separators=(",", ":")) for one in cases))
        file.write("\n]\n}\n")
    print([(one["ap50"], one["ap"]) for one in cases])


if __name__ == "__main__":
    main()
