/*
 * getter.h - values that the host computes from what it reads, kept for each row and getter with the reads themselves.
 *
 *   getter.c   getters, and where the values of their rows are; what becomes of them when rows go or move
 *   frame.c    a computation under way: recording what it reads
 *   read.c     one read: asking again whether it would give the same; what it owns
 *   verify.c   whether a value is still right: red-green, with a list of work instead of recursion
 *   place.c    the columns and lives of tables that a path, an expression or a query looks at
 *
 * A read is recorded with its result. So a value is right as long as each read, asked again in the order in which they were made,
 * gives the result that it gave: whatever happened between. That holds across rollbacks, and even where another thread wrote while the
 * function ran. Words that own something are kept alive by the read, so that no other value can come to have the same word.
 *
 * A value is *verified* at a revision; it is right until something is written that it read. Three looks, each cheaper than the next,
 * decide: the revision is the same; no trace since shares a bit with its signature (revision.h); each read gives the same.
 *
 * Invariants
 *   the values of a row die with it: at the end of the unit that deletes it, so that undoing finds them
 *   signature: covers all that was read, by the getters read as well, as of `verified`: if one of these comes to read something else, a
 *   place in its old signature has been written since, so this value is looked at, and takes over the new signature then
 *   path->uses: the reads along it. A path that its owner has freed stays until they are gone, and answers nothing any more
 */
#ifndef SN_GETTER_H
#define SN_GETTER_H

#include "query.h"
#include "revision.h"

/* ---------------------------------------------------------------- reads */

/* A query that is run again, with a handle of the host that keeps its expression alive, and what it found. */
typedef struct sn__watch {
    sn_query query;
    void *handle; /* owned */
    size_t stop_at;
    size_t count;
    sn_rows rows; /* of SN_READ_ROWS */
} sn__watch;

/* A value of an expression at a row, with a handle of the host's that keeps the expression alive. The cell owns nothing. */
typedef struct sn__worth {
    const sn_expr *expr;
    sn_node node;
    const sn_table *table;
    void *handle; /* owned */
    sn_cell cell;
} sn__worth;

/* A probe of a unique index. */
typedef struct sn__probe {
    sn_row found;
    uint8_t n;
    uint8_t entries; /* bit i: words[i] is an entry, of which this has a use */
    sn_word words[SN_MAX_KEY];
} sn__probe;

#define SN__GONE (SN_NO_ROW - 1) /* in place of a row that a compaction has met dead */

typedef struct sn__read {
    uint8_t kind; /* sn_read_kind */
    uint8_t owns; /* SN__OWNS_* */
    sn_col col;   /* CELL, COLUMN */
    sn_row row;   /* it was read at, or the path was followed from */
    union {
        sn_table *table;               /* CELL, LIFE, COLUMN, TABLE */
        const sn_reference *reference; /* TARGET */
        const sn_path *path;           /* FIRST, EACH, COUNT, CONTAINS */
        const sn_index *index;         /* PROBE */
        sn_getter *getter;             /* GETTER */
        sn__watch *watch;              /* ROWS, NUMBER: owned */
        sn__worth *worth;              /* VALUE: owned */
    } on;
    union {
        sn_cell cell;     /* CELL */
        sn_row target;    /* TARGET, FIRST */
        sn_rows *rows;    /* EACH: owned */
        sn__probe *probe; /* PROBE: owned */
        void *value;      /* GETTER */
        int life;         /* LIFE: 0 gone, 1 alive, 2 parked */
        struct {
            size_t count, stop_at;
        } number; /* COUNT */
        struct {
            sn_row target;
            bool inside;
        } member; /* CONTAINS */
        struct {
            int64_t low, high;
        } time; /* TIME: right from low, until high is reached */
    } was;
} sn__read;

/* There may be millions. */
_Static_assert(sizeof(void *) != 8 || sizeof(sn__read) == 32, "a read is half a line of the cache");

enum {
    SN__OWNS_NOTHING,
    SN__OWNS_ENTRY,     /* was.cell */
    SN__OWNS_HANDLE,    /* was.cell, was.value or that of a watch */
    SN__OWNS_CONTAINER, /* the same, and it may refer back to the store: the host's collector must see it */
};

/* Whether asking again would give the same, at a time; `since`: what has not changed after this revision need not be
 * asked. Not for GETTER. Whatever prevents the answer counts as another one. */
bool sn__read_same(const sn__read *r, sn_db *db, uint64_t since);
/* What it looks at. */
sn_signature sn__read_signature(const sn__read *r);
/* Takes what the read owns, at most one handle at a time: returns it, or NULL when nothing is left but to forget the read. */
void *sn__read_take(sn__read *r, sn_db *db);
/* The handle that it owns, or NULL. */
void *sn__read_handle(const sn__read *r);
/* Rows of this table have moved: the read is about the same rows under their new numbers. */
void sn__read_follow(sn__read *r, const sn_table *t, const sn_row *map, sn_row old_positions);

/* ---------------------------------------------------------------- values */

enum {
    SN__VALUE_ONCE = 1,    /* good for one read: never right again */
    SN__VALUE_TIMED = 2,   /* right within a time only */
    SN__VALUE_EXPIRED = 4, /* dropped by hand */
};

/* With its reads behind it, in one block. */
struct sn__value {
    void *handle; /* the host's, owned; NULL: none is kept */
    union {
        uint64_t number; /* no other value of the database has it */
        sn__value *next; /* in db->dead_values */
    };
    uint64_t verified;      /* right at this revision */
    uint64_t computed;      /* the revision at which its function began */
    uint64_t expired;       /* the revision of the last time it, or one before it, was dropped by hand; 0: never */
    sn_signature signature; /* see above */
    int64_t low, high;      /* TIMED: right from low until high, the getters read included */
    uint32_t n, cap;
    uint8_t flags;
    bool container;  /* the handle may refer back to the store */
    bool containers; /* it does, or a read owns one that does */
    bool derived;    /* a read is one of a getter or of the time */
    sn__read reads[];
};

_Static_assert(sizeof(void *) != 8 || sizeof(sn__value) == 88, "with the allocator's word, a multiple of 32 bytes");

static inline size_t
sn__value_size(size_t cap)
{
    return sizeof(sn__value) + cap * sizeof(sn__read);
}

#ifdef SN_TINY
#define SN__VALUE_SHIFT 1
#else
#define SN__VALUE_SHIFT 9
#endif
#define SN__VALUE_ROWS ((sn_row)1 << SN__VALUE_SHIFT)

struct sn_getter {
    sn_table *table;
    void *tag;
    sn_getter *next;     /* of the table */
    sn__value ***blocks; /* of SN__VALUE_ROWS values each; NULL where no row has ever had one */
    size_t block_cap;
    sn_getter_counts counts;
    size_t containers; /* values that say so */
};

static inline sn__value *
sn__value_at(const sn_getter *g, sn_row row)
{
    size_t block = row >> SN__VALUE_SHIFT;
    if (block >= g->block_cap || !g->blocks[block])
        return NULL;
    return g->blocks[block][row & (SN__VALUE_ROWS - 1)];
}

/* Right now, as far as can be told without asking its reads; then it is verified at this revision. */
static inline bool
sn__value_holds(sn__value *v, const sn_db *db)
{
    if (v->flags & (SN__VALUE_ONCE | SN__VALUE_EXPIRED))
        return false;
    if ((v->flags & SN__VALUE_TIMED) && (db->now < v->low || db->now >= v->high))
        return false;
    if (v->verified == db->revision)
        return true;
    if (sn__touched(db, &v->signature, v->verified))
        return false;
    v->verified = db->revision;
    return true;
}

/* It is right from low until high; of all time: whenever. */
void sn__value_set_time(sn__value *v, sn_db *db, int64_t low, int64_t high);

/* A place for the value of a row. False: no memory. */
bool sn__value_reserve(sn_getter *g, sn_row row);
/* Puts a value (NULL: none) in place of what is there, which dies. There is a place for it. */
void sn__value_put(sn_getter *g, sn_row row, sn__value *v);
/* Nobody needs it any more; what it owns goes to the host by sn_db_drop. Needs no memory. */
void sn__value_die(sn_db *db, sn__value *v);
/* What the next dead value owns, a handle at a time, or NULL when there is none; frees it then. */
void *sn__dead_value_pop(sn_db *db);

/* The row is gone for good. */
void sn__values_of_row_die_now(sn_table *t, sn_row row);
static inline void
sn__values_of_row_die(sn_table *t, sn_row row)
{
    if (SN_UNLIKELY(t->getters != NULL))
        sn__values_of_row_die_now(t, row);
}
/* After a compaction: values move along with their rows, reads as well. Needs no memory: what cannot be kept dies. */
void sn__values_follow(sn_table *t, const sn_row *map, sn_row old_positions);
/* All values die. */
void sn__values_forget(sn_db *db);
/* The schema has changed: nothing that was read means the same. */
void sn__schema_changes(sn_db *db);
/* Frees the getters of a table; their values have died. */
void sn__getters_free(sn_table *t);
const char *sn__getters_check(const sn_db *db);
size_t sn__values_handles(const sn_db *db);

/* ---------------------------------------------------------------- frames */

/* The value of a frame collects what is read, with room for more. What is kept is a copy that fits, so that the frame with its room can
 * be taken again: one that has ended waits for that in db->spare_frame, unless it has become large. */
struct sn_frame {
    sn_db *db;
    sn_getter *getter;
    sn_row row;
    bool once;
    bool inside;      /* of a circle: sn_read_circle */
    bool slotted;     /* reads are found by slots: they are more than a few */
    sn__value *value; /* of the spare frame: NULL, or without reads */
    uint64_t start;   /* the revision at which it began */
    uint64_t schema;  /* likewise */
    sn_frame *next;   /* in db->frames */
    uint32_t *slots;  /* reads by what they ask: position + 1, 0 free */
    size_t slot_cap;
};

void sn__frame_free(sn_frame *f, sn_mem *mem);

/* ---------------------------------------------------------------- places */

/* What a path (its places stand in it, too), a query or a node looks at: the bits of it, and its latest change. */
typedef struct sn__reach {
    uint64_t places;
    uint64_t changed;
} sn__reach;
sn__reach sn__path_reach(const sn_path *p);
sn__reach sn__query_reach(const sn_query *q);
sn__reach sn__node_reach(const sn_expr *e, sn_node node);

typedef struct sn__place_visit sn__place_visit;
struct sn__place_visit {
    void (*at)(sn__place_visit *v, sn_table *t, sn_col col); /* SN__LIFE: the rows that are there */
};
void sn__path_visit(const sn_path *p, sn__place_visit *v);
void sn__node_visit(const sn_expr *e, sn_node node, sn__place_visit *v); /* SN_NO_NODE: nothing */
void sn__query_visit(const sn_query *q, sn__place_visit *v);

#endif
