/*
 * pending.h - what must be looked at again when the outermost unit commits (pending.c).
 */
#ifndef SN_PENDING_H
#define SN_PENDING_H

#include "database.h"

/* Remembers something for the end of the unit. SN_NOMEM. */
sn_status sn__pending_add(sn_db *db, sn_pending_kind kind, const sn_reference *reference, const sn_index *index,
                          sn_row row);

/* Looks at all of them: SN_OK when none stands; else those that stand remain, in order, each once, db->error tells the
 * first. */
sn_status sn__pending_examine(sn_db *db);

#endif
