/*
 * host.h - the host of the fuzz target: an allocator that refuses on demand, and handles that count their references.
 */
#ifndef FUZZ_HOST_H
#define FUZZ_HOST_H

#include "sn.h"

/* Stops the run, for the fuzzer to see, if `holds` is false. */
#define REQUIRE(holds) host_require((holds), #holds, __FILE__, __LINE__)
void host_require(bool holds, const char *what, const char *file, int line);

/* Memory: checks the sizes of what comes back, fills it, and counts. */
typedef struct host_memory {
    size_t blocks, bytes;
    size_t countdown; /* 0: never refuse; n: the n-th call from now is refused */
    bool persistent;  /* and all later ones */
    bool refused;
} host_memory;
void *host_alloc(void *ud, void *ptr, size_t old_size, size_t new_size);

/* Handles: a text of the palette, with a count of references; the last one frees it. */
#define HOST_TEXTS 16
typedef struct host_object host_object;
sn_bytes host_palette(int text);
host_object *host_new(int text);
void host_retain(host_object *o);
void host_release(void *handle);
sn_bytes host_text(const void *handle);
size_t host_references(void); /* of all objects */

#endif
