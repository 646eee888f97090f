#!/usr/bin/env bash
# Makes the files beside it: a few seconds of plucked strings in every format, and what `sox` makes of them at 8 kHz in
# µ-law. Run once, on Debian 12 with sox 14.4.2, libsox-fmt-mp3, flac and vorbis-tools; the suite needs none of them.
set -euo pipefail
cd "$(dirname "$0")"

pluck() { sox -R -D -n -r "$1" -c 1 -b 16 "$2" synth 2 pluck C4 pluck E4 pluck G4 remix 1,2,3 "${@:3}" gain -n -9; }
# Without dither, so that it is the samples that are compared.
telephone() { sox -D "$1" -t raw -e mu-law -b 8 -r 8000 -c 1 "$2" "${@:3}"; }

# `remix` makes one channel of three.
pluck 8000 8k.wav
telephone 8k.wav 8k.ulaw
sox -D 8k.wav -e a-law 8k-alaw.wav
telephone 8k-alaw.wav 8k-alaw.ulaw
sox -D 8k.wav -e mu-law 8k-mulaw.wav
sox -D 8k.wav -b 24 8k-24bit.wav
sox -D 8k.wav -C 48.2 8k.mp3
telephone 8k.mp3 8k-mp3.ulaw

# Nothing near 4 kHz, where no two resamplers have the same slope.
pluck 44100 /tmp/44k-left.wav sinc -3000
sox -D -M -v 0.5 /tmp/44k-left.wav -v 0.25 /tmp/44k-left.wav /tmp/44k.wav
flac --silent --force --best -o 44k-stereo.flac /tmp/44k.wav
oggenc --quiet -q 2 -o 44k-stereo.ogg /tmp/44k.wav
sox -D /tmp/44k.wav -C 96.2 44k-stereo.mp3
telephone /tmp/44k.wav 44k.ulaw
telephone 44k-stereo.mp3 44k-mp3.ulaw
telephone 44k-stereo.ogg 44k-ogg.ulaw
