/* Runs packed nets, .lvr files, from C: no Python, no other library than C++'s own.
 *
 *     lvr_net *net;
 *     if (lvr_load("digits.lvr", &net) != LVR_OK) { fprintf(stderr, "%s\n", lvr_error()); return 1; }
 *     lvr_run_pixels(net, pixels, 1, 0, logits);
 *     lvr_free(net);
 *
 * Link with liblvr, C++'s library, the maths library and threads: -llvr -lstdc++ -lm -pthread. docs/c-library.md has a
 * program that does.
 *
 * Threads: a net may be run from several threads at once; it isn't changed by that. lvr_free must come after the last
 * run has returned. Each thread has its own lvr_error.
 *
 * Environment: LEVERET_THREADS is how many threads 0 stands for, LEVERET_ISA which instruction set runs. Both may be
 * left alone.
 */
#ifndef LEVERET_LVR_H
#define LEVERET_LVR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A net that was loaded. */
typedef struct lvr_net lvr_net;

/* What became of a call; of anything but LVR_OK, lvr_error tells more. */
typedef enum lvr_status {
    LVR_OK = 0,
    LVR_BAD_FILE = 1,     /* can't be read, damaged, of a newer version, or holds what this library doesn't run */
    LVR_BAD_ARGUMENT = 2, /* null, too large, pixels for a net that takes floats, an unknown LEVERET_ISA */
    LVR_NO_MEMORY = 3,
    LVR_FAILED = 4        /* anything else; it shouldn't happen */
} lvr_status;

/* What a net takes and gives. */
typedef struct lvr_info {
    size_t channels, height, width; /* of an image, in pixels; each from 1 on */
    int takes_pixels;               /* 1: pixels or floats; 0: floats alone, normalised by whoever calls */
    size_t classes;                 /* logits of an image or, in a map, of a place; from 1 on */
    size_t map_height, map_width;   /* of a map of logits; both 0 where the net gives one row an image */
    size_t logits;                  /* floats that a run writes for each image: classes, times the map's places */
    size_t names;                   /* of classes: as many as there are classes, or 0 if they have none */
    size_t bytes;                   /* of memory that a run of one image works in, beside the weights */
} lvr_info;

/* Loads a file. On success *net is the caller's, for lvr_free; else it is null.
 *
 * The file is not trusted: every size, name and hash is checked, and what is wrong is named. Memory is bounded, and so are
 * the operations of a sample. Nothing is kept of the file; while it is loaded, it lies in memory as a whole. */
lvr_status lvr_load(const char *path, lvr_net **net);

/* The same for a file that lies in memory already, as in a device's flash. `bytes` may go when this returns. */
lvr_status lvr_load_memory(const void *bytes, size_t size, lvr_net **net);

/* Frees a net; null is nothing. */
void lvr_free(lvr_net *net);

/* Fills *info. */
lvr_status lvr_describe(const lvr_net *net, lvr_info *info);

/* The name of class i, UTF-8, which lives as long as the net; null where it has none. */
const char *lvr_class_name(const lvr_net *net, size_t i);

/* Runs n images, all channels' rows in order: (n, channels, height, width), pixels of 0 to 255.
 *
 * logits: n times info.logits floats are written: (n, classes), or maps (n, classes, map_height, map_width). A softmax
 * over the classes makes shares of them.
 * threads: how many work on it; 0 for LEVERET_THREADS or, without it, every core. */
lvr_status lvr_run_pixels(const lvr_net *net, const uint8_t *images, size_t n, int threads, float *logits);

/* The same for floats that are normalised already: of each channel (pixel / 255 - mean) / std. */
lvr_status lvr_run_floats(const lvr_net *net, const float *images, size_t n, int threads, float *logits);

/* Why this thread's last call that failed did so: one line, UTF-8, never null, until the next that fails. */
const char *lvr_error(void);

/* The instruction set that is in use: "avx512", "avx2", "popcnt", "neon_dotprod", "neon" or "portable"; null where
 * LEVERET_ISA names one that this CPU or this build lacks. */
const char *lvr_isa(void);

#ifdef __cplusplus
}
#endif

#endif
