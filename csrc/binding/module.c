/*
 * module.c - the module object: its state, its types, install().
 *
 * Multi-phase initialisation, heap types, no static mutable data: each interpreter that imports the module gets a
 * module object with types of its own. What the Python layer provides (exceptions, the class statement, the layout,
 * suggestions) arrives through install() as hooks; until then only what needs none of them works.
 */
#include "snpy.h"

/* ---------------------------------------------------------------- state */

/* Calls X(member) for everything that the state owns. */
#define STATE_MEMBERS(X)                                                                                               \
    X(ModelMeta)                                                                                                       \
    X(Record)                                                                                                          \
    X(Field)                                                                                                           \
    X(Reference)                                                                                                       \
    X(One)                                                                                                             \
    X(Many)                                                                                                            \
    X(Collection)                                                                                                      \
    X(Store)                                                                                                           \
    X(Index)                                                                                                           \
    X(Path)                                                                                                            \
    X(Rows)                                                                                                            \
    X(RowsIter)                                                                                                        \
    X(Plan)                                                                                                            \
    X(Levels)                                                                                                          \
    X(View)                                                                                                            \
    X(Branch)                                                                                                          \
    X(BranchIter)                                                                                                      \
    X(Getter)                                                                                                          \
    X(errors)                                                                                                          \
    X(declare)                                                                                                         \
    X(layout)                                                                                                          \
    X(missing_class_attribute)                                                                                         \
    X(missing_record_attribute)                                                                                        \
    X(find_by)                                                                                                         \
    X(current_task)                                                                                                    \
    X(Enum)                                                                                                            \
    X(missing)                                                                                                         \
    X(plain_fields)

static int
module_traverse(PyObject *module, visitproc visit, void *arg)
{
    snpy_state *st = PyModule_GetState(module);
#define VISIT(member) Py_VISIT(st->member);
    STATE_MEMBERS(VISIT)
#undef VISIT
    for (int kind = 0; kind < SNPY_KIND_COUNT; kind++)
        Py_VISIT(st->classes[kind]);
    return 0;
}

static int
module_clear(PyObject *module)
{
    snpy_state *st = PyModule_GetState(module);
#define CLEAR(member) Py_CLEAR(st->member);
    STATE_MEMBERS(CLEAR)
#undef CLEAR
    for (int kind = 0; kind < SNPY_KIND_COUNT; kind++)
        Py_CLEAR(st->classes[kind]);
    return 0;
}

static void
module_free(void *module)
{
    module_clear(module);
}

/* ---------------------------------------------------------------- install */

static PyObject *
install(PyObject *module, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"errors",  "declare",      "layout", "missing_class_attribute", "missing_record_attribute",
                            "find_by", "current_task", NULL};
    snpy_state *st = PyModule_GetState(module);
    PyObject *given[7] = {NULL};
    PyObject **hooks[7] = {
        &st->errors,  &st->declare,     &st->layout, &st->missing_class_attribute, &st->missing_record_attribute,
        &st->find_by, &st->current_task};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|$OOOOOOO:install", names, &given[0], &given[1], &given[2],
                                     &given[3], &given[4], &given[5], &given[6]))
        return NULL;
    for (int i = 0; i < 7; i++)
        if (given[i])
            Py_XSETREF(*hooks[i], Py_NewRef(given[i]));
    Py_RETURN_NONE;
}

static PyMethodDef module_functions[] = {
    {"install", (PyCFunction)(void (*)(void))install, METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR("Gives the extension what it needs from the Python layer.")},
    {NULL, NULL, 0, NULL},
};

/* ---------------------------------------------------------------- MISSING */

static PyObject *
missing_repr(PyObject *Py_UNUSED(self))
{
    return PyUnicode_FromString("MISSING");
}

static PyObject *
missing_reduce(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(unused))
{
    return PyUnicode_FromString("MISSING");
}

/* It knows its type, and that the module: with a collector's header the cycle can end. */
static int
missing_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static void
missing_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef missing_methods[] = {
    {"__reduce__", missing_reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot missing_slots[] = {
    {Py_tp_repr, missing_repr},
    {Py_tp_traverse, missing_traverse},
    {Py_tp_dealloc, missing_dealloc},
    {Py_tp_methods, missing_methods},
    {0, NULL},
};

static PyType_Spec missing_spec = {
    .name = "sinew._engine.Missing",
    .basicsize = sizeof(PyObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = missing_slots,
};

static int
add_missing(PyObject *module, snpy_state *st)
{
    PyTypeObject *type = snpy_new_type(module, &missing_spec, NULL);
    if (type == NULL)
        return -1;
    st->missing = type->tp_alloc(type, 0);
    Py_DECREF(type);
    return st->missing ? PyModule_AddObjectRef(module, "MISSING", st->missing) : -1;
}

/* ---------------------------------------------------------------- execution */

static int
add_functions(PyObject *module)
{
    PyMethodDef *tables[] = {module_functions,    snpy_model_functions,  snpy_record_functions, snpy_insert_functions,
                             snpy_rows_functions, snpy_getter_functions, snpy_track_functions,  snpy_account_functions};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (PyModule_AddFunctions(module, tables[i]) < 0)
            return -1;
    return 0;
}

static int
add_debug(PyObject *module)
{
#ifdef SN_DEBUG
    return PyModule_AddObjectRef(module, "DEBUG", Py_True);
#else
    return PyModule_AddObjectRef(module, "DEBUG", Py_False);
#endif
}

static int
module_exec(PyObject *module)
{
    static int (*const steps[])(PyObject *, snpy_state *) = {
        add_missing,          snpy_init_convert, snpy_init_field, snpy_init_model, snpy_init_reference,
        snpy_init_collection, snpy_init_store,   snpy_init_path,  snpy_init_rows,  snpy_init_plan,
        snpy_init_levels,     snpy_init_view,    snpy_init_getter};
    snpy_state *st = PyModule_GetState(module);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (steps[i](module, st) < 0)
            return -1;
    return add_functions(module) < 0 ? -1 : add_debug(module);
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#if PY_VERSION_HEX >= 0x030D0000
    {Py_mod_gil, Py_MOD_GIL_USED},
#endif
    {0, NULL},
};

struct PyModuleDef snpy_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "sinew._engine",
    .m_doc = PyDoc_STR("Records, collections and plans over the C engine."),
    .m_size = sizeof(snpy_state),
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC PyInit__engine(void);

PyMODINIT_FUNC
PyInit__engine(void)
{
    return PyModuleDef_Init(&snpy_module);
}
