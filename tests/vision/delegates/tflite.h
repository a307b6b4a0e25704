/* The part of TensorFlow Lite's C interface that a delegate needs, as its binaries lay it out. Only
 * the order and the sizes matter; the same in ai-edge-litert 2.3.0 and in tflite-runtime 2.14.0. */
#ifndef TFLITE_H
#define TFLITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OK = 0, ERROR = 1 };
enum { FLOAT32 = 1, UINT8 = 3 };

typedef struct { int size; int data[]; } IntArray;

typedef struct {
    int type;
    union { float *floats; uint8_t *bytes; } data;
    IntArray *dims;
    struct { float scale; int32_t zero_point; } params;
    int allocation_type;
    size_t bytes;
    const void *allocation;
    const char *name;
    struct Delegate *delegate;
    int buffer_handle;
    bool data_is_stale, is_variable;
    struct { int type; void *params; } quantization;
    void *sparsity;
    const IntArray *dims_signature;
} Tensor;

typedef struct {
    IntArray *inputs, *outputs, *intermediates, *temporaries;
    void *user_data, *builtin_data;
    const void *custom_initial_data;
    int custom_initial_data_size;
    struct Delegate *delegate;
    bool might_have_side_effect;
} Node;

typedef struct Context Context;

typedef struct {
    void *(*init)(Context *, const char *, size_t);
    void (*free)(Context *, void *);
    int (*prepare)(Context *, Node *);
    int (*invoke)(Context *, Node *);
    const char *(*profiling_string)(const Context *, const Node *);
    int32_t builtin_code;
    const char *custom_name;
    int version;
    void *external;
    void *(*async_kernel)(Context *, Node *);
    uint64_t inplace_operator;
} Registration;

typedef struct Delegate {
    void *data;
    int (*prepare)(Context *, struct Delegate *);
    void *copy_from, *copy_to, *free_handle;
    int64_t flags;
    void *opaque;
} Delegate;

typedef struct {
    Delegate *delegate;
    IntArray *nodes, *inputs, *outputs;
} DelegateParams;

struct Context {
    size_t tensors_size;
    int (*execution_plan)(Context *, IntArray **);
    Tensor *tensors;
    void *impl;
    int (*resize_tensor)(Context *, Tensor *, IntArray *);
    void (*report_error)(Context *, const char *, ...);
    int (*add_tensors)(Context *, int, int *);
    int (*node_and_registration)(Context *, int, Node **, Registration **);
    int (*replace_nodes)(Context *, Registration, const IntArray *, Delegate *);
};

#endif
