#pragma once
#include "py/obj.h"
extern const mp_obj_type_t esp32_partition_type;
