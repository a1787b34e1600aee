/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/* In place of what config(1) makes of edu.ioconf. */
#include "standin.h"
