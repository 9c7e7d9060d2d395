# What of ESP-IDF's project() the tests depend on: the real project() first, then the sdkconfig defaults, then the
# components, each in a directory of its own, with idf_component_register() a function.

set(STAND_IN_STUBS "$ENV{STAND_IN_STUBS}")

function(idf_component_register)
    cmake_parse_arguments(_ "" "" "SRCS;INCLUDE_DIRS" ${ARGN})
    add_library(__idf_main STATIC ${__SRCS})
    target_include_directories(__idf_main PUBLIC ${__INCLUDE_DIRS} "${STAND_IN_STUBS}/micropython" "${STAND_IN_STUBS}/esp-idf")
    target_compile_options(__idf_main PRIVATE -Wall -Wextra -Werror)
    set(COMPONENT_TARGET __idf_main PARENT_SCOPE)
endfunction()

function(idf_component_get_property result component property)
    if(NOT property STREQUAL "COMPONENT_DIR")
        message(FATAL_ERROR "the stand-in does not know ${property}")
    endif()
    set(${result} "$ENV{IDF_PATH}/components/${component}" PARENT_SCOPE)
endfunction()

macro(project name)
    _project(${name} C)
    file(WRITE "${CMAKE_BINARY_DIR}/sdkconfig-defaults.txt" "${SDKCONFIG_DEFAULTS}")
    file(WRITE "${SDKCONFIG}" "")
    foreach(file ${SDKCONFIG_DEFAULTS})
        file(READ "${file}" text)
        file(APPEND "${SDKCONFIG}" "${text}")
    endforeach()
    add_subdirectory("$ENV{IDF_PATH}/components/esp_app_format" esp-idf/esp_app_format)
    set(CMAKE_EXPORT_COMPILE_COMMANDS ON) # from here on: of the main component
    add_subdirectory(main esp-idf/main)
endmacro()
