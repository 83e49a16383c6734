// What every machine of the architecture has: NEON on Arm, SSE2 on x86. Registers of 4 floats.
#ifdef __SSE2__
#include <emmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif
#include "kernels.h"
#define VECTOR_BYTES 16
#define DENSE_ROWS 6
#ifdef __aarch64__
#define DENSE_VECTORS 4
#define ISA_NAME "neon"
#else
#define DENSE_VECTORS 2
#define ISA_NAME "sse2"
#endif
#define SPARSE_VECTORS_1 8
#define SPARSE_VECTORS_2 4
#define SPARSE_VECTORS_4 2
#define SPARSE_AT_ONCE_1 1
#define SPARSE_AT_ONCE_2 1
#define SPARSE_AT_ONCE_4 1
namespace baseline {
#include "body/all.inl"
}
