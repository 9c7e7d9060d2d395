// What the module's functions do, called through the rows of the class, on a pretended chip and ESP-IDF. Prints a line for
// each test that has passed; ends with status 1 at the first one that fails.

#include <stdio.h>
#include <string.h>

#include "host.h"

#define NUMBER(n) MP_OBJ_NEW_SMALL_INT(n)
#define V(major, minor) (ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(major, minor, 0))
#define EXTENDED MICROPY_PY_ESP32_PARTITION_OTA_EXTENDED
#define ANTI_ROLLBACK CONFIG_BOOTLOADER_APP_ANTI_ROLLBACK

static mp_obj_t factory, ota_0, ota_1, nvs;

static bool text_is(mp_obj_t str, const char *text) {
    return host_len(str) == strlen(text) && memcmp(host_text(str), text, strlen(text)) == 0;
}

static byte *flash_of(int partition) {
    return host_flash + host_partitions[partition].address;
}

static void the_class_has_the_rows_of_this_version(void) {
    CHECK(host_row(MP_QSTR_app_description) && host_row(MP_QSTR_app_state) && host_row(MP_QSTR_app_verify));
    CHECK(host_row(MP_QSTR_check_rollback_is_possible) && host_row(MP_QSTR_mark_app_invalid_rollback_and_reboot));
    CHECK(host_row(MP_QSTR_set_boot) && host_row(MP_QSTR_BOOT));
    CHECK((host_row(MP_QSTR_mark_app_invalid_rollback) != NULL) == V(5, 5));
    CHECK((host_row(MP_QSTR_secure_version) != NULL) == ANTI_ROLLBACK);
    CHECK((host_row(MP_QSTR_ota_begin) != NULL) == EXTENDED);
    CHECK((host_row(MP_QSTR_ota_write) != NULL) == EXTENDED);
    CHECK((host_row(MP_QSTR_ota_write_with_offset) != NULL) == EXTENDED);
    CHECK((host_row(MP_QSTR_ota_end) != NULL) == EXTENDED);
    CHECK((host_row(MP_QSTR_ota_abort) != NULL) == EXTENDED);
    CHECK((host_row(MP_QSTR_OTA_SIZE_UNKNOWN) != NULL) == EXTENDED);
    const mp_rom_map_elem_t *undefined = host_row(MP_QSTR_APP_STATE_UNDEFINED);
    CHECK(undefined && mp_obj_get_int(undefined->value) == -1);
    const mp_rom_map_elem_t *aborted = host_row(MP_QSTR_APP_STATE_ABORTED);
    CHECK(aborted && mp_obj_get_int(aborted->value) == 4);
}

static void the_description_is_a_tuple_of_seven(void) {
    host_flash_image(OTA_1, 0x5000, true);
    esp_app_desc_t *desc = host_description(flash_of(OTA_1));
    desc->secure_version = 3;
    strcpy(desc->version, "4.5.6");
    strcpy(desc->project_name, "micropython");
    strcpy(desc->time, "12:34:56");
    strcpy(desc->date, "Apr  6 2026");
    strcpy(desc->idf_ver, "v5.5.1");
    desc->app_elf_sha256[31] = 9;
    mp_obj_t tuple = CALL(ota_1, app_description);
    CHECK(mp_obj_get_int(host_item(tuple, 0)) == 3);
    CHECK(text_is(host_item(tuple, 1), "4.5.6") && text_is(host_item(tuple, 2), "micropython"));
    CHECK(text_is(host_item(tuple, 3), "12:34:56") && text_is(host_item(tuple, 4), "Apr  6 2026"));
    CHECK(text_is(host_item(tuple, 5), "v5.5.1"));
    CHECK(host_len(host_item(tuple, 6)) == 32 && host_text(host_item(tuple, 6))[31] == 9);
}

static void strings_of_the_description_are_bounded_and_utf_8(void) {
    host_flash_image(OTA_1, 0x5000, true);
    esp_app_desc_t *desc = host_description(flash_of(OTA_1));
    memset(desc->version, 'v', sizeof(desc->version)); // no terminator
    strcpy(desc->project_name, "caf\xc3\xa9");
    memset(desc->time, '9', sizeof(desc->time));
    memcpy(desc->date, "a\xff\x80" "b\xc3", 6);
    memset(desc->idf_ver, 0xff, sizeof(desc->idf_ver));
    mp_obj_t tuple = CALL(ota_1, app_description);
    CHECK(text_is(host_item(tuple, 1), "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"));
    CHECK(text_is(host_item(tuple, 2), "caf\xc3\xa9"));
    CHECK(text_is(host_item(tuple, 3), "9999999999999999"));
    CHECK(text_is(host_item(tuple, 4), "a??b?"));
    CHECK(text_is(host_item(tuple, 5), "????????????????????????????????"));
}

static void there_is_no_description_in_anything_but_an_app(void) {
    CHECK(RAISED(CALL(ota_1, app_description)) == -261); // blank
    host_flash_image(OTA_1, 0x5000, false);
    CHECK(RAISED(CALL(ota_1, app_description)) == -261); // a bootloader
    CHECK(RAISED(CALL(nvs, app_description)) == 95);
}

static void the_state_is_a_number(void) {
    CHECK(mp_obj_get_int(CALL(ota_0, app_state)) == 2);
    host_idf.states[OTA_1] = ESP_OTA_IMG_UNDEFINED;
    CHECK(mp_obj_get_int(CALL(ota_1, app_state)) == -1);
    CHECK(RAISED(CALL(factory, app_state)) == 95);
    host_idf.has_otadata = false;
    CHECK(RAISED(CALL(ota_0, app_state)) == -261);
}

static void rollback_is_asked_for_and_done(void) {
    CHECK(CALL(ota_0, check_rollback_is_possible) == mp_const_false);
    CHECK(RAISED(CALL(ota_0, mark_app_invalid_rollback_and_reboot)) == -5381);
    host_idf.rollback_possible = true;
    CHECK(CALL(ota_0, check_rollback_is_possible) == mp_const_true);
    #if V(5, 5)
    CALL(ota_0, mark_app_invalid_rollback);
    CHECK(host_idf.states[OTA_0] == ESP_OTA_IMG_INVALID && !host_idf.rebooted);
    #endif
    CALL(ota_0, mark_app_invalid_rollback_and_reboot);
    CHECK(host_idf.states[OTA_0] == ESP_OTA_IMG_INVALID && host_idf.rebooted);
    host_idf.has_otadata = false;
    CHECK(RAISED(CALL(ota_0, mark_app_invalid_rollback_and_reboot)) == -261);
}

static void verifying_gives_the_length_and_changes_nothing(void) {
    host_flash_image(OTA_1, 0x5432, true);
    CHECK(mp_obj_get_int(CALL(ota_1, app_verify)) == 0x5432);
    CHECK(host_idf.verifications_without_gil == 1 && host_idf.boot == OTA_0 && host_idf.erases == 0);
    host_flash_image(FACTORY, 0x4000, true);
    CHECK(mp_obj_get_int(CALL(factory, app_verify)) == 0x4000);
}

static void verifying_refuses_what_would_not_boot(void) {
    CHECK(RAISED(CALL(nvs, app_verify)) == 95);
    CHECK(RAISED(CALL(ota_1, app_verify)) == -261); // blank
    host_flash_image(OTA_1, 0x5000, false);
    CHECK(RAISED(CALL(ota_1, app_verify)) == -261); // a bootloader
    host_flash_image(OTA_1, 0x5000, true);
    flash_of(OTA_1)[0x4000] ^= 1;
    CHECK(RAISED(CALL(ota_1, app_verify)) == -5379);
    host_flash_image(OTA_1, 0x5000, true);
    flash_of(OTA_1)[12] = 9; // another chip's
    CHECK(RAISED(CALL(ota_1, app_verify)) == -5379);
    host_flash_image(OTA_1, 0x5000, true);
    host_idf.efuse_secure_version = 1;
    CHECK(RAISED(CALL(ota_1, app_verify)) == (ANTI_ROLLBACK ? -5380 : 0));
    CHECK(host_idf.erases == 0);
}

static void only_the_main_task_lets_go_of_the_gil(void) {
    host_flash_image(OTA_1, 0x5000, true);
    host_on_main_task = false;
    CALL(ota_1, app_verify);
    CALL(ota_1, set_boot);
    CHECK(host_idf.verifications == 2 && host_idf.verifications_without_gil == 0);
    host_on_main_task = true;
    CALL(ota_1, app_verify);
    CALL(ota_1, set_boot);
    CHECK(host_idf.verifications == 4 && host_idf.verifications_without_gil == 2);
}

static int raised_in_the_other_task;
static void stop_waiting(void) {
    if (host_polls >= 3) {
        host_interrupt();
    }
}
static void another_thread_verifies(void) {
    // The main task has let go of the GIL; another one takes it and calls something that ESP-IDF cannot do twice.
    stub_gil_held = 1;
    host_on_main_task = false;
    host_poll_hook = stop_waiting;
    host_idf.while_verifying = NULL;
    raised_in_the_other_task = RAISED(CALL(ota_1, app_verify));
    host_poll_hook = NULL;
    host_on_main_task = true;
    stub_gil_held = 0;
}

static void other_threads_wait_for_a_verification(void) {
    host_flash_image(OTA_1, 0x5000, true);
    host_idf.while_verifying = another_thread_verifies;
    CALL(ota_1, app_verify);
    CHECK(raised_in_the_other_task == INTERRUPTED && host_polls == 3 && host_idf.verifications == 1);
    CALL(ota_1, app_verify);
}

static void set_boot_chooses_an_app(void) {
    host_flash_image(OTA_1, 0x5000, true);
    CHECK(CALL(ota_1, set_boot) == mp_const_none && host_idf.boot == OTA_1);
    host_flash_image(FACTORY, 0x5000, true);
    CALL_KW(factory, set_boot, verify, mp_const_true);
    CHECK(host_idf.boot == FACTORY);
    host_idf.has_otadata = false;
    CHECK(RAISED(CALL(ota_1, set_boot)) == -261);
}

static void set_boot_refuses_what_would_not_boot(void) {
    CHECK(RAISED(CALL(ota_1, set_boot)) == -261); // blank
    host_flash_image(OTA_1, 0x5000, false);
    CHECK(RAISED(CALL(ota_1, set_boot)) == -261); // a bootloader
    host_flash_image(OTA_1, 0x5000, true);
    flash_of(OTA_1)[0x4000] ^= 1;
    CHECK(RAISED(CALL(ota_1, set_boot)) == -5379);
    CHECK(RAISED(CALL(nvs, set_boot)) == 95);
    CHECK(RAISED(CALL(ota_1, set_boot, mp_const_false)) == TYPE_ERROR); // keyword only
    CHECK(host_idf.boot == OTA_0);
}

static void set_boot_without_verifying_works_or_raises(void) {
    host_flash_image(OTA_1, 0x5000, true);
    CHECK(RAISED(CALL_KW(ota_1, set_boot, verify, mp_const_false)) == (V(6, 1) ? 0 : 95));
    CHECK(host_idf.boot == (V(6, 1) ? OTA_1 : OTA_0) && host_idf.verifications == 0);
}

#if ANTI_ROLLBACK
static void the_secure_version_is_that_of_the_efuse(void) {
    host_idf.efuse_secure_version = 5;
    CHECK(mp_obj_get_int(CALL(ota_0, secure_version)) == 5);
}
#endif

#if EXTENDED

static byte image[0x30000];

static bool is_blank(int partition, size_t from, size_t to) {
    for (size_t i = from; i < to; ++i) {
        if (flash_of(partition)[i] != 0xff) {
            return false;
        }
    }
    return true;
}

static mp_obj_t buffer(size_t len) {
    host_make_image(image, len, true);
    return host_buffer(image, len);
}

static void an_update_is_written_and_ends(void) {
    mp_obj_t handle = CALL(ota_1, ota_begin, NUMBER(0x5678));
    CHECK(mp_obj_get_int(handle) > 0);
    buffer(0x5678);
    for (size_t at = 0; at < 0x5678; at += 0x1000) {
        size_t len = 0x5678 - at < 0x1000 ? 0x5678 - at : 0x1000;
        CHECK(CALL(ota_1, ota_write, handle, host_buffer(image + at, len)) == mp_const_none);
    }
    CHECK(host_polls == 0); // small steps need no pauses
    CHECK(CALL(ota_1, ota_end, handle) == mp_const_none);
    CHECK(memcmp(flash_of(OTA_1), image, 0x5678) == 0 && host_open_handles() == 0);
    CHECK(mp_obj_get_int(CALL(ota_1, app_verify)) == 0x5678);
    CHECK(RAISED(CALL(ota_1, ota_write, handle, buffer(1))) == -261);
    CHECK(RAISED(CALL(ota_1, ota_end, handle)) == -261);
    CHECK(RAISED(CALL(ota_1, ota_abort, handle)) == -261);
    CHECK(RAISED(CALL(ota_1, ota_write, handle, buffer(1))) == -261);
}

static void begin_erases_what_the_image_needs_in_steps(void) {
    memset(host_flash, 0, sizeof(host_flash));
    CALL(ota_1, ota_begin, NUMBER(0x1001));
    CHECK(is_blank(OTA_1, 0, 0x2000) && flash_of(OTA_1)[0x2000] == 0 && host_polls == 0);
    CALL(ota_1, ota_begin);
    CHECK(is_blank(OTA_1, 0, 0x30000) && host_idf.largest_erase == 0x10000 && host_polls == 2);
    memset(host_flash, 0, sizeof(host_flash));
    CALL(ota_1, ota_begin, NUMBER(-1));
    CHECK(is_blank(OTA_1, 0, 0x30000) && flash_of(OTA_0)[0] == 0);
    memset(host_flash, 0, sizeof(host_flash));
    CALL_KW(ota_1, ota_begin, image_size, NUMBER(0x30000));
    CHECK(is_blank(OTA_1, 0, 0x30000) && flash_of(OTA_1)[-1] == 0 && flash_of(OTA_1)[0x30000] == 0);
}

static void begin_refuses_what_is_no_other_slot(void) {
    CHECK(RAISED(CALL(nvs, ota_begin)) == -258);
    CHECK(RAISED(CALL(factory, ota_begin)) == -258);
    CHECK(RAISED(CALL(ota_0, ota_begin)) == -5377); // runs
    CHECK(RAISED(CALL(ota_1, ota_begin, NUMBER(0x30001))) == -260);
    CHECK(RAISED(CALL(ota_1, ota_begin, NUMBER(-3))) == VALUE_ERROR);
    host_idf.states[OTA_0] = ESP_OTA_IMG_PENDING_VERIFY;
    CHECK(RAISED(CALL(ota_1, ota_begin)) == -5382);
    CHECK(host_idf.erases == 0 && host_open_handles() == 0);
}

static void a_begin_that_fails_leaves_no_handle(void) {
    for (int step = 1; step <= 3; ++step) {
        host_idf.fail_erase_in = step;
        CHECK(RAISED(CALL(ota_1, ota_begin)) == -ESP_ERR_TIMEOUT);
        CHECK(host_open_handles() == 0);
    }
    host_poll_hook = host_interrupt; // Ctrl-C while it erases
    CHECK(RAISED(CALL(ota_1, ota_begin)) == INTERRUPTED);
    CHECK(host_open_handles() == 0 && stub_state.esp32_partition_ota_updates == NULL);
    host_poll_hook = NULL;
    CALL(ota_1, ota_begin);
}

static void a_second_begin_on_a_slot_ends_the_first(void) {
    mp_obj_t lost = CALL(ota_1, ota_begin, NUMBER(1));
    mp_obj_t handle = CALL(ota_1, ota_begin, NUMBER(1));
    CHECK(lost != handle && host_open_handles() == 1);
    CHECK(RAISED(CALL(ota_1, ota_write, lost, buffer(0x200))) == -261);
    CALL(ota_1, ota_write, handle, buffer(0x200));
}

static void begin_anew(void) {
    host_poll_hook = NULL;
    CALL(ota_1, ota_begin, NUMBER(1));
}

static void a_begin_that_another_thread_ends_raises(void) {
    host_poll_hook = begin_anew;
    CHECK(RAISED(CALL(ota_1, ota_begin)) == -261);
    CHECK(host_open_handles() == 1);
}

static void a_handle_belongs_to_its_partition(void) {
    mp_obj_t handle = CALL(ota_1, ota_begin);
    CHECK(RAISED(CALL(ota_0, ota_write, handle, buffer(0x200))) == -258);
    CHECK(RAISED(CALL(ota_0, ota_write_with_offset, handle, buffer(0x200), NUMBER(0))) == -258);
    CHECK(RAISED(CALL(ota_0, ota_end, handle)) == -258);
    CHECK(RAISED(CALL(ota_0, ota_abort, handle)) == -258);
    CHECK(RAISED(CALL(ota_1, ota_write, NUMBER(-1), buffer(0x200))) == -261);
    CHECK(RAISED(CALL(ota_1, ota_write, NUMBER(0), buffer(0x200))) == -261);
    CHECK(RAISED(CALL(ota_1, ota_write, mp_const_none, buffer(0x200))) == TYPE_ERROR);
    CHECK(RAISED(CALL(ota_1, ota_write, handle, mp_const_none)) == TYPE_ERROR);
    CALL(host_partition(OTA_1), ota_abort, handle); // another object for the same partition
}

static void writes_stay_inside_what_is_erased(void) {
    mp_obj_t handle = CALL(ota_1, ota_begin, NUMBER(0x1800));
    CHECK(RAISED(CALL(ota_1, ota_write, handle, buffer(0x2001))) == -260);
    CHECK(is_blank(OTA_1, 0, 0x2000));
    CALL(ota_1, ota_write, handle, buffer(0x2000));
    CHECK(RAISED(CALL(ota_1, ota_write, handle, buffer(1))) == -260);
    CALL(ota_1, ota_write, handle, host_buffer(image, 0)); // nothing always fits
    CHECK(RAISED(CALL(ota_1, ota_write_with_offset, handle, buffer(0x300), NUMBER(0x1d01))) == -260);
    CHECK(RAISED(CALL(ota_1, ota_write_with_offset, handle, buffer(0x300), NUMBER(0x7fffffff))) == -260);
    CHECK(RAISED(CALL(ota_1, ota_write_with_offset, handle, buffer(0x300), NUMBER(-1))) == VALUE_ERROR);
    CHECK(RAISED(CALL(ota_1, ota_write_with_offset, handle, host_buffer(image, 0), NUMBER(0x2000))) == 0);
}

static void the_first_byte_has_to_be_that_of_an_image(void) {
    byte wrong[] = { 0xea };
    mp_obj_t handle = CALL(ota_1, ota_begin);
    CHECK(RAISED(CALL(ota_1, ota_write, handle, host_buffer(wrong, 1))) == -5379);
    CHECK(RAISED(CALL(ota_1, ota_write_with_offset, handle, host_buffer(wrong, 1), NUMBER(0))) == -5379);
    CALL(ota_1, ota_write_with_offset, handle, host_buffer(wrong, 1), NUMBER(1));
    CHECK(is_blank(OTA_1, 0, 1) && flash_of(OTA_1)[1] == 0xea);
}

static void writes_with_an_offset_come_in_any_order(void) {
    mp_obj_t handle = CALL(ota_1, ota_begin);
    buffer(0x9000);
    CALL(ota_1, ota_write_with_offset, handle, host_buffer(image + 0x5000, 0x4000), NUMBER(0x5000));
    CHECK(host_polls == 2 + 3); // 192 KiB in steps of 64, 16 KiB in steps of 4
    CALL(ota_1, ota_write_with_offset, handle, host_buffer(image, 0x5000), NUMBER(0));
    CALL(ota_1, ota_end, handle);
    CHECK(memcmp(flash_of(OTA_1), image, 0x9000) == 0);
}

static void encrypted_writes_with_an_offset_are_of_whole_blocks(void) {
    host_partitions[OTA_1].encrypted = true;
    mp_obj_t handle = CALL(ota_1, ota_begin);
    CHECK(RAISED(CALL(ota_1, ota_write_with_offset, handle, buffer(0x201), NUMBER(0))) == -258);
    CHECK(RAISED(CALL(ota_1, ota_write_with_offset, handle, buffer(0x200), NUMBER(8))) == -258);
    CALL(ota_1, ota_write_with_offset, handle, buffer(0x200), NUMBER(0x10));
}

static void sequential_writes_erase_as_they_go(void) {
    memset(host_flash, 0, sizeof(host_flash));
    mp_obj_t handle = CALL(ota_1, ota_begin, NUMBER(-2));
    CHECK(host_idf.erases == 1 && host_idf.largest_erase == 0x1000);
    buffer(0x30000);
    CALL(ota_1, ota_write, handle, host_buffer(image, 0x1001));
    CHECK(host_idf.erases == 2 && flash_of(OTA_1)[0x2000] == 0);
    CHECK(RAISED(CALL(ota_1, ota_write_with_offset, handle, host_buffer(image, 16), NUMBER(0))) == -259);
    CHECK(RAISED(CALL(ota_1, ota_write, handle, host_buffer(image, 0x2f000))) == -260);
    // To the last byte of the slot, and no further.
    CALL(ota_1, ota_write, handle, host_buffer(image + 0x1001, 0x30000 - 0x1001));
    CHECK(host_idf.erases == 0x30 && host_idf.largest_erase == 0x1000);
    CHECK(memcmp(flash_of(OTA_1), image, 0x30000) == 0 && flash_of(OTA_1)[0x30000] == 0);
    CHECK(RAISED(CALL(ota_1, ota_write, handle, host_buffer(image, 1))) == -260);
    CALL(ota_1, ota_end, handle);
}

static mp_obj_t shared_buffer, shared_handle;
static void shrink_the_buffer(void) {
    host_resize_buffer(shared_buffer, 0x100);
}
static void end_the_update(void) {
    host_poll_hook = NULL;
    CALL(ota_1, ota_abort, shared_handle);
}

static void a_long_write_notices_what_others_do(void) {
    shared_handle = CALL(ota_1, ota_begin, NUMBER(0x9000));
    shared_buffer = buffer(0x3000);
    host_poll_hook = shrink_the_buffer;
    CHECK(RAISED(CALL(ota_1, ota_write, shared_handle, shared_buffer)) == VALUE_ERROR);
    CHECK(!is_blank(OTA_1, 0, 0x1000) && is_blank(OTA_1, 0x1000, 0x9000));
    host_poll_hook = end_the_update;
    CHECK(RAISED(CALL(ota_1, ota_write, shared_handle, buffer(0x3000))) == -261);
    CHECK(host_open_handles() == 0);
    host_poll_hook = host_interrupt;
    shared_handle = CALL(ota_1, ota_begin, NUMBER(0x9000));
    CHECK(RAISED(CALL(ota_1, ota_write, shared_handle, buffer(0x3000))) == INTERRUPTED);
    CALL(ota_1, ota_abort, shared_handle); // it is still there
}

static void end_says_what_is_wrong_and_ends_anyway(void) {
    mp_obj_t handle = CALL(ota_1, ota_begin, NUMBER(0x1000));
    CHECK(RAISED(CALL(ota_1, ota_end, handle)) == -258); // nothing written
    CHECK(RAISED(CALL(ota_1, ota_end, handle)) == -261 && host_open_handles() == 0);
    handle = CALL(ota_1, ota_begin, NUMBER(0x1000));
    buffer(0x1000);
    image[0x800] ^= 1;
    CALL(ota_1, ota_write, handle, host_buffer(image, 0x1000));
    CHECK(RAISED(CALL(ota_1, ota_end, handle)) == -5379);
    CHECK(RAISED(CALL(ota_1, ota_abort, handle)) == -261 && host_open_handles() == 0);
    CHECK(host_idf.verifications_without_gil == 1);
}

static void a_soft_reset_ends_what_is_open(void) {
    host_idf.running = FACTORY;
    mp_obj_t ended = CALL(ota_1, ota_begin, NUMBER(0x1000));
    CALL(ota_1, ota_abort, ended);
    mp_obj_t first = CALL(ota_0, ota_begin, NUMBER(0x1000));
    CALL(ota_1, ota_begin, NUMBER(0x1000));
    CHECK(host_open_handles() == 2);
    host_collect(); // takes the one that has ended
    CHECK(host_open_handles() == 2);
    CALL(ota_0, ota_write, first, buffer(0x200));
    host_sweep_all();
    CHECK(host_open_handles() == 0 && stub_state.esp32_partition_ota_updates == NULL);
    CHECK(RAISED(CALL(ota_0, ota_write, first, buffer(0x200))) == -261);
    CALL(ota_0, ota_begin, NUMBER(0x1000));
    CHECK(host_open_handles() == 1);
}

#endif

static void run(const char *name, void (*test)(void)) {
    host_reset_runtime();
    host_reset_idf();
    factory = host_partition(FACTORY);
    ota_0 = host_partition(OTA_0);
    ota_1 = host_partition(OTA_1);
    nvs = host_partition(NVS);
    printf("%s: ", name);
    fflush(stdout);
    test();
    CHECK(stub_gil_held);
    printf("ok\n");
}
#define RUN(test) run(#test, test)

int main(void) {
    RUN(the_class_has_the_rows_of_this_version);
    RUN(the_description_is_a_tuple_of_seven);
    RUN(strings_of_the_description_are_bounded_and_utf_8);
    RUN(there_is_no_description_in_anything_but_an_app);
    RUN(the_state_is_a_number);
    RUN(rollback_is_asked_for_and_done);
    RUN(verifying_gives_the_length_and_changes_nothing);
    RUN(verifying_refuses_what_would_not_boot);
    RUN(only_the_main_task_lets_go_of_the_gil);
    RUN(other_threads_wait_for_a_verification);
    RUN(set_boot_chooses_an_app);
    RUN(set_boot_refuses_what_would_not_boot);
    RUN(set_boot_without_verifying_works_or_raises);
    #if ANTI_ROLLBACK
    RUN(the_secure_version_is_that_of_the_efuse);
    #endif
    #if EXTENDED
    RUN(an_update_is_written_and_ends);
    RUN(begin_erases_what_the_image_needs_in_steps);
    RUN(begin_refuses_what_is_no_other_slot);
    RUN(a_begin_that_fails_leaves_no_handle);
    RUN(a_second_begin_on_a_slot_ends_the_first);
    RUN(a_begin_that_another_thread_ends_raises);
    RUN(a_handle_belongs_to_its_partition);
    RUN(writes_stay_inside_what_is_erased);
    RUN(the_first_byte_has_to_be_that_of_an_image);
    RUN(writes_with_an_offset_come_in_any_order);
    RUN(encrypted_writes_with_an_offset_are_of_whole_blocks);
    RUN(sequential_writes_erase_as_they_go);
    RUN(a_long_write_notices_what_others_do);
    RUN(end_says_what_is_wrong_and_ends_anyway);
    RUN(a_soft_reset_ends_what_is_open);
    #endif
    return 0;
}
