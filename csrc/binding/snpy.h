/*
 * snpy.h - what the files of the binding share.
 *
 * The binding turns Python values into cells and back, gives rows their Python objects, and maps statuses to
 * exceptions. It holds no algorithm about relations, indexes or transactions.
 *
 * Rules
 *   - Python code may run only at conversion, callbacks (defaults, checks, validators, progress), allocation of
 *     GC-tracked objects and decrefs. No engine pointer (posting, cell, row's block) lives across such a point; rows
 *     are looked at again.
 *   - Every write is a statement: snpy_statement_begin, engine calls, snpy_statement_end, which commits or turns the
 *     failure into an exception (while the rows are still in place), rolls back, checks (debug builds), compacts
 *     when worth it and drains the drop list as the very last thing.
 *   - A record's dealloc clears its row's handle before anything else.
 */
#ifndef SNPY_H
#define SNPY_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include "../engine/sn.h"

typedef struct snpy_store snpy_store;
typedef struct snpy_model snpy_model;
typedef struct snpy_field snpy_field;
typedef struct snpy_reference snpy_reference;

/* ---------------------------------------------------------------- module state (module.c) */

/* The kinds of field; each is a row of snpy_conversions (convert.c). Entries of a kind have its number as their tag. */
typedef enum snpy_kind {
    SNPY_BOOL,
    SNPY_INT,
    SNPY_FLOAT,
    SNPY_STR,
    SNPY_BYTES,
    SNPY_DATE,
    SNPY_DATETIME,
    SNPY_DATETIME_AWARE,
    SNPY_TIME,
    SNPY_TIMEDELTA,
    SNPY_DECIMAL,
    SNPY_UUID,
    SNPY_IPV4_ADDRESS,
    SNPY_IPV6_ADDRESS,
    SNPY_IPV4_NETWORK,
    SNPY_IPV6_NETWORK,
    SNPY_IPV4_INTERFACE,
    SNPY_IPV6_INTERFACE,
    SNPY_ENUM,
    SNPY_LITERAL,
    SNPY_OBJECT,
    SNPY_KEY,
    SNPY_KIND_COUNT
} snpy_kind;

typedef struct snpy_state {
    /* our types, owned */
    PyTypeObject *ModelMeta, *Record, *Field, *Reference, *One, *Many, *Collection, *Store, *Index, *Path, *Rows,
        *RowsIter, *Plan, *Levels, *View, *Branch, *BranchIter, *Getter;
    /* from install(), owned */
    PyObject *errors, *declare, *layout, *missing_class_attribute, *missing_record_attribute, *find_by, *current_task;
    PyObject *Enum; /* owned */
    /* by kind, owned: the class whose instances are its values, once somebody has imported it; NULL before, and for kinds
     * without a module in their row */
    PyObject *classes[SNPY_KIND_COUNT];
    PyObject *missing;      /* the MISSING singleton */
    struct snpy_run *runs;  /* getters' functions that are running (track.h); not owned */
    uint64_t run_numbers;   /* that of the latest of them */
    PyObject *plain_fields; /* tuple: a Field without a model for each kind, None where a kind needs an arg */
    void *datetime;         /* the PyDateTime_CAPI of this interpreter */
} snpy_state;

extern struct PyModuleDef snpy_module;

/* The state from a type of ours or a class derived from one; cannot fail for those. */
snpy_state *snpy_state_of(PyTypeObject *type);

/* Each returns 0, or -1 with an exception: creates its types and adds them to the module. */
int snpy_init_model(PyObject *module, snpy_state *st);      /* meta.c: ModelMeta; record.c: Record */
int snpy_init_convert(PyObject *module, snpy_state *st);    /* convert.c: what it needs of datetime and enum */
int snpy_init_field(PyObject *module, snpy_state *st);      /* field.c */
int snpy_init_reference(PyObject *module, snpy_state *st);  /* reference.c: Reference, One, Many */
int snpy_init_collection(PyObject *module, snpy_state *st); /* collection.c */
int snpy_init_store(PyObject *module, snpy_state *st);      /* store.c: Store, and index.c: Index */
int snpy_init_index(PyObject *module, snpy_state *st);      /* index.c; called by snpy_init_store */
int snpy_init_path(PyObject *module, snpy_state *st);       /* path.c */
int snpy_init_rows(PyObject *module, snpy_state *st);       /* rows.c */
int snpy_init_plan(PyObject *module, snpy_state *st);       /* plan.c */
int snpy_init_levels(PyObject *module, snpy_state *st);     /* levels.c */
int snpy_init_view(PyObject *module, snpy_state *st);       /* view.c: View and Branch */
int snpy_init_getter(PyObject *module, snpy_state *st);     /* getter.c */

/* Method tables of module-level functions, concatenated by module.c */
extern PyMethodDef snpy_model_functions[];   /* new_class bind_model set_primary_index */
extern PyMethodDef snpy_record_functions[];  /* alive parked row update delete restore values key */
extern PyMethodDef snpy_insert_functions[];  /* insert_rows insert_columns */
extern PyMethodDef snpy_rows_functions[];    /* live_rows stored_rows move */
extern PyMethodDef snpy_getter_functions[];  /* getter_values */
extern PyMethodDef snpy_track_functions[];   /* track_time track_once getter_store getter_run */
extern PyMethodDef snpy_account_functions[]; /* expire getter_counts getter_report */

/* ---------------------------------------------------------------- the store (store.c) */

/* A thread, and the task in it, whose statements are refused for the rest of a block. */
typedef struct snpy_refusal {
    uint64_t thread;
    PyObject *task; /* owned, or NULL */
} snpy_refusal;

struct snpy_store {
    PyObject_HEAD
    snpy_state *state;
    sn_db *db;     /* NULL once closed */
    sn_db *engine; /* the same, freed with the store: after close() tables, paths and row sets stay valid, and empty */
    PyObject *database; /* weak reference or None */
    PyObject *models;   /* list of the classes with a table here */
    PyObject *kept;     /* list of the Index and Reference objects that the engine's tags point to */
    uint64_t schema;    /* grows when columns, indexes or references change: compiled paths and plans look at it */
    /* who has the open transaction; meaningful while sn_depth(db) > 0 */
    uint64_t owner_thread;     /* PyThreadState_GetID: never used again */
    unsigned long owner_ident; /* the same thread's number in the module threading, for messages */
    PyObject *owner_task;      /* owned, or NULL */
    unsigned statements;       /* nesting of statements within entry points */
    size_t *floors;            /* for each open statement the depth of its own unit */
    unsigned floors_cap;
    Py_ssize_t sweep; /* the model whose sparseness is looked at next */
    bool draining;
    /* what getters see of the time: microseconds since 1970 (UTC) if frozen, else how far it is ahead of the time of day */
    int64_t clock;
    bool frozen;
    bool audits; /* values of getters are computed anew and compared with what is kept, at each read */
    /* Store.refuse: transactions that were rolled back by hand, and whose blocks go on */
    snpy_refusal *refused;
    size_t refusing, refused_cap;
    PyObject *weakrefs;
};

/* Opens a statement on behalf of this thread: refuses (-1, TransactionError) when the store is closed or another
 * thread or task has a transaction open. */
int snpy_statement_begin(snpy_store *store);
/* Ends it. The outermost may compact: row numbers are stale afterwards unless the database is pinned (sn_db_pin) or
 * a held record is asked. status is what the engine said (SN_OK: commit), or SNPY_RAISED when a Python exception is
 * set already. Returns 0, or -1 with an exception and everything of this statement undone. Drains the drop list last
 * (Python code may run). */
#define SNPY_RAISED (-1)
int snpy_statement_end(snpy_store *store, int status);
/* Drains the drop list, unless a statement is open further out. Keeps the current exception. */
void snpy_drain_now(snpy_store *store);
static inline void
snpy_drain(snpy_store *store)
{
    if (sn_db_drop_count(store->engine) > 0)
        snpy_drain_now(store);
}
/* Debug builds: walks the whole store after a change, and ends the process naming what is broken. Others: nothing. */
void snpy_verify(const snpy_store *store);
/* Microseconds since 1970 in UTC, by the database's clock (clock.c). */
int64_t snpy_time(const snpy_store *store);
/* Tells the engine's moments the time: microseconds since 1970, or SNPY_NOW. Runs no Python code. 0 or -1. */
#define SNPY_NOW INT64_MIN
int snpy_tell_moments(snpy_store *store, int64_t at);
/* Such a time from an int; SNPY_NOW for None and NULL. 0 or -1. */
int snpy_time_argument(int64_t *out, PyObject *object);
/* True when the store is open, else false with an exception. */
bool snpy_store_open(snpy_store *store);
/* Store's methods that change the schema (schema.c, index.c). */
PyObject *snpy_store_add_field(PyObject *store, PyObject *args);
PyObject *snpy_store_drop_field(PyObject *store, PyObject *field);
PyObject *snpy_store_add_index(PyObject *store, PyObject *args, PyObject *kwargs);
PyObject *snpy_store_drop_index(PyObject *store, PyObject *index);
PyObject *snpy_store_set_parameters(PyObject *store, PyObject *args);
/* Forgets a thing that the engine's tag has pointed to (schema.c). 0 or -1. */
int snpy_unkeep(snpy_store *store, PyObject *object);
/* A heap type of the module: new reference, NULL with an exception. bases: NULL is object. */
PyTypeObject *snpy_new_type(PyObject *module, PyType_Spec *spec, PyObject *bases);
/* The same, added to the module. */
PyTypeObject *snpy_add_type(PyObject *module, PyType_Spec *spec);

/* ---------------------------------------------------------------- models (model.c) */

/* What the binding knows of one laid-out class. Owned by the class. */
struct snpy_model {
    snpy_store *store; /* owned */
    PyTypeObject *cls; // borrowed: the class that owns this
    sn_table *table;
    PyObject *fields;         /* tuple of Field, hidden ones included */
    PyObject *parameters;     /* tuple of Field | Reference, constructor keywords */
    PyObject *names;          /* tuple of interned str beside parameters */
    PyObject *primary_key;    /* tuple of Field */
    PyObject *validators;     /* dict: parameter name -> tuple of callables(record or None, value) */
    PyObject *primary_index;  /* Index or NULL */
    snpy_field *stamp;        // borrowed: the deleted_at among fields, or NULL: rows are deleted for good
    struct snpy_shape *shape; /* derived from the tuples above when first needed (construct.c) */
    uint32_t epoch;           /* counts compactions and clears; a record of an older epoch has no row any more */
    bool touches;             /* some field changes with every write */
    bool plain;               /* no validators, and no such field */
    bool partial;             /* its layout has not come to its end: whoever uses it asks for that first */
};

typedef struct snpy_class { /* an instance of ModelMeta */
    PyHeapTypeObject heap;
    snpy_model *model; /* NULL before the layout, and for abstract classes */
} snpy_class;

/* The laid-out model of a class, laying it out first if need be (runs Python code). NULL with an exception.
 * Borrowed. */
snpy_model *snpy_model_of(PyObject *cls);
/* The model or NULL without an exception, without running anything. */
static inline snpy_model *
snpy_model_peek(PyTypeObject *cls)
{
    return ((snpy_class *)cls)->model;
}
static inline bool
snpy_model_validates(const snpy_model *model)
{
    return model->validators && PyDict_GET_SIZE(model->validators) > 0;
}
bool snpy_is_model(snpy_state *st, PyObject *object); /* a class whose metatype is ModelMeta */

/* ---------------------------------------------------------------- records (record.c) */

typedef struct snpy_record {
    PyObject_HEAD
    PyObject *weakrefs;
    sn_row row;     /* SN_NO_ROW once its row is gone for good (compaction, clear, close) */
    uint32_t epoch; /* that of the model when `row` was last right */
} snpy_record;

/* The object for a row that is alive or parked: the one that somebody holds, or a new one. New reference, NULL with an exception. */
PyObject *snpy_record_for(snpy_model *model, sn_row row);
/* True and *row set if object is a record of exactly this model, alive. Else -1 with FieldError / RecordDeleted naming
 * `what` (the attribute or argument). */
int snpy_record_row(sn_row *row, snpy_model *model, PyObject *object, const char *what);
static inline bool
snpy_record_alive(const snpy_record *r)
{
    snpy_model *m = snpy_model_peek(Py_TYPE(r));
    return m && r->row != SN_NO_ROW && r->epoch == m->epoch && sn_table_alive(m->table, r->row);
}
/* Alive, or parked: its columns can be read. */
static inline bool
snpy_record_stored(const snpy_record *r)
{
    snpy_model *m = snpy_model_peek(Py_TYPE(r));
    return m && r->row != SN_NO_ROW && r->epoch == m->epoch
           && (sn_table_alive(m->table, r->row) || sn_table_parked(m->table, r->row));
}
int snpy_raise_deleted(PyObject *record); /* RecordDeleted for a record that is not alive; always -1 */
/* map NULL: marks all held records of a table, before their rows go (clear, close). Else right after
 * sn_table_compact, before any Python code: held records follow their rows, those whose rows were dead are marked. */
void snpy_records_remap(snpy_model *model, const sn_row *map);
/* The primary key of a live or parked row: a value or a tuple. New reference. */
PyObject *snpy_row_key(snpy_model *model, sn_row row);
/* Sets fields of one record as a statement of its own, touch fields (updated_at) along with them. The cells are
 * taken over, also on failure. schema: the store's before the cells were made. 0 or -1 (RecordDeleted if its row is
 * gone by now). */
int snpy_record_write(PyObject *record, uint64_t schema, snpy_field *const *fields, sn_cell *cells, size_t n);
/* Appends the touch fields that are not among the n fields, with fresh values (runs Python code). There is room for
 * all columns. */
int snpy_touch(snpy_model *model, snpy_field **fields, sn_cell *cells, size_t *n);

/* ---------------------------------------------------------------- fields and conversion (field.c, convert.c) */

struct snpy_field {
    PyObject_HEAD
    snpy_state *state;
    snpy_kind kind;
    bool nullable, intern, automatic, read_only, hidden, touch;
    bool indexed;            /* text in an index or referred to is interned */
    bool plain;              /* no check=, no key=, may be assigned: a value, converted, is all there is to it */
    sn_col col;              /* SN_NO_COL before the layout */
    snpy_model *model;       // borrowed: the model's class holds this field; NULL before the layout
    PyObject *name;          /* interned str */
    PyObject *arg;           /* see _engine.pyi; NULL for none */
    PyObject *default_value; /* NULL: none */
    PyObject *default_factory, *check, *key, *doc; /* NULL: none */
    PyObject *stamp;       /* of a deleted_at: gives the moment at which rows are parked; NULL */
    PyObject *column;      /* what the class gives */
    snpy_field *key_field; /* owned, kind SNPY_KEY; NULL unless key */
    PyObject *members;     /* SNPY_ENUM and SNPY_LITERAL: tuple of members by ordinal; else NULL */
    /* owned: the unique Index over this field alone, set by add_index, cleared by drop_index; or NULL */
    PyObject *unique;
};

/* One row per kind: how a value enters and leaves. Adding a field type is a row here (and one in fields.py). */
typedef struct snpy_conversion {
    const char *name;
    sn_type type;
    /* value -> a cell that owns what it holds; never called with None. 0, or -1 with FieldError (via
     * snpy_bad_value). */
    int (*in)(sn_cell *out, snpy_store *store, snpy_field *field, PyObject *value);
    /* a non-null cell -> new reference */
    PyObject *(*out)(snpy_field *field, sn_word word);
    /* where the class of this name is at home, if exactly its instances are the values; see snpy_is_of_kind */
    const char *module;
} snpy_conversion;
extern const snpy_conversion snpy_conversions[SNPY_KIND_COUNT];
int snpy_kind_by_name(snpy_kind *out, PyObject *name);
/* Exactly datetime.date or datetime.timedelta (temporal.c). */
bool snpy_is_date_or_delta(const snpy_state *st, const PyTypeObject *type);

/* The store in which a field's values live may differ from field->model while a column is being added: it is given. */
/* None: null, refused unless nullable */
int snpy_cell_in(sn_cell *out, snpy_store *store, snpy_field *field, PyObject *value);
/* The same for probing and comparing: None is null whatever the field says; runs no check; a str subclass etc. is
 * refused alike. */
int snpy_cell_probe(sn_cell *out, snpy_store *store, snpy_field *field, PyObject *value);
/* The usual case of a text that is looked for in an index: its entry, borrowed, or 0 if no cell has it. False: it is another
 * case. Runs nothing and takes no memory. */
bool snpy_text_peek(sn_word *word, const snpy_store *store, const snpy_field *field, PyObject *value);
PyObject *snpy_cell_out(snpy_field *field, sn_cell cell);                   /* null: None. New reference */
void snpy_cell_release(snpy_store *store, snpy_field *field, sn_cell cell); /* of an owned cell that was not moved */
int snpy_cell_copy(sn_cell *out, snpy_store *store, snpy_field *field, sn_cell cell); /* one more owner */
/* The cell of field->key_field for a value of a field with key= (calls key). Owned cell; 0 or -1. */
int snpy_key_cell_in(sn_cell *out, snpy_store *store, snpy_field *field, PyObject *value);
/* Plain kinds (results of arithmetic): a converter without a model, one per kind, owned by the state. Borrowed. */
snpy_field *snpy_plain_field(snpy_state *st, snpy_kind kind);

/* validate.c: the validators of a parameter, a field or a belongs_to; an Invalid that they raise names it. */
int snpy_validate_named(snpy_model *model, PyObject *name, PyObject *record, PyObject **value);
/* Converts, runs check= and validators on what would be read back, and converts what they made of it. Owned cell; 0
 * or -1. */
int snpy_cell_validated(sn_cell *out, snpy_model *model, snpy_field *field, PyObject *record, PyObject *value);
/* What the descriptor does, for callers that have it in hand. */
PyObject *snpy_field_read(snpy_field *field, PyObject *record);
/* tp_descr_get of Field, by which it is known */
PyObject *snpy_field_get(PyObject *field, PyObject *record, PyObject *cls);
int snpy_field_set(PyObject *field, PyObject *record, PyObject *value);

/* ---------------------------------------------------------------- relations (reference.c) */

struct snpy_reference {
    PyObject_HEAD
    snpy_state *state;
    PyObject *name, *fields /* tuple of Field */, *path, *doc;
    PyObject *default_value; /* NULL: none; or None */
    PyObject *members;       /* polymorphic: tuple of References, one for each model; NULL: it leads to one model */
    PyObject *tag;           /* of a member: what its first field holds; else NULL */
    sn_word constant;        /* of a member, once bound: the word of its tag */
    bool required;
    snpy_model *model;               // borrowed: see snpy_field
    PyTypeObject *target;            /* owned once bound */
    PyObject *target_fields;         /* tuple of Field, once bound */
    sn_reference *ref;               /* engine; NULL before binding */
    PyObject *from_index, *to_index; /* Index, once bound */
};

/* The fields that hold the target's key begin behind a member's tag. */
static inline Py_ssize_t
snpy_reference_lead(const snpy_reference *ref)
{
    return ref->tag != NULL;
}
/* The model that has this reference, NULL before binding: a polymorphic one is bound by its members. */
static inline snpy_model *
snpy_reference_model(const snpy_reference *ref)
{
    return ref->members ? ((snpy_reference *)PyTuple_GET_ITEM(ref->members, 0))->model : ref->model;
}

/* One and Many: a descriptor over a compiled path. */
typedef struct snpy_many {
    PyObject_HEAD
    snpy_state *state;
    PyObject *name, *path, *setter, *doc, *relation;
    struct snpy_path *compiled; /* owned; NULL before binding */
    PyTypeObject *collection;   /* owned; Many only */
} snpy_many;
/* The collection of a record (collection.c). New reference. */
PyObject *snpy_collection_new(snpy_many *many, PyObject *owner);

/* Cells of the foreign key for a target record (owned copies), or nulls for None; checks model, life and `required`.
 * n = number of fields. 0 or -1 with FieldError naming model, reference and value. */
int snpy_reference_cells(sn_cell *out, snpy_reference *ref, PyObject *target);
/* The same for writing to a record (NULL: to one that is being made), which may not change what is read-only: validators of the
 * relation's name see the target, those of its fields, and their check=, the key. 0, or -1 with nothing owned. */
int snpy_reference_prepare(sn_cell *cells, snpy_reference *ref, PyObject *record, PyObject *target);

/* ---------------------------------------------------------------- indexes, paths, rows, plans */

typedef struct snpy_index {
    PyObject_HEAD
    snpy_state *state;
    snpy_model *model; // borrowed: kept by `cls`
    PyObject *cls;     /* owned */
    PyObject *fields;  /* tuple of Field */
    sn_index *index;   /* NULL once dropped */
} snpy_index;
/* Probes a unique index with Python values; *row SN_NO_ROW for a miss. 0 or -1 (FieldError for a wrong type). */
int snpy_index_probe(sn_row *row, snpy_index *ix, PyObject *const *values, Py_ssize_t n);

/* Expressions compiled from plain data (ir.c); shared by paths and plans. */
typedef struct snpy_ir {
    sn_expr *expr;
    snpy_store *store; // borrowed: the owner of this struct holds it
    PyObject *keep;    /* list: Fields and Paths that nodes refer to */
    PyObject *hosts;   /* dict: slot -> plain Field, of the host nodes */
} snpy_ir;
int snpy_ir_init(snpy_ir *ir, snpy_store *store); // of an open store
void snpy_ir_fini(snpy_ir *ir);
sn_node snpy_ir_predicate(snpy_ir *ir, PyObject *node); /* SN_NO_NODE with an exception; None is SN_NO_NODE without */
/* A value and the field (or plain field) by which it leaves. */
sn_node snpy_ir_value(snpy_ir *ir, PyObject *node, snpy_field **like);
/* Parses a sequence of O into a PyMem array. */
int snpy_ir_order(snpy_ir *ir, PyObject *orders, sn_order **out, size_t *n);
/* The field by which a result of this type leaves: `like` when it is of this type, else the plain field of the type.
 * Borrowed. */
snpy_field *snpy_ir_like(snpy_state *st, snpy_field *like, sn_type type);
int snpy_ir_aggregate_op(sn_agg_op *out, PyObject *name);

/* What Python computed beforehand for the host slots of an expression (host.c). {0} has none. */
typedef struct snpy_host {
    unsigned slot;
    snpy_field *like; /* owned: a plain field of the state, which may go before the owner does */
    PyObject *cls;    /* owned: of the table whose positions count */
    uint32_t epoch;
    sn_cell *cells;
    size_t n;
} snpy_host;
typedef struct snpy_hosts {
    snpy_host *items;
    size_t n;
} snpy_hosts;
/* set_host(slot, model, rows, values) for an owner that is ready: None, or NULL with an exception. */
PyObject *snpy_hosts_set(snpy_hosts *hosts, snpy_store *store, const snpy_ir *ir, PyObject *args);
/* Gives the engine the cells of all hosts, which it borrows. 0 or -1. */
int snpy_hosts_give(const snpy_hosts *hosts, snpy_store *store, sn_expr *expr);
int snpy_hosts_traverse(const snpy_hosts *hosts, visitproc visit, void *arg);
void snpy_hosts_fini(snpy_hosts *hosts, snpy_store *store);

/* The engine's path of a relation. `hops` is kept: when the schema has changed since, the path is compiled anew
 * before it is used. */
typedef struct snpy_path {
    PyObject_HEAD
    snpy_state *state;
    snpy_store *store;         /* owned */
    sn_path *path;             /* NULL before the first compilation */
    PyObject *source, *target; /* classes, owned */
    PyObject *hops;            /* tuple of hop tuples */
    bool distinct;
    bool timed;      /* what the compiled path leads to depends on the time */
    uint64_t schema; /* of the store when compiled */
    snpy_ir ir;      /* conditions and orders of all hops */
    snpy_hosts hosts;
} snpy_path;
/* Makes path->path current and, if it is timed, tells the time that it is; runs Python code only when it has to compile. 0 or -1 (also
 * when the store is closed). */
int snpy_path_ready(snpy_path *path);
/* The row of a live or parked record of the path's source. 0 or -1 with an exception. */
int snpy_path_row(sn_row *row, snpy_path *path, PyObject *record);
/* The target of a to-one path: a new reference, None without one, NULL with an exception. */
PyObject *snpy_path_first(snpy_path *path, PyObject *record);
/* All targets as Rows. */
PyObject *snpy_path_rows(snpy_path *path, PyObject *record);
/* Offsets into rows as a list of ints. */
PyObject *snpy_offset_list(const size_t *offsets, size_t n);
Py_ssize_t snpy_path_count(snpy_path *path, PyObject *record); /* -1 with an exception */
int snpy_path_exists(snpy_path *path, PyObject *record);       /* whether there is a target; -1 with an exception */
/* 1 if target is a live record to which the path leads from record, else 0; -1 with an exception. */
int snpy_path_contains(snpy_path *path, PyObject *record, PyObject *target);

typedef struct snpy_rows {
    PyObject_HEAD
    snpy_state *state;
    PyObject *cls;     /* owned */
    snpy_store *store; /* owned; pinned while rows are held */
    sn_rows rows;
    sn_life life;      /* which rows count: those that are something else by now are passed over */
    uint32_t epoch;    /* of the model: in another the rows mean nothing */
    uint64_t revision; /* of the database when all rows were known to count */
} snpy_rows;
/* Takes the row set over (also on failure). The rows are alive; or what `life` says. */
PyObject *snpy_rows_take(snpy_model *model, sn_rows *rows);
PyObject *snpy_rows_take_life(snpy_model *model, sn_rows *rows, sn_life life);
/* Makes a Rows of the same model from rows of this one. The row set is taken over, also on failure. */
PyObject *snpy_rows_derive(snpy_rows *self, sn_rows *rows);
/* Those among rows that still count, found without running Python code: `rows` is borrowed from the Rows when all are, else
 * from `copy`. */
typedef struct snpy_live {
    const sn_row *rows;
    size_t n;
    sn_rows copy;
} snpy_live;
int snpy_rows_live(snpy_live *live, snpy_rows *rows); /* 0 or -1 */
bool snpy_rows_alive(const snpy_rows *rows, sn_row row);
PyObject *snpy_rows_iter(PyObject *rows);
PyObject *snpy_rows_at(snpy_rows *rows, Py_ssize_t index); /* IndexError; RecordDeleted */
/* Rows's methods that write (park.c, bulk.c). */
PyObject *snpy_rows_delete(PyObject *rows, PyObject *args);
PyObject *snpy_rows_restore(PyObject *rows, PyObject *ignored);
PyObject *snpy_rows_update(PyObject *rows, PyObject *args);
PyObject *snpy_move(PyObject *module, PyObject *args);
void snpy_rows_release(snpy_live *live, snpy_rows *rows);

/* ---------------------------------------------------------------- errors (errors.c) */

/* Raises what `error` of the engine means, with names, values and remedy. Rows that it names are still in place.
 * Always -1. */
int snpy_raise_status(snpy_store *store, sn_status status);
/* FieldError: model, field, value, what was expected (a C string such as "an int"), remedy (or NULL). Always -1. */
int snpy_bad_value(snpy_field *field, PyObject *value, const char *expected, const char *remedy);
/* Calls errors.<function>(*args), raises the exception that it returns. Steals nothing. Always -1. */
int snpy_raise(snpy_state *st, const char *function, const char *format, ...);

/* Raises the exception class of this name in errors with a text. Always -1. */
int snpy_raise_text(snpy_state *st, const char *cls, const char *format, ...);

/* An attribute, or the result of a method without arguments, by an interned name: with a new str for each access, as
 * the C API's own functions make it, every access would be a miss in the type cache. New reference or NULL. */
PyObject *snpy_attribute(PyObject *object, const char *name);
PyObject *snpy_call(PyObject *object, const char *method);

/* Pointers to PyObjects whose type is known. */
static inline snpy_field *
snpy_field_at(PyObject *tuple, Py_ssize_t i)
{
    return (snpy_field *)PyTuple_GET_ITEM(tuple, i);
}

#endif
