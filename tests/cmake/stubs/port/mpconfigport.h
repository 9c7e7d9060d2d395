// A configuration for MicroPython's own headers with what the esp32 port has on, as far as the OTA module can tell.
#pragma once
#include <alloca.h>
#include <stdint.h>

#define MICROPY_CONFIG_ROM_LEVEL (MICROPY_CONFIG_ROM_LEVEL_EXTRA_FEATURES)
#define MICROPY_ENABLE_COMPILER 1
#define MICROPY_ENABLE_GC 1
#define MICROPY_ENABLE_FINALISER 1
#define MICROPY_ENABLE_SCHEDULER 1
#define MICROPY_ERROR_REPORTING (MICROPY_ERROR_REPORTING_NORMAL)
#define MICROPY_FLOAT_IMPL (MICROPY_FLOAT_IMPL_FLOAT)
#define MICROPY_GC_SPLIT_HEAP 1
#define MICROPY_LONGINT_IMPL (MICROPY_LONGINT_IMPL_MPZ)
#define MICROPY_NLR_SETJMP 1
#define MICROPY_PY_THREAD 1
#define MICROPY_PY_THREAD_GIL 1
#define MICROPY_ROM_TEXT_COMPRESSION 0
#define MICROPY_VFS 1
#define MICROPY_VFS_ROM 1
#define MICROPY_VFS_ROM_IOCTL 1
#define MICROPY_HW_BOARD_NAME "stub"
#define MICROPY_HW_MCU_NAME "stub"
#define MP_STATE_PORT MP_STATE_VM
#define MP_SSIZE_MAX INTPTR_MAX
#define MICROPY_EVENT_POLL_HOOK \
    do { \
        MP_THREAD_GIL_EXIT(); \
        MP_THREAD_GIL_ENTER(); \
    } while (0);

typedef intptr_t mp_int_t;
typedef uintptr_t mp_uint_t;
typedef long mp_off_t;
