#pragma once
typedef struct {
    int stub;
} mp_thread_mutex_t;
typedef mp_thread_mutex_t mp_thread_recursive_mutex_t;
