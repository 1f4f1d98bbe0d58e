/*
 * write.h - what the files that write rows share (write.c, load.c, update.c, delete.c).
 */
#ifndef SN_WRITE_H
#define SN_WRITE_H

#include "database.h"

/* Null where it is required, NaN or bare text in an indexed column: the status, without filling the error. */
static inline sn_status
sn__cell_refused(const sn_column *column, sn_cell cell)
{
    if (cell.null)
        return column->def.nullable ? SN_OK : SN_NULL;
    if (!column->indexed)
        return SN_OK;
    if (column->def.type == SN_FLOAT && (cell.word << 1) > (sn_word)0x7ff << 53)
        return SN_NAN;
    return column->def.type == SN_TEXT && !sn_word_is_entry(cell.word) ? SN_MISUSE : SN_OK;
}

/* Raises the table's counter above a number that is in use now. */
void sn__number_used(sn_table *t, int64_t number);

/* Room for n rows in the table, the journal and the drop list. */
sn_status sn__insert_reserve(sn_table *t, sn_row n);

/* Inserts rows one after the other: the outcome and the errors of sn_table_insert_many. */
sn_status sn__insert_each(sn_table *t, const sn_cell *cells, size_t n);

/* Enters a row that is stored into an index: SN_UNIQUE if its key is taken (a pending item where that is deferred). The
 * journal has room. */
sn_status sn__index_enter(sn_index *ix, sn_row row);

/* Changes cells of rows: the inner part of sn_table_update, after its arguments have been checked. Journaled, also when
 * it fails: the caller undoes to its mark. Cells are owned by the journal afterwards. */
typedef struct sn_change {
    sn_table *table;
    const sn_row *rows; /* alive, each once */
    size_t n;
    const sn_col *cols; /* each once */
    size_t ncols;
    const sn_cell *cells; /* n * ncols */
} sn_change;
sn_status sn__change_apply(const sn_change *c);

#endif
