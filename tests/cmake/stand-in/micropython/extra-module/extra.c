int extra_module(void); int extra_module(void) { return 1; }
