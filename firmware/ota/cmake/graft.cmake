# Makes the copy of esp32_partition.c: the upstream text, plus one #include in front of the class's table and one #include
# at its start.

set(OTA_MODULE_DIR "${CMAKE_CURRENT_LIST_DIR}/..")
get_filename_component(OTA_MODULE_DIR "${OTA_MODULE_DIR}" ABSOLUTE)

include(${CMAKE_CURRENT_LIST_DIR}/known-sources.cmake)

# Up to v1.22 the port says STATIC, a macro. A line may end in CR LF.
set(OTA_TABLE_LINE "\n(static|STATIC) const mp_rom_map_elem_t esp32_partition_locals_dict_table\\[\\] = {[ \t\r]*\n")
set(OTA_TABLE_NAME "static const mp_rom_map_elem_t esp32_partition_locals_dict_table[] = {")
set(OTA_SET_BOOT_ROW "MP_QSTR_set_boot\\), MP_ROM_PTR\\(&esp32_partition_set_boot_obj\\)")

# Ends the build with what is wrong, where, and what to do.
function(ota_graft_fail source problem)
    message(FATAL_ERROR
        "The OTA module cannot add its functions to esp32.Partition.\n"
        "  ${problem}\n"
        "  File: ${source}\n"
        "It knows the file of MicroPython v1.22 to v1.28. Build one of these releases, undo changes to the file, get an "
        "OTA module that knows this version, or build without it (leave its micropython.cmake out of USER_C_MODULES).")
endfunction()

# Writes a file only when that changes it: a file with a new time is compiled again, with all that is made from it.
function(ota_write_if_different file content)
    if(EXISTS "${file}")
        file(READ "${file}" present)
        if("x${present}" STREQUAL "x${content}")
            return()
        endif()
    endif()
    file(WRITE "${file}" "${content}")
endfunction()

# Number of places where a pattern matches, up to 2, into the variable `result`.
function(ota_count_matches result pattern text)
    set(count 0)
    string(REGEX MATCH "${pattern}" match "${text}")
    if(NOT match STREQUAL "")
        set(count 1)
        string(FIND "${text}" "${match}" at)
        string(LENGTH "${match}" length)
        # Its last character may be the first one of the next match.
        math(EXPR at "${at} + ${length} - 1")
        string(SUBSTRING "${text}" ${at} -1 rest)
        string(REGEX MATCH "${pattern}" match "${rest}")
        if(NOT match STREQUAL "")
            set(count 2)
        endif()
    endif()
    set(${result} ${count} PARENT_SCOPE)
endfunction()

# Refuses a file that the functions would not compile with, or that has them already.
function(ota_check_partition_source source text)
    if(text MATCHES "MP_QSTR_(app_(description|state|verify)|check_rollback_is_possible|mark_app_invalid_rollback(_and_reboot)?|ota_(begin|write|write_with_offset|end|abort)|APP_STATE_[A-Z_]+)[^A-Za-z0-9_]")
        ota_graft_fail("${source}" "This MicroPython's own esp32.Partition already has ${CMAKE_MATCH_1}.")
    endif()
    foreach(needed "const esp_partition_t *part;" "} esp32_partition_obj_t;" "#include \"esp_ota_ops.h\""
            "#include \"py/runtime.h\"")
        string(FIND "${text}" "${needed}" at)
        if(at EQUAL -1)
            ota_graft_fail("${source}" "There is no \"${needed}\" in it, which the functions are written for.")
        endif()
    endforeach()
    # The functions' C code replaces set_boot through the name in this row.
    ota_count_matches(rows "${OTA_SET_BOOT_ROW}" "${text}")
    if(NOT rows EQUAL 1)
        ota_graft_fail("${source}" "The row of set_boot, with &esp32_partition_set_boot_obj, was expected once.")
    endif()
    ota_count_matches(tables "${OTA_TABLE_LINE}" "${text}")
    if(tables EQUAL 0)
        ota_graft_fail("${source}" "There is no line \"${OTA_TABLE_NAME}\" (or STATIC) in it.")
    elseif(NOT tables EQUAL 1)
        ota_graft_fail("${source}" "The line \"${OTA_TABLE_NAME}\" (or STATIC) is in it more than once.")
    endif()
endfunction()

# Says so when the file is none that this module has been tested with.
function(ota_report_partition_source source)
    file(SHA256 "${source}" digest)
    if(digest IN_LIST OTA_KNOWN_SOURCES)
        message(STATUS "OTA module: esp32_partition.c is one of a tested MicroPython release (SHA-256 ${digest})")
    else()
        message(WARNING
            "The OTA module has not been tested with this MicroPython's esp32_partition.c (${source}, SHA-256 ${digest}). "
            "It has what the module looks for, so the build goes on. Test the result before you ship it.")
    endif()
endfunction()

# Writes the grafted copy of `source` to `copy`, and has CMake run again when `source` or one of the module's files changes.
function(ota_graft_partition source copy)
    set(functions "${OTA_MODULE_DIR}/esp32_partition_ota.inc")
    set(rows "${OTA_MODULE_DIR}/esp32_partition_ota_rows.inc")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${source}" "${functions}" "${rows}")

    file(READ "${source}" text)
    ota_check_partition_source("${source}" "${text}")
    ota_report_partition_source("${source}")

    # The digests are there so that the copy changes when what it includes does: QSTRs are collected from .c files that
    # have changed.
    file(SHA256 "${functions}" functions_digest)
    file(SHA256 "${rows}" rows_digest)
    string(REGEX MATCH "${OTA_TABLE_LINE}" table "${text}")
    string(FIND "${text}" "${table}" at)
    string(LENGTH "${table}" length)
    math(EXPR behind "${at} + ${length}")
    string(SUBSTRING "${text}" 0 ${at} before)
    string(SUBSTRING "${text}" ${behind} -1 after)
    ota_write_if_different("${copy}" "${before}
#include \"esp32_partition_ota.inc\" // ${functions_digest}
${table}#include \"esp32_partition_ota_rows.inc\" // ${rows_digest}
${after}")
endfunction()
