# Freezes the package ota. Include this after the board's own manifest, by absolute path; opt=3 leaves out line numbers.
package("ota", base_path=".", opt=3)
