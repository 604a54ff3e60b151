#!/bin/sh
# Makes the media files of this folder anew; needs ffmpeg and exiftool.
set -eu
cd "$(dirname "$0")"
ff() { ffmpeg -v error -y "$@"; }
sine="-f lavfi -i sine=frequency=440:duration=2:sample_rate=8000"

ff -f lavfi -i color=c=orange:s=64x64 -frames:v 1 cover.jpg
ff -f lavfi -i color=c=red:s=16x12 -frames:v 1 thumbnail.jpg

# file, date, further arguments
recording() {
    file=$1 date=$2
    shift 2
    ff "$@" -metadata title="Soup & <bread>" -metadata artist="Alice Ähm" -metadata album="Kitchen radio" \
        -metadata track=7 -metadata disc=2 -metadata comment="Slowly" -metadata date="$date" \
        -fflags +bitexact "$file"
}
# shellcheck disable=SC2086
{
    recording episode.mp3 2026-03-04 $sine -i cover.jpg -map 0 -map 1 -c:a libmp3lame -b:a 8k -c:v copy \
        -id3v2_version 3 -write_id3v1 1 -metadata:s:v comment="Cover (front)"
    recording episode.m4a 2026-03-05 $sine -i cover.jpg -map 0 -map 1 -c:a aac -b:a 8k -c:v copy \
        -disposition:v attached_pic
    recording episode.flac 2026-03-06 -f lavfi -i anullsrc=r=8000:cl=mono -i cover.jpg -t 2 -map 0 -map 1 \
        -c:a flac -c:v copy -disposition:v attached_pic
    recording episode.opus 2026-03-07 $sine -c:a libopus -b:a 6k
    recording episode.ogg 2026-03-08 $sine -c:a libvorbis
    recording clip.mp4 2026-03-09 -f lavfi -i color=c=blue:s=32x16:r=5:d=2 $sine -c:v libx264 -c:a aac \
        -b:a 8k -shortest
    recording talk.aac 2026-03-10 $sine -c:a aac -b:a 8k -write_id3v2 1
    recording talk.aiff 2026-03-11 -f lavfi -i sine=frequency=440:duration=0.2:sample_rate=8000 -c:a pcm_s16be \
        -write_id3v2 1
    recording talk.mov 2026-03-12 $sine -c:a aac -b:a 8k -movflags +faststart
}
ff -f lavfi -i sine=frequency=440:duration=0.3:sample_rate=8000 -c:a pcm_u8 -fflags +bitexact jingle.wav

ff -f lavfi -i color=c=green:s=48x32 -frames:v 1 photo.jpg
exiftool -q -overwrite_original "-ThumbnailImage<=thumbnail.jpg" -DateTimeOriginal="2025:06:07 08:09:10" \
    -OffsetTimeOriginal="+02:00" -Orientation#=6 -ImageDescription="Sea & sky" -Artist="Alice" \
    -GPSLatitude=60.1699 -GPSLatitudeRef=N -GPSLongitude=24.9384 -GPSLongitudeRef=E photo.jpg
ff -f lavfi -i color=c=green:s=40x30 -frames:v 1 plain.png
rm thumbnail.jpg
