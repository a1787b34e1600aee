/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef EDU_PRINTABLE_H
#define EDU_PRINTABLE_H

/*
 * Text from outside (an argument, a file, a peer's answer) on its way to a
 * terminal, which obeys control characters.
 */

#include <stddef.h>

/*
 * The length of the character at the start of a string that is not empty: of
 * its UTF-8 sequence, or 0 where there is none.
 */
size_t	edu_utf8_length(const char *);
/* Whether this character is a control character, C1 among them. */
int	edu_is_control(const char *);
/*
 * One line without control characters: those, and what is not UTF-8, become
 * "\x1b".  What does not fit is left out.  Returns buf.
 */
const char *edu_printable(const char *text, char *buf, size_t size);

#endif /* EDU_PRINTABLE_H */
