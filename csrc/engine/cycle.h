/*
 * cycle.h - references along which no row may be met again (cycle.c).
 */
#ifndef SN_CYCLE_H
#define SN_CYCLE_H

#include "database.h"

/* Whether going on from the row comes back to it; *length: after how many steps. */
bool sn__cycle_at(const sn_reference *ref, sn_row row, size_t *length);

/* Makes pending what might close a cycle. Each: SN_NOMEM. */
/* This row, whose chain is complete again. */
sn_status sn__cycle_watch(const sn_reference *ref, sn_row row);
/* A row's key in one of the indexes of a reference has changed. */
sn_status sn__cycle_changed(const sn_table *t, const sn_index *ix, sn_row row);
/* A row is about to be inserted that refers to `key` and has the key `own`. */
sn_status sn__cycle_made(const sn_reference *ref, sn_row row, const sn_word *key, const sn_word *own);
/* Rows have been loaded. */
sn_status sn__cycle_loaded(const sn_reference *ref, sn_row first, sn_row n);

#endif
