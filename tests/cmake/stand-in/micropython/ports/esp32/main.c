int stand_in_main(void); int stand_in_main(void) { return 0; }
