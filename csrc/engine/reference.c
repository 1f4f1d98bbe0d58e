/*
 * reference.c - belongs_to: columns of one table that hold the key of another.
 *
 * A reference owns nothing but itself: the referring side is found through its `from` index (many, or unique for
 * one-to-one), the target through its `to` index. Both tables list it (outgoing, incoming), both indexes count it, and
 * while they are counted they and their columns cannot be dropped.
 *
 * A reference to rows of several tables (polymorphic) is one *member* for each: an ordinary reference to its table, over
 * an index that all of them share, whose first column says which member a row refers by. reference.h translates keys
 * between the two sides, and nothing else has to know.
 *
 * Invariants
 *   from and to have the same number of columns, of the same types in order; to is unique and not deferred
 *   a member's from has one column more, in front; the members over one index have different constants, and no row's key
 *   there is null in part
 *   outside a unit, if enforce: every live row with a non-null key finds its target
 *   enforce excludes SN_KEEP, and SN_NULLIFY has a nullable column to set (a member: all are): else deleting a target would leave the store
 *   wrong
 *
 * Cost: a probe each way is one index lookup. Creating one over existing rows with enforce probes each row once.
 */
#include "reference.h"

#include "getter.h"

bool
sn__reference_dangles(const sn_reference *ref, sn_row row)
{
    sn_word key[SN_MAX_KEY];
    return sn__reference_target(key, ref, row) && sn__index_find(ref->to, key) == SN_NO_ROW;
}

size_t
sn__reference_count(const sn_reference *ref, const sn_word *key)
{
    sn_row slot;
    return sn__index_view(ref->from, key, &slot).count;
}

sn_row
sn__reference_first(const sn_reference *ref, const sn_word *key)
{
    sn_row slot;
    sn_posting_view view = sn__index_view(ref->from, key, &slot);
    for (size_t i = 0; i < view.len; i++) {
        if (view.rows[i] != SN_NO_ROW)
            return view.rows[i];
    }
    return SN_NO_ROW;
}

/* ---------------------------------------------------------------- making one */

static sn_type
type_at(const sn_index *ix, size_t i)
{
    return ix->table->columns[ix->columns[i]].def.type;
}

static bool
columns_meet(const sn_reference *ref)
{
    const sn_index *from = ref->from, *to = ref->to;
    if (from->column_count != to->column_count + ref->member)
        return false;
    for (size_t i = 0; i < to->column_count; i++) {
        if (type_at(from, i + ref->member) != type_at(to, i))
            return false;
    }
    return true;
}

/* The constant is a word that owns nothing and is its own key, and no other member over the index has it. */
static bool
constant_fits(const sn_reference *ref)
{
    const sn_table *t = ref->from->table;
    unsigned needed = SN_T_INLINE | SN_T_PLAIN;
    bool fits = !ref->member || (sn_types[type_at(ref->from, 0)].flags & needed) == needed;
    for (size_t i = 0; ref->member && i < t->outgoing_count; i++) {
        const sn_reference *other = t->outgoing[i];
        fits &= other->from != ref->from || !other->member || other->constant != ref->constant;
    }
    return fits;
}

/* One nullable column, or, for a member, all. */
static bool
can_nullify(const sn_reference *ref)
{
    const sn_index *ix = ref->from;
    size_t nullable = 0;
    for (size_t i = 0; i < ix->column_count; i++)
        nullable += ix->table->columns[ix->columns[i]].def.nullable;
    return ref->member ? nullable == ix->column_count : nullable > 0;
}

static bool
makes_sense(const sn_reference *ref)
{
    const sn_index *from = ref->from, *to = ref->to;
    bool kinds = from->kind != SN_INDEX_ORDERED && to->kind == SN_INDEX_UNIQUE && !to->deferred;
    bool actions = !(ref->enforce && ref->action == SN_KEEP) && (ref->action != SN_NULLIFY || can_nullify(ref));
    return kinds && actions && from->table->db == to->table->db && columns_meet(ref) && constant_fits(ref);
}

/* SN_HALF with the first row whose key is null in part. */
static sn_status
check_halves(const sn_index *ix)
{
    const sn_table *t = ix->table;
    for (sn_row row = 0; row < t->positions; row++) {
        if (!sn__alive(t, row) || !sn__key_is_half(ix, row))
            continue;
        sn_error e = SN_ERROR(SN_HALF);
        e.table = t;
        e.index = ix;
        e.row = row;
        return sn__fail(t->db, e);
    }
    return SN_OK;
}

/* SN_DANGLING with the first row and the number of rows that refer to nothing. */
static sn_status
check_rows(const sn_reference *ref)
{
    sn_table *t = ref->from->table;
    sn_error e = SN_ERROR(SN_DANGLING);
    e.table = t;
    for (sn_row row = 0; row < t->positions; row++) {
        if (!sn__alive(t, row) || !sn__reference_dangles(ref, row))
            continue;
        if (e.count++ == 0)
            e.row = row;
    }
    return e.count == 0 ? SN_OK : sn__fail(t->db, e);
}

static sn_status
reserve_lists(sn_db *db, sn_table *from, sn_table *to)
{
    size_t item = sizeof(sn_reference *);
    sn_status st = sn_mem_grow(&db->mem, &from->outgoing, &from->outgoing_cap, from->outgoing_count + 1, item);
    if (st == SN_OK)
        st = sn_mem_grow(&db->mem, &to->incoming, &to->incoming_cap, to->incoming_count + 1, item);
    return st;
}

/* Lists a copy, for which there is room. */
static void
enlist(sn_reference *ref, const sn_reference *made)
{
    sn_table *from = made->from->table, *to = made->to->table;
    *ref = *made;
    from->outgoing[from->outgoing_count++] = ref;
    to->incoming[to->incoming_count++] = ref;
    ref->from->references++;
    ref->from->members += ref->member;
    ref->to->references++;
    sn__schema_changes(from->db);
}

static sn_status
make(sn_reference **out, const sn_reference *made)
{
    sn_db *db = made->from->table->db;
    if (db->depth > 0)
        return sn__fail_status(db, SN_BUSY);
    if (!makes_sense(made))
        return sn__fail_status(db, SN_MISUSE);
    sn_status st = made->member ? check_halves(made->from) : SN_OK;
    if (st == SN_OK && made->enforce)
        st = check_rows(made);
    if (st != SN_OK)
        return st;
    st = reserve_lists(db, made->from->table, made->to->table);
    sn_reference *ref = st == SN_OK ? sn_mem_new(&db->mem, sizeof(*ref)) : NULL;
    if (!ref)
        return sn__fail_status(db, SN_NOMEM);
    enlist(ref, made);
    *out = ref;
    return SN_OK;
}

sn_status
sn_reference_new(sn_reference **out, sn_index *from, sn_index *to, sn_on_delete action, bool enforce, void *tag)
{
    return make(out, &(sn_reference){.from = from, .to = to, .action = action, .enforce = enforce, .tag = tag});
}

sn_status
sn_reference_new_member(sn_reference **out, sn_index *from, sn_index *to, sn_word constant, sn_on_delete action,
                        bool enforce, void *tag)
{
    sn_reference made = {.from = from, .to = to, .action = action, .enforce = enforce, .tag = tag};
    made.member = true;
    made.constant = constant;
    return make(out, &made);
}

/* ---------------------------------------------------------------- and dropping it */

static void
forget(sn_reference **list, size_t *count, const sn_reference *ref)
{
    size_t i = 0;
    while (list[i] != ref)
        i++;
    for (; i + 1 < *count; i++)
        list[i] = list[i + 1];
    --*count;
}

void
sn__reference_free(sn_db *db, sn_reference *ref)
{
    sn_table *from = ref->from->table, *to = ref->to->table;
    forget(from->outgoing, &from->outgoing_count, ref);
    forget(to->incoming, &to->incoming_count, ref);
    ref->from->references--;
    ref->from->members -= ref->member;
    ref->to->references--;
    sn_mem_free(&db->mem, ref, sizeof(*ref));
}

sn_status
sn_reference_drop(sn_reference *ref)
{
    sn_db *db = ref->from->table->db;
    if (db->depth > 0)
        return sn__fail_status(db, SN_BUSY);
    sn__reference_free(db, ref);
    sn__schema_changes(db);
    return SN_OK;
}

void *
sn_reference_tag(const sn_reference *ref)
{
    return ref->tag;
}

sn_table *
sn_reference_from(const sn_reference *ref)
{
    return ref->from->table;
}

sn_table *
sn_reference_to(const sn_reference *ref)
{
    return ref->to->table;
}

const sn_index *
sn_reference_from_index(const sn_reference *ref)
{
    return ref->from;
}

const sn_index *
sn_reference_to_index(const sn_reference *ref)
{
    return ref->to;
}
