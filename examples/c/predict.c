/* The likeliest classes of an image, by a packed net.
 *
 *     predict MODEL.lvr IMAGE.ppm     a PGM or PPM picture (P5 or P6) of the net's size
 *     predict MODEL.lvr IMAGE.raw     its pixels alone, a byte each: channel by channel, row by row
 *     predict MODEL.lvr < NUMBERS     the same as numbers in words, such as "0 12 255"; floats for a net that takes floats
 *
 * docs/c-library.md goes through it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "lvr.h"

/* The next number of a PGM's or PPM's head; comments may come before it. -1 where there is none. */
static int head_number(FILE *file) {
    int c = fgetc(file), value = -1;
    while (c == '#' || c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        if (c == '#')
            while (c != '\n' && c != EOF) c = fgetc(file);
        c = fgetc(file);
    }
    for (; c >= '0' && c <= '9' && value < 100000; c = fgetc(file)) value = (value < 0 ? 0 : value) * 10 + c - '0';
    return value; /* the one byte behind it, a space, is read too */
}

/* Pixels from a picture, one channel after the other as the net takes them. 0 where it doesn't fit. */
static int read_picture(FILE *file, int channels, const lvr_info *info, unsigned char *pixels) {
    const int width = head_number(file), height = head_number(file), most = head_number(file);
    size_t place, places = info->height * info->width;
    int c;
    if ((size_t)channels != info->channels || (size_t)width != info->width || (size_t)height != info->height) {
        fprintf(stderr, "the picture is %d x %dx%d, the net takes %zu x %zux%zu\n", channels, height, width,
                info->channels, info->height, info->width);
        return 0;
    }
    if (most != 255) {
        fprintf(stderr, "the picture must have values up to 255, not %d\n", most);
        return 0;
    }
    for (place = 0; place < places; ++place)
        for (c = 0; c < channels; ++c) {
            const int value = fgetc(file);
            if (value == EOF) {
                fprintf(stderr, "the picture is cut off\n");
                return 0;
            }
            pixels[(size_t)c * places + place] = (unsigned char)value;
        }
    return 1;
}

/* Pixels from a file: a picture, or nothing but pixels. */
static int read_pixels(const char *path, const lvr_info *info, unsigned char *pixels) {
    const size_t count = info->channels * info->height * info->width;
    FILE *file = fopen(path, "rb");
    char mark[2];
    int fits;
    if (!file) {
        perror(path);
        return 0;
    }
    if (fread(mark, 1, 2, file) == 2 && mark[0] == 'P' && (mark[1] == '5' || mark[1] == '6')) {
        fits = read_picture(file, mark[1] == '5' ? 1 : 3, info, pixels);
    } else {
        rewind(file);
        fits = fread(pixels, 1, count, file) == count && fgetc(file) == EOF;
        if (!fits) fprintf(stderr, "%s must have %zu bytes, one a pixel and channel\n", path, count);
    }
    fclose(file);
    return fits;
}

/* As many numbers from the standard input as an image has. */
static int read_numbers(const lvr_info *info, float *numbers) {
    const size_t count = info->channels * info->height * info->width;
    size_t i;
    for (i = 0; i < count; ++i)
        if (scanf("%f", &numbers[i]) != 1) {
            fprintf(stderr, "the net takes %zu numbers, the input has %zu\n", count, i);
            return 0;
        }
    return 1;
}

/* Logits to shares that add up to 1. */
static void softmax(float *logits, size_t count) {
    float largest = logits[0], sum = 0;
    size_t i;
    for (i = 1; i < count; ++i) largest = fmaxf(largest, logits[i]);
    for (i = 0; i < count; ++i) sum += logits[i] = expf(logits[i] - largest);
    for (i = 0; i < count; ++i) logits[i] /= sum;
}

static void print_likeliest(const lvr_net *net, float *shares, size_t count) {
    size_t shown, i;
    for (shown = 0; shown < 3 && shown < count; ++shown) {
        size_t best = 0;
        const char *name;
        for (i = 1; i < count; ++i)
            if (shares[i] > shares[best]) best = i;
        name = lvr_class_name(net, best);
        if (name)
            printf("%s  %.4f\n", name, shares[best]);
        else
            printf("class %zu  %.4f\n", best, shares[best]);
        shares[best] = -1;
    }
}

static int predict(const lvr_net *net, const char *image) {
    lvr_info info;
    size_t count, i;
    unsigned char *pixels;
    float *numbers, *logits;
    lvr_status status = LVR_BAD_ARGUMENT;

    lvr_describe(net, &info);
    if (info.map_height) {
        fprintf(stderr, "the net gives maps, not one row of logits\n");
        return 1;
    }
    count = info.channels * info.height * info.width;
    pixels = malloc(count);
    numbers = malloc(count * sizeof *numbers);
    logits = malloc(info.logits * sizeof *logits);
    if (!pixels || !numbers || !logits) {
        fprintf(stderr, "there is not enough memory\n");
    } else if (image ? read_pixels(image, &info, pixels) : read_numbers(&info, numbers)) {
        if (!image)
            for (i = 0; i < count; ++i) pixels[i] = (unsigned char)fminf(fmaxf(numbers[i], 0), 255);
        status = image || info.takes_pixels ? lvr_run_pixels(net, pixels, 1, 0, logits)
                                            : lvr_run_floats(net, numbers, 1, 0, logits);
        if (status != LVR_OK) {
            fprintf(stderr, "%s\n", lvr_error());
        } else {
            softmax(logits, info.classes);
            print_likeliest(net, logits, info.classes);
        }
    }
    free(pixels);
    free(numbers);
    free(logits);
    return status != LVR_OK;
}

int main(int count, char **arguments) {
    lvr_net *net;
    int failed;
    if (count < 2 || count > 3) {
        fprintf(stderr, "usage: %s MODEL.lvr [IMAGE]\n", arguments[0]);
        return 2;
    }
    if (lvr_load(arguments[1], &net) != LVR_OK) {
        fprintf(stderr, "%s\n", lvr_error());
        return 1;
    }
    failed = predict(net, count == 3 ? arguments[2] : NULL);
    lvr_free(net);
    return failed;
}
