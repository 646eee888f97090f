#!/bin/sh
# Speaks every `say NAME "TEXT"` line of scripts/* into speech/NAME.ulaw: raw µ-law, 8 kHz, mono, as telephones have it.
# Needs espeak-ng and sox. The results are committed, so nobody needs either to build or to run voicebridge.
# espeak-ng is free software (GPL-3.0); what it speaks is not covered by its licence and may be used freely.
set -eu
cd "$(dirname "$0")"

voice() { # name -> espeak-ng's options
    case $1 in
    agent-*) echo "-v en-gb-x-rp+f3 -s 172 -p 55" ;;
    *) echo "-v en-us -s 168 -p 38" ;;
    esac
}

spoken() { # what is written -> what is said
    sed -e 's/RX-\([0-9]\)\([0-9]\)\([0-9]\)\([0-9]\)/R X \1 \2 \3 \4/g'
}

sed -n 's/^ *say \([a-z][a-z0-9-]*\) "\(.*\)".*$/\1|\2/p' scripts/* | while IFS='|' read -r name text; do
    # shellcheck disable=SC2046 # the options are words
    printf '%s' "$text" | spoken | espeak-ng $(voice "$name") --stdin --stdout |
        sox -t wav - -t raw -r 8000 -c 1 -e mu-law -b 8 "speech/$name.ulaw" \
            gain -n -6 rate 8000 highpass 200 lowpass 3400 gain -n -4 \
            silence 1 0.01 0.2% reverse silence 1 0.01 0.2% reverse \
            silence -l 1 0 0% -1 0.15 1.2% # pauses stay well under the 500 ms that end a turn
    echo "$name: $(($(wc -c <"speech/$name.ulaw") / 8)) ms"
done
