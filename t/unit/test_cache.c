#include "unit.h"

#include "directory/cache.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define ROOMY ((size_t)1 << 20)

static void
put(struct cache *c, const char *key, bool positive, time_t now, unsigned seconds)
{
	struct found *found = found_new();

	cache_put(c, key, found, positive, now, seconds);
	found_unref(found);
}

static bool
knows(struct cache *c, const char *key, time_t now)
{
	bool positive = false;
	struct found *found = cache_get(c, key, now, &positive);

	found_unref(found);
	return found != NULL;
}

START_TEST(test_expiry)
{
	struct cache *c = cache_new(10, ROOMY);

	put(c, "a", true, 100, 60);
	put(c, "b", false, 100, 5);
	ck_assert(knows(c, "a", 100) && knows(c, "b", 104));
	ck_assert(!knows(c, "b", 105));
	ck_assert(knows(c, "a", 159));
	ck_assert(!knows(c, "a", 160));
	ck_assert_uint_eq(cache_count(c), 0); /* what has expired takes no room */
	ck_assert(!knows(c, "never", 100));
	cache_free(c);
	cache_free(NULL);
}
END_TEST

START_TEST(test_positive)
{
	struct cache *c = cache_new(10, ROOMY);
	bool positive = true;

	put(c, "a", false, 0, 60);
	found_unref(cache_get(c, "a", 1, &positive));
	ck_assert(!positive);
	put(c, "a", true, 0, 60); /* in place of the other */
	found_unref(cache_get(c, "a", 1, &positive));
	ck_assert(positive);
	ck_assert_uint_eq(cache_count(c), 1);
	cache_free(c);
}
END_TEST

START_TEST(test_nothing_remembered)
{
	struct cache *none = cache_new(0, ROOMY), *small = cache_new(10, 1), *c = cache_new(10, ROOMY);

	put(none, "a", true, 0, 60);
	put(small, "a", true, 0, 60);
	put(c, "a", true, 0, 0);
	ck_assert(!knows(none, "a", 0) && !knows(small, "a", 0) && !knows(c, "a", 0));
	cache_free(none);
	cache_free(small);
	cache_free(c);
}
END_TEST

START_TEST(test_bound)
{
	struct cache *c = cache_new(3, ROOMY);

	put(c, "a", true, 0, 60);
	put(c, "b", true, 0, 60);
	put(c, "c", true, 0, 60);
	ck_assert(knows(c, "a", 1));
	put(c, "d", true, 0, 60); /* b was not asked for longest */
	ck_assert(!knows(c, "b", 1));
	ck_assert(knows(c, "a", 1) && knows(c, "c", 1) && knows(c, "d", 1));
	ck_assert_uint_eq(cache_count(c), 3);
	cache_free(c);
}
END_TEST

START_TEST(test_octets)
{
	struct found *one = found_new();
	struct cache *c = cache_new(1000, 5 * (one->octets + 200));
	char key[20];

	found_unref(one);
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof key, "a%d", i);
		put(c, key, true, 0, 60);
	}
	ck_assert(knows(c, "a999", 1));
	ck_assert(!knows(c, "a0", 1));
	ck_assert_uint_ge(cache_count(c), 4);
	ck_assert_uint_le(cache_count(c), 20);
	cache_free(c);
}
END_TEST

/* An answer that somebody still reads outlives its place in the cache. */
START_TEST(test_reference)
{
	struct cache *c = cache_new(1, ROOMY);
	struct error why = ERROR_NONE;
	struct found *found = found_new();
	bool positive;

	error_no(&why, "malformed", "for this test");
	found_add_broken(found, &why);
	cache_put(c, "a", found, true, 0, 60);
	found_unref(found);
	found = cache_get(c, "a", 1, &positive);
	cache_free(c);
	ck_assert_uint_eq(found->count, 1);
	ck_assert_str_eq(found->items[0].refusal->words, "for this test");
	found_unref(found);
}
END_TEST

static void *
use(void *arg)
{
	struct cache *c = arg;
	unsigned seed = (unsigned)(size_t)pthread_self();
	char key[20];

	for (int i = 0; i < 5000; i++) {
		snprintf(key, sizeof key, "a%d", rand_r(&seed) % 100);
		if (!knows(c, key, i / 100))
			put(c, key, true, i / 100, 3);
	}
	return NULL;
}

START_TEST(test_threads)
{
	struct cache *c = cache_new(50, ROOMY);
	pthread_t threads[4];

	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, use, c), 0);
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_le(cache_count(c), 50);
	cache_free(c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("cache");
	TCase *t = tcase_create("cache");

	tcase_add_test(t, test_expiry);
	tcase_add_test(t, test_positive);
	tcase_add_test(t, test_nothing_remembered);
	tcase_add_test(t, test_bound);
	tcase_add_test(t, test_octets);
	tcase_add_test(t, test_reference);
	tcase_add_test(t, test_threads);
	suite_add_tcase(s, t);
	return unit_run(s);
}
