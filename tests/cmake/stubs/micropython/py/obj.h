// As much of MicroPython's C API as the OTA module uses.
#pragma once

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef MICROPY_PY_THREAD
#define MICROPY_PY_THREAD 1
#endif
#define MICROPY_PY_BUILTINS_STR_UNICODE 1
#define MP_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
// MicroPython v1.22 had this macro.
#define STATIC static

typedef unsigned char byte;
// As on the chips: MicroPython's numbers have 32 bits there.
typedef int32_t mp_int_t;
typedef uint32_t mp_uint_t;
typedef uint16_t qstr;
typedef const void *mp_obj_t;
typedef const void *mp_const_obj_t;

enum {
#define Q(name) MP_QSTR_##name,
#include "py/qstrs.h"
#undef Q
};

// Objects

typedef struct _mp_obj_type_t mp_obj_type_t;
typedef struct {
    const mp_obj_type_t *type;
} mp_obj_base_t;
typedef struct {
    mp_const_obj_t key;
    mp_const_obj_t value;
} mp_rom_map_elem_t;
typedef struct {
    size_t used;
    const mp_rom_map_elem_t *table;
} mp_map_t;
typedef struct {
    mp_obj_base_t base;
    mp_map_t map;
} mp_obj_dict_t;
struct _mp_obj_type_t {
    mp_obj_base_t base;
    qstr name;
    const void *locals_dict;
};

enum stub_signature { STUB_FUN_1, STUB_FUN_2, STUB_FUN_3, STUB_FUN_VAR, STUB_FUN_KW };
typedef struct {
    mp_obj_base_t base;
    enum stub_signature signature;
    size_t min;
    size_t max;
    union {
        mp_obj_t (*_1)(mp_obj_t);
        mp_obj_t (*_2)(mp_obj_t, mp_obj_t);
        mp_obj_t (*_3)(mp_obj_t, mp_obj_t, mp_obj_t);
        mp_obj_t (*var)(size_t, const mp_obj_t *);
        mp_obj_t (*kw)(size_t, const mp_obj_t *, mp_map_t *);
    } fun;
} mp_obj_fun_builtin_t;
typedef struct {
    mp_obj_base_t base;
    mp_const_obj_t fun;
} mp_rom_obj_static_class_method_t;

extern const mp_obj_type_t mp_type_fun, mp_type_classmethod, mp_type_dict, mp_type_int, mp_type_str, mp_type_bytes,
    mp_type_tuple, mp_type_buffer, mp_type_OSError, mp_type_ValueError, mp_type_TypeError;
extern const mp_obj_base_t mp_const_none_obj, mp_const_true_obj, mp_const_false_obj;
#define mp_const_none ((mp_obj_t)&mp_const_none_obj)
#define mp_const_true ((mp_obj_t)&mp_const_true_obj)
#define mp_const_false ((mp_obj_t)&mp_const_false_obj)

#define MP_OBJ_FROM_PTR(p) ((mp_obj_t)(p))
#define MP_OBJ_TO_PTR(o) ((void *)(o))
#define MP_ROM_PTR(p) (p)
#define MP_OBJ_NEW_SMALL_INT(n) ((mp_obj_t)(((uintptr_t)(intptr_t)(n) << 2) | 1))
#define MP_ROM_INT(n) MP_OBJ_NEW_SMALL_INT(n)
#define MP_ROM_QSTR(q) ((mp_const_obj_t)(((uintptr_t)(q) << 2) | 2))

#define STUB_FUN(name, sig, low, high, field, function) \
    const mp_obj_fun_builtin_t name = { { &mp_type_fun }, sig, low, high, { .field = function } }
#define MP_DEFINE_CONST_FUN_OBJ_1(name, function) STUB_FUN(name, STUB_FUN_1, 1, 1, _1, function)
#define MP_DEFINE_CONST_FUN_OBJ_2(name, function) STUB_FUN(name, STUB_FUN_2, 2, 2, _2, function)
#define MP_DEFINE_CONST_FUN_OBJ_3(name, function) STUB_FUN(name, STUB_FUN_3, 3, 3, _3, function)
#define MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(name, low, high, function) STUB_FUN(name, STUB_FUN_VAR, low, high, var, function)
#define MP_DEFINE_CONST_FUN_OBJ_KW(name, low, function) STUB_FUN(name, STUB_FUN_KW, low, 99, kw, function)
#define MP_DEFINE_CONST_CLASSMETHOD_OBJ(name, function) \
    const mp_rom_obj_static_class_method_t name = { { &mp_type_classmethod }, function }
#define MP_DEFINE_CONST_DICT(name, elements) \
    const mp_obj_dict_t name = { { &mp_type_dict }, { MP_ARRAY_SIZE(elements), elements } }
#define MP_TYPE_FLAG_NONE 0
#define MP_DEFINE_CONST_OBJ_TYPE(object, type_name, flags, slot, slot_value) \
    const mp_obj_type_t object = { .base = { NULL }, .name = type_name + flags, .slot = slot_value }

mp_obj_t mp_obj_new_int(mp_int_t);
mp_obj_t mp_obj_new_int_from_uint(mp_uint_t);
mp_obj_t mp_obj_new_bool(bool);
mp_obj_t mp_obj_new_str(const char *, size_t);
mp_obj_t mp_obj_new_bytes(const byte *, size_t);
mp_obj_t mp_obj_new_attrtuple(const qstr *, size_t, const mp_obj_t *);
mp_int_t mp_obj_get_int(mp_obj_t);

// The garbage collector

void *stub_alloc_with_finaliser(size_t, const mp_obj_type_t *);
#if STUB_MICROPYTHON_MINOR >= 23
#define mp_obj_malloc_with_finaliser(struct_type, obj_type) \
    ((struct_type *)stub_alloc_with_finaliser(sizeof(struct_type), obj_type))
#else
#define m_new_obj_with_finaliser(type) ((type *)stub_alloc_with_finaliser(sizeof(type), NULL))
#endif
#define MP_REGISTER_ROOT_POINTER(declaration) struct stub_needs_a_semicolon
struct stub_state {
    struct _esp32_partition_ota_update_t *esp32_partition_ota_updates;
};
extern struct stub_state stub_state;
#define MP_STATE_PORT(name) (stub_state.name)

// Arguments and buffers

#define MP_ARG_BOOL 1
#define MP_ARG_INT 2
#define MP_ARG_KW_ONLY 0x200
typedef union {
    bool u_bool;
    mp_int_t u_int;
} mp_arg_val_t;
typedef struct {
    uint16_t qst;
    uint16_t flags;
    mp_arg_val_t defval;
} mp_arg_t;
void mp_arg_parse_all(size_t, const mp_obj_t *, mp_map_t *, size_t, const mp_arg_t *, mp_arg_val_t *);

#define MP_BUFFER_READ 1
typedef struct {
    void *buf;
    size_t len;
} mp_buffer_info_t;
void mp_get_buffer_raise(mp_obj_t, mp_buffer_info_t *, mp_uint_t);

// Exceptions

typedef struct _nlr_buf_t {
    struct _nlr_buf_t *prev;
    void *ret_val;
    jmp_buf jmpbuf;
} nlr_buf_t;
void stub_nlr_link(nlr_buf_t *);
#define nlr_push(buf) (stub_nlr_link(buf), setjmp((buf)->jmpbuf))
void nlr_pop(void);
_Noreturn void nlr_jump(void *);
_Noreturn void stub_raise(const mp_obj_type_t *, int);
#define MP_ERROR_TEXT(text) (text)
#define mp_raise_ValueError(text) stub_raise(&mp_type_ValueError, (text)[0] != 0)

// Threads

extern int stub_gil_held;
#define MP_THREAD_GIL_EXIT() stub_gil_exit()
#define MP_THREAD_GIL_ENTER() stub_gil_enter()
void stub_gil_exit(void);
void stub_gil_enter(void);
void stub_event_poll_hook(void);
// The port's macro ends with a semicolon, too.
#define MICROPY_EVENT_POLL_HOOK do { stub_event_poll_hook(); } while (0);
