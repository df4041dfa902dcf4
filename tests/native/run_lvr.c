/* For the tests: images from the standard input, logits to the standard output, as they lie in memory.
 *
 *     run_lvr MODEL.lvr                  says what the net takes and gives
 *     run_lvr MODEL.lvr pixels THREADS   uint8 (n, channels, height, width) in, float32 (n, logits) out
 *     run_lvr MODEL.lvr floats THREADS   the same of float32
 *
 * MODEL.lvr is read by lvr_load, or by lvr_load_memory where LVR_MEMORY is set. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lvr.h"

static char *read_all(FILE *file, size_t *size) {
    char *bytes = NULL;
    size_t got;
    *size = 0;
    do {
        bytes = realloc(bytes, *size + 65536);
        if (!bytes) exit(3);
        got = fread(bytes + *size, 1, 65536, file);
        *size += got;
    } while (got > 0);
    return bytes;
}

static lvr_status load(const char *path, lvr_net **net) {
    size_t size;
    FILE *file;
    char *bytes;
    lvr_status status;
    if (!getenv("LVR_MEMORY")) return lvr_load(path, net);
    file = fopen(path, "rb");
    if (!file) exit(3);
    bytes = read_all(file, &size);
    fclose(file);
    status = lvr_load_memory(bytes, size, net);
    free(bytes);
    return status;
}

static void describe(const lvr_net *net, const lvr_info *info) {
    size_t i;
    printf("%zu %zu %zu %d\n", info->channels, info->height, info->width, info->takes_pixels);
    printf("%zu %zu %zu %zu %zu\n", info->classes, info->map_height, info->map_width, info->logits, info->bytes);
    for (i = 0; i < info->names; ++i) printf("%s\n", lvr_class_name(net, i));
    printf("%s\n", lvr_isa());
}

int main(int count, char **arguments) {
    lvr_net *net;
    lvr_info info;
    lvr_status status;
    if (count != 2 && count != 4) return 2;
    status = load(arguments[1], &net);
    if (status == LVR_OK) status = lvr_describe(net, &info);
    if (status == LVR_OK && count == 2) {
        describe(net, &info);
    } else if (status == LVR_OK) {
        const int pixels = strcmp(arguments[2], "pixels") == 0;
        size_t size, each = info.channels * info.height * info.width * (pixels ? 1 : sizeof(float));
        char *images = read_all(stdin, &size);
        const size_t n = size / each;
        float *logits = malloc(n * info.logits * sizeof *logits + 1);
        if (!logits) return 3;
        status = pixels ? lvr_run_pixels(net, (const uint8_t *)images, n, atoi(arguments[3]), logits)
                        : lvr_run_floats(net, (const float *)images, n, atoi(arguments[3]), logits);
        if (status == LVR_OK) fwrite(logits, sizeof *logits, n * info.logits, stdout);
        free(logits);
        free(images);
    }
    if (status != LVR_OK) fprintf(stderr, "%d %s\n", (int)status, lvr_error());
    lvr_free(net);
    return status == LVR_OK ? 0 : 1;
}
