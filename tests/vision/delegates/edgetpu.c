/* A libedgetpu.so.1 without an Edge TPU: it takes over the nodes "edgetpu-custom-op" and does what
 * such a node's options say, for the models of tests/vision/compiled.py: a gain and a bias for each
 * class, of which output k is gains[k] * (mean of the input) + biases[k]. Both may be uint8.
 *
 * What goes wrong is said when it is compiled: -DAT=1 (when it is created), 2 (when a model is given
 * to it), or the number of the invoke + 2; with one of -DDIES, -DHANGS, -DFAILS, -DLIES. With
 * -DSICK='"path"', it does so only as long as that file exists; with -DWEARS_OUT as well, the first
 * process that has created it leaves that file. -DDEVICE='"path"' is a file that, like an Edge TPU,
 * only one process can have.
 *
 * -DTHREAD_DIES: abort() in a thread that Python knows nothing of. -DPARTLY_DIES: abort() when it is
 * given a model that is compiled in part. -DCREATE_MS=n, -DINVOKE_MS=n: it is slow. -DTALKS=n: it
 * writes n lines at each invoke, to stdout and to stderr. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "tflite.h"

#ifndef AT
#define AT -1
#endif
#ifndef SICK
#define SICK "/"
#endif

#ifndef CREATE_MS
#define CREATE_MS 0
#endif
#ifndef INVOKE_MS
#define INVOKE_MS 0
#endif
#ifndef TALKS
#define TALKS 0
#endif

static const char NAME[] = "edgetpu-custom-op";
static int invokes;
static int device = -1; /* of this process; all its models share it */
static int users;

static bool take_device(void) {
#ifdef DEVICE
    if (users == 0) {
        device = open(DEVICE, O_RDWR | O_CLOEXEC);
        if (device < 0 || flock(device, LOCK_EX | LOCK_NB) != 0) return false;
    }
#endif
    users++;
    return true;
}

/* Whether something is to go wrong now. */
static bool wrong(int moment) {
    bool now = AT < 3 ? moment == AT : moment >= AT;
    return now && access(SICK, F_OK) == 0;
}

#ifdef THREAD_DIES
static void *die(void *nothing) {
    (void)nothing;
    abort();
}
#endif

static int go_wrong(void) {
#ifdef THREAD_DIES
    pthread_t thread;
    if (pthread_create(&thread, NULL, die, NULL) == 0)
        for (;;) pause();
#endif
#ifdef DIES
    abort();
#endif
#ifdef HANGS
    for (;;) pause();
#endif
#ifdef FAILS
    return ERROR;
#endif
    return OK;
}

typedef struct { int input, output, classes; float numbers[]; } Kernel;

static void *init(Context *context, const char *buffer, size_t length) {
    (void)length;
    const DelegateParams *params = (const DelegateParams *)buffer;
    Node *node;
    Registration *registration;
    if (context->node_and_registration(context, params->nodes->data[0], &node, &registration) != OK)
        return NULL;
    size_t bytes = (size_t)node->custom_initial_data_size;
    Kernel *kernel = malloc(sizeof *kernel + bytes);
    kernel->input = node->inputs->data[0];
    kernel->output = node->outputs->data[0];
    kernel->classes = (int)(bytes / sizeof(float) / 2);
    memcpy(kernel->numbers, node->custom_initial_data, bytes);
    return kernel;
}

static void release(Context *context, void *kernel) {
    (void)context;
    free(kernel);
}

static int prepare(Context *context, Node *node) {
    (void)context, (void)node;
    return OK;
}

static float number(const Tensor *tensor, size_t place) {
    if (tensor->type != UINT8) return tensor->data.floats[place];
    return tensor->params.scale * (float)(tensor->data.bytes[place] - tensor->params.zero_point);
}

static void put(const Tensor *tensor, int place, float value) {
    if (tensor->type != UINT8) {
        tensor->data.floats[place] = value;
        return;
    }
    float step = value / tensor->params.scale + (float)tensor->params.zero_point + 0.5f;
    tensor->data.bytes[place] = (uint8_t)(step < 0 ? 0 : step > 255 ? 255 : step);
}

static int invoke(Context *context, Node *node) {
    const Kernel *kernel = node->user_data;
    const Tensor *input = &context->tensors[kernel->input];
    const Tensor *output = &context->tensors[kernel->output];
    size_t count = input->bytes / (input->type == UINT8 ? 1 : sizeof(float));
    float mean = 0, sign = 1;
    usleep(INVOKE_MS * 1000);
    for (int i = 0; i < TALKS; i++) {
        fprintf(stderr, "I edgetpu: an invoke of %zu bytes\n", input->bytes);
        printf("I edgetpu: an invoke of %zu bytes\n", input->bytes);
    }
    if (wrong(2 + ++invokes)) {
        if (go_wrong() != OK) return ERROR;
#ifdef LIES
        sign = -1;
#endif
    }
    for (size_t i = 0; i < count; i++) mean += number(input, i) / (float)count;
    for (int k = 0; k < kernel->classes; k++)
        put(output, k, sign * kernel->numbers[k] * mean + kernel->numbers[kernel->classes + k]);
    return OK;
}

/* What a model is given to: takes every node of ours, one by one. */
static int take_over(Context *context, Delegate *delegate) {
    IntArray *plan;
    if (wrong(2) && go_wrong() != OK) return ERROR;
    if (context->execution_plan(context, &plan) != OK) return ERROR;
#ifdef PARTLY_DIES
    if (plan->size > 1) abort();
#endif
    IntArray *ours = malloc(sizeof *ours + (size_t)plan->size * sizeof(int));
    ours->size = 0;
    for (int i = 0; i < plan->size; i++) {
        Node *node;
        Registration *registration;
        if (context->node_and_registration(context, plan->data[i], &node, &registration) == OK &&
            registration->custom_name != NULL && strcmp(registration->custom_name, NAME) == 0)
            ours->data[ours->size++] = plan->data[i];
    }
    Registration kernel = {.init = init, .free = release, .prepare = prepare, .invoke = invoke};
    kernel.custom_name = "EdgeTpuDelegateForCustomOp";
    kernel.version = 1;
    int status = context->replace_nodes(context, kernel, ours, delegate);
    free(ours);
    return status;
}

Delegate *tflite_plugin_create_delegate(char **keys, char **values, size_t count,
                                        void (*report)(const char *)) {
    (void)report;
    for (size_t i = 0; i < count; i++)
        if (strcmp(keys[i], "device") == 0 && strcmp(values[i], "usb:0") != 0) return NULL;
    usleep(CREATE_MS * 1000);
    if (wrong(1) && go_wrong() != OK) return NULL; /* without a word, as libedgetpu does */
    if (!take_device()) return NULL;
#ifdef WEARS_OUT
    close(open(SICK, O_CREAT | O_WRONLY, 0600));
#endif
    Delegate *delegate = calloc(1, sizeof *delegate);
    delegate->prepare = take_over;
    delegate->flags = 1;
    return delegate;
}

void tflite_plugin_destroy_delegate(Delegate *delegate) {
    if (--users == 0) close(device);
    free(delegate);
}

const char *edgetpu_version(void) { return "BuildLabel(COMPILER=made by a test), RuntimeVersion(14)"; }
