/*
 * check.c - sn_check: every invariant of every structure, and of the structures against each other.
 *
 * Each module checks its own (tables, indexes against their tables, entries); here is what holds between them:
 *
 *   schema       columns count their indexes, indexes their references; both tables of a reference list it
 *   counters     next_number is above every number in the automatic column
 *   references   no unit open: every enforced reference has its target, and none that forbids cycles has one
 *   members      the key of a row is null as a whole or not at all
 *   entries      an entry has at least as many uses as cells hold it (rows stored, those gone in the open unit, old
 *                words in the journal; constants of expressions and cells in the host's hands come on top)
 *   drop list    drop_len + drop_promised <= drop_cap, and the journal's records account for no more than was promised
 *   parking      the database counts the parked rows of its tables; a stamp column takes nulls
 *   moments      each is what the time told last makes it, and no two are the same distance from it
 *   getters      the values that are kept are counted, cover what they read, and are of rows that are there
 *   units        no unit open: nothing journaled, pending or unsettled
 *
 * It needs no memory, so that it can be called after a refused allocation: uses are counted down in the entries
 * themselves, judged, and counted up again. Cost: all rows times all columns and indexes.
 */
#include "cycle.h"
#include "database.h"
#include "getter.h"
#include "reference.h"

/* ---------------------------------------------------------------- schema */

static size_t
times_listed(sn_reference *const *list, size_t n, const sn_reference *ref)
{
    size_t times = 0;
    for (size_t i = 0; i < n; i++)
        times += list[i] == ref;
    return times;
}

static const char *
check_columns(const sn_table *t)
{
    size_t owning = 0;
    for (sn_col c = 0; c < t->column_count; c++) {
        size_t indexed = 0;
        for (size_t i = 0; i < t->index_count; i++) {
            for (size_t k = 0; k < t->indexes[i]->column_count; k++)
                indexed += t->indexes[i]->columns[k] == c;
        }
        owning += t->columns[c].used && sn_type_owns(t->columns[c].def.type);
        if (indexed != t->columns[c].indexed)
            return "schema: a column miscounts its indexes";
    }
    return owning == t->owning_count ? NULL : "schema: owning columns are miscounted";
}

static size_t
references_over(const sn_table *t, const sn_index *ix)
{
    size_t n = 0;
    for (size_t r = 0; r < t->outgoing_count; r++)
        n += t->outgoing[r]->from == ix;
    for (size_t r = 0; r < t->incoming_count; r++)
        n += t->incoming[r]->to == ix;
    return n;
}

static const char *
check_lists(const sn_table *t)
{
    for (size_t i = 0; i < t->index_count; i++) {
        if (t->indexes[i]->table != t || references_over(t, t->indexes[i]) != t->indexes[i]->references)
            return "schema: an index miscounts its references";
    }
    for (size_t r = 0; r < t->outgoing_count; r++) {
        const sn_reference *ref = t->outgoing[r];
        if (ref->from->table != t || times_listed(ref->to->table->incoming, ref->to->table->incoming_count, ref) != 1)
            return "schema: a reference is not listed by its target";
    }
    for (size_t r = 0; r < t->incoming_count; r++) {
        const sn_reference *ref = t->incoming[r];
        if (ref->to->table != t || times_listed(ref->from->table->outgoing, ref->from->table->outgoing_count, ref) != 1)
            return "schema: a reference is not listed by its origin";
    }
    return NULL;
}

static size_t
members_over(const sn_table *t, const sn_index *ix)
{
    size_t n = 0;
    for (size_t r = 0; r < t->outgoing_count; r++)
        n += t->outgoing[r]->from == ix && t->outgoing[r]->member;
    return n;
}

static const char *
check_numbers(const sn_table *t)
{
    if (t->automatic == SN_NO_COL || t->next_number == INT64_MAX)
        return NULL;
    for (sn_row row = 0; row < t->positions; row++) {
        bool numbered = sn__stored(t, row) && !sn__is_null(t, row, t->automatic);
        if (numbered && sn_word_int(sn__word(t, row, t->automatic)) >= t->next_number)
            return "table: a number is not below the counter";
    }
    return NULL;
}

static const char *
check_members(const sn_table *t)
{
    for (size_t i = 0; i < t->index_count; i++) {
        const sn_index *ix = t->indexes[i];
        if (members_over(t, ix) != ix->members)
            return "schema: an index miscounts its members";
        for (sn_row row = 0; ix->members > 0 && row < t->positions; row++) {
            if (sn__alive(t, row) && sn__key_is_half(ix, row))
                return "reference: the key of a member is null in part";
        }
    }
    return NULL;
}

static const char *
check_references(const sn_table *t)
{
    for (size_t r = 0; r < t->outgoing_count; r++) {
        for (sn_row row = 0; t->outgoing[r]->enforce && row < t->positions; row++) {
            if (sn__alive(t, row) && sn__reference_dangles(t->outgoing[r], row))
                return "reference: a row refers to nothing";
        }
    }
    return NULL;
}

static const char *
check_cycles(const sn_table *t)
{
    size_t length;
    for (size_t r = 0; r < t->outgoing_count; r++) {
        for (sn_row row = 0; t->outgoing[r]->acyclic && row < t->positions; row++) {
            if (sn__alive(t, row) && sn__cycle_at(t->outgoing[r], row, &length))
                return "reference: a row is met again";
        }
    }
    return NULL;
}

static const char *
check_table(const sn_table *t)
{
    const char *wrong = sn__table_check(t);
    if (!wrong)
        wrong = check_columns(t);
    if (!wrong)
        wrong = check_lists(t);
    if (!wrong)
        wrong = check_numbers(t);
    if (!wrong)
        wrong = check_members(t);
    for (size_t i = 0; !wrong && i < t->index_count; i++)
        wrong = sn__index_check(t->indexes[i]);
    if (!wrong && t->db->depth == 0)
        wrong = check_references(t);
    return !wrong && t->db->depth == 0 ? check_cycles(t) : wrong;
}

/* ---------------------------------------------------------------- uses of entries */

static void
add_uses(sn_type type, sn_cell cell, uint32_t delta)
{
    if (sn_type_owns(type) && !cell.null && cell.word != 0 && sn_word_is_entry(cell.word))
        sn_word_entry(cell.word)->uses += delta;
}

/* Adds delta (modulo 2^32) to the uses of the entry of every cell. */
static void
add_all_uses(const sn_db *db, uint32_t delta)
{
    for (const sn_table *t = db->tables; t; t = t->next) {
        for (sn_col c = 0; c < t->column_count; c++) {
            for (sn_row row = 0; t->columns[c].used && row < t->positions; row++)
                add_uses(t->columns[c].def.type, (sn_cell){sn__word(t, row, c), sn__is_null(t, row, c)}, delta);
        }
    }
    for (size_t i = 0; i < db->journal_len; i++) {
        const sn_undo *u = &db->journal[i];
        if (u->kind == SN_UNDO_WROTE)
            add_uses(u->on.table->columns[u->col].def.type, (sn_cell){u->was.old, u->old_null}, delta);
    }
}

static const char *
check_uses(const sn_db *db)
{
    bool missing = false;
    add_all_uses(db, UINT32_MAX);
    for (size_t i = 0; i < db->entries.cap; i++)
        missing |= db->entries.slots[i] && db->entries.slots[i]->uses > INT32_MAX;
    add_all_uses(db, 1);
    return missing ? "entries: more cells than uses" : NULL;
}

/* ---------------------------------------------------------------- units */

static size_t
journal_promises(const sn_db *db)
{
    size_t n = 0;
    for (size_t i = 0; i < db->journal_len; i++) {
        const sn_undo *u = &db->journal[i];
        if (u->kind == SN_UNDO_BORN)
            n += (size_t)u->was.count * u->on.table->owning_count;
        else if (u->kind == SN_UNDO_KILLED || u->kind == SN_UNDO_FREED)
            n += u->on.table->owning_count;
        else if (u->kind == SN_UNDO_WROTE)
            n += sn_type_owns(u->on.table->columns[u->col].def.type);
    }
    return n;
}

static const char *
check_units(const sn_db *db)
{
    if (db->drop_len + db->drop_promised > db->drop_cap)
        return "drop list: more promised than there is room for";
    if (journal_promises(db) > db->drop_promised)
        return "drop list: the journal was promised less than it may drop";
    if (db->problem_count > db->pending_len)
        return "pending: more problems than items";
    if (db->depth > 0)
        return NULL;
    return db->journal_len > 0 || db->pending_len > 0 || db->unsettled ? "journal: something is left of a unit" : NULL;
}

static const char *
check_parking(const sn_db *db)
{
    size_t parked = 0;
    for (const sn_table *t = db->tables; t; t = t->next) {
        parked += t->parked_count;
        if (t->stamp == SN_NO_COL ? t->parked_count > 0 : !t->columns[t->stamp].def.nullable)
            return "parking: a table has parked rows and no place for their stamp";
    }
    return parked == db->parked ? NULL : "parking: parked rows are miscounted";
}

const char *
sn_check(const sn_db *db)
{
    const char *wrong = check_units(db);
    if (!wrong)
        wrong = check_parking(db);
    if (!wrong)
        wrong = sn__getters_check(db);
    for (const sn_table *t = db->tables; !wrong && t; t = t->next)
        wrong = check_table(t);
    if (!wrong)
        wrong = sn__intern_check(db);
    if (!wrong)
        wrong = sn__moments_check(db);
    return wrong ? wrong : check_uses(db);
}
