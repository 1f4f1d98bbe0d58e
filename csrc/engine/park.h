/*
 * park.h - putting single rows aside, and what deleting means for those that are (park.c).
 */
#ifndef SN_PARK_H
#define SN_PARK_H

#include "database.h"

/* Parks a live row; taken: by a cascade. SN_MISUSE if the table has no stamp column. Journaled; the caller undoes. */
sn_status sn__park_row(sn_table *t, sn_row row, bool taken);
/* Takes a parked row out of the store. */
sn_status sn__free_row(sn_table *t, sn_row row);
/* Stamps the rows that were parked since the mark. Nothing is stamped when it fails. */
sn_status sn__park_stamp(sn_db *db, size_t mark, const sn_stamp *stamps, size_t n);
/* Deletes, or cuts loose, the parked rows that refer to what was deleted since the mark. */
sn_status sn__parked_follow(sn_db *db, size_t mark);

#endif
