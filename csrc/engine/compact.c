/*
 * compact.c - moving live and parked rows together when many positions are dead.
 *
 * Row numbers are what the host holds, so this happens only between units, without pins, when the host asks, and tells
 * it where each row went: map[old] = new, or SN_NO_ROW. The map is monotone, so order of insertion stays, ordered
 * indexes keep their order, and rows move down in place. The only thing that can be refused is room for handles at
 * positions whose block had none, which is asked for before anything moves.
 *
 * Cost: linear in positions, in each column and index. A table is worth it when more than half of its positions are
 * dead, so a table that is always compacted then pays for it a constant per deleted row.
 */
#include "getter.h"

#ifdef SN_TINY
#define FEW_DEAD 4
#else
#define FEW_DEAD 1024
#endif

bool
sn_table_sparse(const sn_table *t)
{
    sn_row stored = t->count + t->parked_count, dead = t->positions - stored;
    return dead > FEW_DEAD && dead > stored;
}

static sn_status
reserve_handles(sn_table *t, const sn_row *map)
{
    for (sn_row row = 0; row < t->positions; row++) {
        if (map[row] == SN_NO_ROW || map[row] == row || !sn_table_handle(t, row))
            continue;
        sn_status st = sn__table_reserve_handle(t, map[row]);
        if (st != SN_OK)
            return sn__fail_status(t->db, st);
    }
    return SN_OK;
}

sn_status
sn_table_compact(sn_table *t, sn_row *map)
{
    sn_db *db = t->db;
    if (db->depth > 0 || db->pins > 0)
        return sn__fail_status(db, SN_BUSY);
    sn_row to = 0, old_positions = t->positions;
    for (sn_row row = 0; row < old_positions; row++)
        map[row] = sn__stored(t, row) ? to++ : SN_NO_ROW;
    sn_status st = reserve_handles(t, map);
    if (st != SN_OK)
        return st;
    for (sn_row row = 0; row < old_positions; row++) {
        if (map[row] != SN_NO_ROW && map[row] != row)
            sn__table_move(t, row, map[row]);
    }
    sn__table_truncate(t, to);
    for (size_t i = 0; i < t->index_count; i++)
        sn__index_remap(t->indexes[i], map, old_positions);
    sn__values_follow(t, map, old_positions);
    sn__revise_all(db);
    return SN_OK;
}
