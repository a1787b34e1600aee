/*
 * Copyright (c) 2026 The libedu authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

#ifndef H_CASE_H
#define H_CASE_H

/*
 * A test case is one line and its body:
 *
 *	EDU_TEST(name, "what holds")
 *	{
 *		...
 *	}
 *
 * More of ATF's variables may follow, as names and values: "timeout", "60".
 * A case that is written runs, in the order of their lines: each enters itself
 * in the list, before main(), which is here as well.
 */

#include <atf-c.h>
#include <stddef.h>
#include <string.h>

#include "h_soak.h"

struct test_case {
	atf_tc_t	*tc;
	const atf_tc_pack_t *pack;
	int		line;
	struct test_case *next;
};

/* Of all files of a program that has several, as main() is. */
struct test_case *test_cases __attribute__((weak));
int main(int, char **) __attribute__((weak));

/* Compilers have constructors run in an order of their own. */
static inline void
test_case_enter(struct test_case *entry)
{
	struct test_case **at = &test_cases;

	while (*at != NULL && (*at)->line < entry->line)
		at = &(*at)->next;
	entry->next = *at;
	*at = entry;
}

static inline void
test_case_describe(atf_tc_t *tc, const char *const *variables)
{

	for (; *variables != NULL; variables += 2)
		if (strcmp(variables[0], "timeout") == 0)
			(void)atf_tc_set_md_var(tc, "timeout", "%u",
			    soak((unsigned)strtoul(variables[1], NULL, 10)));
		else
			(void)atf_tc_set_md_var(tc, variables[0], "%s",
			    variables[1]);
}

/* Its head and its entry, without the body. */
#define TEST_CASE_ENTER(name, ...)					\
	ATF_TC_HEAD(name, tc)						\
	{								\
		test_case_describe(tc, (const char *const []){		\
		    "descr", __VA_ARGS__, NULL });			\
	}								\
	static void __attribute__((constructor))			\
	name##_enter_(void)						\
	{								\
		static struct test_case entry = {			\
			&ATF_TC_NAME(name), &ATF_TC_PACK_NAME(name),	\
			__LINE__, NULL					\
		};							\
									\
		test_case_enter(&entry);				\
	}

#define EDU_TEST(name, ...)						\
	ATF_TC(name);							\
	TEST_CASE_ENTER(name, __VA_ARGS__)				\
	ATF_TC_BODY(name, tc)

/* The same with a body that cleans up, whatever became of the case. */
#define EDU_TEST_CLEANUP(name, cleanup, ...)				\
	ATF_TC_WITH_CLEANUP(name);					\
	TEST_CASE_ENTER(name, __VA_ARGS__)				\
	ATF_TC_CLEANUP(name, tc)					\
	{								\
									\
		cleanup();						\
	}								\
	ATF_TC_BODY(name, tc)

ATF_TP_ADD_TCS(tp)
{
	struct test_case *entry;
	atf_error_t err = atf_no_error();
	char **config;

	if ((config = atf_tp_get_config(tp)) == NULL)
		return atf_no_memory_error();
	for (entry = test_cases; entry != NULL && !atf_is_error(err);
	    entry = entry->next) {
		err = atf_tc_init_pack(entry->tc, entry->pack,
		    (const char *const *)config);
		if (!atf_is_error(err))
			err = atf_tp_add_tc(tp, entry->tc);
	}
	atf_utils_free_charpp(config);
	return err;
}

#endif /* H_CASE_H */
