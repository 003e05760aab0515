#include "config/config.h"

#include "base/file.h"
#include "config/check.h"
#include "config/settings.h"

#include <confuse.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_SIZE_MAX (4 * 1024 * 1024) /* octets of a configuration file */
#define BLOCK_NAME_MAX 64               /* octets */
#define TOP_OPTIONS_MAX 128             /* at top level, kinds of blocks and the end mark included */
#define BLOCK_OPTIONS_MAX 64            /* of one kind of block, likewise */
#define INNER_KINDS_MAX 2               /* that may stand in one kind of block */

/* The config that others see, with its count of references behind it. */
struct held_config {
	struct config config;
	atomic_uint references;
};

/* A kind of block that stands at top level, or in another one: its owner is struct config, or
 * the other block's struct. */
struct block_kind {
	const char *name;     /* in the file */
	const char *settings; /* what the table calls it */
	size_t max;    /* blocks of this kind in one owner */
	size_t size;   /* of one block's struct, which begins with its name */
	size_t items;  /* offset of the array's pointer in the owner */
	size_t count;  /* offset of its count */
	size_t place;  /* offset of struct config_place in the block's struct */
	const struct block_kind *inner; /* what may stand in it, inner_count of them */
	size_t inner_count;
};

static const struct block_kind profile_kinds[] = {{"rule", "profile rule", CONFIG_PROFILE_RULES_MAX,
	sizeof(struct config_profile_rule), offsetof(struct config_profile, rules),
	offsetof(struct config_profile, rule_count), offsetof(struct config_profile_rule, place), NULL, 0}};

static const struct block_kind revocation_kinds[] = {
	{"phrase", "revocation phrase", CONFIG_PHRASES_MAX, sizeof(struct config_phrase),
		offsetof(struct config_revocation, phrases), offsetof(struct config_revocation, phrase_count),
		offsetof(struct config_phrase, place), NULL, 0},
	{"organisation", "revocation organisation", CONFIG_ORGANISATIONS_MAX, sizeof(struct config_organisation),
		offsetof(struct config_revocation, organisations), offsetof(struct config_revocation, organisation_count),
		offsetof(struct config_organisation, place), NULL, 0},
};

static const struct block_kind kinds[] = {
	{"listener", "listener", CONFIG_LISTENERS_MAX, sizeof(struct config_listener), offsetof(struct config, listeners),
		offsetof(struct config, listener_count), offsetof(struct config_listener, place), NULL, 0},
	{"signer", "signer", CONFIG_SIGNERS_MAX, sizeof(struct config_signer), offsetof(struct config, signers),
		offsetof(struct config, signer_count), offsetof(struct config_signer, place), NULL, 0},
	{"decryption-key", "decryption-key", CONFIG_DECRYPTIONS_MAX, sizeof(struct config_decryption), offsetof(struct config, decryptions),
		offsetof(struct config, decryption_count), offsetof(struct config_decryption, files.place), NULL, 0},
	{"trust", "trust", CONFIG_TRUSTS_MAX, sizeof(struct config_trust), offsetof(struct config, trusts),
		offsetof(struct config, trust_count), offsetof(struct config_trust, place), NULL, 0},
	{"profile", "profile", CONFIG_PROFILES_MAX, sizeof(struct config_profile), offsetof(struct config, profiles),
		offsetof(struct config, profile_count), offsetof(struct config_profile, place), profile_kinds, 1},
	{"directory", "directory", CONFIG_DIRECTORIES_MAX, sizeof(struct config_directory), offsetof(struct config, directories),
		offsetof(struct config, directory_count), offsetof(struct config_directory, place), NULL, 0},
	{"rule", "rule", CONFIG_RULES_MAX, sizeof(struct config_rule), offsetof(struct config, rules),
		offsetof(struct config, rule_count), offsetof(struct config_rule, place), NULL, 0},
	{"revocation", "revocation", CONFIG_REVOCATIONS_MAX, sizeof(struct config_revocation),
		offsetof(struct config, revocations), offsetof(struct config, revocation_count),
		offsetof(struct config_revocation, place), revocation_kinds, 2},
};

#define KIND_COUNT (sizeof kinds / sizeof *kinds)

/* libconfuse's lexer keeps its state in globals, and its error function is given
 * no pointer of ours: one parse at a time in a process. */
static pthread_mutex_t confuse_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct problems *confuse_problems;

static void *
field(void *base, size_t offset)
{
	return (char *)base + offset;
}

/* ---- libconfuse ---------------------------------------------------------- */

/* All values are texts to libconfuse: value_set() reads them, with ranges and words of its own. */
static size_t
fill_options(cfg_opt_t *options, size_t max, const char *block)
{
	size_t n = 0;

	for (const struct setting *s = settings; s->option.name != NULL; s++) {
		cfg_opt_t one = CFG_STR(s->option.name, NULL, CFGF_NODEFAULT);
		cfg_opt_t list = CFG_STR_LIST(s->option.name, NULL, CFGF_NODEFAULT);

		if (strcmp(s->option.block, block) == 0 && n < max - KIND_COUNT - 1)
			options[n++] = setting_is_list(s) ? list : one;
	}
	options[n] = (cfg_opt_t)CFG_END();
	return n;
}

/* Puts the kind behind the n options that are there. within: for its own options, and those of the kinds in it,
 * which hold no others. */
static void
add_kind(cfg_opt_t *options, size_t n, const struct block_kind *kind, cfg_opt_t (*within)[BLOCK_OPTIONS_MAX])
{
	cfg_opt_t section = CFG_SEC(kind->name, within[0], CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES);
	size_t m = fill_options(within[0], BLOCK_OPTIONS_MAX, kind->settings);

	for (size_t i = 0; i < kind->inner_count; i++)
		add_kind(within[0], m++, &kind->inner[i], within + 1 + i);
	options[n] = section;
	options[n + 1] = (cfg_opt_t)CFG_END();
}

static void on_confuse_error(cfg_t *cfg, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

static void
on_confuse_error(cfg_t *cfg, const char *format, va_list args)
{
	char words[PROBLEM_WORDS_MAX];

	vsnprintf(words, sizeof words, format, args);
	if (cfg_title(cfg) != NULL)
		problem_add(confuse_problems, (unsigned)cfg->line, "%s (in %s \"%s\")", words, cfg_name(cfg),
			cfg_title(cfg));
	else
		problem_add(confuse_problems, (unsigned)cfg->line, "%s", words);
}

static cfg_t *
parse_syntax(const char *text, struct problems *problems)
{
	cfg_opt_t within[KIND_COUNT][1 + INNER_KINDS_MAX][BLOCK_OPTIONS_MAX], top[TOP_OPTIONS_MAX];
	size_t n = fill_options(top, TOP_OPTIONS_MAX, "");
	cfg_t *cfg;

	for (size_t i = 0; i < KIND_COUNT; i++)
		add_kind(top, n++, &kinds[i], within[i]);
	cfg = cfg_init(top, CFGF_NONE);
	if (cfg == NULL) {
		problem_add(problems, 0, "out of memory");
		return NULL;
	}
	cfg_set_error_function(cfg, on_confuse_error);
	if (cfg_parse_buf(cfg, text) == CFG_SUCCESS)
		return cfg;
	if (problems->count == 0)
		problem_add(problems, (unsigned)cfg->line, "is not understood");
	cfg_free(cfg);
	return NULL;
}

/* ---- from libconfuse's tree to ours -------------------------------------- */

static bool
set_given(const struct setting *s, void *block, cfg_t *cfg, char why[VALUE_WHY_MAX])
{
	unsigned count = cfg_size(cfg, s->option.name);
	const char **text = calloc(count + 1, sizeof *text);
	bool done = false;

	if (text == NULL) {
		snprintf(why, VALUE_WHY_MAX, "does not fit into memory");
		return false;
	}
	for (unsigned i = 0; i < count; i++)
		text[i] = cfg_getnstr(cfg, s->option.name, i);
	if (count == 0 && *s->option.block != '\0')
		snprintf(why, VALUE_WHY_MAX, "is empty");
	else
		done = value_set(s, block, text, count, why);
	free(text);
	return done;
}

static void
report_value(const struct setting *s, cfg_t *cfg, unsigned line, const char *why, struct problems *problems)
{
	if (setting_is_list(s) || cfg_size(cfg, s->option.name) == 0)
		problem_add(problems, line, "%s: %s", s->option.name, why);
	else
		problem_add(problems, line, "%s = %.100s: %s", s->option.name, cfg_getstr(cfg, s->option.name), why);
}

/* at: the block's place in scan, SCAN_NONE at top level. */
static void
fill_block(void *block, const char *name, cfg_t *cfg, const struct scan *scan, size_t at,
	struct problems *problems)
{
	char why[VALUE_WHY_MAX];

	for (const struct setting *s = settings; s->option.name != NULL; s++) {
		unsigned line;

		if (strcmp(s->option.block, name) != 0)
			continue;
		if (!value_set_initial(s, block, why))
			problem_add(problems, 0, "%s: %s", s->option.name, why);
		line = scan_option(scan, at, s->option.name);
		if (line > 0 && !set_given(s, block, cfg, why))
			report_value(s, cfg, line, why, problems);
	}
}

static void
check_block_name(const struct block_kind *kind, const char *name, unsigned line, struct problems *problems)
{
	bool clean = true;

	for (const char *c = name; *c != '\0'; c++)
		clean = clean && (unsigned char)*c >= ' ' && *c != 0x7f;
	if (*name == '\0' || strlen(name) > BLOCK_NAME_MAX || !clean)
		problem_add(problems, line, "the name of a %s has from 1 to %d octets, none of them a control character",
			kind->name, BLOCK_NAME_MAX);
}

static bool
fill_blocks(void *owner, const struct block_kind *kind, cfg_t *cfg, const struct scan *scan, size_t in,
	struct problems *problems)
{
	unsigned count = cfg_size(cfg, kind->name);
	char *blocks = calloc(count + 1, kind->size);
	size_t at = SCAN_NONE;

	if (blocks == NULL) {
		problem_add(problems, 0, "out of memory");
		return false;
	}
	memcpy(field(owner, kind->items), &blocks, sizeof blocks);
	*(size_t *)field(owner, kind->count) = count;
	for (unsigned i = 0; i < count; i++) {
		void *block = blocks + i * kind->size;
		cfg_t *section = cfg_getnsec(cfg, kind->name, i);
		char **name = block;

		at = scan_block(scan, in, kind->name, at);
		if (at == SCAN_NONE || (*name = strdup(cfg_title(section))) == NULL) {
			problem_add(problems, 0, "%s", at == SCAN_NONE ? "is not understood" : "out of memory");
			return false;
		}
		if (i == kind->max)
			problem_add(problems, scan->entry[at].line, "there are more than %zu blocks of the kind %s", kind->max,
				kind->name);
		((struct config_place *)field(block, kind->place))->line = scan->entry[at].line;
		check_block_name(kind, *name, scan->entry[at].line, problems);
		fill_block(block, kind->settings, section, scan, at, problems);
		for (size_t k = 0; k < kind->inner_count; k++)
			if (!fill_blocks(block, &kind->inner[k], section, scan, at, problems))
				return false;
	}
	return true;
}

/* Which halves the rules speak of; a default is not speaking. */
static void
mark_said(struct config *c, const struct scan *scan)
{
	size_t at = SCAN_NONE;

	for (size_t i = 0; i < c->rule_count; i++) {
		at = scan_block(scan, SCAN_NONE, "rule", at);
		c->rules[i].says_sign = scan_option(scan, at, "sign") > 0;
		c->rules[i].says_encrypt = scan_option(scan, at, "encrypt") > 0;
	}
}

static bool
fill_config(struct config *c, cfg_t *cfg, const struct scan *scan, struct problems *problems)
{
	fill_block(c, "", cfg, scan, SCAN_NONE, problems);
	for (size_t i = 0; i < KIND_COUNT; i++)
		if (!fill_blocks(c, &kinds[i], cfg, scan, SCAN_NONE, problems))
			return false;
	mark_said(c, scan);
	config_check(c, scan, problems);
	return problems->count == 0;
}

static bool
parse_locked(const char *text, const struct scan *scan, struct config *c, struct problems *problems)
{
	cfg_t *cfg;
	bool done = false;

	pthread_mutex_lock(&confuse_mutex);
	confuse_problems = problems;
	cfg = parse_syntax(text, problems);
	if (cfg != NULL) {
		done = fill_config(c, cfg, scan, problems);
		cfg_free(cfg);
	}
	confuse_problems = NULL;
	pthread_mutex_unlock(&confuse_mutex);
	return done;
}

static bool
parse_text(struct buf *text, struct config *c, struct problems *problems)
{
	struct scan scan = {0};
	bool done;

	if (buf_str(text) == NULL) {
		problem_add(problems, 0, "holds NUL bytes");
		return false;
	}
	done = scan_text((char *)text->data, text->len, &scan, problems) &&
		parse_locked((const char *)text->data, &scan, c, problems);
	scan_free(&scan);
	return done;
}

enum answer
config_parse(const char *path, struct config **config, config_report *report, void *arg, struct error *err)
{
	struct problems problems = {.path = path, .report = report, .arg = arg, .err = err};
	struct held_config *held = calloc(1, sizeof *held);
	enum answer answer;
	struct buf text;

	buf_init(&text, FILE_SIZE_MAX);
	if (held == NULL)
		return error_cant_tell(err, "memory", "out of memory");
	atomic_init(&held->references, 1);
	held->config.path = strdup(path);
	if (held->config.path == NULL)
		answer = error_cant_tell(err, "memory", "out of memory");
	else
		answer = file_read(path, FILE_PUBLIC, &text, err);
	if (answer == ANSWER_YES && (!parse_text(&text, &held->config, &problems) || problems.count > 0))
		answer = ANSWER_NO;
	buf_free(&text);
	if (answer == ANSWER_YES)
		*config = &held->config;
	else
		config_unref(&held->config);
	return answer;
}

/* ---- references and look-ups --------------------------------------------- */

static void
free_settings(void *block, const char *name)
{
	for (const struct setting *s = settings; s->option.name != NULL; s++)
		if (strcmp(s->option.block, name) == 0)
			value_free(s, block);
}

static void
free_blocks(void *owner, const struct block_kind *kind)
{
	size_t count = *(size_t *)field(owner, kind->count);
	char *blocks;

	memcpy(&blocks, field(owner, kind->items), sizeof blocks);
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < kind->inner_count; k++)
			free_blocks(blocks + i * kind->size, &kind->inner[k]);
		free_settings(blocks + i * kind->size, kind->settings);
		free(*(char **)(void *)(blocks + i * kind->size));
	}
	free(blocks);
}

struct config *
config_ref(struct config *config)
{
	struct held_config *held = (struct held_config *)config;

	atomic_fetch_add(&held->references, 1);
	return config;
}

void
config_unref(struct config *config)
{
	struct held_config *held = (struct held_config *)config;

	if (held == NULL || atomic_fetch_sub(&held->references, 1) > 1)
		return;
	for (size_t i = 0; i < KIND_COUNT; i++)
		free_blocks(config, &kinds[i]);
	free_settings(config, "");
	free(config->path);
	free(held);
}

const struct config_signer *
config_signer(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->signer_count; i++)
		if (strcmp(config->signers[i].name, name) == 0)
			return &config->signers[i];
	return NULL;
}

const struct config_decryption *
config_decryption(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->decryption_count; i++)
		if (strcmp(config->decryptions[i].files.name, name) == 0)
			return &config->decryptions[i];
	return NULL;
}

const struct config_directory *
config_directory(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->directory_count; i++)
		if (strcmp(config->directories[i].name, name) == 0)
			return &config->directories[i];
	return NULL;
}

bool
config_strings_have(const struct config_strings *strings, const char *text)
{
	for (size_t i = 0; i < strings->count; i++)
		if (strcmp(strings->item[i], text) == 0)
			return true;
	return false;
}

bool
config_domain_among(struct slice domain, const struct config_strings *domains)
{
	for (size_t i = 0; i < domains->count; i++)
		if (address_domain_matches(domain, slice_str(domains->item[i])))
			return true;
	return false;
}

bool
config_decryption_covers(const struct config_decryption *decryption, const struct address *recipient)
{
	for (size_t i = 0; i < decryption->recipients.count; i++) {
		struct slice one = slice_str(decryption->recipients.item[i]);
		struct address a;

		if (address_parse(one, &a) ? address_equal(&a, recipient) : address_domain_matches(recipient->domain, one))
			return true;
	}
	return false;
}

static bool
network_contains(const struct config_network *n, const struct in6_addr *address)
{
	unsigned whole = n->bits / 8, rest = n->bits % 8;
	unsigned char mask = (unsigned char)(0xff00 >> rest);

	/* A wide IPv6 network that happens to hold ::ffff:0:0/96 does not mean IPv4. */
	if (IN6_IS_ADDR_V4MAPPED(address) && n->bits < 96)
		return false;
	if (memcmp(n->address.s6_addr, address->s6_addr, whole) != 0)
		return false;
	return rest == 0 || ((n->address.s6_addr[whole] ^ address->s6_addr[whole]) & mask) == 0;
}

bool
config_network_contains(const struct config_networks *networks, const struct in6_addr *address)
{
	for (size_t i = 0; i < networks->count; i++)
		if (network_contains(&networks->item[i], address))
			return true;
	return false;
}
