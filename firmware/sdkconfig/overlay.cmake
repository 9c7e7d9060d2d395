# Adds files to the sdkconfig defaults of a MicroPython build, without a change to MicroPython or to a board:
#
#   idf.py -D MICROPY_BOARD=ESP32_GENERIC -D CMAKE_PROJECT_micropython_INCLUDE=/path/to/overlay.cmake \
#       -D "OTA_BUILD_SDKCONFIG=/path/to/rollback.sdkconfig;/path/to/size.sdkconfig" build
#
# Why here: MicroPython's CMakeLists.txt sets SDKCONFIG_DEFAULTS itself, after everything that a caller can set, and
# then calls project(micropython). CMake includes this file at the end of that call's own work, which ESP-IDF's wrapper of
# project() does before it reads SDKCONFIG_DEFAULTS. The name in the variable keeps other projects, such as the
# bootloader's, out of it. The files are read after the board's, so their values win; among them, the last one wins.

if(NOT OTA_BUILD_SDKCONFIG)
    message(FATAL_ERROR
        "OTA_BUILD_SDKCONFIG names no files.\n"
        "Set it to the sdkconfig files to add (absolute paths, separated by semicolons), or leave "
        "CMAKE_PROJECT_micropython_INCLUDE out.")
endif()

if(NOT SDKCONFIG_DEFAULTS)
    message(FATAL_ERROR
        "SDKCONFIG_DEFAULTS is not set where project(micropython) is called, so there are no defaults to add to.\n"
        "MicroPython's ports/esp32/CMakeLists.txt (v1.22 to v1.28) sets it from the board's. Build that project, with a "
        "board that has an mpconfigboard.cmake.")
endif()

set(ota_sdkconfig_text "")
foreach(ota_sdkconfig_file IN LISTS OTA_BUILD_SDKCONFIG)
    if(NOT IS_ABSOLUTE "${ota_sdkconfig_file}")
        message(FATAL_ERROR
            "OTA_BUILD_SDKCONFIG has \"${ota_sdkconfig_file}\", which is no absolute path.\n"
            "The build runs in other directories than the one you are in; write the whole path.")
    endif()
    if(NOT EXISTS "${ota_sdkconfig_file}" OR IS_DIRECTORY "${ota_sdkconfig_file}")
        message(FATAL_ERROR
            "OTA_BUILD_SDKCONFIG has \"${ota_sdkconfig_file}\", and there is no such file.\n"
            "Correct the path. (Several files are separated by semicolons; a path cannot contain one.)")
    endif()
    list(APPEND SDKCONFIG_DEFAULTS "${ota_sdkconfig_file}")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${ota_sdkconfig_file}")
    file(SHA256 "${ota_sdkconfig_file}" ota_sdkconfig_digest)
    string(APPEND ota_sdkconfig_text "${ota_sdkconfig_digest}\n")
endforeach()

# What is in the build's sdkconfig already beats all defaults, so other files than the first time would do nothing.
set(ota_sdkconfig_record "${CMAKE_BINARY_DIR}/ota-build-sdkconfig.sha256")
if(EXISTS "${SDKCONFIG}")
    set(ota_sdkconfig_before "")
    if(EXISTS "${ota_sdkconfig_record}")
        file(READ "${ota_sdkconfig_record}" ota_sdkconfig_before)
    endif()
    if(NOT "${ota_sdkconfig_before}" STREQUAL "${ota_sdkconfig_text}")
        message(FATAL_ERROR
            "${SDKCONFIG} was made with other files than those in OTA_BUILD_SDKCONFIG, or with other text in them.\n"
            "ESP-IDF keeps what is in it, so the change would have no effect. Delete that file, or build in a new directory.")
    endif()
endif()
file(WRITE "${ota_sdkconfig_record}" "${ota_sdkconfig_text}")

# Where a build happens must not get into what it makes: ESP-IDF maps its own and the project's paths (reproducible.sdkconfig),
# but not those of the rest of MicroPython. `FROM=TO` pairs, separated by semicolons.
foreach(ota_path_map IN LISTS OTA_BUILD_PATH_MAP)
    add_compile_options("-ffile-prefix-map=${ota_path_map}")
endforeach()

# MicroPython's project is called micropython, and other files of the port count on it. In the app description it can be
# another name: ESP-IDF hands it to esp_app_desc.c as a definition, which is changed once all components are there.
if(OTA_BUILD_PROJECT_NAME)
    function(ota_set_project_name)
        idf_component_get_property(ota_directory esp_app_format COMPONENT_DIR)
        # CMake takes a relative path from here, whatever DIRECTORY says.
        set(ota_source "${ota_directory}/esp_app_desc.c")
        get_source_file_property(ota_definitions "${ota_source}" DIRECTORY "${ota_directory}" COMPILE_DEFINITIONS)
        if(NOT ota_definitions MATCHES "PROJECT_NAME=")
            message(FATAL_ERROR
                "OTA_BUILD_PROJECT_NAME cannot be set: this ESP-IDF does not give esp_app_desc.c a PROJECT_NAME.\n"
                "Leave the project's name at micropython, and tell us the version of ESP-IDF.")
        endif()
        string(REGEX REPLACE "PROJECT_NAME=\"[^\"]*\"" "PROJECT_NAME=\"${OTA_BUILD_PROJECT_NAME}\""
            ota_definitions "${ota_definitions}")
        set_source_files_properties("${ota_source}" DIRECTORY "${ota_directory}"
            PROPERTIES COMPILE_DEFINITIONS "${ota_definitions}")
    endfunction()
    cmake_language(DEFER CALL ota_set_project_name)
endif()
