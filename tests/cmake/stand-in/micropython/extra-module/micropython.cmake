add_library(usermod_extra INTERFACE)
target_sources(usermod_extra INTERFACE "${CMAKE_CURRENT_LIST_DIR}/extra.c")
target_link_libraries(usermod INTERFACE usermod_extra)
