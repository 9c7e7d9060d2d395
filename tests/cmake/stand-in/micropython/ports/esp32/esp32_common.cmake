# The main component. ESP-IDF reads it twice: the first time, only to see what it requires.

if(NOT CMAKE_BUILD_EARLY_EXPANSION)
    include("${MICROPY_DIR}/py/usermod.cmake")
endif()

# After the user modules, so that these cannot take anything out of it.
list(APPEND MICROPY_SOURCE_PORT main.c esp32_partition.c)
list(TRANSFORM MICROPY_SOURCE_PORT PREPEND "${MICROPY_PORT_DIR}/")

list(APPEND MICROPY_SOURCE_QSTR
    ${MICROPY_SOURCE_USERMOD}
    ${MICROPY_SOURCE_PORT}
    ${MICROPY_SOURCE_BOARD}
)

idf_component_register(
    SRCS
        ${MICROPY_SOURCE_PORT}
        ${MICROPY_SOURCE_BOARD}
    INCLUDE_DIRS
        ${MICROPY_INC_USERMOD}
        ${MICROPY_PORT_DIR}
        ${CMAKE_BINARY_DIR}
)
set(MICROPY_TARGET ${COMPONENT_TARGET})

target_compile_definitions(${MICROPY_TARGET} PUBLIC ${MICROPY_DEF_BOARD})
target_link_libraries(${MICROPY_TARGET} usermod)

get_target_property(MICROPY_CPP_DEF ${MICROPY_TARGET} COMPILE_DEFINITIONS)
get_target_property(MICROPY_CPP_INC ${MICROPY_TARGET} INCLUDE_DIRECTORIES)
# What the preprocessor run that collects the QSTRs would get.
list(JOIN MICROPY_SOURCE_QSTR "\n" lines)
file(WRITE ${CMAKE_BINARY_DIR}/qstr-sources.txt "${lines}\n")
list(JOIN MICROPY_CPP_DEF "\n" lines)
file(WRITE ${CMAKE_BINARY_DIR}/qstr-definitions.txt "${lines}\n")
list(JOIN MICROPY_CPP_INC "\n" lines)
file(WRITE ${CMAKE_BINARY_DIR}/qstr-include-directories.txt "${lines}\n")
