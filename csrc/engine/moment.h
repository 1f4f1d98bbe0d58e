/*
 * moment.h - moments: constants of expressions that the time moves (moment.c).
 */
#ifndef SN_MOMENT_H
#define SN_MOMENT_H

#include "database.h"

/* One distance from the time, which all terms share that have it. Free while it has no uses. */
typedef struct sn__moment {
    int64_t offset; /* microseconds */
    sn_word word;   /* at the time told last; an entry's: a use of it is owned */
    sn_word next;   /* while a time is being told */
    size_t uses;
    sn_type type; /* SN_DATETIME or SN_ENTRY */
} sn__moment;

/* One more use of the moment with this distance, which is made if there is none. SN_NOMEM. */
sn_status sn__moment_join(uint32_t *out, sn_db *db, sn_type type, int64_t offset);
/* Gives a use back. Needs no memory. */
void sn__moment_leave(sn_db *db, uint32_t number);
void sn__moments_free(sn_db *db);
const char *sn__moments_check(const sn_db *db);

static inline sn_cell
sn__moment_cell(const sn_db *db, uint32_t number)
{
    return (sn_cell){db->moments[number].word, false};
}

#endif
