# SHA-256 of ports/esp32/esp32_partition.c in the MicroPython releases that this module is tested with. Any other text is
# still grafted when it has everything that graft.cmake looks for, but with a warning.

set(OTA_KNOWN_SOURCES
    8543d29a7af464e21fc92aab892d3ee391e0b6a30771213dc736f4af38aa5cce # v1.22.0, v1.22.1, v1.22.2
    593de6e976b05b92051f90b35550b0387c1508be1f4445778dc510ccc49f91ee # v1.23.0
    2d3c494d1c3d95883296cdb5c0c60b8ad0e6cbcaaf68a42b944deef11f118c63 # v1.24.0, v1.24.1
    b1c44cbcc7afb445db69f02655aa414b9dca1e5561352f7d29605d932cbb6541 # v1.25.0 to v1.28.0
)
