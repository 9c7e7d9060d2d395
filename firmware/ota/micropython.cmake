# The over-the-air functions of esp32.Partition, as a user C module:
#
#   make BOARD=ESP32_GENERIC USER_C_MODULES=/absolute/path/to/firmware/ota/micropython.cmake
#
# The class's table is static in the port's esp32_partition.c, so nothing outside of that file can add to it. This module
# makes a copy of the file in the build directory, with our functions and rows in it, and has the copy compiled in place
# of the original. The MicroPython checkout is not touched. README.md beside this file is the documentation.
#
# Included by MicroPython's py/usermod.cmake, in the scope and directory of the main component.

include_guard(DIRECTORY)

include(${CMAKE_CURRENT_LIST_DIR}/cmake/graft.cmake)

if(NOT DEFINED MICROPY_PY_ESP32_PARTITION_OTA_EXTENDED)
    set(MICROPY_PY_ESP32_PARTITION_OTA_EXTENDED 1)
endif()
if(NOT MICROPY_PY_ESP32_PARTITION_OTA_EXTENDED MATCHES "^[01]$")
    message(FATAL_ERROR
        "MICROPY_PY_ESP32_PARTITION_OTA_EXTENDED is \"${MICROPY_PY_ESP32_PARTITION_OTA_EXTENDED}\".\n"
        "It has to be 1 (with ota_begin, ota_write, ota_write_with_offset, ota_end and ota_abort) or 0 (without).")
endif()

if(NOT EXISTS "${MICROPY_PORT_DIR}/esp32_partition.c")
    message(FATAL_ERROR
        "The OTA module adds to esp32.Partition, and there is no esp32_partition.c in \"${MICROPY_PORT_DIR}\".\n"
        "Use it with MicroPython's esp32 port, v1.22 or later, and leave it out of USER_C_MODULES for other ports.")
endif()

ota_graft_partition("${MICROPY_PORT_DIR}/esp32_partition.c"
    "${CMAKE_CURRENT_BINARY_DIR}/ota-module/esp32_partition.c")

# esp32_common.cmake puts the original into the list of sources after this file has run, so it cannot be taken out of the
# list. A header is in a list of sources without being compiled, and the property holds for this directory, where the
# main component's library is made.
set_source_files_properties("${MICROPY_PORT_DIR}/esp32_partition.c" PROPERTIES HEADER_FILE_ONLY ON)

# As a board's source the copy is compiled once, with ESP-IDF's options, and scanned for QSTRs and root pointers. (Sources
# of a user module are compiled twice, and before MicroPython v1.28 once without those options.)
list(APPEND MICROPY_SOURCE_BOARD "${CMAKE_CURRENT_BINARY_DIR}/ota-module/esp32_partition.c")
list(APPEND MICROPY_DEF_BOARD
    MICROPY_PY_ESP32_PARTITION_OTA_EXTENDED=${MICROPY_PY_ESP32_PARTITION_OTA_EXTENDED})

# Without sources of its own: it brings the include path, and its name into MicroPython's list of user modules.
add_library(usermod_esp32_partition_ota INTERFACE)
target_include_directories(usermod_esp32_partition_ota INTERFACE ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries(usermod INTERFACE usermod_esp32_partition_ota)
