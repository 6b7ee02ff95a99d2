"""Scores at every threshold, from one run.

python benchmarks/threshold_curve.py RAW LABELS --model FILE [--dataset PATH --truth-dataset PATH] [--box ...]
"""

from labelled_volume import parser, segmented

from napari_emcad.core.scores import score

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)


def main() -> None:
    box = segmented(parser(__doc__).parse_args())
    print("threshold  VOI split   + merge     = VOI     ARAND  segments")
    for threshold in THRESHOLDS:
        table = box.segmentation.table(threshold, box.parameters.min_size)
        found = score(box.segmentation.labels(table), box.truth)
        print(
            f"{threshold:>9.2f}{found.voi_split:>11.3f}{found.voi_merge:>10.3f}{found.voi:>10.3f}"
            f"{found.arand:>10.4f}{found.segments:>10}{'  <- default' if threshold == box.parameters.threshold else ''}"
        )


if __name__ == "__main__":
    main()
