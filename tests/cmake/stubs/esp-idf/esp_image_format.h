#pragma once
#include "esp_err.h"
#define ESP_IMAGE_HEADER_MAGIC 0xE9
typedef struct {
    uint32_t offset;
    uint32_t size;
} esp_partition_pos_t;
typedef struct {
    uint32_t start_addr;
    uint32_t image_len;
    uint8_t image_digest[32];
} esp_image_metadata_t;
typedef enum { ESP_IMAGE_VERIFY, ESP_IMAGE_VERIFY_SILENT } esp_image_load_mode_t;
esp_err_t esp_image_verify(esp_image_load_mode_t, const esp_partition_pos_t *, esp_image_metadata_t *);
