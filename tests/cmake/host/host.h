// What the tests can see and set of the pretended chip (idf.c) and of the pretended MicroPython (runtime.c).
#pragma once

#include "esp_image_format.h"
#include "esp_ota_ops.h"
#include "py/mphal.h"
#include "py/obj.h"

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            host_fail(#condition, __FILE__, __LINE__); \
        } \
    } while (0)
_Noreturn void host_fail(const char *what, const char *file, int line);

// The chip: a factory app, two slots of 192 KiB, and a data partition. It runs from ota_0.

enum { FACTORY, OTA_0, OTA_1, NVS, PARTITIONS };
extern esp_partition_t host_partitions[PARTITIONS];
extern byte host_flash[0x100000];

struct host_idf {
    int running;
    int boot;
    esp_ota_img_states_t states[PARTITIONS]; // INT32_MAX: none recorded
    bool has_otadata;
    bool rollback_possible;
    uint32_t efuse_secure_version;
    bool rebooted;
    // What happened
    int erases;
    size_t largest_erase;
    int verifications;
    int verifications_without_gil;
    // What shall happen
    int fail_erase_in; // the n-th erase from now on fails
    void (*while_verifying)(void);
};
extern struct host_idf host_idf;
void host_reset_idf(void);
int host_open_handles(void);

// An image of `len` bytes that esp_image_verify() accepts, as it would be in flash; without `app` it has no description.
void host_make_image(byte *image, size_t len, bool app);
void host_flash_image(int partition, size_t len, bool app);
esp_app_desc_t *host_description(byte *image);

// MicroPython

extern void (*host_poll_hook)(void);
extern int host_polls;
extern bool host_on_main_task;
void host_reset_runtime(void);
// Runs the finalisers of everything (a soft reset), or of what the root pointer does not reach.
void host_sweep_all(void);
void host_collect(void);

mp_obj_t host_partition(int partition);
mp_obj_t host_buffer(const byte *data, size_t len);
void host_resize_buffer(mp_obj_t buffer, size_t len);
const char *host_text(mp_obj_t str);
size_t host_len(mp_obj_t str);
mp_obj_t host_item(mp_obj_t tuple, size_t index);
// The row of a name, which has to be there once; NULL when there is none.
const mp_rom_map_elem_t *host_row(qstr name);

// Calls a method; keywords are pairs behind the `n` positional arguments.
mp_obj_t host_call(mp_obj_t self, qstr method, size_t n, size_t n_kw, const mp_obj_t *args);
#define CALL(self, method, ...) \
    host_call(self, MP_QSTR_##method, sizeof((mp_obj_t[]) { NULL, ##__VA_ARGS__ }) / sizeof(mp_obj_t) - 1, 0, \
    (const mp_obj_t[]) { NULL, ##__VA_ARGS__ } + 1)
#define CALL_KW(self, method, keyword, value) \
    host_call(self, MP_QSTR_##method, 0, 1, (const mp_obj_t[]) { MP_ROM_QSTR(MP_QSTR_##keyword), value })

// What an expression raises: the number of an OSError, one of these, or 0 for nothing.
enum { VALUE_ERROR = 1000001, TYPE_ERROR, INTERRUPTED };
extern int host_raised;
#define RAISED(expression) \
    ({ \
        nlr_buf_t nlr; \
        int raised = 0; \
        if (nlr_push(&nlr) == 0) { \
            (void)(expression); \
            nlr_pop(); \
        } else { \
            raised = host_raised; \
        } \
        raised; \
    })
_Noreturn void host_interrupt(void);
