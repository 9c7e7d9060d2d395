#pragma once
#include "esp_err.h"
#include "py/obj.h"
typedef void *TaskHandle_t;
extern TaskHandle_t mp_main_task_handle;
TaskHandle_t xTaskGetCurrentTaskHandle(void);
#define check_esp_err(code) check_esp_err_(code)
void check_esp_err_(esp_err_t);
