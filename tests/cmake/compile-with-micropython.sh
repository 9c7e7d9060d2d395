#!/bin/sh
# Compiles a grafted esp32_partition.c with the headers of a MicroPython checkout, on the host:
#
#   compile-with-micropython.sh CHECKOUT ORIGINAL_C GRAFTED_C WORK_DIRECTORY [COMPILER FLAG...]
#
# MicroPython's own scripts collect the QSTRs and the root pointers from it first, as its build does, so this fails too
# when they cannot find the ones in the files that it includes. Leaves genhdr/ and esp32_partition.o in the directory.
set -eu
checkout=$1
original=$2
source=$3
cd "$4"
shift 4
set -- "$@" "-I$checkout" "-I$PWD"

# The original is collected from together with the copy, as in the build.
python3 "$checkout/py/makeqstrdefs.py" pp cc -E output genhdr/qstr.i.last cflags "$@" -DNO_QSTR cxxflags \
    sources "$original" "$source" dependencies changed_sources
for kind in qstr root_pointer; do
    mkdir -p genhdr/$kind
    python3 "$checkout/py/makeqstrdefs.py" split $kind genhdr/qstr.i.last genhdr/$kind _
    python3 "$checkout/py/makeqstrdefs.py" cat $kind _ genhdr/$kind genhdr/$kind.collected
done
cat "$checkout/py/qstrdefs.h" genhdr/qstr.collected | sed 's/^Q(.*)/"&"/' | cc -E "$@" - \
    | sed 's/^"\(Q(.*)\)"/\1/' > genhdr/qstrdefs.preprocessed.h
python3 "$checkout/py/makeqstrdata.py" genhdr/qstrdefs.preprocessed.h > genhdr/qstrdefs.generated.h
python3 "$checkout/py/make_root_pointers.py" genhdr/root_pointer.collected > genhdr/root_pointers.h

# The warnings that ESP-IDF and MicroPython's esp32 port switch off are off here.
cc -c -std=gnu17 -O2 -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers \
    -Wno-clobbered "$@" "$source" -o esp32_partition.o
