set(IDF_TARGET esp32)
# Relative to the port's directory, as the real boards have it.
set(SDKCONFIG_DEFAULTS boards/STAND_IN/sdkconfig.board)
