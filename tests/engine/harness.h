/*
 * harness.h - what every C test of the engine uses: a hostile allocator, host handles that count themselves, checks.
 *
 * A test file test_<name>.c has a main that runs its tests and ends with `return harness_done("<name>", &h);`, which
 * checks that nothing leaked and prints `ok <name> <checks>`. A check that fails prints where and ends the program with
 * status 1.
 *
 * Tests of whole operations make a database with harness_config and sn_db_new. Tests of the storage below them
 * (mem, type, intern, table, index) make a bare `sn_db` with harness_bare_db; it needs no other part of the engine.
 */
#ifndef SN_HARNESS_H
#define SN_HARNESS_H

#include "database.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---------------------------------------------------------------- checks */

#define CHECK(condition) harness_check((condition), #condition, __FILE__, __LINE__)
/* Of a sn_check-like function: NULL is good, a string says what is wrong. */
#define CHECK_SOUND(problem) harness_check_sound((problem), #problem, __FILE__, __LINE__)
#define CHECK_OK(status) harness_check_status((status), SN_OK, #status, __FILE__, __LINE__)
#define CHECK_STATUS(status, wanted) harness_check_status((status), (wanted), #status, __FILE__, __LINE__)

void harness_check(bool holds, const char *what, const char *file, int line);
void harness_check_sound(const char *problem, const char *what, const char *file, int line);
void harness_check_status(sn_status status, sn_status wanted, const char *what, const char *file, int line);

/* ---------------------------------------------------------------- the hostile allocator */

typedef struct hostile_block hostile_block;

/*
 * Every block has red zones before and after it, is filled with rubbish when it is handed out and when it comes back,
 * moves on every resize, and must come back with the size it had. After hostile_arm the n-th call that asks for
 * memory is refused, alone or with all that follow. Initialise to {0}.
 */
typedef struct hostile {
    size_t blocks, bytes; /* live */
    size_t calls;         /* that asked for memory, since armed */
    size_t fail_at;       /* 0: never */
    bool persistent;
    size_t refused; /* since armed */
    hostile_block *all;
} hostile;

void *hostile_alloc(void *ud, void *ptr, size_t old_size, size_t new_size); /* an sn_alloc_fn; ud: the hostile */
void hostile_arm(hostile *h, size_t n, bool persistent);
size_t hostile_disarm(hostile *h);            /* how many calls it refused */
const char *hostile_damage(const hostile *h); /* looks at all red zones: NULL, or what is wrong */

/* ---------------------------------------------------------------- host handles */

/* A handle with these bytes, as a host would own it. */
void *handle_new(const char *text);
void *handle_new_bytes(const void *data, size_t len);
void handle_free(void *handle);           /* gives a use back; once too often is found out */
void handle_retain(void *handle);         /* one more use */
size_t handle_count(void);                /* uses of live ones */
sn_bytes handle_text(const void *handle); /* the sn_text_fn */

/* ---------------------------------------------------------------- databases */

sn_config harness_config(hostile *h);
void harness_bare_db(sn_db *db, hostile *h);

/* A table of a bare database with these columns; free it with sn__table_free. */
sn_table *harness_bare_table(sn_db *db, const sn_column_def *defs, size_t n);

/* ---------------------------------------------------------------- sweeps */

/*
 * Runs one operation with its first allocation refused, then its second, and so on until it is refused none; then all
 * of it again with every allocation from the n-th on refused. Each time: setup (its state is passed on), run, check,
 * teardown, with only `run` under refusal. Checks that run fails with SN_NOMEM only when it was refused, that `check`
 * is content (told whether run succeeded), and that nothing is left after teardown.
 * Returns how many refusals there were.
 */
typedef struct harness_sweep_def {
    void *(*setup)(hostile *h);
    sn_status (*run)(void *state);
    const char *(*check)(void *state, bool succeeded);
    void (*teardown)(void *state);
} harness_sweep_def;

size_t harness_sweep(hostile *h, const harness_sweep_def *sweep);

/* ---------------------------------------------------------------- the rest */

/* Pseudo-random numbers from a seed: 0 .. below - 1. */
uint32_t harness_random(uint64_t *state, uint32_t below);

/* Checks for leaks and damage, prints the line; the exit status of main. */
int harness_done(const char *name, const hostile *h);

#endif
