// The MicroPython that the OTA module runs on here. It fails the test when the heap is used, or something raised, by
// somebody who does not hold the GIL.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "modesp32.h"
#include "py/unicode.h"

#define TYPE(name) const mp_obj_type_t name = { { NULL }, 0, NULL }
TYPE(mp_type_fun);
TYPE(mp_type_classmethod);
TYPE(mp_type_dict);
TYPE(mp_type_int);
TYPE(mp_type_str);
TYPE(mp_type_bytes);
TYPE(mp_type_tuple);
TYPE(mp_type_buffer);
TYPE(mp_type_OSError);
TYPE(mp_type_ValueError);
TYPE(mp_type_TypeError);
const mp_obj_base_t mp_const_none_obj, mp_const_true_obj, mp_const_false_obj;

struct stub_state stub_state;
int stub_gil_held = 1;
void (*host_poll_hook)(void);
int host_polls;
bool host_on_main_task = true;
int host_raised;
static nlr_buf_t *nlr_top;
static int main_task, other_task;
TaskHandle_t mp_main_task_handle = &main_task;

static const char *const qstr_names[] = {
#define Q(name) #name,
#include "py/qstrs.h"
#undef Q
};

void host_fail(const char *what, const char *file, int line) {
    printf("FAILED %s:%d: %s\n", file, line, what);
    exit(1);
}

// Objects. Nothing is ever freed: the tests are short.

typedef struct {
    mp_obj_base_t base;
    size_t len;
    const byte *data;
} text_t;

typedef struct {
    mp_obj_base_t base;
    size_t len;
    mp_obj_t items[16];
} tuple_t;

typedef struct {
    mp_obj_base_t base;
    const esp_partition_t *part;
    void *cache;
    uint16_t block_size;
} partition_t;

static void *allocate(size_t size) {
    CHECK(stub_gil_held);
    return calloc(1, size);
}

mp_obj_t mp_obj_new_int(mp_int_t n) {
    return MP_OBJ_NEW_SMALL_INT(n);
}
mp_obj_t mp_obj_new_int_from_uint(mp_uint_t n) {
    return MP_OBJ_NEW_SMALL_INT((intptr_t)n);
}
mp_obj_t mp_obj_new_bool(bool b) {
    return b ? mp_const_true : mp_const_false;
}
mp_int_t mp_obj_get_int(mp_obj_t o) {
    if (((uintptr_t)o & 3) != 1) {
        stub_raise(&mp_type_TypeError, 1);
    }
    return (intptr_t)o >> 2;
}

static mp_obj_t new_text(const mp_obj_type_t *type, const void *data, size_t len) {
    byte *copy = allocate(len + 1);
    memcpy(copy, data, len);
    text_t *text = allocate(sizeof(text_t));
    *text = (text_t) { { type }, len, copy };
    return text;
}
mp_obj_t mp_obj_new_str(const char *data, size_t len) {
    CHECK(utf8_check((const byte *)data, len));
    return new_text(&mp_type_str, data, len);
}
mp_obj_t mp_obj_new_bytes(const byte *data, size_t len) {
    return new_text(&mp_type_bytes, data, len);
}
const char *host_text(mp_obj_t str) {
    return (const char *)((const text_t *)str)->data;
}
size_t host_len(mp_obj_t str) {
    return ((const text_t *)str)->len;
}
mp_obj_t host_buffer(const byte *data, size_t len) {
    return new_text(&mp_type_buffer, data, len);
}
void host_resize_buffer(mp_obj_t buffer, size_t len) {
    ((text_t *)buffer)->len = len;
}
void mp_get_buffer_raise(mp_obj_t o, mp_buffer_info_t *info, mp_uint_t flags) {
    CHECK(stub_gil_held && flags == MP_BUFFER_READ);
    const text_t *text = o;
    if (((uintptr_t)o & 3) != 0 || text->base.type != &mp_type_buffer) {
        stub_raise(&mp_type_TypeError, 1);
    }
    *info = (mp_buffer_info_t) { (void *)text->data, text->len };
}

mp_obj_t mp_obj_new_attrtuple(const qstr *fields, size_t n, const mp_obj_t *items) {
    tuple_t *tuple = allocate(sizeof(tuple_t));
    tuple->base.type = &mp_type_tuple;
    tuple->len = n;
    memcpy(tuple->items, items, n * sizeof(*items));
    CHECK(strcmp(qstr_names[fields[0]], "secure_version") == 0);
    return tuple;
}
mp_obj_t host_item(mp_obj_t o, size_t index) {
    const tuple_t *tuple = o;
    CHECK(index < tuple->len);
    return tuple->items[index];
}

mp_obj_t host_partition(int partition) {
    partition_t *o = allocate(sizeof(partition_t));
    *o = (partition_t) { { &esp32_partition_type }, &host_partitions[partition], NULL, 4096 };
    return o;
}

// As py/unicode.c: that continuation bytes are where they have to be.
bool utf8_check(const byte *p, size_t len) {
    int need = 0;
    for (size_t i = 0; i < len; ++i) {
        if (need > 0) {
            if ((p[i] & 0xc0) != 0x80) {
                return false;
            }
            --need;
        } else if (p[i] >= 0xc0) {
            if (p[i] >= 0xf8) {
                return false;
            }
            need = 1 + (p[i] >= 0xe0) + (p[i] >= 0xf0);
        } else if (p[i] >= 0x80) {
            return false;
        }
    }
    return need == 0;
}

// Exceptions

void stub_nlr_link(nlr_buf_t *buf) {
    buf->prev = nlr_top;
    nlr_top = buf;
}
void nlr_pop(void) {
    nlr_top = nlr_top->prev;
}
void nlr_jump(void *value) {
    CHECK(nlr_top != NULL && stub_gil_held);
    nlr_buf_t *to = nlr_top;
    nlr_top = to->prev;
    to->ret_val = value;
    longjmp(to->jmpbuf, 1);
}
void stub_raise(const mp_obj_type_t *type, int code) {
    host_raised = type == &mp_type_ValueError ? VALUE_ERROR : type == &mp_type_TypeError ? TYPE_ERROR : code;
    nlr_jump(NULL);
}
void host_interrupt(void) {
    host_raised = INTERRUPTED;
    nlr_jump(NULL);
}
void check_esp_err_(esp_err_t err) {
    if (err != ESP_OK) {
        stub_raise(&mp_type_OSError, err == ESP_ERR_NO_MEM ? 12 : err == ESP_ERR_NOT_SUPPORTED ? 95 : -err);
    }
}

// Threads

TaskHandle_t xTaskGetCurrentTaskHandle(void) {
    return host_on_main_task ? &main_task : &other_task;
}
void stub_gil_exit(void) {
    CHECK(stub_gil_held);
    // A soft reset may delete any other task when it gets the GIL.
    CHECK(host_on_main_task);
    stub_gil_held = 0;
}
void stub_gil_enter(void) {
    CHECK(!stub_gil_held);
    stub_gil_held = 1;
}
void stub_event_poll_hook(void) {
    CHECK(stub_gil_held);
    ++host_polls;
    if (host_poll_hook != NULL) {
        host_poll_hook();
    }
}

// Methods

const mp_rom_map_elem_t *host_row(qstr name) {
    const mp_obj_dict_t *dict = esp32_partition_type.locals_dict;
    const mp_rom_map_elem_t *found = NULL;
    for (size_t i = 0; i < dict->map.used; ++i) {
        if (dict->map.table[i].key == MP_ROM_QSTR(name)) {
            // MicroPython's lookup cache could find either of two rows.
            CHECK(found == NULL);
            found = &dict->map.table[i];
        }
    }
    return found;
}

mp_obj_t host_call(mp_obj_t self, qstr method, size_t n, size_t n_kw, const mp_obj_t *args) {
    const mp_rom_map_elem_t *row = host_row(method);
    if (row == NULL) {
        host_fail(qstr_names[method], __FILE__, __LINE__);
    }
    const mp_obj_fun_builtin_t *fun = row->value;
    if (fun->base.type == &mp_type_classmethod) {
        fun = ((const mp_rom_obj_static_class_method_t *)fun)->fun;
    }
    mp_obj_t all[8] = { self };
    memcpy(all + 1, args, n * sizeof(*args));
    size_t total = n + 1;
    if (total < fun->min || total > fun->max || (n_kw != 0 && fun->signature != STUB_FUN_KW)) {
        stub_raise(&mp_type_TypeError, 1);
    }
    switch (fun->signature) {
        case STUB_FUN_1:
            return fun->fun._1(all[0]);
        case STUB_FUN_2:
            return fun->fun._2(all[0], all[1]);
        case STUB_FUN_3:
            return fun->fun._3(all[0], all[1], all[2]);
        case STUB_FUN_VAR:
            return fun->fun.var(total, all);
        default: {
            mp_map_t map = { n_kw, (const mp_rom_map_elem_t *)(args + n) };
            return fun->fun.kw(total, all, &map);
        }
    }
}

void mp_arg_parse_all(size_t n, const mp_obj_t *pos, mp_map_t *kw, size_t n_allowed, const mp_arg_t *allowed,
    mp_arg_val_t *values) {
    size_t used = 0;
    for (size_t i = 0; i < n_allowed; ++i) {
        mp_obj_t given = NULL;
        if (i < n && !(allowed[i].flags & MP_ARG_KW_ONLY)) {
            given = pos[i];
            ++used;
        }
        for (size_t j = 0; j < kw->used; ++j) {
            if (kw->table[j].key == MP_ROM_QSTR(allowed[i].qst)) {
                given = kw->table[j].value;
            }
        }
        values[i] = allowed[i].defval;
        if (given != NULL && (allowed[i].flags & MP_ARG_INT)) {
            values[i].u_int = mp_obj_get_int(given);
        } else if (given != NULL) {
            values[i].u_bool = given == mp_const_true;
        }
    }
    if (used < n) {
        stub_raise(&mp_type_TypeError, 1);
    }
}

// The garbage collector, for objects with a finaliser only

static struct {
    mp_obj_base_t *object;
    bool reachable;
} heap[256];
static size_t heap_used;

void *stub_alloc_with_finaliser(size_t size, const mp_obj_type_t *type) {
    mp_obj_base_t *object = allocate(size);
    object->type = type;
    CHECK(heap_used < MP_ARRAY_SIZE(heap));
    heap[heap_used++].object = object;
    return object;
}

static void sweep(void) {
    for (size_t i = 0; i < heap_used; ++i) {
        mp_obj_base_t *object = heap[i].object;
        if (object != NULL && !heap[i].reachable) {
            const mp_obj_dict_t *dict = object->type->locals_dict;
            const mp_obj_fun_builtin_t *del = dict->map.table[0].value;
            CHECK(dict->map.table[0].key == MP_ROM_QSTR(MP_QSTR___del__));
            del->fun._1(object);
            heap[i].object = NULL;
            // What a freed object holds is garbage.
            memset(object, 0xa5, 16);
        }
    }
}

void host_sweep_all(void) {
    for (size_t i = 0; i < heap_used; ++i) {
        heap[i].reachable = false;
    }
    sweep();
}

void host_collect(void) {
    for (size_t i = 0; i < heap_used; ++i) {
        heap[i].reachable = false;
        // The second word of an update is the next one's address.
        for (void **at = (void **)stub_state.esp32_partition_ota_updates; at != NULL; at = at[1]) {
            heap[i].reachable |= (void *)at == heap[i].object;
        }
    }
    sweep();
}

void host_reset_runtime(void) {
    host_sweep_all();
    heap_used = 0;
    memset(heap, 0, sizeof(heap));
    stub_state.esp32_partition_ota_updates = NULL;
    stub_gil_held = 1;
    host_poll_hook = NULL;
    host_polls = 0;
    host_on_main_task = true;
    CHECK(nlr_top == NULL);
}
