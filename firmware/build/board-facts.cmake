# What a MicroPython board is, as its own CMake files say it. Run by ota-build:
#
#   cmake -D MICROPY_DIR=... -D MICROPY_BOARD=... [-D MICROPY_BOARD_DIR=...] [-D MICROPY_BOARD_VARIANT=...]
#         -D FACTS=FILE -P board-facts.cmake        (in ports/esp32: relative paths of the port count from there)
#
# Writes `name=value` lines to FACTS: target, sdkconfig (a list), manifest. Includes the files of a board in the order of
# the port's own CMakeLists.txt, v1.22 (variants are blocks in mpconfigboard.cmake) to v1.28 (they are files).

cmake_minimum_required(VERSION 3.16)

set(MICROPY_PORT_DIR ${MICROPY_DIR}/ports/esp32)
if(NOT MICROPY_BOARD_DIR)
    set(MICROPY_BOARD_DIR ${MICROPY_PORT_DIR}/boards/${MICROPY_BOARD})
endif()

include(${MICROPY_BOARD_DIR}/mpconfigboard.cmake)
if(MICROPY_BOARD_VARIANT)
    include(${MICROPY_BOARD_DIR}/mpconfigvariant_${MICROPY_BOARD_VARIANT}.cmake OPTIONAL)
else()
    include(${MICROPY_BOARD_DIR}/mpconfigvariant.cmake OPTIONAL)
endif()

if(NOT IDF_TARGET)
    set(IDF_TARGET esp32)
endif()
if(NOT MICROPY_FROZEN_MANIFEST)
    set(MICROPY_FROZEN_MANIFEST ${MICROPY_PORT_DIR}/boards/manifest.py)
endif()

file(WRITE ${FACTS} "target=${IDF_TARGET}\nsdkconfig=${SDKCONFIG_DEFAULTS}\nmanifest=${MICROPY_FROZEN_MANIFEST}\n")
