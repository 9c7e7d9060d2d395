// The ESP-IDF that the OTA module runs on here: flash that erases to ones and writes only zeros, and the OTA functions as
// app_update has them in the pretended version, with what is easy to get wrong: handles that stay open when a begin fails
// (v5.5), a second begin on a slot (v6.1), an assertion that MicroPython's builds leave out.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

#define V(major, minor) (ESP_IDF_VERSION >= ESP_IDF_VERSION_VAL(major, minor, 0))
#define NO_STATE ((esp_ota_img_states_t)INT32_MAX)

byte host_flash[0x100000];
esp_partition_t host_partitions[PARTITIONS];
struct host_idf host_idf;

struct update {
    struct update *next;
    esp_ota_handle_t handle;
    const esp_partition_t *part;
    bool need_erase;
    uint32_t wrote;
};
static struct update *updates;
static esp_ota_handle_t last_handle;

static void partition(int i, const char *label, int type, int subtype, uint32_t address, uint32_t size) {
    host_partitions[i] = (esp_partition_t) {
        .type = type, .subtype = subtype, .address = address, .size = size, .erase_size = 4096
    };
    strcpy(host_partitions[i].label, label);
}

void host_reset_idf(void) {
    memset(host_flash, 0xff, sizeof(host_flash));
    partition(NVS, "nvs", ESP_PARTITION_TYPE_DATA, 2, 0x9000, 0x4000);
    partition(FACTORY, "factory", ESP_PARTITION_TYPE_APP, 0, 0x10000, 0x20000);
    partition(OTA_0, "ota_0", ESP_PARTITION_TYPE_APP, 0x10, 0x30000, 0x30000);
    partition(OTA_1, "ota_1", ESP_PARTITION_TYPE_APP, 0x11, 0x60000, 0x30000);
    while (updates != NULL) {
        struct update *next = updates->next;
        free(updates);
        updates = next;
    }
    host_idf = (struct host_idf) { .running = OTA_0, .boot = OTA_0, .has_otadata = true };
    for (int i = 0; i < PARTITIONS; ++i) {
        host_idf.states[i] = NO_STATE;
    }
    host_idf.states[OTA_0] = ESP_OTA_IMG_VALID;
}

int host_open_handles(void) {
    int n = 0;
    for (struct update *update = updates; update != NULL; update = update->next) {
        ++n;
    }
    return n;
}

// Images of these tests: the real header, the app description where it is in an app, the length at 0x120, and a byte at
// the end with which all bytes XOR to 0.

esp_app_desc_t *host_description(byte *image) {
    return (esp_app_desc_t *)(image + 0x20);
}

void host_make_image(byte *image, size_t len, bool app) {
    memset(image, 0, len);
    for (size_t i = 0x124; i < len; ++i) {
        image[i] = i * 7;
    }
    image[0] = 0xe9;
    if (app) {
        host_description(image)->magic_word = ESP_APP_DESC_MAGIC_WORD;
    }
    uint32_t length = len;
    memcpy(image + 0x120, &length, sizeof(length));
    image[len - 1] = 0;
    byte check = 0;
    for (size_t i = 0; i < len; ++i) {
        check ^= image[i];
    }
    image[len - 1] = check;
}

void host_flash_image(int i, size_t len, bool app) {
    host_make_image(host_flash + host_partitions[i].address, len, app);
}

esp_err_t esp_image_verify(esp_image_load_mode_t mode, const esp_partition_pos_t *where, esp_image_metadata_t *image) {
    (void)mode;
    static bool mapped;
    // ESP-IDF has one mapping for this: a second caller gets none.
    CHECK(!mapped);
    mapped = true;
    ++host_idf.verifications;
    host_idf.verifications_without_gil += !stub_gil_held;
    if (host_idf.while_verifying != NULL) {
        host_idf.while_verifying();
    }
    mapped = false;
    const byte *at = host_flash + where->offset;
    uint32_t length;
    memcpy(&length, at + 0x120, sizeof(length));
    if (at[0] != 0xe9 || at[12] != 0 || length > where->size) {
        return 0x2002;
    }
    byte check = 0;
    for (size_t i = 0; i < length; ++i) {
        check ^= at[i];
    }
    image->image_len = length;
    return check == 0 ? ESP_OK : 0x2002;
}

static esp_err_t validate(const esp_partition_t *part) {
    esp_partition_pos_t where = { part->address, part->size };
    esp_image_metadata_t image;
    return esp_image_verify(ESP_IMAGE_VERIFY, &where, &image) == ESP_OK ? ESP_OK : ESP_ERR_OTA_VALIDATE_FAILED;
}

// Flash

static bool inside(const esp_partition_t *part, size_t offset, size_t size) {
    return offset <= part->size && size <= part->size - offset;
}

esp_err_t esp_partition_erase_range(const esp_partition_t *part, size_t offset, size_t size) {
    if (offset % 4096 != 0 || size % 4096 != 0 || !inside(part, offset, size)) {
        return ESP_ERR_INVALID_SIZE;
    }
    ++host_idf.erases;
    if (size > host_idf.largest_erase) {
        host_idf.largest_erase = size;
    }
    if (host_idf.fail_erase_in != 0 && --host_idf.fail_erase_in == 0) {
        return ESP_ERR_TIMEOUT;
    }
    memset(host_flash + part->address + offset, 0xff, size);
    return ESP_OK;
}

static esp_err_t write_flash(const esp_partition_t *part, size_t offset, const byte *data, size_t size) {
    CHECK(stub_gil_held);
    if (!inside(part, offset, size)) {
        return ESP_ERR_INVALID_SIZE;
    }
    for (size_t i = 0; i < size; ++i) {
        host_flash[part->address + offset + i] &= data[i];
    }
    return ESP_OK;
}

// Updates

static struct update **find_update(esp_ota_handle_t handle) {
    struct update **link = &updates;
    while (*link != NULL && (*link)->handle != handle) {
        link = &(*link)->next;
    }
    return link;
}

static bool is_slot(const esp_partition_t *part) {
    return part->type == ESP_PARTITION_TYPE_APP && part->subtype >= 0x10 && part->subtype < 0x20;
}

esp_err_t esp_ota_begin(const esp_partition_t *part, size_t size, esp_ota_handle_t *handle) {
    if (V(5, 5) ? part->type == ESP_PARTITION_TYPE_APP && !is_slot(part) : !is_slot(part)) {
        return ESP_ERR_INVALID_ARG;
    }
    if (part == &host_partitions[host_idf.running]) {
        return ESP_ERR_OTA_PARTITION_CONFLICT;
    }
    if (host_idf.states[host_idf.running] == ESP_OTA_IMG_PENDING_VERIFY) {
        return ESP_ERR_OTA_ROLLBACK_INVALID_STATE;
    }
    for (struct update *update = updates; V(6, 1) && update != NULL; update = update->next) {
        if (update->part == part) {
            return 0x1507;
        }
    }
    bool sequential = size == OTA_WITH_SEQUENTIAL_WRITES;
    size_t erase = size == 0 || size == OTA_SIZE_UNKNOWN ? part->size : (size + 4095) / 4096 * 4096;
    if (!V(5, 5) && !sequential) {
        esp_err_t err = esp_partition_erase_range(part, 0, erase);
        if (err != ESP_OK) {
            return err;
        }
    }
    struct update *update = calloc(1, sizeof(struct update));
    *update = (struct update) { updates, ++last_handle, part, sequential, 0 };
    updates = update;
    *handle = update->handle;
    return V(5, 5) && !sequential ? esp_partition_erase_range(part, 0, erase) : ESP_OK;
}

esp_err_t esp_ota_write(esp_ota_handle_t handle, const void *data, size_t size) {
    struct update *update = *find_update(handle);
    if (update == NULL || data == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    if (update->wrote == 0 && size > 0 && *(const byte *)data != 0xe9) {
        return ESP_ERR_OTA_VALIDATE_FAILED;
    }
    CHECK(!update->need_erase);
    esp_err_t err = write_flash(update->part, update->wrote, data, size);
    update->wrote += err == ESP_OK ? size : 0;
    return err;
}

esp_err_t esp_ota_write_with_offset(esp_ota_handle_t handle, const void *data, size_t size, uint32_t offset) {
    struct update *update = *find_update(handle);
    if (update == NULL || data == NULL) {
        return ESP_ERR_INVALID_ARG;
    }
    CHECK(!update->need_erase);
    esp_err_t err = write_flash(update->part, offset, data, size);
    update->wrote += err == ESP_OK ? size : 0;
    return err;
}

esp_err_t esp_ota_abort(esp_ota_handle_t handle) {
    struct update **link = find_update(handle);
    struct update *update = *link;
    if (update == NULL) {
        return ESP_ERR_NOT_FOUND;
    }
    *link = update->next;
    free(update);
    return ESP_OK;
}

esp_err_t esp_ota_end(esp_ota_handle_t handle) {
    struct update *update = *find_update(handle);
    if (update == NULL) {
        return ESP_ERR_NOT_FOUND;
    }
    esp_err_t err = update->wrote == 0 ? ESP_ERR_INVALID_ARG : validate(update->part);
    esp_ota_abort(handle);
    return err;
}

// What boots

static esp_err_t set_boot(const esp_partition_t *part) {
    if (part->type != ESP_PARTITION_TYPE_APP) {
        return ESP_ERR_INVALID_ARG;
    }
    if (!host_idf.has_otadata) {
        return ESP_ERR_NOT_FOUND;
    }
    host_idf.boot = part - host_partitions;
    return ESP_OK;
}

esp_err_t esp_ota_set_boot_partition(const esp_partition_t *part) {
    esp_err_t err = validate(part);
    return err == ESP_OK ? set_boot(part) : err;
}

#if V(6, 1)
esp_err_t esp_ota_set_boot_partition_skip_validate(const esp_partition_t *part) {
    return set_boot(part);
}
#endif

esp_err_t esp_ota_get_partition_description(const esp_partition_t *part, esp_app_desc_t *desc) {
    if (part->type != ESP_PARTITION_TYPE_APP) {
        return ESP_ERR_NOT_SUPPORTED;
    }
    memcpy(desc, host_flash + part->address + 0x20, sizeof(*desc));
    return desc->magic_word == ESP_APP_DESC_MAGIC_WORD ? ESP_OK : ESP_ERR_NOT_FOUND;
}

esp_err_t esp_ota_get_state_partition(const esp_partition_t *part, esp_ota_img_states_t *state) {
    if (!is_slot(part)) {
        return ESP_ERR_NOT_SUPPORTED;
    }
    *state = host_idf.states[part - host_partitions];
    return host_idf.has_otadata && *state != NO_STATE ? ESP_OK : ESP_ERR_NOT_FOUND;
}

bool esp_ota_check_rollback_is_possible(void) {
    return host_idf.rollback_possible;
}

static esp_err_t mark_invalid(void) {
    if (!host_idf.has_otadata) {
        return ESP_ERR_NOT_FOUND;
    }
    if (!host_idf.rollback_possible) {
        return ESP_ERR_OTA_ROLLBACK_FAILED;
    }
    host_idf.states[host_idf.running] = ESP_OTA_IMG_INVALID;
    return ESP_OK;
}

esp_err_t esp_ota_mark_app_invalid_rollback_and_reboot(void) {
    CHECK(stub_gil_held);
    esp_err_t err = mark_invalid();
    host_idf.rebooted = err == ESP_OK;
    return err;
}

#if V(5, 5)
esp_err_t esp_ota_mark_app_invalid_rollback(void) {
    return mark_invalid();
}
#endif

uint32_t esp_efuse_read_secure_version(void);
uint32_t esp_efuse_read_secure_version(void) {
    return host_idf.efuse_secure_version;
}

bool esp_efuse_check_secure_version(uint32_t secure_version);
bool esp_efuse_check_secure_version(uint32_t secure_version) {
    return secure_version >= host_idf.efuse_secure_version;
}
