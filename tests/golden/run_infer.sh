#!/usr/bin/env bash
# Every kind of result of the command line, with the weights of make_weights.py.
#
#     DATA=FOLDER [PYTHON=python] run_infer.sh ROOT WEIGHTS OUT
#
# DATA has person_clip.mp4 and coco_sample/ with test_coco.json and its images.
set -euo pipefail

if [ $# -ne 3 ] || [ -z "${DATA:-}" ]; then
    sed -n '2,6s/^# \?//p' "$0" >&2
    exit 2
fi
PYTHON=${PYTHON:-python}
ROOT=$(realpath "$1")
WEIGHTS=$(realpath "$2")
DATA=$(realpath "$DATA")
mkdir -p "$3"
OUT=$(realpath "$3")

export PYTHONPATH=$ROOT PYTHONWARNINGS=ignore
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
cd "$OUT"

FOUND=$("$PYTHON" -c 'import mmsapiens; print(mmsapiens.__file__)')
if [ "$(realpath "$FOUND")" != "$ROOT/mmsapiens/__init__.py" ]; then
    echo "mmsapiens must come from $ROOT, but is $FOUND" >&2
    exit 2
fi

POSES=pose-17,pose-133,pose-308
DENSE=seg-28,seg-lip,seg-cihp,depth,normal
ALL_OUTPUTS=keypoints,maps,masks,overlays,panels
PHOTOS=("$DATA"/coco_sample/*.jpg)
CLIP=$DATA/person_clip.mp4
BOXES=$DATA/coco_sample/test_coco.json
mkdir -p "$OUT/inputs" "$OUT/printed" "$OUT/logs"

# Two people who walk through the frames 0 to 5 of the clip.
CLIP_BOXES=$OUT/inputs/clip_boxes.json
"$PYTHON" - "$CLIP_BOXES" <<'END'
import json
import sys

boxes = []
for frame in range(6):
    for start, step, score in ((100, 12, 0.9), (500, -9, 0.8)):
        box = [start + step * frame, 60 + 2 * frame, 220, 420]
        boxes.append(dict(image_id=frame, category_id=1, bbox=box, score=score))
with open(sys.argv[1], 'w') as file:
    json.dump(boxes, file)
END

# run COMMAND NAME ARGUMENTS...: results in OUT/NAME, what it says beside them.
run() {
    local command=$1 name=$2 start=$SECONDS
    shift 2
    "$PYTHON" -m mmsapiens --debug "$command" "$@" --out "$OUT/$name" \
        --device cpu --quiet --json --overwrite \
        >"$OUT/printed/$name.json" 2>"$OUT/logs/$name.txt" || {
        echo "$name failed with exit code $?:" >&2
        tail -n 20 "$OUT/logs/$name.txt" >&2
        exit 1
    }
    echo "$name: $((SECONDS - start)) s"
}

# infer NAME TASKS ARGUMENTS...
infer() {
    local name=$1 tasks=$2 task weights=()
    shift 2
    for task in ${tasks//,/ }; do
        weights+=(--weights "$task=$WEIGHTS/$task.pth")
    done
    run infer "$name" "$@" --model sapiens-tiny --tasks "$tasks" "${weights[@]}"
}

infer photos "$POSES,$DENSE" "${PHOTOS[@]}" --people "$BOXES" --flip \
    --outputs "$ALL_OUTPUTS"
infer photos_lite "$POSES,$DENSE" "${PHOTOS[@]}" --people "$BOXES" --mode lite \
    --outputs "$ALL_OUTPUTS"
infer photos_png "$DENSE" "${PHOTOS[@]}" --flip --outputs maps --map-format png
infer photos_exr "$DENSE" "${PHOTOS[@]}" --flip --outputs maps --map-format exr
# Without parts, depth and normals are drawn over the whole image.
infer photos_alone depth,normal "$DATA/coco_sample" --outputs maps,overlays --batch-size 1
infer photos_detect pose-17 "${PHOTOS[@]}" --detector "$WEIGHTS/detector.pth" \
    --max-people 4 --batch-size 3 --workers 1
infer photos_bfloat16 pose-17,seg-28,depth,normal "${PHOTOS[0]}" --people "$BOXES" \
    --dtype bfloat16 --outputs keypoints,maps
infer clip "$POSES,seg-28,depth,normal" "$CLIP" --people image --flip \
    --outputs "$ALL_OUTPUTS" --frame-pictures
infer clip_lite pose-308,seg-28,depth,normal "$CLIP" --people image --mode lite \
    --outputs keypoints,maps --show pose-308
infer clip_track pose-17,pose-308,seg-28 "$CLIP" --people "$CLIP_BOXES" \
    --track --smooth --show pose-308 --threshold 0.2

# The former build has no such option; it took three channels for normals.
TASK=
"$PYTHON" -m mmsapiens features --help | grep -q -- "--task" && TASK="--task normal"
run features features_mae "${PHOTOS[@]}" --weights "$WEIGHTS/mae.pth" \
    --kind dense --kind mean --kind cls --size 256 192
run features features_mae_lite "${PHOTOS[@]}" --weights "$WEIGHTS/mae.pth" \
    --kind dense --kind cls --size 128 128 --mode lite
run features features_normal "${PHOTOS[@]}" "$CLIP" --weights "$WEIGHTS/normal.pth" $TASK \
    --kind dense --kind mean --size 256 192
