#pragma once
#include "py/obj.h"
bool utf8_check(const byte *, size_t);
